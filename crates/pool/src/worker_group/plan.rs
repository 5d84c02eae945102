//! What a group is made for, and what comes of it.

use transport::{Reply, Setup, Transport, UnansweredTask, Value};

use crate::supervisor::WorkerExit;
use crate::worker_command::WorkerCommand;

/// What a group is made for.
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
    /// Core of each worker; empty: the scheduler chooses.
    pub cores: Vec<usize>,
    /// Bytes added to the workers' environment, which moves their stacks.
    pub padding: usize,
    /// Order in which workers are started; empty: 0, 1, 2, ….
    pub order: Vec<usize>,
}

/// What a group's wait ended with.
///
/// ```
/// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); } let mut group = example::busy();
/// group.kill(0); // with one task in its queue
/// let died = group.recv(None).unwrap();
/// assert!(matches!(died, pool::Event::Died { unanswered, .. } if unanswered.len() == 1));
/// ```
#[derive(Debug)]
pub enum Event {
    /// A worker answered.
    Reply {
        /// Number of the worker.
        worker: usize,
        /// Its answer.
        reply: Reply,
    },
    /// A worker is dead and reaped. Its tasks are not in flight: no answer to them will come.
    Died {
        /// Which worker, and how it ended.
        exit: WorkerExit,
        /// Tasks that it had not answered, in order: only the first can have begun.
        unanswered: Vec<UnansweredTask>,
    },
    /// A replacement has taken its place, and may be sent tasks.
    Started {
        /// Number of the worker.
        worker: usize,
    },
    /// The time is over.
    Nothing,
}

/// A place without a worker.
///
/// ```
/// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); }
/// # example::main(|| {
/// let pool = pool::Pool::builder().workers(1).build()?;
/// let empty: Vec<pool::EmptyPlace> = pool.empty_places();
/// assert_eq!(empty.len() + pool.pids().len(), 1);
/// # Ok(()) });
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EmptyPlace {
    /// Number of the worker that would be there.
    pub worker: usize,
    /// Why there is none yet.
    pub why: String,
}
