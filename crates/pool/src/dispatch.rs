//! What becomes of each task, from its submission to its outcome.
//!
//! ```text
//! enqueue -> pending -> sent, in a worker's queue -> done -> taken, or forgotten
//!              ^              |
//!              '--- the worker died: the task had not begun, or may be begun again
//! ```
//!
//! A worker does its tasks in order, so only the first in its queue can have begun. A dead worker was
//! reaped before its tasks go on, so no answer of its own can come late: the first completion is the
//! only one.

mod deaths;
mod sending;
#[cfg(test)]
mod simulation;

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use slab::Slab;
use transport::{Failure, FailureKind, Reply, Task, Value};

use crate::data::{Data, PoolId};
use crate::error::{PoolError, TaskError};
use crate::job_error::JobError;
use crate::outcome::{Answer, Outcome};
use crate::supervisor::WorkerExit;
use crate::worker_group::{Event, WorkerGroup};
use crate::workers::Workers;

/// What a pool allows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) workers: usize,
    /// Tasks in one worker's queue.
    pub(crate) depth: usize,
    /// Tasks that are sent at once.
    pub(crate) chunk: usize,
    /// Tasks that may be unfinished.
    pub(crate) bound: usize,
    pub(crate) task_timeout: Option<Duration>,
    /// Times that a task may be begun.
    pub(crate) attempts: u32,
}

/// All tasks of one pool, and its workers.
pub(crate) struct Dispatcher<W = WorkerGroup> {
    /// Tells what this pool lent from what others did.
    pub(crate) id: PoolId,
    pub(crate) workers: W,
    limits: Limits,
    /// Each under its key, which is used again once its outcome was taken.
    tasks: Slab<Entry>,
    /// Number of the next task: no other task in flight has it, so that an answer to an older one is known
    /// as that.
    next_id: u32,
    /// Keys of those that are not sent.
    pending: VecDeque<u32>,
    queues: Vec<WorkerQueue>,
    /// Pending or sent.
    unfinished: usize,
    /// Done and not taken, in the order in which they came to be done.
    done: BTreeMap<u64, u32>,
    /// Tasks that have come to be done so far.
    finished: u64,
    /// Why there is no more of this pool.
    failed: Option<String>,
}

/// Which task: its key, and its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TaskRef {
    pub(crate) key: u32,
    pub(crate) id: u32,
}

/// One task.
struct Entry {
    task: Task,
    /// Nothing while its list, which was built in a room, is with the transport.
    data: Option<Data>,
    state: State,
    /// Workers that died with it in their queues, where it may have begun.
    deaths: u32,
    /// The last of these deaths.
    last_exit: Option<Box<WorkerExit>>,
    /// Whether its future was dropped.
    forgotten: bool,
}

enum State {
    Pending,
    Sent,
    Done { place: u64, outcome: Outcome },
}

/// What one worker holds.
#[derive(Default)]
struct WorkerQueue {
    /// Keys of its tasks, in the order in which it does them.
    tasks: VecDeque<u32>,
    /// Since when it has been the first one's turn; known where tasks have a limit.
    since: Option<Instant>,
    /// Whether it was killed, which is not told yet: it gets no further task.
    killed: bool,
    /// The task for which it was killed.
    overdue: Option<u32>,
}

impl<W: Workers> Dispatcher<W> {
    pub(crate) fn new(workers: W, limits: Limits) -> Dispatcher<W> {
        Dispatcher {
            id: PoolId::new(),
            workers,
            limits,
            tasks: Slab::new(),
            next_id: 0,
            pending: VecDeque::new(),
            queues: (0..limits.workers).map(|_| WorkerQueue::default()).collect(),
            unfinished: 0,
            done: BTreeMap::new(),
            finished: 0,
            failed: None,
        }
    }

    /// Whether one more task may be unfinished.
    pub(crate) fn has_room(&self) -> bool {
        self.unfinished < self.limits.bound
    }

