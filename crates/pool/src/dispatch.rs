//! What becomes of each task, from the line to its outcome.
//!
//! ```text
//! enter -> in line -> sent, in a worker's hands -> done -> taken, or forgotten
//!             ^               |
//!             '--- the worker died: it had not begun, or may be begun again
//! ```
//!
//! A worker does its tasks in order, so only the first in its hands can have begun. Whoever died was
//! reaped before its tasks go on, so nothing of its own can come late: the first completion is the
//! only one.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;
use slab::Slab;
use transport::{Failure, List, Reply, Room, Setup, Task, TransportError, Unanswered, Value, What};

use crate::data::Data;
use crate::error::{PoolError, TaskError};
use crate::job::JobError;
use crate::outcome::{Answer, Outcome};
use crate::supervisor::WorkerExit;
use crate::worker_group::{Event, WorkerGroup};

/// What a pool allows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) chunk: usize,
    pub(crate) bound: usize,
    pub(crate) task_timeout: Option<Duration>,
    /// Times that a task may be begun.
    pub(crate) attempts: u32,
}

/// All tasks of one pool, and its workers.
pub(crate) struct Dispatcher {
    pub(crate) group: WorkerGroup,
    limits: Limits,
    /// Tasks that a worker may hold.
    depth: usize,
    /// Each under its number, which is used again once its outcome was taken.
    tasks: Slab<Entry>,
    /// Submitted and not sent.
    line: VecDeque<u32>,
    hands: Vec<Hand>,
    /// In line or sent.
    unfinished: usize,
    /// Done and not taken, in the order in which they came to be done.
    done: BTreeMap<u64, u32>,
    finished: u64,
    /// Why there is no more of this pool.
    failed: Option<String>,
}

/// One task.
struct Entry {
    task: Task,
    /// Nothing while its list is in the hands of the transport, which had been built there.
    data: Option<Data>,
    state: State,
    /// Workers that died with it in their hands, where it may have begun.
    deaths: u32,
    /// Whether its future was dropped.
    forgotten: bool,
}

enum State {
    InLine,
    Sent,
    Done { place: u64, outcome: Outcome },
}

/// What one worker holds.
#[derive(Default)]
struct Hand {
    /// Tasks, in the order in which it does them.
    tasks: VecDeque<u32>,
    /// Since when it has been the first one's turn; known where tasks have a limit.
    since: Option<Instant>,
    /// The task for which it was ended.
    overdue: Option<u32>,
}

