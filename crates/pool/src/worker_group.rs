//! The workers of one hub: started, given their places, parked, asked for their counters, replaced.
//!
//! A sweep drives the group's hub directly; [`crate::Pool`] is tasks and results on top of it.

mod parked;

use std::collections::VecDeque;
use std::time::Duration;

use measure::Timeline;
use rustc_hash::FxHashMap;
use transport::{
    Arrival, Hub, List, Reply, Setup, Task, Transport, TransportError, Unanswered, Value,
};

use crate::control::{CoordinatorMessage, WorkerMessage};
use crate::error::PoolError;
use crate::supervisor::{ExitReason, Process, Supervisor, WorkerExit};
use crate::worker::Worker;
use crate::worker_command::WorkerCommand;

pub use crate::control::Report;

/// What a group is for.
///
/// ```
/// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); } let mut plan = example::plan();
/// plan.initialiser = Some(("halve".into(), 7.into()));
/// assert!(matches!(pool::WorkerGroup::start(&plan), Err(pool::PoolError::Attach { .. })));
/// ```
#[derive(Clone)]
pub struct WorkerGroupPlan {
    /// Which program is a worker.
    pub launch: WorkerCommand,
    /// How tasks are carried.
    pub transport: &'static dyn Transport,
    /// Its axes.
    pub setup: Setup,
    /// A job that each worker runs before its first task, and its argument.
    pub initialiser: Option<(String, Value)>,
    /// Core of each worker; empty: wherever the scheduler likes.
    pub cores: Vec<usize>,
    /// Bytes added to the workers' environment, which moves their stacks.
    pub padding: usize,
    /// CoordinatorMessage in which workers are started; empty: 0, 1, 2, ….
    pub order: Vec<usize>,
}

/// What came.
///
/// ```
/// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); } let mut group = example::busy();
/// group.kill(0); // with one task in its hands
/// let died = group.recv(None).unwrap();
/// assert!(matches!(died, pool::Event::Died { unanswered, .. } if unanswered.len() == 1));
/// ```
#[derive(Debug)]
pub enum Event {
    /// An answer.
    Reply {
        /// From whom.
        worker: usize,
        /// What.
        reply: Reply,
    },
    /// A worker is dead and reaped. Its tasks are not in flight: nothing of theirs will come.
    Died {
        /// Whose death, and how.
        death: WorkerExit,
        /// Tasks that it had not answered, in order: only the first can have begun.
        unanswered: Vec<Unanswered>,
    },
    /// Patience ended.
    Nothing,
}

/// Not a job: sends a worker to its control socket.
const PARK: Task = Task { id: u32::MAX, job: 0, arg: Value::Int(0), phase: false, park: true };

/// Processes that are started for one place while each is killed before it has taken it.
const REPLACEMENTS: usize = 32;

/// A hub with its workers. Dropping it ends them all.
///
/// ```
/// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); } let plan = example::plan();
/// let mut group = pool::WorkerGroup::start(&plan).unwrap(); // one worker, over `shared`
/// let job = group.job("halve").unwrap();
/// let task = transport::Task { id: 7, job, arg: 8.into(), phase: false, park: false };
/// group.send(0, &task, transport::List::None, None).unwrap();
/// let event = group.recv(None).unwrap();
/// assert!(matches!(event, pool::Event::Reply { reply, .. } if reply.outcome == Ok(4.into())));
/// ```
pub struct WorkerGroup {
    plan: WorkerGroupPlan,
    jobs: Vec<String>,
    /// Number of each; of two with one name the first's. A pool asks for it at each submission.
    numbers: FxHashMap<String, usize>,
    /// Of each job, whether a task of it may be begun again.
    repeatable: Vec<bool>,
    workers: Vec<Option<Worker>>,
    dying: VecDeque<WorkerExit>,
    migrated: Option<usize>,
    // The order of the next two matters: workers end before the memory that they map.
    supervisor: Supervisor,
    hub: Box<dyn Hub>,
}

