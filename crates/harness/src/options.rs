//! What a run, and a lab, can be asked for: plain structs, which the command line fills.

use std::path::PathBuf;
use std::time::Duration;

/// Options of every run.
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    /// Folder for the record; a run that was interrupted there is continued. One of its own in `runs` unless given.
    pub folder: Option<PathBuf>,
    /// Whether the record's lines are written to stdout too.
    pub echo: bool,
    /// Whether nothing is said on stderr while measuring.
    pub quiet: bool,
    /// Seed of every random order; chosen unless given.
    pub seed: Option<u64>,
    /// Longest time to measure.
    pub budget: Option<Duration>,
    /// Program that is the worker, instead of the one beside this one.
    pub worker: Option<PathBuf>,
}

/// How much a heavy job computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// The lecture's exact counts.
    Lecture,
    /// Heavy jobs repeat their loop until they last as long as in CPython.
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
pub struct LabOptions {
    /// Worker processes.
    pub workers: usize,
    /// How much is computed.
    pub scale: Scale,
    /// Nominal durations of a task, where the lab has such an axis.
    pub durations: Option<Vec<Duration>>,
    /// Bytes of each task's list, 0 for none, where the lab has such an axis.
    pub sizes: Option<Vec<usize>>,
    /// Workers to be killed, where the lab kills any.
    pub kills: Option<u32>,
    /// Sets of fresh workers.
    pub generations: u32,
    /// Pairs of batches in each.
    pub pairs: u32,
    /// Options of every run.
    pub run: RunOptions,
}

impl LabOptions {
    /// The options in words: a run with the same ones is continued.
    pub fn fingerprint(&self) -> String {
        let LabOptions { workers, scale, durations, sizes, kills, generations, pairs, run: _ } =
            self;
        let mut text = format!("{} {workers} workers {generations}x{pairs}", scale.name());
        if let Some(durations) = durations {
            text += &format!(" {durations:?}");
        }
        if let Some(kills) = kills {
            text += &format!(" {kills} kills");
        }
        sizes.as_ref().map_or(text.clone(), |sizes| format!("{text} {sizes:?} B"))
    }
}
