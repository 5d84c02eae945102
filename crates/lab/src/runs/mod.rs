//! Recorded runs: how one is opened, and how far the labs are.

pub mod load;
pub mod progress;