impl WorkerGroup {
    /// Starts the workers and waits until all have taken their places.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); } let plan = example::plan();
    /// assert_eq!(pool::WorkerGroup::start(&plan).unwrap().pids().len(), 1);
    /// ```
    ///
    /// # Errors
    /// [`PoolError`]; no worker is left behind.
    pub fn start(plan: &WorkerGroupPlan) -> Result<WorkerGroup, PoolError> {
        let hub = plan.transport.hub(&plan.setup)?;
        let supervisor = Supervisor::new(hub.alarm())?;
        let workers = (0..plan.setup.workers).map(|_| None).collect();
        let (plan, dying, migrated) = (plan.clone(), VecDeque::new(), None);
        let (jobs, numbers, repeatable) = (Vec::new(), FxHashMap::default(), Vec::new());
        let mut group = WorkerGroup {
            plan,
            jobs,
            numbers,
            repeatable,
            workers,
            dying,
            migrated,
            supervisor,
            hub,
        };
        let plan = group.plan.clone();
        let mut order: Vec<usize> = (0..plan.setup.workers).collect();
        if plan.order.len() == order.len() {
            order.clone_from(&plan.order);
        }
        // All start before the first is waited for: they load at the same time.
        for &worker in &order {
            group.workers[worker] = Some(group.spawn(worker)?);
        }
        order.iter().try_for_each(|&worker| group.welcome(worker))?;
        Ok(group)
    }

    /// Asks `launch`'s program who it is, and ends it.
    ///
    /// ```
    /// let stranger = pool::WorkerCommand { program: "/bin/true".into(), ..pool::WorkerCommand::current_exe() };
    /// assert!(matches!(pool::WorkerGroup::probe(&stranger), Err(pool::PoolError::Foreign { .. })));
    /// ```
    ///
    /// # Errors
    /// [`PoolError::Start`] or [`PoolError::Foreign`].
    pub fn probe(launch: &WorkerCommand) -> Result<(), PoolError> {
        let supervisor = Supervisor::new(transport::Alarm::new(None))?;
        let worker = Worker::start(&supervisor, launch, 0, 0)?;
        let known = worker.hello(launch);
        if known.is_err() {
            worker.process.kill();
        }
        drop(worker.control);
        if !supervisor.wait_for_all(Duration::from_secs(1)) {
            worker.process.kill();
            supervisor.wait_for_all(Duration::from_secs(1));
        }
        known
    }

    /// The hub, to reserve, place and send through.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); } let mut group = example::group();
    /// assert_eq!(group.hub().reserve(3).unwrap().items_mut().len(), 3);
    /// ```
    pub fn hub(&mut self) -> &mut dyn Hub {
        &mut *self.hub
    }

    /// Process of each worker that lives.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); } let group = example::group();
    /// assert_eq!(group.pids().len(), 1);
    /// ```
    pub fn pids(&self) -> Vec<u32> {
        self.workers.iter().flatten().map(|worker| worker.process.pid).collect()
    }

    /// Process of worker `worker`, while it lives.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); } let group = example::group();
    /// assert_eq!(group.pid(0), Some(group.pids()[0]));
    /// ```
    pub fn pid(&self, worker: usize) -> Option<u32> {
        self.workers[worker].as_ref().map(|worker| worker.process.pid)
    }

    /// Waits for whatever comes first; without `patience` for as long as it takes.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); } let mut group = example::group();
    /// assert!(matches!(group.recv(Some(std::time::Duration::ZERO)), Ok(pool::Event::Nothing)));
    /// ```
    ///
    /// # Errors
    /// The transport failed in a way that concerns no single worker.
    #[inline]
    pub fn recv(&mut self, patience: Option<Duration>) -> Result<Event, PoolError> {
        loop {
            // What the dead had answered before is told before their death.
            let patience = if self.dying.is_empty() { patience } else { Some(Duration::ZERO) };
            let dead = match self.hub.recv(patience)? {
                Arrival::Reply { worker, reply } => return Ok(Event::Reply { worker, reply }),
                Arrival::Alarm => {
                    self.dying.extend(self.supervisor.take_deaths());
                    continue;
                }
                Arrival::Gone { worker } => self.bury(worker)?,
                Arrival::Broken { worker, what: _ } => {
                    self.kill(worker);
                    self.bury(worker)?
                }
                Arrival::Lie { worker, what: _ } => {
                    self.kill(worker);
                    WorkerExit { reason: ExitReason::ProtocolViolation, ..self.bury(worker)? }
                }
                Arrival::Nothing => match self.dying.pop_front() {
                    Some(death) => death,
                    None => return Ok(Event::Nothing),
                },
            };
            self.workers[dead.worker] = None;
            let unanswered = self.hub.detach(dead.worker);
            return Ok(Event::Died { death: dead, unanswered });
        }
    }

