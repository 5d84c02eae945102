//! Times, distributions, comparisons and recorded runs. Knows nothing of processes or transports.
//!
//! | file | its one idea |
//! |---|---|
//! | [`clock`] | one number line for every process of a boot, and what reading it costs |
//! | [`timeline`] | nine stamps of one task, and the eight phases between them |
//! | [`histogram`] | a distribution kept whole |
//! | [`counters`] | what the kernel counted for this thread |
//! | [`compare`] | pairs of batches become a ratio with an interval, and perhaps a verdict |
//! | [`change`] | how much one thing changed from one run to another |
//! | [`stopping`] | when a cell has been measured for long enough |
//! | [`isotonic`] | the best curve that never falls |
//! | [`crossover`] | from where on along an axis the other arm wins, with an interval |
//! | [`bystanders`] | what others took of the cores meanwhile |
//! | [`machine`] | what a figure would be without: nothing |
//! | [`model`] | what a size that was not measured will take, and how far that may be off |
//! | [`plans`] | how long many tasks will take, alone and through pools |
//! | [`owners`] | what of an owner survives its death |
//! | [`prediction`] | what somebody guessed, beside what came of it |
//! | [`record`] | the lines of run.jsonl |
//! | [`run`] | a folder that keeps them, line by line, and the way back |
#![forbid(unsafe_code)]

pub mod bystanders;
pub mod change;
pub mod clock;
pub mod compare;
pub mod counters;
pub mod crossover;
pub mod histogram;
pub mod isotonic;
pub mod machine;
pub mod model;
pub mod owners;

pub mod plans;
pub mod prediction;
pub mod record;
pub mod run;
pub mod stopping;
#[cfg(test)]
mod synthetic;
pub mod timeline;

pub use clock::now;
pub use histogram::{Distribution, Histogram, middle};
pub use timeline::{Phase, Stamp, Timeline};
