//! What is left after a kill, as a record has it.

use serde::{Deserialize, Serialize};

/// One owner, killed in a chosen state, and what was left of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Kill {
    /// Which lab asked.
    pub lab: String,
    /// `worker`: of a task; `lock`, `segment`: of one.
    pub owner: String,
    /// The transport, the lock, or the kind of segment.
    pub of: String,
    /// In which state, or what was done to it.
    pub state: String,
    /// What was left, in words.
    pub outcome: String,
    /// Whether that is what the documentation says.
    pub well: bool,
    /// Processes and named segments that were left.
    pub left: u64,
    /// From the kill until a replacement was there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_ns: Option<u64>,
}

/// A chaos test: workers killed at random instants under load.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Chaos {
    /// Which lab asked.
    pub lab: String,
    /// Name of the transport.
    pub transport: String,
    /// Name of the wake-up.
    pub wakeup: String,
    /// What held shared lists, where any were.
    pub segment: Option<String>,
    /// Worker processes.
    pub workers: usize,
    /// Workers killed.
    pub kills: u32,
    /// Tasks submitted.
    pub tasks: u64,
    /// Tasks that were started more than once.
    pub again: u64,
    /// Tasks without an answer.
    pub lost: u64,
    /// Tasks with a second answer.
    pub duplicated: u64,
    /// Answers that were not the right ones.
    pub wrong: u64,
    /// Workers that were still there.
    pub workers_left: u64,
    /// Segments that still had a name, or were still mapped.
    pub segments_left: u64,
    /// Descriptors that were open and had not been before.
    pub descriptors_left: u64,
    /// Threads of the coordinator that wait for ever for a lock that died with its holder, as only the
    /// wake-up `event` has one. Each keeps two segments and their descriptors, not counted above.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub given_up: u64,
    /// How long it took.
    pub wall_ns: u64,
    /// The error of the first task that was lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<String>,
    /// Why it ended early.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Chaos {
    /// Whether nothing was lost, doubled, wrong or left.
    pub fn is_clean(&self) -> bool {
        self.lost + self.duplicated + self.wrong + self.left() == 0
    }

    /// Workers, segments and descriptors that were still there.
    pub fn left(&self) -> u64 {
        self.workers_left + self.segments_left + self.descriptors_left
    }
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}