    /// Sends one task through the hub.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); } let mut group = example::group();
    /// let task = transport::Task { id: 7, job: 0, arg: 8.into(), phase: false, park: false };
    /// assert!(group.send(0, &task, transport::List::None, None).is_ok());
    /// ```
    ///
    /// # Errors
    /// As [`Hub::send`]; where the worker is gone, its death.
    #[inline]
    pub fn send(
        &mut self,
        worker: usize,
        task: &Task,
        list: List<'_>,
        timeline: Option<&mut Timeline>,
    ) -> Result<(), PoolError> {
        match self.hub.send(worker, task, list, timeline) {
            Ok(()) => Ok(()),
            Err(TransportError::Gone) => Err(self.cause(worker, TransportError::Gone.into())),
            Err(error) => Err(error.into()),
        }
    }

    /// What is behind `fault`: the death of `worker`, if it is dead, or the fault itself.
    fn cause(&mut self, worker: usize, fault: PoolError) -> PoolError {
        self.death_of(worker).map_or(fault, PoolError::Died)
    }

    /// The death of `worker`, which is forgotten; nothing if it lives.
    fn death_of(&mut self, worker: usize) -> Option<WorkerExit> {
        let known = self.dying.iter().any(|death| death.worker == worker);
        if !known && !self.supervisor.wait_for(worker, Duration::from_secs(1)) {
            return None;
        }
        let death = self.bury(worker).ok()?;
        self.workers[worker] = None;
        self.hub.detach(worker);
        Some(death)
    }

    /// Names of the workers' jobs.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); } let group = example::group();
    /// assert_eq!(group.jobs(), ["halve", "sum", "squares", "sleep", "panic"]);
    /// ```
    pub fn jobs(&self) -> &[String] {
        &self.jobs
    }

    /// Number of the job of that name: what its tasks say.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); } let group = example::group();
    /// assert_eq!((group.job("sum"), group.job("guess")), (Some(1), None));
    /// ```
    pub fn job(&self, name: &str) -> Option<u16> {
        self.numbers.get(name).and_then(|at| u16::try_from(*at).ok())
    }

    /// Whether a task of job number `job` may be begun again where its worker died.
    pub(crate) fn repeatable(&self, job: u16) -> bool {
        self.repeatable.get(usize::from(job)).is_some_and(|repeatable| *repeatable)
    }

