//! Arithmetic on numbers: what a set of paired samples supports, and what it does not. Knows no record, no
//! process and no clock.
//!
//! | file | its one idea |
//! |---|---|
//! | [`paired_ratio`] | pairs of batches become a ratio with an interval, and perhaps a verdict |
//! | [`run_diff`] | how much one measurement changed from one run to another |
//! | [`stopping`] | interim analyses: when a cell has been measured for long enough |
//! | [`crossover`] | from where on along an axis the other arm wins, with an interval |
//! | [`isotonic`] | the best curve that never falls |
//! | [`cost_model`] | what a size that was not measured will take, and how far that may be off |
//! | [`mod@median`] | the middle of a sample, in one place |
#![forbid(unsafe_code)]

pub mod cost_model;
pub mod crossover;
pub mod isotonic;
pub mod median;
pub mod paired_ratio;
pub mod run_diff;
pub mod stopping;
#[cfg(test)]
mod synthetic;

pub use median::median;
