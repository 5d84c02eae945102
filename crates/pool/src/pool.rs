//! Tasks in, results out.
//!
//! A pool has no thread of its own on the way of a task: it moves when it is called. `submit` sends
//! as many tasks as workers may hold and keeps the rest in line; waiting for a result collects and
//! sends on.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use shm::{Kind, Resident};
use transport::{Failure, List, Room, Setup, Task, TransportError, Value, What};

use crate::crew::{Crew, CrewPlan, Event, Launch};
use crate::error::{PoolError, TaskError};
use crate::keeper::Death;

/// How a pool is made.
#[derive(Clone, Debug)]
pub struct Builder {
    launch: Launch,
    transport: String,
    setup: Setup,
    jobs: Vec<String>,
    cores: Vec<usize>,
}

impl Builder {
    /// How tasks are carried, by name; `shared` unless said otherwise.
    pub fn transport(mut self, name: &str) -> Builder {
        self.transport = name.into();
        self
    }

    /// How the other side is woken, by name; the transport's first unless said otherwise.
    pub fn wakeup(mut self, name: &str) -> Builder {
        self.setup.wakeup = name.into();
        self
    }

    /// What holds shared lists; a memfd unless said otherwise.
    pub fn segment(mut self, kind: Kind) -> Builder {
        self.setup.segment = kind;
        self
    }

    /// Worker processes; one for each core unless said otherwise.
    pub fn workers(mut self, workers: usize) -> Builder {
        self.setup.workers = workers;
        self
    }

    /// Tasks in flight per worker; two unless said otherwise, so that a worker never waits for the
    /// next.
    pub fn depth(mut self, depth: usize) -> Builder {
        self.setup.depth = depth;
        self
    }

    /// Items of the longest list; none unless said otherwise.
    pub fn longest_list(mut self, items: usize) -> Builder {
        self.setup.room = items;
        self
    }

    /// Lists that may be placed to stay; none unless said otherwise.
    pub fn resident_lists(mut self, count: usize) -> Builder {
        self.setup.residents = count;
        self
    }

    /// Whether workers run on other cores than this thread; assumed where there is more than one
    /// worker, unless said otherwise.
    pub fn apart(mut self, apart: bool) -> Builder {
        self.setup.apart = apart;
        self
    }

    /// Names of the jobs that will be submitted.
    pub fn jobs<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Builder {
        self.jobs = names.into_iter().map(str::to_owned).collect();
        self
    }

    /// Core of each worker; wherever the scheduler likes unless said otherwise.
    pub fn cores(mut self, cores: Vec<usize>) -> Builder {
        self.cores = cores;
        self
    }

    /// Starts the workers.
    ///
    /// # Errors
    /// [`PoolError`]; nothing is left behind.
    pub fn build(self) -> Result<Pool, PoolError> {
        let transport = transport::by_name(&self.transport)
            .ok_or_else(|| PoolError::NoTransport(self.transport.clone()))?;
        let mut setup = self.setup;
        if setup.wakeup.is_empty() {
            setup.wakeup = transport.wakeups()[0].0.into();
        }
        setup.workers = setup.workers.max(1);
        setup.depth = setup.depth.max(1);
        let (launch, jobs, cores) = (self.launch, self.jobs, self.cores);
        let (padding, order) = (0, Vec::new());
        let plan = CrewPlan { launch, transport, setup, jobs, cores, padding, order };
        let crew = Crew::start(&plan)?;
        let inner = Inner {
            crew,
            plan,
            next: 0,
            line: VecDeque::new(),
            sent: HashMap::new(),
            done: HashMap::new(),
            finished: 0,
        };
        Ok(Pool(Rc::new(RefCell::new(inner))))
    }
}

/// Where a task's list is.
#[derive(Clone, Debug, Default)]
pub enum Data {
    /// It has none.
    #[default]
    None,
    /// Here: it is copied when the task is sent.
    Items(Arc<[i64]>),
    /// In the segment, placed by [`Pool::place`]: this part of it.
    Resident(Resident, Range<usize>),
}

/// Worker processes that run jobs by name. Dropping it ends them.
///
/// It belongs to one thread; a second thread has a second pool.
#[derive(Clone)]
pub struct Pool(Rc<RefCell<Inner>>);

/// A task's result, now or later. Dropping it forgets the result, not the task.
pub struct Future {
    pool: Pool,
    id: u32,
}

type Outcome = Result<Value, TaskError>;

