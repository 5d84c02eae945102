//! The workers of one hub: started, given their places, parked, asked for their counters, replaced.
//!
//! A sweep drives the crew's hub directly; [`crate::Pool`] is tasks and results on top of it.

mod parked;

use std::collections::VecDeque;
use std::time::Duration;

use measure::Timeline;
use rustc_hash::FxHashMap;
use transport::{
    Arrival, Hub, List, Reply, Setup, Task, Transport, TransportError, Unanswered, Value,
};

use crate::control::{Order, Word};
use crate::error::PoolError;
use crate::keeper::{Death, Ending, Keeper, Process};
use crate::launch::Launch;
use crate::worker::Worker;

pub use crate::control::Report;

/// What a crew is for.
///
/// ```
/// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); } let mut plan = example::plan();
/// plan.initialiser = Some(("halve".into(), 7.into()));
/// assert!(matches!(pool::Crew::start(&plan), Err(pool::PoolError::Attach { .. })));
/// ```
#[derive(Clone)]
pub struct CrewPlan {
    /// Which program is a worker.
    pub launch: Launch,
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
    /// Order in which workers are started; empty: 0, 1, 2, ….
    pub order: Vec<usize>,
}

/// What came.
///
/// ```
/// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); } let mut crew = example::busy();
/// crew.kill(0); // with one task in its hands
/// let died = crew.recv(None).unwrap();
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
        death: Death,
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
/// let mut crew = pool::Crew::start(&plan).unwrap(); // one worker, over `shared`
/// let job = crew.job("halve").unwrap();
/// let task = transport::Task { id: 7, job, arg: 8.into(), phase: false, park: false };
/// crew.send(0, &task, transport::List::None, None).unwrap();
/// let event = crew.recv(None).unwrap();
/// assert!(matches!(event, pool::Event::Reply { reply, .. } if reply.outcome == Ok(4.into())));
/// ```
pub struct Crew {
    plan: CrewPlan,
    jobs: Vec<String>,
    /// Number of each; of two with one name the first's. A pool asks for it at each submission.
    numbers: FxHashMap<String, usize>,
    /// Of each job, whether a task of it may be begun again.
    repeatable: Vec<bool>,
    workers: Vec<Option<Worker>>,
    dying: VecDeque<Death>,
    strayed: Option<usize>,
    // The order of the next two matters: workers end before the memory that they map.
    keeper: Keeper,
    hub: Box<dyn Hub>,
}

impl Crew {
    /// Starts the workers and waits until all have taken their places.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); } let plan = example::plan();
    /// assert_eq!(pool::Crew::start(&plan).unwrap().pids().len(), 1);
    /// ```
    ///
    /// # Errors
    /// [`PoolError`]; no worker is left behind.
    pub fn start(plan: &CrewPlan) -> Result<Crew, PoolError> {
        let hub = plan.transport.hub(&plan.setup)?;
        let keeper = Keeper::new(hub.alarm())?;
        let workers = (0..plan.setup.workers).map(|_| None).collect();
        let (plan, dying, strayed) = (plan.clone(), VecDeque::new(), None);
        let (jobs, numbers, repeatable) = (Vec::new(), FxHashMap::default(), Vec::new());
        let mut crew =
            Crew { plan, jobs, numbers, repeatable, workers, dying, strayed, keeper, hub };
        let plan = crew.plan.clone();
        let mut order: Vec<usize> = (0..plan.setup.workers).collect();
        if plan.order.len() == order.len() {
            order.clone_from(&plan.order);
        }
        // All start before the first is waited for: they load at the same time.
        for &worker in &order {
            crew.workers[worker] = Some(crew.spawn(worker)?);
        }
        order.iter().try_for_each(|&worker| crew.welcome(worker))?;
        Ok(crew)
    }

    /// Asks `launch`'s program who it is, and ends it.
    ///
    /// ```
    /// let stranger = pool::Launch { program: "/bin/true".into(), ..pool::Launch::itself() };
    /// assert!(matches!(pool::Crew::probe(&stranger), Err(pool::PoolError::Foreign { .. })));
    /// ```
    ///
    /// # Errors
    /// [`PoolError::Start`] or [`PoolError::Foreign`].
    pub fn probe(launch: &Launch) -> Result<(), PoolError> {
        let keeper = Keeper::new(transport::Alarm::new(None))?;
        let worker = Worker::start(&keeper, launch, 0, 0)?;
        let known = worker.hello(launch);
        if known.is_err() {
            worker.process.kill();
        }
        drop(worker.control);
        if !keeper.wait_for_all(Duration::from_secs(1)) {
            worker.process.kill();
            keeper.wait_for_all(Duration::from_secs(1));
        }
        known
    }

    /// The hub, to reserve, place and send through.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); } let mut crew = example::crew();
    /// assert_eq!(crew.hub().reserve(3).unwrap().items_mut().len(), 3);
    /// ```
    pub fn hub(&mut self) -> &mut dyn Hub {
        &mut *self.hub
    }

    /// Process of each worker that lives.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); } let crew = example::crew();
    /// assert_eq!(crew.pids().len(), 1);
    /// ```
    pub fn pids(&self) -> Vec<u32> {
        self.workers.iter().flatten().map(|worker| worker.process.pid).collect()
    }

