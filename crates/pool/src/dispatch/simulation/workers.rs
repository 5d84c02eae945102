//! Workers in virtual time.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use shm::{Kind, Pages, Slot, Slots};
use transport::{List, ListBuffer, Reply, Task, TransportError, UnansweredTask, Value};

use super::mode::Mode;
use super::random::Random;
use crate::error::PoolError;
use crate::supervisor::{ExitReason, WorkerExit};
use crate::worker_group::Event;
use crate::workers::Workers;

/// What jobs do, by their numbers.
pub(super) const SUM: u16 = 0;
pub(super) const ONCE: u16 = 1;
pub(super) const POISON: u16 = 2;
pub(super) const ENDLESS: u16 = 3;

/// Items of each list, and rooms for lists: more than any schedule has.
const LIST_ITEMS: usize = 2;
const MAX_SLOTS: usize = 32;

thread_local! {
    static SLOTS: Slots =
        Slots::create(Kind::Memfd, MAX_SLOTS, LIST_ITEMS, Pages::Ready).expect("a small segment");
}

/// The list of each task with one: its own argument.
pub(super) fn list_of(arg: Value) -> Vec<i64> {
    match arg {
        Value::Int(arg) => vec![arg; LIST_ITEMS],
        Value::Float(_) => unreachable!("arguments are integers"),
    }
}

/// What happened to a task, by its number.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    /// Times that a worker has begun it.
    pub(super) begun: u32,
    /// Workers that died with it first in their queues.
    pub(super) deaths: u32,
    pub(super) answered: bool,
    /// It was first in the queue of a worker that the dispatcher killed.
    pub(super) killed_for: bool,
    /// There was no room for its list, no task in any queue, and no room with a pending task.
    pub(super) found_no_room: bool,
}

struct InFlight {
    task: Task,
    built: Option<ListBuffer>,
    /// Where its list was copied.
    _copied: Option<Slot>,
    begun_at: Option<Instant>,
}

enum Place {
    Ready,
    /// Dead, and that is not told yet.
    Dead,
    Empty,
}

struct Worker {
    place: Place,
    pid: u32,
    queue: VecDeque<InFlight>,
    /// It does nothing any more, as a process does that was stopped.
    stopped: bool,
    /// The dispatcher killed it.
    killed: bool,
}

#[derive(Clone, Copy, Debug)]
enum Next {
    Answer { worker: usize, pid: u32, id: u32 },
    Dies { worker: usize, pid: u32 },
    ToldDead { worker: usize },
    Starts { worker: usize },
}

pub(super) struct SimulatedWorkers {
    pub(super) random: Random,
    mode: Mode,
    begun: Instant,
    time: Duration,
    depth: usize,
    workers: Vec<Worker>,
    agenda: BTreeMap<(Duration, u64), Next>,
    sequence: u64,
    /// Rooms for lists, of which this schedule has so many.
    slots: Slots,
    capacity: usize,
    /// Those that it does not have.
    _others: Vec<Slot>,
    /// Rooms that the program was lent and has not submitted.
    pub(super) lent: Vec<Slot>,
    pub(super) histories: BTreeMap<u32, History>,
    last_pid: u32,
    pub(super) task_timeout: Option<Duration>,
    /// Waits since a task has been late.
    late_waits: u32,
    /// An error was given: there is no more to ask for.
    pub(super) failed: bool,
    trace: bool,
}

impl SimulatedWorkers {
    pub(super) fn new(mut random: Random, mode: Mode, workers: usize, depth: usize) -> Self {
        let capacity = 1 + random.below(workers as u64 * depth as u64 + 1) as usize;
        let slots = SLOTS.with(Slots::clone);
        let others = (capacity..MAX_SLOTS).filter_map(|_| slots.reserve(LIST_ITEMS)).collect();
        let task_timeout = random.chance(70).then(|| Duration::from_millis(20 + random.below(30)));
        let ready = |at: usize| Worker {
            place: Place::Ready,
            pid: at as u32 + 1,
            queue: VecDeque::new(),
            stopped: false,
            killed: false,
        };
        SimulatedWorkers {
            random,
            mode,
            begun: Instant::now(),
            time: Duration::ZERO,
            depth,
            workers: (0..workers).map(ready).collect(),
            agenda: BTreeMap::new(),
            sequence: 0,
            slots,
            capacity,
            _others: others,
            lent: Vec::new(),
            histories: BTreeMap::new(),
            last_pid: workers as u32,
            task_timeout,
            late_waits: 0,
            failed: false,
            trace: false,
        }
    }

    pub(super) fn set_trace(&mut self, trace: bool) {
        self.trace = trace;
    }

    pub(super) fn note(&self, what: impl FnOnce() -> String) {
        if self.trace {
            eprintln!("{:>9.3} ms  {}", self.time.as_secs_f64() * 1e3, what());
        }
    }

