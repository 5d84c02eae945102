//! What a worker is told of its link.

use serde::{Deserialize, Serialize};

use super::fetch::Source;

/// What a worker is told beside its two descriptors.
#[derive(Serialize, Deserialize)]
pub(super) struct Plan {
    pub(super) wait: String,
    /// Bytes of the longest body.
    pub(super) longest: usize,
    /// Items of the longest list that an answer may have.
    pub(super) answer: usize,
    pub(super) apart: bool,
    /// Where lists are fetched from, where they do not travel.
    pub(super) source: Option<Source>,
}
