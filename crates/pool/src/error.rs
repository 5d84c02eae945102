//! What can become of a task, and of a pool.

use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use serde::de::DeserializeOwned;
use transport::TransportError;

use crate::job_error::JobError;
use crate::supervisor::{ExitReason, WorkerExit};

/// Why a task has no answer.
///
/// ```
/// use pool::{Pool, TaskError};
/// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); }
/// # example::main(|| {
/// let pool = Pool::builder().workers(1).build()?;
/// match pool.submit("panic", 0, ())?.result() {
///     Err(TaskError::Panicked { message, .. }) => assert!(message.contains("on purpose")),
///     other => panic!("{other:?}"),
/// }
/// # Ok(()) });
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TaskError {
    /// The job returned an error of its own.
    #[error("{}", .error.message)]
    Job {
        /// The error, as the job made it.
        error: Box<JobError>,
        /// Number of the worker it was made in.
        worker: usize,
        /// Its process.
        pid: u32,
    },
    /// The job panicked; the worker lives.
    #[error("the job panicked in worker {worker} (pid {pid}): {message}")]
    Panicked {
        /// What the panic said, and where.
        message: String,
        /// Number of the worker.
        worker: usize,
        /// Its process.
        pid: u32,
    },
    /// The job answered with a list that no answer has room for; the worker lives.
    #[error("the answer from worker {worker} (pid {pid}) cannot be encoded: {message}")]
    Unencodable {
        /// How long the list was, and how long one may be.
        message: String,
        /// Number of the worker.
        worker: usize,
        /// Its process.
        pid: u32,
    },
    /// The task took longer than it may, and its worker was ended for that.
    #[error("the task was not done within {limit:?}: worker {worker} (pid {pid}) was ended")]
    TimedOut {
        /// What it was allowed.
        limit: Duration,
        /// Number of the worker.
        worker: usize,
        /// Its process.
        pid: u32,
    },
    /// Its future was cancelled before a worker had it.
    #[error("the task was cancelled before it began")]
    Cancelled,
    /// No worker has a job of that name.
    #[error("the workers have no job `{job}`; they have {known}")]
    UnknownJob {
        /// The name asked for.
        job: String,
        /// Those that they have.
        known: String,
    },
    /// The worker refused the task's list.
    #[error("worker {worker} refused the list: {message}")]
    Refused {
        /// Number of the worker.
        worker: usize,
        /// Why.
        message: String,
    },
    /// The worker died with this task in its queue, and it was not to be begun again: its job is not
    /// [`crate::Job::repeatable`], or it was begun [`crate::Builder::attempts`] times. Tasks that
    /// only waited there are sent to another worker instead.
    #[error("worker {worker} (pid {pid}) died with this task{}: {reason}", times(*attempts))]
    WorkerDied {
        /// Number of the worker.
        worker: usize,
        /// Its process.
        pid: u32,
        /// How.
        reason: ExitReason,
        /// Workers that died with it.
        attempts: u32,
    },
    /// The transport refused the task before any worker saw it.
    #[error("the task could not be sent: {0}")]
    Unsent(String),
    /// The task was given what another pool lent: only that pool knows who writes there.
    #[error("{what} of another pool was given: submit it to the pool that lent it")]
    Foreign {
        /// A room, or a resident list.
        what: &'static str,
    },
    /// The task was given a part that its resident list does not have.
    #[error("items {}..{} of a list of {items} were given", .part.start, .part.end)]
    OutOfRange {
        /// The part that was given.
        part: Range<usize>,
        /// Items of the list.
        items: usize,
    },
    /// As many tasks as the pool may have are unfinished.
    #[error("{bound} tasks are unfinished, and no more may be")]
    WouldBlock {
        /// How many.
        bound: usize,
    },
    /// The pool itself failed: no task of it will have an answer.
    #[error("the pool failed: {0}")]
    Pool(String),
}

