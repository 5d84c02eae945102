//! The lecture's labs: one file for each, and one line in [`ALL`].

mod quadrants;

use crate::args::Common;
use crate::book::Done;

/// Every lab, by number.
pub static ALL: &[&dyn Lab] = &[&quadrants::Quadrants];

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

/// One lab.
pub trait Lab: Sync {
    /// Its name on the command line.
    fn name(&self) -> &'static str;

    /// Its number in the lecture.
    fn number(&self) -> &'static str;

    /// What it asks.
    fn question(&self) -> &'static str;

    /// Asks it.
    ///
    /// # Errors
    /// Nothing could be measured at all.
    fn run(&self, wish: &Wish) -> anyhow::Result<Done>;
}

/// The lab of that name or number.
pub fn find(text: &str) -> Option<&'static dyn Lab> {
    ALL.iter().copied().find(|lab| lab.name() == text || lab.number() == text)
}
