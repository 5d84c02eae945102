//! What a measurement is given: the worker's program, the cores, the list, and the run that it belongs to; and a lab at
//! work.

use std::time::Instant;

use rand::SeedableRng;
use rand::rngs::StdRng;
use record::{Claim, Line};

use crate::ending::Outcome;
use crate::experiment::schedule::World;
use crate::interrupt::Interrupt;
use crate::list::List;
use crate::options::LabOptions;
use crate::progress::Progress;
use crate::run_writer::RunWriter;
use crate::worker_program::WorkerProgram;

/// What every cell of a run shares.
pub struct CellContext<'a> {
    /// The worker's program.
    pub program: &'a WorkerProgram,
    /// The list.
    pub list: &'a List,
    /// Cores that may be used.
    pub allowed: &'a [usize],
    /// Whether a signal asked to end.
    pub interrupt: &'a Interrupt,
    /// Name of the run.
    pub run: &'a str,
}

impl World for CellContext<'_> {
    fn now(&self) -> Instant {
        Instant::now()
    }
    fn is_interrupted(&self) -> bool {
        self.interrupt.signal().is_some()
    }
}

/// One lab at work: the run that it writes, what it was asked for, and how far it is.
pub struct LabContext<'a> {
    /// The run so far.
    pub run: &'a mut RunWriter,
    /// What was asked for.
    pub options: &'a LabOptions,
    /// Name of the lab.
    pub lab: &'static str,
    /// Decides every order.
    pub random: StdRng,
    /// How far it is.
    pub progress: Progress,
    /// What its lines alone do not say of it.
    pub outcome: Outcome,
}

impl<'a> LabContext<'a> {
    /// `lab` at work in `run`.
    pub fn new(
        run: &'a mut RunWriter,
        options: &'a LabOptions,
        lab: &'static str,
    ) -> LabContext<'a> {
        let random = StdRng::seed_from_u64(run.seed);
        let progress = Progress::new(0, options.run.quiet);
        LabContext { run, options, lab, random, progress, outcome: Outcome::default() }
    }

    /// Writes down whether something that the lecture says was seen.
    ///
    /// # Errors
    /// The disk is full, or stdout is closed.
    pub fn claim(
        &mut self,
        text: impl Into<String>,
        seen: bool,
        reason: String,
    ) -> anyhow::Result<()> {
        let claim = Claim { lab: self.lab.into(), text: text.into(), seen, reason };
        self.run.append(Line::Claim(claim))
    }

    /// Whether a signal asked to end.
    pub fn is_interrupted(&self) -> bool {
        self.run.interrupt.signal().is_some()
    }
}