    /// The program computes for a while, and does not call the pool.
    pub(super) fn pass(&mut self, time: Duration) {
        self.time += time;
    }

    /// Room for a list, if there is any.
    pub(super) fn reserve(&mut self) -> Option<Slot> {
        self.slots.reserve(LIST_ITEMS)
    }

    /// Kills or stops some worker, as another program may.
    pub(super) fn attack(&mut self) {
        let worker = self.random.below(self.workers.len() as u64) as usize;
        // Without a limit a stopped worker holds its tasks for good, as it should.
        if self.task_timeout.is_some() && self.random.chance(30) {
            self.note(|| format!("worker {worker} is stopped"));
            self.workers[worker].stopped = true;
        } else {
            let pid = self.workers[worker].pid;
            self.plan(0, Next::Dies { worker, pid });
        }
    }

    fn plan(&mut self, us: u64, next: Next) {
        self.sequence += 1;
        self.agenda.insert((self.time + Duration::from_micros(us), self.sequence), next);
    }

    /// The first task of a queue begins.
    fn begin(&mut self, worker: usize) {
        let now = self.now();
        let Worker { place, pid, queue, stopped, .. } = &mut self.workers[worker];
        let Some(first) = queue.front_mut().filter(|first| first.begun_at.is_none()) else {
            return;
        };
        if *stopped || !matches!(place, Place::Ready) {
            return;
        }
        first.begun_at = Some(now);
        let (pid, id, job) = (*pid, first.task.id, first.task.job);
        let history = self.histories.entry(id).or_default();
        history.begun += 1;
        self.note(|| format!("worker {worker} begins task {id}"));
        let us = match self.random.below(10) {
            0 => 30_000,
            1..4 => 2000,
            _ => self.random.below(500),
        };
        match job {
            POISON => self.plan(us.min(2000), Next::Dies { worker, pid }),
            ENDLESS => {}
            _ => self.plan(us, Next::Answer { worker, pid, id }),
        }
    }

    fn happen(&mut self, next: Next) -> Option<Event> {
        self.note(|| format!("{next:?}"));
        match next {
            Next::Answer { worker, pid, id } => self.answer(worker, pid, id),
            Next::Dies { worker, pid } => {
                let there = &mut self.workers[worker];
                if there.pid == pid && matches!(there.place, Place::Ready) {
                    there.place = Place::Dead;
                    let us = self.random.below(300);
                    self.plan(us, Next::ToldDead { worker });
                }
                None
            }
            Next::ToldDead { worker } => Some(self.tell_death(worker)),
            Next::Starts { worker } => {
                self.last_pid += 1;
                let (place, pid) = (Place::Ready, self.last_pid);
                let queue = VecDeque::new();
                self.workers[worker] = Worker { place, pid, queue, stopped: false, killed: false };
                Some(Event::Started { worker })
            }
        }
    }

    fn answer(&mut self, worker: usize, pid: u32, id: u32) -> Option<Event> {
        let there = &mut self.workers[worker];
        let is_ready = matches!(there.place, Place::Ready) && !there.stopped;
        if !is_ready || there.pid != pid {
            return None;
        }
        let done = there.queue.pop_front().expect("it was begun");
        assert_eq!(done.task.id, id, "workers answer in order");
        let history = self.histories.entry(id).or_default();
        assert!(!history.answered, "task {id} was answered before");
        history.answered = true;
        self.begin(worker);
        let (outcome, list, stamps) = (Ok(done.task.arg), Default::default(), None);
        Some(Event::Reply { worker, reply: Reply { task: id, outcome, list, stamps } })
    }

    fn tell_death(&mut self, worker: usize) -> Event {
        let there = &mut self.workers[worker];
        there.place = Place::Empty;
        let (pid, reason) = (there.pid, ExitReason::Killed(9));
        let queue = std::mem::take(&mut there.queue);
        if let Some(first) = queue.front() {
            self.histories.entry(first.task.id).or_default().deaths += 1;
        }
        let unanswered =
            queue.into_iter().map(|lost| UnansweredTask { task: lost.task.id, room: lost.built });
        let exit = WorkerExit { worker, pid, reason };
        Event::Died { exit, unanswered: unanswered.collect() }
    }

    /// A task that is late is ended soon after, also while other answers come, and no wait lasts beyond a task's time.
    fn check_limits(&mut self, timeout: Option<Duration>) {
        let Some(limit) = self.task_timeout else { return };
        let now = self.now();
        let working = self
            .workers
            .iter()
            .filter(|worker| matches!(worker.place, Place::Ready) && !worker.killed);
        let due = working.filter_map(|worker| Some(worker.queue.front()?.begun_at? + limit)).min();
        let Some(due) = due else { return };
        let is_in_time = timeout.is_some_and(|timeout| now + timeout <= due.max(now));
        assert!(is_in_time, "it waits {timeout:?}, and a task has {:?}", due - now);
        self.late_waits = if due < now { self.late_waits + 1 } else { 0 };
        assert!(self.late_waits < 40, "a task is late, and nothing is done about it");
    }
}

