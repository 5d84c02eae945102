//! Carries a plan out: every cell in random order, every line written down as soon as it is known.

use std::time::Instant;

use measure::record::Line;
use measure::run::PairRow;
use measure::stopping::Stopped;
use measure::timeline::Timelines;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use crate::args::Common;
use crate::beside::Beside;
use crate::book::{Book, Done, Outcome};
use crate::floor;
use crate::models;
use crate::placement;
use crate::plan::{Cell, Plan};
use crate::progress::Progress;
use crate::refusal::Refusal;
use crate::session::Session;
use crate::source::Source;
use crate::trial::{self, Setting};

/// Carries `plan` out with lists from `source`, which is asked once the plan is known to fit.
///
/// # Errors
/// Nothing could be measured at all: a [`Refusal`] where the user can mend it.
pub fn carry_out(
    plan: &Plan,
    source: impl FnOnce() -> Result<Source, Refusal>,
    common: &Common,
) -> anyhow::Result<Done> {
    check(plan, &placement::allowed_cores()?)?;
    let source = source()?;
    let mut book = Book::begin(common, plan.fingerprint())?;
    let outcome = measure_all(&mut book, plan, &source, common.quiet)?;
    models::say(&mut book)?;
    book.end(outcome)
}

/// Carries `plan` out as part of a lab.
///
/// # Errors
/// It does not fit, or the disk is full, or stdout is closed.
pub fn ask(session: &mut Session<'_>, plan: &Plan) -> anyhow::Result<()> {
    check(plan, &session.book.allowed)?;
    let source = Source::range(plan.longest());
    session.outcome = measure_all(session.book, plan, &source, session.wish.common.quiet)?;
    Ok(())
}

/// Measures every cell of `plan` that the record does not have yet.
///
/// # Errors
/// The disk is full, or stdout is closed.
pub fn measure_all(
    book: &mut Book,
    plan: &Plan,
    source: &Source,
    quiet: bool,
) -> anyhow::Result<Outcome> {
    let mut random = StdRng::seed_from_u64(book.seed);
    let measured = |cell: &&Cell| is_measured(cell, &book.lines, &book.allowed);
    let mut left: Vec<&Cell> = plan.cells.iter().filter(|cell| !measured(cell)).collect();
    left.shuffle(&mut random);
    // A record that lacks nothing gets no further lines.
    let floor = plan.floor && !left.is_empty();
    if floor {
        floor::beside(book, plan)?;
    }
    let beside = match floor {
        true => Beside::measure(book, &left, source, &mut random),
        false => Beside::default(),
    };
    let shared = Shared { plan, source, beside };
    let mut progress = Progress::new(left.len(), quiet);
    let mut outcome = Outcome { worker_lost: shared.beside.worker_lost, ..Outcome::default() };
    while let Some(cell) = left.pop() {
        if book.interrupt.signal().is_some() {
            break;
        }
        let what = if cell.control { " control" } else { "" };
        let name = format!("{} {}{what}", report::size(cell.bytes), cell.placement);
        progress.begin(&name);
        shared.measure(book, cell, &left, &mut random, &mut outcome)?;
        progress.finish(&name);
    }
    // Once more: the first time may have met a worse state of the machine than the cells.
    if floor {
        floor::beside(book, plan)?;
    }
    Ok(outcome)
}

/// What all cells of a run have in common.
struct Shared<'a> {
    plan: &'a Plan,
    source: &'a Source,
    beside: Beside<'a>,
}

impl Shared<'_> {
    /// Measures one cell and writes its rows down.
    fn measure(
        &self,
        book: &mut Book,
        cell: &Cell,
        left: &[&Cell],
        random: &mut StdRng,
        outcome: &mut Outcome,
    ) -> anyhow::Result<()> {
        let Shared { plan, source, .. } = *self;
        let (found, allowed) = (book.found.clone(), book.allowed.clone());
        let (interrupt, run) = (book.interrupt.clone(), book.id.clone());
        let setting =
            Setting { found: &found, source, allowed: &allowed, interrupt: &interrupt, run: &run };
        let share = book.deadline.map(|deadline| share_of(deadline, cell, left));
        let mut note = |rows: &[PairRow]| book.write_pairs(rows);
        let measured = trial::measure(&setting, plan, cell, share, random, &mut note)?;
        outcome.duplicated += measured.duplicated;
        outcome.worker_lost |= measured.worker_lost;
        outcome.strayed |= measured.strayed;
        if let Some(mut control) = measured.control {
            control.id = book.next_id();
            book.say(Line::Control(Box::new(control)))?;
        }
        let mut ids = Vec::new();
        let trials = measured.trials.into_iter().zip(measured.timelines);
        for (arm, (mut trial, tasks)) in trials.enumerate() {
            trial.id = book.next_id();
            trial.beside_ns = self.beside.of(cell, arm);
            ids.push(trial.id);
            outcome.short |= trial.stopped.as_deref() == Some(Stopped::Budget.name());
            let timelines = Timelines { trial: trial.id, tasks };
            book.say(Line::Trial(Box::new(trial)))?;
            if !timelines.tasks.is_empty() {
                book.say(Line::Timelines(timelines))?;
            }
        }
        for (base, other, mut comparison) in measured.comparisons {
            comparison.id = book.next_id();
            (comparison.base, comparison.other) = (ids[base], ids[other]);
            book.say(Line::Comparison(Box::new(comparison)))?;
        }
        Ok(())
    }
}

/// What can be refused before anything is started.
///
/// # Errors
/// Lists of that size do not fit, or a core may not be used.
pub fn check(plan: &Plan, allowed: &[usize]) -> Result<(), Refusal> {
    let free = shm::segment::memory_available().unwrap_or(usize::MAX);
    for cell in &plan.cells {
        let need = cell.memory_bytes();
        if need > free / 10 * 9 {
            return Err(Refusal::usage(format!(
                "a list of {} with {} worker(s) and depth {} needs about {} of memory, and {} are free: ask for a smaller --sizes",
                report::size(cell.bytes),
                cell.workers,
                cell.depth,
                report::size(need),
                report::size(free),
            )));
        }
        let cores = cell.placement.cores(allowed, cell.workers);
        if let Some(core) = cores.iter().find(|core| !allowed.contains(core)) {
            return Err(Refusal::usage(format!(
                "core {core} may not be used by this process: --pin takes cores of {allowed:?}"
            )));
        }
    }
    Ok(())
}

/// Whether the record has a complete trial for each arm of `cell`.
fn is_measured(cell: &Cell, lines: &[Line], allowed: &[usize]) -> bool {
    let cores = cell.placement.cores(allowed, cell.workers);
    cell.arms.iter().all(|arm| {
        let want = cell.record(arm, &cores);
        lines.iter().any(|line| match line {
            Line::Trial(trial) => !cell.control && trial.cell == want && trial.error.is_none(),
            Line::Control(line) => cell.control && line.cell == want && line.error.is_none(),
            _ => false,
        })
    })
}

/// When `cell` must be done so that those in `left` get their share of the time too.
fn share_of(deadline: Instant, cell: &Cell, left: &[&Cell]) -> Instant {
    // Starting workers costs as much as a batch of a few MiB.
    let weight = |cell: &Cell| 1.0 + cell.bytes as f64 / (8 << 20) as f64;
    let all = weight(cell) + left.iter().map(|cell| weight(cell)).sum::<f64>();
    let time = deadline.saturating_duration_since(Instant::now());
    Instant::now() + time.mul_f64(weight(cell) / all)
}
