//! What a record comes to: numbers and decisions, without a word of how they are shown.

pub mod advice;
pub mod cost_models;
pub(crate) mod limits;
pub(crate) mod speedups;
pub(crate) mod strata;
pub(crate) mod win_range;