struct Inner {
    crew: Crew,
    plan: CrewPlan,
    next: u32,
    /// Submitted and not sent.
    line: VecDeque<(Task, Payload)>,
    /// Sent and not answered, and to which worker.
    sent: HashMap<u32, usize>,
    /// Answered and not asked for, each with its place in the order of answers.
    done: HashMap<u32, (u64, Outcome)>,
    finished: u64,
}

enum Payload {
    Data(Data),
    Built(Room),
}

impl Pool {
    /// A pool of `launch`'s program.
    pub fn builder(launch: Launch) -> Builder {
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        let wakeup = String::new();
        let (segment, apart) = (Kind::Memfd, workers > 1);
        let setup = Setup { wakeup, segment, workers, depth: 2, room: 0, residents: 0, apart };
        Builder { launch, transport: "shared".into(), setup, jobs: Vec::new(), cores: Vec::new() }
    }

    /// Submits one task; it is sent now if a worker may hold one more.
    ///
    /// # Errors
    /// [`TaskError::UnknownJob`] where the builder was not told of that job.
    pub fn submit(&self, job: &str, arg: Value, data: Data) -> Result<Future, TaskError> {
        self.enter(job, arg, Payload::Data(data))
    }

    /// Submits one task with a list that was built in a room of [`Pool::list`].
    ///
    /// # Errors
    /// As [`Pool::submit`].
    pub fn submit_built(&self, job: &str, arg: Value, room: Room) -> Result<Future, TaskError> {
        self.enter(job, arg, Payload::Built(room))
    }

    fn enter(&self, job: &str, arg: Value, payload: Payload) -> Result<Future, TaskError> {
        let mut inner = self.0.borrow_mut();
        let number = inner.plan.jobs.iter().position(|name| name == job);
        let Some(number) = number else {
            return Err(TaskError::UnknownJob { job: job.into() });
        };
        let id = inner.next;
        inner.next = inner.next.wrapping_add(1);
        let task = Task { id, job: number as u16, arg, phase: false, park: false };
        inner.line.push_back((task, payload));
        inner.send_on();
        Ok(Future { pool: self.clone(), id })
    }

    /// Runs `job` on each of `tasks`; results are in their order.
    ///
    /// # Errors
    /// The pool itself failed. What became of each task is in its own place.
    pub fn map(
        &self,
        job: &str,
        tasks: impl IntoIterator<Item = (Value, Data)>,
    ) -> Result<Vec<Outcome>, PoolError> {
        let submitted: Vec<Result<Future, TaskError>> =
            tasks.into_iter().map(|(arg, data)| self.submit(job, arg, data)).collect();
        submitted
            .into_iter()
            .map(|future| match future {
                Ok(future) => future.result(),
                Err(error) => Ok(Err(error)),
            })
            .collect()
    }

    /// Gives each of `futures` as its task finishes, whichever is first.
    pub fn as_completed(
        &self,
        futures: impl IntoIterator<Item = Future>,
    ) -> impl Iterator<Item = Result<(Future, Outcome), PoolError>> {
        let mut waiting: Vec<Future> = futures.into_iter().collect();
        let pool = self.clone();
        std::iter::from_fn(move || {
            if waiting.is_empty() {
                return None;
            }
            loop {
                let mut inner = pool.0.borrow_mut();
                let first = inner.first_done(&waiting);
                if let Some((at, outcome)) = first {
                    let future = waiting.remove(at);
                    return Some(Ok((future, outcome)));
                }
                if let Err(error) = inner.wait(None) {
                    return Some(Err(error));
                }
            }
        })
    }

    /// Places a list in the segment, for any number of tasks.
    ///
    /// # Errors
    /// As [`transport::Hub::place`].
    pub fn place(&self, list: &[i64]) -> Result<Resident, PoolError> {
        Ok(self.0.borrow_mut().crew.hub().place(list)?)
    }

    /// Room for a list of `items` items, to be filled where the transport takes it from.
    ///
    /// # Errors
    /// As [`transport::Hub::reserve`].
    pub fn list(&self, items: usize) -> Result<Room, PoolError> {
        Ok(self.0.borrow_mut().crew.hub().reserve(items)?)
    }

    /// Sends all workers to sleep until [`Pool::unpark`], so that they disturb nobody. None may have
    /// a task.
    ///
    /// # Errors
    /// A worker died instead.
    pub fn park(&self) -> Result<(), PoolError> {
        self.0.borrow_mut().crew.park()
    }

