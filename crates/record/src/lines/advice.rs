//! How long each plan for a case is predicted to take.

use serde::{Deserialize, Serialize};

use crate::params::{Placement, Wait};

/// Plans for a case, the one that is predicted to be done first before the others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AdviceLine {
    /// The run that it was learnt from.
    pub run: String,
    /// Bytes of each task's list.
    pub bytes: usize,
    /// Computing of each task.
    pub compute_ns: u64,
    /// Tasks.
    pub tasks: usize,
    /// Worker processes of a pool.
    pub workers: usize,
    /// Cores that the machine of that run has: a speedup ends at the smaller of both.
    pub cores: usize,
    /// Which core runs which process.
    pub placement: Placement,
    /// What a process does while it waits.
    pub wait: Wait,
    /// The plans.
    pub plans: Vec<PlanLine>,
    /// Name of the first plan, or `TOO CLOSE TO CALL` where the second's interval overlaps its own.
    pub verdict: String,
}

/// One plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanLine {
    /// `sequential`, or the way through a pool: `pipe`, `shared place`, `shared resident`.
    pub plan: String,
    /// All tasks, from the first submitted to the last collected.
    pub predicted_ns: u64,
    /// Lower end of its interval.
    pub low_ns: u64,
    /// Upper end.
    pub high_ns: u64,
    /// Times as fast as sequential.
    pub speedup: f64,
    /// measured, inside or extrapolated.
    pub basis: String,
    /// What it took when it was measured afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured_ns: Option<u64>,
}