    /// Ends worker `worker` at once; its death is told by [`WorkerGroup::recv`].
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); } let mut group = example::group();
    /// group.kill(0);
    /// assert!(matches!(group.recv(None), Ok(pool::Event::Died { .. })));
    /// ```
    pub fn kill(&self, worker: usize) {
        if let Some(worker) = &self.workers[worker] {
            worker.process.kill();
        }
    }

    /// Starts a new process in the place of one that died. One that is killed while it takes that
    /// place is replaced too, a few times.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); } let mut group = example::group();
    /// group.kill(0);
    /// group.recv(None).unwrap();
    /// assert!(group.pid(0).is_none() && group.replace(0).is_ok());
    /// ```
    ///
    /// # Errors
    /// As [`WorkerGroup::start`].
    pub fn replace(&mut self, worker: usize) -> Result<(), PoolError> {
        assert!(self.workers[worker].is_none(), "worker {worker} is still there");
        let mut left = REPLACEMENTS;
        loop {
            self.workers[worker] = Some(self.spawn(worker)?);
            let Err(fault) = self.welcome(worker) else { return Ok(()) };
            self.dismiss(worker);
            left -= 1;
            if left == 0 || !matches!(fault, PoolError::Died(_)) {
                return Err(fault);
            }
        }
    }

    /// Ends a worker that could not take its place, and forgets it.
    fn dismiss(&mut self, worker: usize) {
        if self.workers[worker].is_some() {
            self.kill(worker);
            let _ = self.bury(worker);
            self.workers[worker] = None;
        }
        self.hub.detach(worker);
    }

    fn spawn(&self, worker: usize) -> Result<Worker, PoolError> {
        Worker::start(&self.supervisor, &self.plan.launch, worker, self.plan.padding)
    }

    /// Hears who worker `worker` is and gives it its place. If a signal killed it meanwhile, that is
    /// what is told, and not how far it came.
    fn welcome(&mut self, worker: usize) -> Result<(), PoolError> {
        self.attach(worker).map_err(|fault| match self.death_of(worker) {
            Some(death) if matches!(death.reason, ExitReason::Killed(_)) => PoolError::Died(death),
            _ => fault,
        })
    }

    fn attach(&mut self, worker: usize) -> Result<(), PoolError> {
        let Some(there) = &self.workers[worker] else { unreachable!("it was just started") };
        there.hello(&self.plan.launch)?;
        let handover = self.hub.attach(worker)?;
        let attach = CoordinatorMessage::Attach {
            worker,
            transport: self.plan.transport.name().into(),
            plan: handover.plan,
            core: self.plan.cores.get(worker).copied(),
            initialiser: self.plan.initialiser.clone(),
        };
        there.control.send(&attach, &handover.fds)?;
        drop(handover.fds);
        let trouble = |what| PoolError::Attach { worker, what };
        // An initialiser may take as long as it likes; its worker's death ends the wait.
        let patience = self.plan.initialiser.is_none().then_some(self.plan.launch.patience);
        match there.control.recv(patience)? {
            Some((WorkerMessage::Ready { jobs }, _)) => {
                (self.jobs, self.repeatable) = jobs.into_iter().unzip();
                // From the last: of two with one name the first stays.
                self.numbers =
                    self.jobs.iter().enumerate().rev().map(|(at, job)| (job.clone(), at)).collect();
                Ok(())
            }
            Some((WorkerMessage::AttachFailed { message }, _)) => Err(trouble(message)),
            Some((other, _)) => Err(trouble(format!("it said {other:?}"))),
            None => Err(trouble("it ended".into())),
        }
    }

    /// The death of a worker whose end is closed; it is ended if it does not come by itself.
    fn bury(&mut self, worker: usize) -> Result<WorkerExit, PoolError> {
        for patience in [Duration::from_secs(1), Duration::from_secs(5)] {
            let known = self.dying.iter().position(|death| death.worker == worker);
            if let Some(death) = known.and_then(|at| self.dying.remove(at)) {
                return Ok(death);
            }
            if !self.supervisor.wait_for(worker, patience) {
                self.kill(worker);
            }
            self.dying.extend(self.supervisor.take_deaths());
        }
        let known = self.dying.iter().position(|death| death.worker == worker);
        let death = known.and_then(|at| self.dying.remove(at));
        death.ok_or_else(|| std::io::Error::other("a worker cannot be killed").into())
    }
}

impl Drop for WorkerGroup {
    fn drop(&mut self) {
        // A parked worker waits on its control socket, and ends when that is closed. Whoever is
        // busy gets a moment to come there, and is then ended.
        for worker in 0..self.workers.len() {
            if self.workers[worker].is_some() {
                let _ = self.hub.send(worker, &PARK, List::None, None);
            }
        }
        let processes: Vec<Process> =
            self.workers.drain(..).flatten().map(|worker| worker.process).collect();
        if !self.supervisor.wait_for_all(Duration::from_secs(1)) {
            processes.iter().for_each(Process::kill);
            self.supervisor.wait_for_all(Duration::from_secs(5));
        }
    }
}