    /// Process of worker `worker`, while it lives.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); } let crew = example::crew();
    /// assert_eq!(crew.pid(0), Some(crew.pids()[0]));
    /// ```
    pub fn pid(&self, worker: usize) -> Option<u32> {
        self.workers[worker].as_ref().map(|worker| worker.process.pid)
    }

    /// Waits for whatever comes first; without `patience` for as long as it takes.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); } let mut crew = example::crew();
    /// assert!(matches!(crew.recv(Some(std::time::Duration::ZERO)), Ok(pool::Event::Nothing)));
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
                    self.dying.extend(self.keeper.take_deaths());
                    continue;
                }
                Arrival::Gone { worker } => self.bury(worker)?,
                Arrival::Lie { worker, what: _ } => {
                    self.kill(worker);
                    Death { ending: Ending::Lied, ..self.bury(worker)? }
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
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); } let mut crew = example::crew();
    /// let task = transport::Task { id: 7, job: 0, arg: 8.into(), phase: false, park: false };
    /// assert!(crew.send(0, &task, transport::List::None, None).is_ok());
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
    fn death_of(&mut self, worker: usize) -> Option<Death> {
        let known = self.dying.iter().any(|death| death.worker == worker);
        if !known && !self.keeper.wait_for(worker, Duration::from_secs(1)) {
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
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); } let crew = example::crew();
    /// assert_eq!(crew.jobs(), ["halve", "sum", "squares", "sleep", "panic"]);
    /// ```
    pub fn jobs(&self) -> &[String] {
        &self.jobs
    }

    /// Number of the job of that name: what its tasks say.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); } let crew = example::crew();
    /// assert_eq!((crew.job("sum"), crew.job("guess")), (Some(1), None));
    /// ```
    pub fn job(&self, name: &str) -> Option<u16> {
        self.numbers.get(name).and_then(|at| u16::try_from(*at).ok())
    }

    /// Whether a task of job number `job` may be begun again where its worker died.
    pub(crate) fn repeatable(&self, job: u16) -> bool {
        self.repeatable.get(usize::from(job)).is_some_and(|repeatable| *repeatable)
    }

    /// Ends worker `worker` at once; its death is told by [`Crew::recv`].
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); } let mut crew = example::crew();
    /// crew.kill(0);
    /// assert!(matches!(crew.recv(None), Ok(pool::Event::Died { .. })));
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
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); } let mut crew = example::crew();
    /// crew.kill(0);
    /// crew.recv(None).unwrap();
    /// assert!(crew.pid(0).is_none() && crew.replace(0).is_ok());
    /// ```
    ///
    /// # Errors
    /// As [`Crew::start`].
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
        Worker::start(&self.keeper, &self.plan.launch, worker, self.plan.padding)
    }

    /// Hears who worker `worker` is and gives it its place. If a signal killed it meanwhile, that is
    /// what is told, and not how far it came.
    fn welcome(&mut self, worker: usize) -> Result<(), PoolError> {
        self.attach(worker).map_err(|fault| match self.death_of(worker) {
            Some(death) if matches!(death.ending, Ending::Killed(_)) => PoolError::Died(death),
            _ => fault,
        })
    }

    fn attach(&mut self, worker: usize) -> Result<(), PoolError> {
        let Some(there) = &self.workers[worker] else { unreachable!("it was just started") };
        there.hello(&self.plan.launch)?;
        let handover = self.hub.attach(worker)?;
        let attach = Order::Attach {
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
            Some((Word::Ready { jobs }, _)) => {
                (self.jobs, self.repeatable) = jobs.into_iter().unzip();
                // From the last: of two with one name the first stays.
                self.numbers =
                    self.jobs.iter().enumerate().rev().map(|(at, job)| (job.clone(), at)).collect();
                Ok(())
            }
            Some((Word::Trouble { message }, _)) => Err(trouble(message)),
            Some((other, _)) => Err(trouble(format!("it said {other:?}"))),
            None => Err(trouble("it ended".into())),
        }
    }

    /// The death of a worker whose end is closed; it is ended if it does not come by itself.
    fn bury(&mut self, worker: usize) -> Result<Death, PoolError> {
        for patience in [Duration::from_secs(1), Duration::from_secs(5)] {
            let known = self.dying.iter().position(|death| death.worker == worker);
            if let Some(death) = known.and_then(|at| self.dying.remove(at)) {
                return Ok(death);
            }
            if !self.keeper.wait_for(worker, patience) {
                self.kill(worker);
            }
            self.dying.extend(self.keeper.take_deaths());
        }
        let known = self.dying.iter().position(|death| death.worker == worker);
        let death = known.and_then(|at| self.dying.remove(at));
        death.ok_or_else(|| std::io::Error::other("a worker cannot be killed").into())
    }
}

impl Drop for Crew {
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
        if !self.keeper.wait_for_all(Duration::from_secs(1)) {
            processes.iter().for_each(Process::kill);
            self.keeper.wait_for_all(Duration::from_secs(5));
        }
    }
}