    pub(crate) fn bound(&self) -> usize {
        self.limits.bound
    }

    /// Tasks that are pending or sent.
    pub(crate) fn unfinished(&self) -> usize {
        self.unfinished
    }

    /// Asks whether the pool lives.
    ///
    /// # Errors
    /// [`TaskError::Pool`], with the reason why it does not.
    pub(crate) fn check_alive(&self) -> Result<(), TaskError> {
        match &self.failed {
            None => Ok(()),
            Some(why) => Err(TaskError::Pool(why.clone())),
        }
    }

    /// Waits until one more task may be unfinished.
    ///
    /// # Errors
    /// As [`Dispatcher::check_alive`], also where the pool fails meanwhile.
    pub(crate) fn wait_for_room(&mut self) -> Result<(), TaskError> {
        self.check_alive()?;
        while !self.has_room() {
            self.wait(None);
            self.check_alive()?;
        }
        Ok(())
    }

    /// Adds a task, and sends what makes a chunk.
    #[inline]
    pub(crate) fn enqueue(&mut self, job: u16, arg: Value, data: Data) -> TaskRef {
        let id = self.next_id;
        // The last number is that of no task.
        self.next_id = if id == u32::MAX - 1 { 0 } else { id + 1 };
        let place = self.tasks.vacant_entry();
        let key = u32::try_from(place.key()).expect("fewer than four billion tasks");
        let task = Task { id, job, arg, phase: false, park: false };
        let (data, state) = (Some(data), State::Pending);
        place.insert(Entry { task, data, state, deaths: 0, last_exit: None, forgotten: false });
        self.pending.push_back(key);
        self.unfinished += 1;
        if self.pending.len() >= self.limits.chunk {
            self.dispatch_pending();
        }
        TaskRef { key, id }
    }

    /// Waits for one event, for as long as it takes unless there is a `timeout`; says whether there was
    /// any, or a task came to be done otherwise.
    #[inline]
    pub(crate) fn wait(&mut self, timeout: Option<Duration>) -> bool {
        if self.unfinished == 0 {
            return false;
        }
        let finished = self.finished;
        self.dispatch_pending();
        if self.finished != finished {
            return true;
        }
        let timeout = timeout.into_iter().chain(self.until_overdue()).min();
        // Limits are looked at after each event: other workers' answers must not put them off.
        self.poll_event(timeout) | self.end_overdue()
    }

    /// Waits for one event, also while no task is unfinished: workers may die and be replaced.
    pub(crate) fn wait_for_any(&mut self) {
        if self.unfinished == 0 {
            self.poll_event(None);
            return;
        }
        self.wait(None);
        // What else is there is taken at once, as far as it was sent.
        let sent: usize = self.queues.iter().map(|queue| queue.tasks.len()).sum();
        for _ in 0..sent {
            if !self.poll_event(Some(Duration::ZERO)) {
                break;
            }
        }
    }

    /// Takes one event; says whether there was any.
    #[inline]
    fn poll_event(&mut self, timeout: Option<Duration>) -> bool {
        if self.failed.is_some() {
            return false;
        }
        match self.workers.next_event(timeout) {
            Ok(Event::Nothing) => return false,
            Ok(Event::Reply { worker, reply }) => self.collect(worker, reply),
            Ok(Event::Died { exit, unanswered }) => self.handle_exit(exit, unanswered),
            Ok(Event::Started { .. }) => {}
            Err(error) => {
                self.fail(&error);
                return true;
            }
        }
        self.dispatch_pending();
        true
    }

    #[inline]
    fn collect(&mut self, worker: usize, reply: Reply) {
        let now = self.limits.task_timeout.map(|_| self.workers.now());
        let queue = &mut self.queues[worker];
        let Some(key) = queue.tasks.pop_front() else { return };
        queue.since = now;
        let pid = self.workers.pid_of(worker);
        let attempts = 1 + self.tasks.get(key as usize).map_or(0, |entry| entry.deaths);
        let outcome = match reply.outcome {
            Ok(value) => Ok(Answer { value, list: reply.list, worker, pid, attempts }),
            Err(failure) => Err(self.task_error(*failure, worker, pid)),
        };
        self.finish(key, outcome);
    }

