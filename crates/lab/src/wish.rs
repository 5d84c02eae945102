//! What a lab can be asked for.

use crate::args::Common;

/// How much a heavy job computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Scale {
    /// The lecture's exact counts
    Lecture,
    /// Heavy jobs repeat their loop until they last as long as in CPython
    Calibrated,
}

impl Scale {
    /// The word in records.
    pub fn name(self) -> &'static str {
        match self {
            Scale::Lecture => "lecture",
            Scale::Calibrated => "calibrated",
        }
    }
}

/// What a lab can be asked for.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Worker processes.
    pub workers: usize,
    /// How much is computed.
    pub scale: Scale,
    /// Sets of fresh workers.
    pub generations: u32,
    /// Pairs of batches in each.
    pub pairs: u32,
    /// Options of every run.
    pub common: Common,
}