impl TaskError {
    /// The job's own error as the type that it was made from by [`JobError::of`].
    ///
    /// ```
    /// use pool::Pool;
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); }
    /// # use example::Odd;
    /// # example::main(|| {
    /// let pool = Pool::builder().workers(1).build()?;
    /// let error = pool.submit("halve", 7, ())?.result().unwrap_err();
    /// assert_eq!(error.downcast(), Some(Odd { number: 7 }));
    /// # Ok(()) });
    /// ```
    pub fn downcast<E: DeserializeOwned>(&self) -> Option<E> {
        match self {
            TaskError::Job { error, .. } => error.downcast(),
            _ => None,
        }
    }

    /// The error's type, as records name it: the job's own where it has one.
    ///
    /// ```
    /// assert_eq!(pool::TaskError::Cancelled.name(), "Cancelled");
    /// ```
    pub fn name(&self) -> &str {
        match self {
            TaskError::Job { error, .. } => &error.name,
            TaskError::Panicked { .. } => "Panicked",
            TaskError::Unencodable { .. } => "Unencodable",
            TaskError::TimedOut { .. } => "TimedOut",
            TaskError::Cancelled => "Cancelled",
            TaskError::UnknownJob { .. } => "UnknownJob",
            TaskError::Refused { .. } => "Refused",
            TaskError::WorkerDied { .. } => "WorkerDied",
            TaskError::Unsent(_) => "Unsent",
            TaskError::Foreign { .. } => "Foreign",
            TaskError::OutOfRange { .. } => "OutOfRange",
            TaskError::WouldBlock { .. } => "WouldBlock",
            TaskError::Pool(_) => "Pool",
        }
    }

    /// Where it was made: number of the worker and its process.
    ///
    /// ```
    /// assert_eq!(pool::TaskError::Cancelled.place(), None);
    /// ```
    pub fn place(&self) -> Option<(usize, Option<u32>)> {
        match *self {
            TaskError::Job { worker, pid, .. }
            | TaskError::Panicked { worker, pid, .. }
            | TaskError::Unencodable { worker, pid, .. }
            | TaskError::TimedOut { worker, pid, .. }
            | TaskError::WorkerDied { worker, pid, .. } => Some((worker, Some(pid))),
            TaskError::Refused { worker, .. } => Some((worker, None)),
            TaskError::Cancelled
            | TaskError::UnknownJob { .. }
            | TaskError::Unsent(_)
            | TaskError::Foreign { .. }
            | TaskError::OutOfRange { .. }
            | TaskError::WouldBlock { .. }
            | TaskError::Pool(_) => None,
        }
    }
}

impl PoolError {
    /// A transport's refusal of a list, with the setting that decides it.
    pub(crate) fn of_list(cause: TransportError) -> PoolError {
        let setting = match cause {
            TransportError::TooLong { .. } => "longest_list",
            TransportError::Full { what: "resident list" } => "resident_lists",
            _ => return cause.into(),
        };
        PoolError::Limit { setting, cause }
    }
}

fn are(count: usize) -> &'static str {
    if count == 1 { " is" } else { "s are" }
}

/// How often a task was begun, where that was more than once.
fn times(attempts: u32) -> String {
    if attempts > 1 { format!(", as {} had before", others(attempts - 1)) } else { String::new() }
}

fn others(count: u32) -> String {
    if count == 1 { "another".into() } else { format!("{count} others") }
}

/// Why there is no pool, or no more of it.
///
/// ```
/// use pool::{Pool, PoolError};
///
/// let refused = Pool::builder().workers(0).build().err().unwrap();
/// assert!(matches!(refused, PoolError::Setting { field: "workers", .. }));
/// ```
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    /// A setting makes no sense.
    #[error("{field} cannot be {value}: {why}")]
    Setting {
        /// The builder's method.
        field: &'static str,
        /// What it was given.
        value: String,
        /// What it takes.
        why: &'static str,
    },
    /// The program cannot be started.
    #[error("the worker {program} cannot be started: {cause}")]
    Start {
        /// Which program.
        program: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// The program is something else, or another build.
    #[error("{program} is not a worker of this build: {what}")]
    Foreign {
        /// Which program.
        program: PathBuf,
        /// What it did instead.
        what: String,
    },
    /// A worker could not take its place.
    #[error("worker {worker} could not take its place: {what}")]
    Attach {
        /// Number of the worker.
        worker: usize,
        /// What it said.
        what: String,
    },
    /// A worker is dead, and this call does not replace it.
    #[error("worker {} (pid {}) died: {}", .0.worker, .0.pid, .0.reason)]
    Died(WorkerExit),
    /// This process was itself started as a worker, and does not serve.
    #[error(
        "this process was started as a worker, and its main went on without serving: call \
         pool::serve_if_worker (or pool::serve) first thing in main"
    )]
    NotServing,
    /// No worker is left, and none can be started.
    #[error("no worker is left, and none can be started: {why}")]
    NoWorkers {
        /// Why the last one could not take its place.
        why: String,
    },
    /// Workers cannot be parked while tasks are unfinished.
    #[error("{unfinished} task{} unfinished: take the results before parking", are(*.unfinished))]
    Busy {
        /// How many.
        unfinished: usize,
    },
    /// No transport of that name.
    #[error("there is no transport `{0}`")]
    NoTransport(String),
    /// A list is longer than lists of this pool may be, or there are as many as it may have.
    #[error("{cause} (the pool's `{setting}` decides)")]
    Limit {
        /// The builder's method.
        setting: &'static str,
        /// What the transport said.
        cause: TransportError,
    },
    /// The transport failed.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The control socket failed.
    #[error("the control socket of a worker failed: {0}")]
    Control(#[from] io::Error),
}