impl Dispatcher {
    pub(crate) fn new(mut group: WorkerGroup, setup: &Setup, limits: Limits) -> Dispatcher {
        // Sending is a wait too, and ends as soon as a task's time does.
        limits.task_timeout.into_iter().for_each(|limit| group.hub().set_stall(limit));
        Dispatcher {
            group,
            limits,
            depth: setup.depth,
            tasks: Slab::new(),
            line: VecDeque::new(),
            hands: (0..setup.workers).map(|_| Hand::default()).collect(),
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

    /// Whether some worker has a task.
    pub(crate) fn is_busy(&self) -> bool {
        self.hands.iter().any(Hand::is_busy)
    }

    /// Number of the job of that name.
    pub(crate) fn job(&self, name: &str) -> Result<u16, TaskError> {
        if let Some(why) = &self.failed {
            return Err(TaskError::Pool(why.clone()));
        }
        self.group.job(name).ok_or_else(|| TaskError::UnknownJob {
            job: name.into(),
            known: self.group.jobs().join(", "),
        })
    }

    /// Puts a task in line, and sends what makes a chunk.
    #[inline]
    pub(crate) fn enter(&mut self, job: u16, arg: Value, data: Data) -> u32 {
        let place = self.tasks.vacant_entry();
        let id = u32::try_from(place.key()).expect("fewer than four billion futures");
        let task = Task { id, job, arg, phase: false, park: false };
        let (data, state) = (Some(data), State::InLine);
        place.insert(Entry { task, data, state, deaths: 0, forgotten: false });
        self.line.push_back(id);
        self.unfinished += 1;
        if self.line.len() >= self.limits.chunk {
            self.send_on();
        }
        id
    }

    /// Waits for one thing to come, for as long as it takes unless there is `patience`; says
    /// whether anything did.
    pub(crate) fn wait(&mut self, patience: Option<Duration>) -> bool {
        if self.unfinished == 0 {
            return false;
        }
        self.send_on();
        let patience = patience.into_iter().chain(self.until_overdue()).min();
        match self.hear(patience) {
            Ok(true) => true,
            // What came in time was heard before.
            Ok(false) => {
                self.end_overdue();
                false
            }
            Err(error) => {
                self.fail(&error);
                true
            }
        }
    }

    fn hear(&mut self, patience: Option<Duration>) -> Result<bool, PoolError> {
        match self.group.recv(patience)? {
            Event::Nothing => return Ok(false),
            Event::Reply { worker, reply } => self.collect(worker, reply),
            Event::Died { death, unanswered } => {
                self.mourn(death, unanswered);
                self.group.replace(death.worker)?;
            }
        }
        self.send_on();
        Ok(true)
    }

    fn collect(&mut self, worker: usize, reply: Reply) {
        let hand = &mut self.hands[worker];
        hand.tasks.pop_front();
        hand.since = self.limits.task_timeout.map(|_| Instant::now());
        let pid = self.group.pid(worker).unwrap_or(0);
        let attempts = 1 + self.tasks.get(reply.task as usize).map_or(0, |entry| entry.deaths);
        let outcome = match reply.outcome {
            Ok(value) => Ok(Answer { value, list: reply.list, worker, pid, attempts }),
            Err(failure) => Err(self.told(*failure, worker, pid)),
        };
        self.finish(reply.task, outcome);
    }

    /// A worker's failure as the error of a task.
    fn told(&self, failure: Failure, worker: usize, pid: u32) -> TaskError {
        let message = failure.message;
        match failure.what {
            What::Error { name, detail } => {
                let error = Box::new(JobError { name, message, detail });
                TaskError::Job { error, worker, pid }
            }
            What::Panic => TaskError::Panicked { message, worker, pid },
            What::Unencodable => TaskError::Unencodable { message, worker, pid },
            What::UnknownJob => {
                TaskError::UnknownJob { job: message, known: self.group.jobs().join(", ") }
            }
            What::Refused => TaskError::Refused { worker, message },
        }
    }

    fn finish(&mut self, id: u32, outcome: Outcome) {
        let Some(entry) = self.tasks.get_mut(id as usize) else { return };
        self.unfinished -= 1;
        if entry.forgotten {
            self.tasks.remove(id as usize);
            return;
        }
        entry.data = None;
        entry.state = State::Done { place: self.finished, outcome };
        self.done.insert(self.finished, id);
        self.finished += 1;
    }

    /// Sorts out what a dead worker had in its hands: the first may have begun, and goes on only if
    /// it may be begun again; the others go back to the head of the line.
    fn mourn(&mut self, death: WorkerExit, unanswered: Vec<Unanswered>) {
        let hand = std::mem::take(&mut self.hands[death.worker]);
        let began = unanswered.first().map(|first| first.task);
        let mut rooms: FxHashMap<u32, Room> = unanswered
            .into_iter()
            .filter_map(|Unanswered { task, room }| Some((task, room?)))
            .collect();
        for id in hand.tasks.into_iter().rev() {
            if hand.overdue == Some(id) {
                self.finish(id, Err(self.timed_out(death)));
                continue;
            }
            let goes_on = began != Some(id) || self.may_begin_again(id);
            if !goes_on || !self.back_to_line(id, rooms.remove(&id)) {
                let WorkerExit { worker, pid, reason } = death;
                let attempts = self.tasks.get(id as usize).map_or(0, |entry| entry.deaths);
                self.finish(id, Err(TaskError::WorkerDied { worker, pid, reason, attempts }));
            }
        }
    }

    /// Notes that a worker died with that task begun, and says whether another may begin it.
    fn may_begin_again(&mut self, id: u32) -> bool {
        let Some(entry) = self.tasks.get_mut(id as usize) else { return false };
        entry.deaths += 1;
        entry.deaths < self.limits.attempts && self.group.repeatable(entry.task.job)
    }

    fn timed_out(&self, WorkerExit { worker, pid, .. }: WorkerExit) -> TaskError {
        let limit = self.limits.task_timeout.unwrap_or_default();
        TaskError::TimedOut { limit, worker, pid }
    }

    /// Puts a task at the head of the line; false if its list is gone.
    fn back_to_line(&mut self, id: u32, room: Option<Room>) -> bool {
        let Some(entry) = self.tasks.get_mut(id as usize) else { return true };
        entry.data = entry.data.take().or(room.map(Data::Built));
        if entry.data.is_none() {
            return false;
        }
        entry.state = State::InLine;
        self.line.push_front(id);
        true
    }

    /// How long until some task will have taken too long.
    fn until_overdue(&self) -> Option<Duration> {
        let limit = self.limits.task_timeout?;
        let running = self.hands.iter().filter(|hand| hand.overdue.is_none() && hand.is_busy());
        running.filter_map(|hand| Some(limit.saturating_sub(hand.since?.elapsed()))).min()
    }

    /// Ends workers whose task takes too long; their deaths will be told.
    fn end_overdue(&mut self) {
        let Some(limit) = self.limits.task_timeout else { return };
        for (worker, hand) in self.hands.iter_mut().enumerate() {
            let late = hand.since.is_some_and(|since| since.elapsed() >= limit);
            if late && hand.overdue.is_none() && hand.is_busy() {
                hand.overdue = hand.tasks.front().copied();
                self.group.kill(worker);
            }
        }
    }

    /// Sends tasks, a chunk at a time, to whoever has least to do.
    fn send_on(&mut self) {
        while !self.line.is_empty() {
            let least = (0..self.hands.len()).min_by_key(|worker| self.hands[*worker].tasks.len());
            let Some(worker) = least else { return };
            let free = self.depth - self.hands[worker].tasks.len();
            let chunk = self.limits.chunk.min(self.line.len());
            if free < chunk {
                return;
            }
            if chunk > 1 {
                self.group.hub().cork(worker);
            }
            let all = (0..chunk).all(|_| self.send_first(worker));
            if chunk > 1 {
                // A closed end is told by the death behind it.
                let _ = self.group.hub().uncork(worker);
            }
            if !all {
                return;
            }
        }
    }

    /// Sends the first in line to `worker`; false if it must wait for a room.
    fn send_first(&mut self, worker: usize) -> bool {
        let Some(id) = self.line.pop_front() else { return false };
        let Some(entry) = self.tasks.get_mut(id as usize) else { return true };
        let built = entry.data.take_if(|data| matches!(data, Data::Built(_)));
        let list = match (built, &entry.data) {
            (Some(Data::Built(room)), _) => List::Built(room),
            (_, Some(Data::Items(items))) => List::Copy(items),
            (_, Some(Data::Resident(list, part))) => List::Resident(list, part.clone()),
            _ => List::None,
        };
        match self.group.hub().send(worker, &entry.task, list, None) {
            // A closed end: the worker's death will be told. Until then the task is in its hands.
            Ok(()) | Err(TransportError::Gone) => {
                entry.state = State::Sent;
                let hand = &mut self.hands[worker];
                if hand.tasks.is_empty() && self.limits.task_timeout.is_some() {
                    hand.since = Some(Instant::now());
                }
                hand.tasks.push_back(id);
                true
            }
            // An answer will free a room.
            Err(TransportError::NoRoom { .. }) if self.is_busy() => {
                self.line.push_front(id);
                false
            }
            Err(error) => {
                let no_room = matches!(error, TransportError::NoRoom { .. });
                match no_room.then(|| self.next_with_a_room()).flatten() {
                    // Those in line may hold all rooms: one of them goes first, and gives its own back.
                    Some(next) => {
                        self.line.push_front(id);
                        self.line.push_front(next);
                    }
                    None => self.finish(id, Err(TaskError::Unsent(error.to_string()))),
                }
                true
            }
        }
    }

    /// Takes the first task whose list lies in a room already out of the line.
    fn next_with_a_room(&mut self) -> Option<u32> {
        let built = |id: &u32| {
            let data = self.tasks.get(*id as usize).and_then(|entry| entry.data.as_ref());
            matches!(data, Some(Data::Built(_)))
        };
        let at = self.line.iter().position(built)?;
        self.line.remove(at)
    }

    /// Whether that task is done.
    pub(crate) fn is_done(&self, id: u32) -> bool {
        self.tasks.get(id as usize).is_some_and(|entry| matches!(entry.state, State::Done { .. }))
    }

    /// The outcome of a task that is done, which is forgotten.
    pub(crate) fn take(&mut self, id: u32) -> Option<Outcome> {
        if !self.is_done(id) {
            return None;
        }
        match self.tasks.try_remove(id as usize)?.state {
            State::Done { place, outcome } => {
                self.done.remove(&place);
                Some(outcome)
            }
            State::InLine | State::Sent => None,
        }
    }

    /// Those that came to be done from `place` on, in that order, each with the place behind it.
    pub(crate) fn done_from(&self, place: u64) -> impl Iterator<Item = (u64, u32)> {
        self.done.range(place..).map(|(place, id)| (place + 1, *id))
    }

    /// Takes a task out of the line; false if it is there no more.
    pub(crate) fn cancel(&mut self, id: u32) -> bool {
        let Some(at) = self.line.iter().position(|waiting| *waiting == id) else { return false };
        self.line.remove(at);
        self.finish(id, Err(TaskError::Cancelled));
        true
    }

    /// Nobody will ask for that task's outcome.
    pub(crate) fn forget(&mut self, id: u32) {
        match self.tasks.get_mut(id as usize) {
            Some(Entry { state: State::Done { .. }, .. }) => drop(self.take(id)),
            Some(entry) => entry.forgotten = true,
            None => {}
        }
    }

    /// Ends all that is unfinished: the pool is of no more use.
    fn fail(&mut self, error: &PoolError) {
        let why = error.to_string();
        self.line.clear();
        self.hands.iter_mut().for_each(|hand| *hand = Hand::default());
        let unfinished: Vec<u32> = self
            .tasks
            .iter()
            .filter(|(_, entry)| !matches!(entry.state, State::Done { .. }))
            .map(|(_, entry)| entry.task.id)
            .collect();
        for id in unfinished {
            self.finish(id, Err(TaskError::Pool(why.clone())));
        }
        self.failed = Some(why);
    }
}

impl Hand {
    fn is_busy(&self) -> bool {
        !self.tasks.is_empty()
    }
}
