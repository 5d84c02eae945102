//! Some tasks of a trial, stamp by stamp.

use measure::Phase;
use serde::{Deserialize, Serialize};

/// Phases of a task.
const PHASES: usize = Phase::ALL.len();

/// When what happened to some stamped tasks of one trial.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timelines {
    /// `id` of the trial.
    pub trial: u64,
    /// The tasks, in the order in which they were sent.
    pub tasks: Vec<TaskTimeline>,
}

/// One task's way, on the monotonic clock that all processes share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskTimeline {
    /// Set of workers.
    pub generation: u32,
    /// Its number in its batch.
    pub task: u32,
    /// Worker that had it.
    pub worker: usize,
    /// When the coordinator turned to it.
    pub reserved_ns: u64,
    /// How long each phase took, in the order of [`Phase::ALL`].
    pub phases_ns: [u64; PHASES],
}