    /// Wakes parked workers.
    ///
    /// # Errors
    /// A worker died instead.
    pub fn unpark(&self) -> Result<(), PoolError> {
        self.0.borrow_mut().crew.unpark()
    }

    /// Processes of the workers.
    pub fn pids(&self) -> Vec<u32> {
        self.0.borrow().crew.pids()
    }
}

impl Future {
    /// Waits for the task and gives what became of it.
    ///
    /// # Errors
    /// The pool itself failed.
    pub fn result(self) -> Result<Outcome, PoolError> {
        let mut inner = self.pool.0.borrow_mut();
        loop {
            if let Some((_, outcome)) = inner.done.remove(&self.id) {
                return Ok(outcome);
            }
            inner.wait(None)?;
        }
    }

    /// Whether the result is there; looks, and does not wait.
    ///
    /// # Errors
    /// The pool itself failed.
    pub fn done(&self) -> Result<bool, PoolError> {
        let mut inner = self.pool.0.borrow_mut();
        while !inner.done.contains_key(&self.id) && inner.wait(Some(Duration::ZERO))? {}
        Ok(inner.done.contains_key(&self.id))
    }

    /// The task's number in its pool, for telling futures apart.
    pub fn id(&self) -> u32 {
        self.id
    }
}

impl Inner {
    /// The first of `waiting` that is done, with its outcome.
    fn first_done(&mut self, waiting: &[Future]) -> Option<(usize, Outcome)> {
        let place = |future: &Future| self.done.get(&future.id).map(|(place, _)| *place);
        let done = waiting.iter().enumerate().filter_map(|(at, future)| Some((place(future)?, at)));
        let (_, at) = done.min()?;
        Some((at, self.done.remove(&waiting[at].id)?.1))
    }

    fn finish(&mut self, id: u32, outcome: Outcome) {
        self.sent.remove(&id);
        self.done.insert(id, (self.finished, outcome));
        self.finished += 1;
    }

    /// Waits for one thing to come; says whether anything did.
    fn wait(&mut self, patience: Option<Duration>) -> Result<bool, PoolError> {
        match self.crew.recv(patience)? {
            Event::Nothing => return Ok(false),
            Event::Reply { worker, reply } => {
                let pid = self.crew.pid(worker).unwrap_or(0);
                let outcome = reply.outcome.map_err(|failure| told(failure, worker, pid));
                self.finish(reply.task, outcome);
            }
            Event::Died(death) => {
                self.mourn(death);
                self.crew.replace(death.worker)?;
            }
        }
        self.send_on();
        Ok(true)
    }

    /// What the dead had in hand has no answer.
    fn mourn(&mut self, Death { worker, pid, ending }: Death) {
        let lost: Vec<u32> =
            self.sent.extract_if(|_, of| *of == worker).map(|(id, _)| id).collect();
        for id in lost {
            self.finish(id, Err(TaskError::WorkerDied { worker, pid, ending }));
        }
    }

    /// Sends tasks to whoever has least to do, as long as anybody may hold one more.
    fn send_on(&mut self) {
        while let Some((task, payload)) = self.line.pop_front() {
            let least = self.crew.least_busy();
            let Some((worker, _)) = least.filter(|(_, tasks)| *tasks < self.plan.setup.depth)
            else {
                self.line.push_front((task, payload));
                return;
            };
            let list = match payload {
                Payload::Data(Data::None) => List::None,
                Payload::Data(Data::Items(ref items)) => List::Copy(items),
                Payload::Data(Data::Resident(ref list, ref part)) => {
                    List::Resident(list, part.clone())
                }
                Payload::Built(room) => List::Built(room),
            };
            match self.crew.hub().send(worker, &task, list, None) {
                // Its death will be told; until then the task counts as in its hands.
                Ok(()) | Err(TransportError::Gone) => {
                    self.sent.insert(task.id, worker);
                }
                Err(error) => self.finish(task.id, Err(TaskError::Unsent(error.to_string()))),
            }
        }
    }
}

/// A worker's failure as the error of a task.
fn told(failure: Failure, worker: usize, pid: u32) -> TaskError {
    let message = failure.message;
    match failure.what {
        What::Error(name) => TaskError::Job { name, message, worker, pid },
        What::Panic => TaskError::Panicked { message, worker, pid },
        What::UnknownJob => TaskError::UnknownJob { job: message },
        What::Refused => TaskError::Refused { worker, message },
    }
}
