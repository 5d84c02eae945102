//! The plan of a link, for the worker.

use serde::{Deserialize, Serialize};

use super::remote_memory::RemoteMemory;

/// The plan of a link, which goes to the worker with two descriptors.
#[derive(Serialize, Deserialize)]
pub(super) struct Plan {
    pub(super) wait: String,
    /// Bytes of the longest body.
    pub(super) max_body_bytes: usize,
    /// Items of the longest list of an answer.
    pub(super) answer: usize,
    pub(super) cross_core: bool,
    /// The process to read lists from, if they are not sent.
    pub(super) remote: Option<RemoteMemory>,
}
