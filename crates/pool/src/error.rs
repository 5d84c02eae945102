//! What can become of a task, and of a pool.

use std::io;
use std::path::PathBuf;

use transport::TransportError;

use crate::keeper::{Death, Ending};

/// Why a task has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TaskError {
    /// The job returned an error of its own.
    #[error("{message}")]
    Job {
        /// Type of the error, as the job named it.
        name: String,
        /// What it said.
        message: String,
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
    /// No worker has a job of that name.
    #[error("the workers have no job `{job}`")]
    UnknownJob {
        /// The name asked for.
        job: String,
    },
    /// The worker refused the task's list.
    #[error("worker {worker} refused the list: {message}")]
    Refused {
        /// Number of the worker.
        worker: usize,
        /// Why.
        message: String,
    },
    /// The worker died with this task in its hands, or waiting there.
    #[error("worker {worker} (pid {pid}) died with this task: {ending}")]
    WorkerDied {
        /// Number of the worker.
        worker: usize,
        /// Its process.
        pid: u32,
        /// How.
        ending: Ending,
    },
    /// The transport refused the task before any worker saw it.
    #[error("the task could not be sent: {0}")]
    Unsent(String),
}

/// Why there is no pool, or no more of it.
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
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
    /// A worker is gone, and whoever asked has no pool to replace it.
    #[error("worker {} (pid {}) died: {}", .0.worker, .0.pid, .0.ending)]
    Died(Death),
    /// No transport of that name.
    #[error("there is no transport `{0}`")]
    NoTransport(String),
    /// The transport failed.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The control socket failed.
    #[error("the control socket of a worker failed: {0}")]
    Control(#[from] io::Error),
}
