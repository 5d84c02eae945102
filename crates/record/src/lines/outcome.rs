//! What became of one task, where that is asked and not how long it took.

use serde::{Deserialize, Serialize};

/// What became of one task, in a lab that asks for that and not for times.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskOutcome {
    /// Which lab asked.
    pub lab: String,
    /// Name of the transport.
    pub transport: String,
    /// workload (the lecture's own tasks) or faults (on purpose).
    pub part: String,
    /// Name of the job, or what was done to it.
    pub job: String,
    /// Number of the task in the order of submission; lines are in the order of completion.
    pub task: usize,
    /// Its argument.
    pub input: i64,
    /// Whether it has an answer.
    pub ok: bool,
    /// The answer, as CPython prints it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// Number of the worker that answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker: Option<usize>,
    /// Its process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// Why there is no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<OutcomeError>,
}

/// Why a task has no answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutcomeError {
    /// The error's type: the job's own where it made one.
    #[serde(rename = "type")]
    pub name: String,
    /// What it says.
    pub message: String,
    /// Number of the worker that it came from, where it came from one.
    pub worker: Option<usize>,
    /// That worker's process.
    pub pid: Option<u32>,
}
