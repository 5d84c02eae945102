//! Carries a plan out: every cell in random order, every line written as soon as it is known.

use std::time::Instant;

use measure::units::size;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use record::{Line, PairRow, Timelines};
use stats::stopping::Stopped;

use crate::context::{CellContext, LabContext};
use crate::ending::Outcome;
use crate::limits;
use crate::list::List;
use crate::options::RunOptions;
use crate::placement;
use crate::plan::{Cell, Plan};
use crate::progress::Progress;
use crate::round_trips;
use crate::run_writer::{Done, RunWriter};
use crate::size_sweep::SizeSweep;
use crate::usage_error::UsageError;

/// Carries `plan` out with the list that `list` gives, which is asked once the plan is known to fit; `begun` is told of
/// the run before anything is measured.
///
/// # Errors
/// Nothing could be measured at all: a [`UsageError`] where the user can mend it.
pub fn execute(
    plan: &Plan,
    list: impl FnOnce() -> Result<List, UsageError>,
    options: &RunOptions,
    begun: impl FnOnce(&RunWriter),
) -> anyhow::Result<Done> {
    check(plan, &placement::allowed_cores()?)?;
    let list = list()?;
    let mut run = RunWriter::begin(options, plan.fingerprint())?;
    begun(&run);
    let outcome = measure_all(&mut run, plan, &list, options.quiet)?;
    run.end(outcome)
}

/// Carries `plan` out as part of a lab.
///
/// # Errors
/// It does not fit, or the disk is full, or stdout is closed.
pub fn measure_in_lab(context: &mut LabContext<'_>, plan: &Plan) -> anyhow::Result<()> {
    check(plan, &context.run.allowed)?;
    let list = List::range(plan.longest());
    context.outcome = measure_all(context.run, plan, &list, context.options.run.quiet)?;
    Ok(())
}

/// Measures every cell of `plan` that the record does not have yet.
///
/// # Errors
/// The disk is full, or stdout is closed.
pub fn measure_all(
    run: &mut RunWriter,
    plan: &Plan,
    list: &List,
    quiet: bool,
) -> anyhow::Result<Outcome> {
    let mut random = StdRng::seed_from_u64(run.seed);
    let mut left: Vec<&Cell> =
        plan.cells.iter().filter(|cell| !is_measured(run, plan, cell)).collect();
    left.shuffle(&mut random);
    // A record that lacks nothing gets no further lines.
    let with_limits = plan.limits && !left.is_empty();
    let mut sweep = SizeSweep::default();
    if with_limits {
        limits::of_plan(run, plan)?;
        sweep = SizeSweep::measure(run, &left, list, &mut random);
    }
    let shared = Shared { plan, list, sweep };
    let mut progress = Progress::new(left.len(), quiet);
    let mut outcome = Outcome { worker_lost: shared.sweep.worker_lost, ..Outcome::default() };
    while let Some(cell) = left.pop() {
        if run.interrupt.signal().is_some() {
            break;
        }
        let what = if cell.is_aa_test() { " A/A test" } else { "" };
        let name = format!("{} {}{what}", size(cell.bytes), cell.placement);
        progress.begin(&name);
        outcome = outcome.and(shared.measure(run, cell, &left, &mut random)?);
        progress.finish(&name);
    }
    // Once more: the first time may have met a worse state of the machine than the cells.
    if with_limits {
        limits::of_plan(run, plan)?;
    }
    Ok(outcome)
}

/// What all cells of a run have in common.
struct Shared<'a> {
    plan: &'a Plan,
    list: &'a List,
    sweep: SizeSweep<'a>,
}

impl Shared<'_> {
    /// Measures one cell and writes its rows.
    fn measure(
        &self,
        run: &mut RunWriter,
        cell: &Cell,
        left: &[&Cell],
        random: &mut StdRng,
    ) -> anyhow::Result<Outcome> {
        let Shared { plan, list, sweep } = self;
        let (program, allowed) = (run.program.clone(), run.allowed.clone());
        let (interrupt, id) = (run.interrupt.clone(), run.id.clone());
        let context = CellContext {
            program: &program,
            list,
            allowed: &allowed,
            interrupt: &interrupt,
            run: &id,
        };
        let share = run.deadline.map(|deadline| share_of(deadline, cell, left));
        let ids: Vec<u64> = cell.arms.iter().map(|_| run.next_id()).collect();
        let mut note = |rows: &[PairRow]| run.append_pairs(rows);
        let result = round_trips::measure(&context, plan, cell, &ids, share, random, &mut note)?;
        let mut outcome = Outcome {
            duplicated: result.duplicated,
            worker_lost: result.measured.worker_lost,
            migrated: result.measured.migrated,
            short: false,
        };
        if let Some(test) = result.aa_test {
            run.append(Line::AaTest(Box::new(test)))?;
        }
        for (arm, (mut trial, tasks)) in result.trials.into_iter().zip(result.timelines).enumerate()
        {
            trial.interleaved_p50_ns = sweep.p50_ns(cell, arm);
            outcome.short |= trial.stopped.as_deref() == Some(Stopped::Budget.name());
            let timelines = Timelines { trial: trial.id, tasks };
            run.append(Line::Trial(Box::new(trial)))?;
            if !timelines.tasks.is_empty() {
                run.append(Line::Timelines(timelines))?;
            }
        }
        for mut comparison in result.comparisons {
            comparison.id = run.next_id();
            run.append(Line::Comparison(Box::new(comparison)))?;
        }
        Ok(outcome)
    }
}

/// What can be refused before anything is started.
///
/// # Errors
/// Lists of that size do not fit, or a core may not be used.
pub fn check(plan: &Plan, allowed: &[usize]) -> Result<(), UsageError> {
    let free = shm::segment::memory_available().unwrap_or(usize::MAX);
    for cell in &plan.cells {
        let need = cell.memory_bytes();
        if need > free / 10 * 9 {
            return Err(UsageError::new(format!(
                "a list of {} with {} worker(s) and depth {} needs about {} of memory, and {} are free: ask for a smaller --sizes",
                size(cell.bytes),
                cell.stratum.workers,
                cell.stratum.depth,
                size(need),
                size(free),
            )));
        }
        let cores = cell.placement.cores(allowed, cell.stratum.workers);
        if let Some(core) = cores.iter().find(|core| !allowed.contains(core)) {
            return Err(UsageError::new(format!(
                "this process may not use core {core}: --pin takes cores from {allowed:?}"
            )));
        }
    }
    Ok(())
}

/// Whether the record has what `cell` would measure, without an error.
fn is_measured(run: &RunWriter, plan: &Plan, cell: &Cell) -> bool {
    let cores = cell.placement.cores(&run.allowed, cell.stratum.workers);
    cell.arms.iter().all(|arm| {
        let params = cell.params(arm);
        match cell.is_aa_test() {
            false => run.record.has_measured(plan.lab, &params, &cores),
            true => run.record.aa_tests.iter().any(|test| {
                (test.params == params && test.cores == cores && test.injected == cell.injected())
                    && test.error.is_none()
            }),
        }
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
