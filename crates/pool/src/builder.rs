//! How a pool is made.

mod build;

use std::time::Duration;

use shm::{Kind, Pages};
use transport::{Setup, Value};

use crate::dispatch::Limits;
use crate::pool::Pool;
use crate::worker_command::WorkerCommand;

/// Most workers of one pool.
///
/// ```
/// assert!(pool::Pool::builder().workers(pool::MAX_WORKERS + 1).build().is_err());
/// ```
pub const MAX_WORKERS: usize = 64;
/// Most tasks that a worker may hold.
const MAX_IN_FLIGHT: usize = 1 << 16;
/// Unfinished tasks of a pool without a bound of its own.
const BOUND: usize = 4096;
/// Times that a task may be begun: one death is bad luck, and a second one with the same task is
/// hardly.
const ATTEMPTS: u32 = 2;

/// How a pool is made; see [`Pool::builder`].
///
/// ```
/// use std::time::Duration;
/// use pool::Pool;
///
/// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); }
/// # example::main(|| {
/// let pool = Pool::builder()
///     .transport("pipe")
///     .workers(2)
///     .longest_list(1000)
///     .task_timeout(Duration::from_secs(60))
///     .build()?;
/// assert_eq!(pool.pids().len(), 2);
/// # Ok(()) });
/// ```
#[derive(Clone, Debug)]
pub struct Builder {
    launch: WorkerCommand,
    transport: String,
    setup: Setup,
    cores: Vec<usize>,
    initialiser: Option<(String, Value)>,
    limits: Limits,
}

impl Pool {
    /// A pool, to be set up and then built. Its workers are this very program, unless
    /// [`Builder::launch`] names another.
    ///
    /// ```
    /// use pool::Pool;
    ///
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); }
    /// # example::main(|| {
    /// let pool = Pool::builder().workers(1).transport("pipe").build()?;
    /// assert!(pool.submit("halve", 8, ())?.result().is_ok());
    /// # Ok(()) });
    /// ```
    pub fn builder() -> Builder {
        Builder::new()
    }
}

impl Builder {
    fn new() -> Builder {
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        let setup = Setup {
            wakeup: String::new(),
            segment: Kind::Memfd,
            pages: Pages::Ready,
            workers: workers.min(MAX_WORKERS),
            depth: 2,
            max_list_items: 0,
            max_residents: 0,
            max_answer_items: 0,
            cross_core: workers > 1,
        };
        Builder {
            launch: WorkerCommand::current_exe(),
            transport: "shared".into(),
            setup,
            cores: Vec::new(),
            initialiser: None,
            limits: Limits {
                workers: 0,
                depth: 0,
                chunk: 1,
                bound: BOUND,
                task_timeout: None,
                attempts: ATTEMPTS,
            },
        }
    }