    /// A worker's failure as the error of a task.
    fn task_error(&self, failure: Failure, worker: usize, pid: u32) -> TaskError {
        let message = failure.message;
        match failure.kind {
            FailureKind::Error { name, detail } => {
                let error = Box::new(JobError { name, message, detail });
                TaskError::Job { error, worker, pid }
            }
            FailureKind::Panic => TaskError::Panicked { message, worker, pid },
            FailureKind::Unencodable => TaskError::Unencodable { message, worker, pid },
            FailureKind::UnknownJob => {
                TaskError::UnknownJob { job: message, known: self.workers.job_names() }
            }
            FailureKind::Refused => TaskError::Refused { worker, message },
        }
    }

    #[inline]
    fn finish(&mut self, key: u32, outcome: Outcome) {
        let Some(entry) = self.tasks.get_mut(key as usize) else { return };
        self.unfinished -= 1;
        let place = self.finished;
        self.finished += 1;
        if entry.forgotten {
            self.tasks.remove(key as usize);
            return;
        }
        entry.data = None;
        entry.state = State::Done { place, outcome };
        self.done.insert(place, key);
    }

    /// Whether that task is done.
    pub(crate) fn is_done(&self, key: u32) -> bool {
        self.tasks.get(key as usize).is_some_and(|entry| matches!(entry.state, State::Done { .. }))
    }

    /// The outcome of a task that is done, which is forgotten.
    #[inline]
    pub(crate) fn take(&mut self, key: u32) -> Option<Outcome> {
        if !self.is_done(key) {
            return None;
        }
        match self.tasks.try_remove(key as usize)?.state {
            State::Done { place, outcome } => {
                self.done.remove(&place);
                Some(outcome)
            }
            State::Pending | State::Sent => None,
        }
    }

    /// Those that came to be done from `place` on, in that order, each with the place behind it.
    pub(crate) fn done_from(&self, place: u64) -> impl Iterator<Item = (u64, u32)> {
        self.done.range(place..).map(|(place, key)| (place + 1, *key))
    }

    /// Ends a task that is pending; false if it is not. Where a worker died with it, that is its outcome: it
    /// may have begun.
    pub(crate) fn cancel(&mut self, key: u32) -> bool {
        let Some(at) = self.pending.iter().position(|pending| *pending == key) else {
            return false;
        };
        self.pending.remove(at);
        let outcome = self.death_with(key).unwrap_or(TaskError::Cancelled);
        self.finish(key, Err(outcome));
        true
    }

    /// Drops the outcome of that task, now or when it comes.
    pub(crate) fn forget(&mut self, key: u32) {
        match self.tasks.get_mut(key as usize) {
            Some(Entry { state: State::Done { .. }, .. }) => drop(self.take(key)),
            Some(entry) => entry.forgotten = true,
            None => {}
        }
    }

    /// Ends all that is unfinished: the pool is of no more use.
    fn fail(&mut self, error: &PoolError) {
        let why = error.to_string();
        self.pending.clear();
        self.queues.iter_mut().for_each(|queue| *queue = WorkerQueue::default());
        let unfinished: Vec<u32> = self
            .tasks
            .iter()
            .filter(|(_, entry)| !matches!(entry.state, State::Done { .. }))
            .filter_map(|(key, _)| u32::try_from(key).ok())
            .collect();
        for key in unfinished {
            self.finish(key, Err(TaskError::Pool(why.clone())));
        }
        self.failed = Some(why);
    }
}

impl WorkerQueue {
    fn is_busy(&self) -> bool {
        !self.tasks.is_empty()
    }
}