impl Workers for SimulatedWorkers {
    fn now(&self) -> Instant {
        self.begun + self.time
    }

    fn next_event(&mut self, timeout: Option<Duration>) -> Result<Event, PoolError> {
        assert!(!self.failed, "the dispatcher asks again after an error");
        self.check_limits(timeout);
        if self.mode == Mode::FaultsStay && self.random.below(1000) == 0 {
            self.failed = true;
            return Err(PoolError::NoWorkers { why: "the hub has failed".into() });
        }
        // A signal may end a wait early, and no look.
        if timeout != Some(Duration::ZERO) && self.random.chance(2) {
            return Ok(Event::Nothing);
        }
        let ends = timeout.map(|timeout| self.time + timeout);
        loop {
            let next = self.agenda.first_key_value().map(|((time, _), _)| *time);
            if ends.is_some_and(|ends| next.is_none_or(|next| next > ends)) {
                self.time = self.time.max(ends.unwrap_or_default());
                return Ok(Event::Nothing);
            }
            let Some(((time, _), next)) = self.agenda.pop_first() else {
                let ready = self.workers.iter().any(|worker| matches!(worker.place, Place::Ready));
                assert!(!ready, "the dispatcher waits for ever");
                self.failed = true;
                return Err(PoolError::NoWorkers { why: "none in this simulation".into() });
            };
            self.time = self.time.max(time);
            if let Some(event) = self.happen(next) {
                return Ok(event);
            }
        }
    }

    fn send_task(
        &mut self,
        worker: usize,
        task: &Task,
        list: List<'_>,
    ) -> Result<(), TransportError> {
        let there = &mut self.workers[worker];
        assert!(!matches!(there.place, Place::Empty), "worker {worker} is not there");
        assert!(there.queue.len() < self.depth, "its queue is full");
        assert!(!there.killed, "worker {worker} was killed, and gets a task");
        let (mut built, mut copied) = (None, None);
        match list {
            List::None => {}
            List::Copy(items) => {
                assert_eq!(items, list_of(task.arg), "the list is another task's");
                copied = self.slots.reserve(items.len());
                if copied.is_none() {
                    let is_idle = self.workers.iter().all(|worker| worker.queue.is_empty());
                    let history = self.histories.entry(task.id).or_default();
                    // Where the program has all of them, no pending task has one.
                    history.found_no_room |= is_idle && self.lent.len() == self.capacity;
                    return Err(TransportError::Full { what: "list" });
                }
            }
            List::Built(mut room) => {
                assert_eq!(room.items_mut(), list_of(task.arg), "the room is another task's");
                built = Some(room);
            }
            List::Resident(..) => unreachable!("there are none here"),
        }
        self.note(|| format!("task {} goes to worker {worker}", task.id));
        let sent = InFlight { task: *task, built, _copied: copied, begun_at: None };
        self.workers[worker].queue.push_back(sent);
        self.begin(worker);
        Ok(())
    }

    fn cork(&mut self, _worker: usize) {}

    fn uncork(&mut self, _worker: usize) {}

    fn kill_worker(&mut self, worker: usize) {
        let there = &mut self.workers[worker];
        there.killed = true;
        let there = &self.workers[worker];
        let (pid, us) = (there.pid, self.random.below(300));
        if let Some(first) = there.queue.front() {
            let id = first.task.id;
            let mut there_by_now = self.agenda.range(..(self.time, u64::MAX)).map(|(_, next)| next);
            let is_answered = there_by_now
                .any(|next| matches!(next, Next::Answer { id: answered, .. } if *answered == id));
            assert!(!is_answered, "task {id} was answered in time, and its worker is killed");
            let (begun, limit) = (first.begun_at, self.task_timeout.unwrap_or_default());
            let had_its_time = begun.is_none_or(|begun| self.now() - begun >= limit);
            assert!(had_its_time, "task {id} had not had its time");
            self.histories.entry(id).or_default().killed_for = true;
        }
        self.plan(us, Next::Dies { worker, pid });
    }

    fn replace_worker(&mut self, worker: usize) {
        assert!(matches!(self.workers[worker].place, Place::Empty), "its death was told");
        if self.mode == Mode::FaultsStay && self.random.chance(40) {
            self.note(|| format!("place {worker} stays empty"));
            return;
        }
        let us = if self.random.chance(80) { self.random.below(3000) } else { 200_000 };
        self.plan(us, Next::Starts { worker });
    }

    fn is_ready(&self, worker: usize) -> bool {
        !matches!(self.workers[worker].place, Place::Empty)
    }

    fn pid_of(&self, worker: usize) -> u32 {
        self.workers[worker].pid
    }

    fn may_repeat(&self, job: u16) -> bool {
        job != ONCE && job != ENDLESS
    }

    fn job_names(&self) -> String {
        "sum, once, poison, endless".into()
    }
}