    /// The worker's program; this one itself unless said otherwise.
    ///
    /// ```
    /// use pool::{WorkerCommand, Pool};
    ///
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); }
    /// # example::main(|| {
    /// let newer = WorkerCommand { build: "2.0".into(), ..WorkerCommand::current_exe() };
    /// let refused = Pool::builder().launch(newer).build().unwrap_err();
    /// assert!(refused.to_string().ends_with("its build is itself, and 2.0 is asked for"));
    /// # Ok(()) });
    /// ```
    pub fn launch(mut self, launch: WorkerCommand) -> Builder {
        self.launch = launch;
        self
    }

    /// How tasks are carried, by name; `shared` unless said otherwise.
    ///
    /// ```
    /// use pool::Pool;
    ///
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); }
    /// # example::main(|| {
    /// for name in ["shared", "pipe", "pipe-serde", "socket", "vmsplice", "vm_read"] {
    ///     let pool = Pool::builder().transport(name).workers(1).build()?;
    ///     assert!(pool.submit("halve", 8, ())?.result().is_ok());
    /// }
    /// assert!(Pool::builder().transport("pigeon").build().is_err());
    /// # Ok(()) });
    /// ```
    pub fn transport(mut self, name: &str) -> Builder {
        self.transport = name.into();
        self
    }

    /// How the other side is woken, by name; the transport's first unless said otherwise. `event` is for
    /// measuring: a worker's stray write into its mutex aborts this process.
    ///
    /// ```
    /// use pool::Pool;
    ///
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); }
    /// # example::main(|| {
    /// let pool = Pool::builder().wakeup("hybrid").workers(1).build()?;
    /// assert!(pool.submit("halve", 8, ())?.result().is_ok());
    /// // The error says which there are.
    /// let refused = Pool::builder().wakeup("bugle").build().unwrap_err();
    /// assert!(refused.to_string().contains("futex"));
    /// # Ok(()) });
    /// ```
    pub fn wakeup(mut self, name: &str) -> Builder {
        self.setup.wakeup = name.into();
        self
    }

    /// What holds shared lists; a memfd unless said otherwise.
    ///
    /// ```
    /// use pool::Pool;
    /// use shm::Kind;
    ///
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); }
    /// # example::main(|| {
    /// let builder = Pool::builder().segment(Kind::File).workers(1).longest_list(3);
    /// let sum = builder.build()?.submit("sum", 0, vec![1, 2, 3])?;
    /// assert_eq!(sum.result()?.value, 6.into());
    /// # Ok(()) });
    /// ```
    pub fn segment(mut self, kind: Kind) -> Builder {
        self.setup.segment = kind;
        self
    }

    /// What pages shared lists lie in; of the usual size, mapped before the first task, unless said
    /// otherwise. Huge ones that the system does not give are no error.
    ///
    /// ```
    /// use pool::Pool;
    /// use shm::Pages;
    ///
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); }
    /// # example::main(|| {
    /// let pool = Pool::builder().pages(Pages::Huge).workers(1).longest_list(3).build()?;
    /// assert_eq!(pool.submit("sum", 0, vec![1, 2, 3])?.result()?.value, 6.into());
    /// # Ok(()) });
    /// ```
    pub fn pages(mut self, pages: Pages) -> Builder {
        self.setup.pages = pages;
        self
    }

    /// Worker processes; one for each core that this process may use unless said otherwise.
    ///
    /// ```
    /// use pool::Pool;
    ///
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); }
    /// # example::main(|| {
    /// assert_eq!(Pool::builder().workers(3).build()?.pids().len(), 3);
    /// # Ok(()) });
    /// ```
    pub fn workers(mut self, workers: usize) -> Builder {
        self.setup.workers = workers;
        self
    }

    /// Chunks of tasks in flight per worker; two unless said otherwise, so that a worker never
    /// waits for the next.
    ///
    /// ```
    /// use pool::Pool;
    ///
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); }
    /// # example::main(|| {
    /// let pool = Pool::builder().workers(1).depth(1).build()?;
    /// let first = pool.submit("sleep", 10, ())?;
    /// let second = pool.submit("sleep", 10, ())?;
    /// // The worker has the first one already.
    /// assert_eq!((first.cancel(), second.cancel()), (false, true));
    /// # Ok(()) });
    /// ```
    pub fn depth(mut self, depth: usize) -> Builder {
        self.setup.depth = depth;
        self
    }

    /// Tasks that are handed to a worker at once; one unless said otherwise. A chunk costs one
    /// wake-up or one write, however many short tasks it has.
    ///
    /// ```
    /// use pool::Pool;
    ///
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); }
    /// # example::main(|| {
    /// let pool = Pool::builder().workers(1).chunk(2).build()?;
    /// let first = pool.submit("halve", 8, ())?;
    /// // It waits for a second one, or for a call that wants a result.
    /// assert!(first.cancel());
    /// # Ok(()) });
    /// ```
    pub fn chunk(mut self, tasks: usize) -> Builder {
        self.limits.chunk = tasks;
        self
    }

    /// Tasks that may be unfinished; 4096 unless said otherwise. Beyond that
    /// [`Pool::submit`] waits, and [`Pool::try_submit`] says that it would.
    ///
    /// ```
    /// use pool::{Pool, TaskError};
    ///
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); }
    /// # example::main(|| {
    /// let pool = Pool::builder().workers(1).bound(2).build()?;
    /// let _first = pool.submit("sleep", 300, ())?;
    /// let _second = pool.submit("sleep", 300, ())?;
    /// let refused = pool.try_submit("sleep", 300, ()).unwrap_err();
    /// assert_eq!(refused.why, TaskError::WouldBlock { bound: 2 });
    /// # Ok(()) });
    /// ```
    pub fn bound(mut self, tasks: usize) -> Builder {
        self.limits.bound = tasks;
        self
    }

    /// How long a task may take, from when it is its worker's turn; for ever unless said otherwise.
    /// The worker of one that takes longer is ended and replaced. The pool looks whenever a result is
    /// waited for.
    ///
    /// ```
    /// use std::time::Duration;
    /// use pool::{Pool, TaskError};
    ///
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); }
    /// # example::main(|| {
    /// let limit = Duration::from_millis(50);
    /// let pool = Pool::builder().workers(1).task_timeout(limit).build()?;
    /// let endless = pool.submit("sleep", 60_000, ())?.result();
    /// assert!(matches!(endless, Err(TaskError::TimedOut { .. })));
    /// assert!(pool.submit("halve", 8, ())?.result().is_ok());
    /// # Ok(()) });
    /// ```
    pub fn task_timeout(mut self, limit: Duration) -> Builder {
        self.limits.task_timeout = Some(limit);
        self
    }

    /// How often a task may be begun whose workers die with it; twice unless said otherwise. That is
    /// for jobs that may be repeated ([`crate::Job::repeatable`]); any other is begun once. A task
    /// that kills each worker that takes it, ends as many workers as this and no more.
    ///
    /// ```
    /// use pool::Pool;
    ///
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); }
    /// # example::main(|| {
    /// let pool = Pool::builder().workers(1).attempts(3).build()?;
    /// assert_eq!(pool.submit("halve", 8, ())?.result()?.attempts, 1);
    /// # Ok(()) });
    /// ```
    pub fn attempts(mut self, times: u32) -> Builder {
        self.limits.attempts = times;
        self
    }

    /// A job that each worker runs before its first task, one that replaces a dead worker too.
    ///
    /// ```
    /// use pool::{Pool, PoolError};
    ///
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); }
    /// # example::main(|| {
    /// assert!(Pool::builder().workers(1).initialiser("halve", 8).build().is_ok());
    /// // Where it fails there is no pool.
    /// let refused = Pool::builder().workers(1).initialiser("halve", 7).build();
    /// assert!(matches!(refused, Err(PoolError::Attach { .. })));
    /// # Ok(()) });
    /// ```
    pub fn initialiser(mut self, job: &str, arg: impl Into<Value>) -> Builder {
        self.initialiser = Some((job.into(), arg.into()));
        self
    }

    /// Items of the longest list of a task; none unless said otherwise.
    ///
    /// ```
    /// use pool::{Pool, TaskError};
    ///
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); }
    /// # example::main(|| {
    /// let pool = Pool::builder().workers(1).longest_list(3).build()?;
    /// assert!(pool.submit("sum", 0, vec![1, 2, 3])?.result().is_ok());
    /// let longer = pool.submit("sum", 0, vec![1, 2, 3, 4])?.result();
    /// assert!(matches!(longer, Err(TaskError::Unsent(_))));
    /// # Ok(()) });
    /// ```
    pub fn longest_list(mut self, items: usize) -> Builder {
        self.setup.max_list_items = items;
        self
    }

    /// Items of the longest list in an answer; none unless said otherwise.
    ///
    /// ```
    /// use pool::{Pool, TaskError};
    ///
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); }
    /// # example::main(|| {
    /// let pool = Pool::builder().workers(1).longest_list(3).longest_answer(2).build()?;
    /// let squares = pool.submit("squares", 0, vec![3, 4])?.result()?;
    /// assert_eq!(squares.list, [9, 16]);
    /// let longer = pool.submit("squares", 0, vec![3, 4, 5])?.result();
    /// assert!(matches!(longer, Err(TaskError::Unencodable { .. })));
    /// # Ok(()) });
    /// ```
    pub fn longest_answer(mut self, items: usize) -> Builder {
        self.setup.max_answer_items = items;
        self
    }

    /// Lists that may be placed to stay; none unless said otherwise.
    ///
    /// ```
    /// use pool::Pool;
    ///
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); }
    /// # example::main(|| {
    /// let pool = Pool::builder().workers(1).longest_list(3).resident_lists(2).build()?;
    /// let halves = [pool.place(&[1, 2, 3])?, pool.place(&[4, 5, 6])?];
    /// let sums = pool.map("sum", halves.map(|half| (0, (half, 0..3))));
    /// assert_eq!(sums[1].as_ref().unwrap().value, 15.into());
    /// # Ok(()) });
    /// ```
    pub fn resident_lists(mut self, count: usize) -> Builder {
        self.setup.max_residents = count;
        self
    }

    /// Whether workers run on other cores than this thread; assumed where there is more than one
    /// core, unless said otherwise.
    ///
    /// ```
    /// use pool::Pool;
    ///
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); }
    /// # example::main(|| {
    /// let pool = Pool::builder().workers(1).apart(false).build()?;
    /// assert!(pool.submit("halve", 8, ())?.result().is_ok());
    /// # Ok(()) });
    /// ```
    pub fn apart(mut self, apart: bool) -> Builder {
        self.setup.cross_core = apart;
        self
    }

    /// Core of each worker; wherever the scheduler likes unless said otherwise.
    ///
    /// ```
    /// use pool::Pool;
    ///
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); }
    /// # example::main(|| {
    /// # let core = example::core();
    /// let pool = Pool::builder().workers(1).cores(vec![core]).build()?;
    /// let status = std::fs::read_to_string(format!("/proc/{}/status", pool.pids()[0]))?;
    /// assert!(status.contains(&format!("Cpus_allowed_list:\t{core}\n")));
    /// # Ok(()) });
    /// ```
    pub fn cores(mut self, cores: Vec<usize>) -> Builder {
        self.cores = cores;
        self
    }
}
