//! The workers of one hub: started, given their places, parked, asked for their counters, replaced.
//!
//! A sweep drives the group's hub directly; [`crate::Pool`] is tasks and results on top of it.

mod changes;
mod ending;
mod parked;
mod place;
mod plan;
mod starting;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use measure::Timeline;
use rustc_hash::FxHashMap;
use transport::{Hub, HubEvent, List, Task, TransportError, Value};

use self::place::{Dying, Place, Stage};
use crate::error::PoolError;
use crate::supervisor::Supervisor;
use crate::worker::Worker;
use crate::worker_command::{WorkerCommand, is_idle_worker};

pub use self::plan::{EmptyPlace, Event, WorkerGroupPlan};
pub use crate::control::Report;

/// Not a job: sends a worker to its control socket.
const PARK: Task = Task { id: u32::MAX, job: 0, arg: Value::Int(0), phase: false, park: true };

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
    /// Number of each. A pool asks for it at each submission.
    numbers: FxHashMap<String, usize>,
    /// Of each job, whether a task of it may be begun again.
    repeatable: Vec<bool>,
    places: Vec<Place>,
    /// Deaths that are not told yet.
    dying: VecDeque<Dying>,
    /// Replacements that have taken their places, which is not told yet.
    started: VecDeque<usize>,
    /// Whether only the hub needs a look: no place changes, and nothing is left to be told.
    settled: bool,
    /// When there was a worker last.
    last_ready: Instant,
    /// How long an initialiser may take while the group works; for ever unless said.
    task_timeout: Option<Duration>,
    migrated: Option<usize>,
    /// Whether some worker is parked.
    parked: bool,
    /// Whether an alarm with nothing to tell ends a wait: another thread has raised it.
    returns_on_alarm: bool,
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
    /// [`PoolError`]; no worker is left behind. A process that was started as a worker, and does not serve,
    /// is refused: it would start workers which start workers.
    pub fn start(plan: &WorkerGroupPlan) -> Result<WorkerGroup, PoolError> {
        if is_idle_worker() {
            return Err(PoolError::NotServing);
        }
        let hub = plan.transport.hub(&plan.setup)?;
        let mut group = WorkerGroup {
            plan: plan.clone(),
            jobs: Vec::new(),
            numbers: FxHashMap::default(),
            repeatable: Vec::new(),
            places: (0..plan.setup.workers).map(|_| Place::new()).collect(),
            dying: VecDeque::new(),
            started: VecDeque::new(),
            settled: true,
            last_ready: Instant::now(),
            task_timeout: None,
            migrated: None,
            parked: false,
            returns_on_alarm: false,
            supervisor: Supervisor::new(hub.alarm())?,
            hub,
        };
        let mut order: Vec<usize> = (0..plan.setup.workers).collect();
        if plan.order.len() == order.len() {
            order.clone_from(&plan.order);
        }
        // One alone, until it has said that it is a worker: a program that never serves is started once.
        if let Some(&first) = order.first() {
            group.fill(first, Stage::Hello)?;
        }
        // The others start before the next is waited for: they load at the same time.
        for &worker in order.iter().skip(1) {
            group.spawn(worker)?;
        }
        order.iter().try_for_each(|&worker| group.fill(worker, Stage::Ready))?;
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
        let said = worker.control.recv(Some(launch.patience));
        let known = Worker::check_hello(launch, said);
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

    /// Process of each worker, those that are starting among them.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); } let group = example::group();
    /// assert_eq!(group.pids().len(), 1);
    /// ```
    pub fn pids(&self) -> Vec<u32> {
        self.places.iter().filter_map(Place::worker).map(|worker| worker.process.pid).collect()
    }

    /// Process of worker `worker`, while it lives and has taken its place.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); } let group = example::group();
    /// assert_eq!(group.pid(0), Some(group.pids()[0]));
    /// ```
    pub fn pid(&self, worker: usize) -> Option<u32> {
        self.places[worker].ready().map(|worker| worker.process.pid)
    }

    /// Whether worker `worker` may be sent tasks.
    pub(crate) fn is_ready(&self, worker: usize) -> bool {
        self.places[worker].ready().is_some()
    }

    /// Places without a worker, and why.
    pub(crate) fn empty_places(&self) -> Vec<EmptyPlace> {
        let empty = self.places.iter().enumerate().filter(|(_, place)| place.ready().is_none());
        empty
            .map(|(worker, place)| {
                let why = place.retry.why().unwrap_or("its replacement is being started");
                EmptyPlace { worker, why: why.to_owned() }
            })
            .collect()
    }

    /// From now on a wait ends with [`Event::Nothing`] when another thread raises the hub's alarm.
    pub(crate) fn return_on_alarm(&mut self) {
        self.returns_on_alarm = true;
    }

    /// How long a replacement's initialiser may take.
    pub(crate) fn set_task_timeout(&mut self, limit: Duration) {
        self.task_timeout = Some(limit);
    }

    /// Waits for the next event; without `timeout` for as long as it takes.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); } let mut group = example::group();
    /// assert!(matches!(group.recv(Some(std::time::Duration::ZERO)), Ok(pool::Event::Nothing)));
    /// ```
    ///
    /// # Errors
    /// The transport failed in a way that concerns no single worker.
    #[inline]
    pub fn recv(&mut self, timeout: Option<Duration>) -> Result<Event, PoolError> {
        if self.settled {
            match self.hub.recv(timeout)? {
                HubEvent::Reply { worker, reply } => return Ok(Event::Reply { worker, reply }),
                HubEvent::TimedOut => return Ok(Event::Nothing),
                HubEvent::Alarm if self.returns_on_alarm => {
                    self.note(HubEvent::Alarm);
                    if self.has_nothing_to_tell() {
                        return Ok(Event::Nothing);
                    }
                }
                other => self.note(other),
            }
        }
        self.recv_unsettled(timeout)
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
            Err(TransportError::Disconnected) => {
                Err(self.cause(worker, TransportError::Disconnected.into()))
            }
            Err(error) => Err(error.into()),
        }
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
        if let Some(worker) = self.places[worker].worker() {
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
        assert!(self.places[worker].worker().is_none(), "worker {worker} is still there");
        self.fill(worker, Stage::Ready)
    }
}
