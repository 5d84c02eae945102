//! Round trips through a transport: one cell, measured.

pub mod batch;
mod closed_loop;
pub(crate) mod counters;
pub mod exchange;
mod open_loop;
pub(crate) mod worker_set;

use std::time::Instant;

use measure::cpu_interference::CpuTime;
use pool::PoolError;
use rand::rngs::StdRng;
use record::pairs::Batch;
use record::{AaTest, Comparison, PairRow, TaskTimeline, Trial};
use stats::stopping::{self, Stopped};

use self::worker_set::WorkerSet;
use crate::context::CellContext;
use crate::experiment::comparisons::{self, Lines, aa_test, compare};
use crate::experiment::pair_row;
use crate::experiment::schedule::{self, Failure, Measured, Runner, Samples, Schedule, Turn};
use crate::experiment::totals::{ArmTotals, TrialContext};
use crate::list::Windows;
use crate::plan::{Cell, Plan};

/// What came of a cell.
pub(crate) struct CellResult {
    /// One trial an arm; none in an A/A test.
    pub(crate) trials: Vec<Trial>,
    /// For each of them, stamped tasks.
    pub(crate) timelines: Vec<Vec<TaskTimeline>>,
    /// Copy against each sharing arm; their numbers are not yet given.
    pub(crate) comparisons: Vec<Comparison>,
    /// Of an A/A test, in the place of both.
    pub(crate) aa_test: Option<AaTest>,
    /// Answers that came twice.
    pub(crate) duplicated: u64,
    /// How the loop ended.
    pub(crate) measured: Measured,
}

/// What pairs.csv adds to the name of an A/A test's second arm.
const AGAIN: &str = " again";

/// Pairs of a generation, however short the time is.
const MIN_PAIRS: u32 = 2;

/// Measures `cell` in `plan`'s generations and pairs, or as many as begin before `deadline`; each pair is handed to
/// `note` as soon as it is known. Arm i becomes the line numbered `ids[i]`, an A/A test the one numbered `ids[0]`.
///
/// # Errors
/// Only `note`'s: what goes wrong with the cell itself is in its rows.
pub(crate) fn measure(
    context: &CellContext<'_>,
    plan: &Plan,
    cell: &Cell,
    ids: &[u64],
    deadline: Option<Instant>,
    random: &mut StdRng,
    note: &mut dyn FnMut(&[PairRow]) -> anyhow::Result<()>,
) -> anyhow::Result<CellResult> {
    let windows = context.list.windows(cell.items());
    let cores = cell.placement.cores(context.allowed, cell.stratum.workers);
    let analyses = plan.analyses();
    let confidence = stopping::confidence(analyses.len());
    let totals = cell.arms.iter().map(|_| ArmTotals::default()).collect();
    let mut runner = CellRunner {
        context,
        cell,
        windows,
        cores: &cores,
        confidence,
        stops: plan.stops,
        generation: 0,
        workers: None,
        totals,
    };
    let schedule = Schedule {
        arms: cell.arms.len(),
        generations: plan.generations,
        pairs: plan.pairs,
        min_pairs: MIN_PAIRS,
        analyses,
        deadline,
        first_in_order: cell.injected().is_some(),
        ..Schedule::default()
    };
    let before = CpuTime::now(context.allowed);
    let mut rows = |turns: &[Turn]| {
        let row = |turn: &Turn| {
            let params = cell.params(&cell.arms[turn.arm]);
            let again = if cell.is_aa_test() && turn.arm > 0 { AGAIN } else { "" };
            let id = if cell.is_aa_test() { ids[0] } else { ids[turn.arm] };
            let arm = params.arm.name() + again;
            pair_row(context.run, id, cell.case(), &params, arm, turn)
        };
        note(&turns.iter().map(row).collect::<Vec<_>>())
    };
    let measured = schedule::run(&schedule, &mut runner, context, random, &mut rows)?;
    let after = CpuTime::now(context.allowed);
    let taken = after.zip(before).and_then(|(after, before)| after.since(&before));
    let warnings = taken.map_or(Vec::new(), |taken| taken.warnings());
    let CellRunner { totals, .. } = runner;
    Ok(result(context, plan, cell, ids, &cores, (measured, totals), warnings))
}

/// What the batches of a cell come to.
fn result(
    context: &CellContext<'_>,
    plan: &Plan,
    cell: &Cell,
    ids: &[u64],
    cores: &[usize],
    (measured, mut totals): (Measured, Vec<ArmTotals>),
    mut warnings: Vec<String>,
) -> CellResult {
    let few = format!("{} of {} generations", measured.generations, plan.generations);
    let mut cut = None;
    match measured.stopped {
        Some(Stopped::Interrupted) => cut = Some(format!("interrupted after {few}")),
        Some(Stopped::Budget) => warnings.push(few),
        _ => {}
    }
    let confidence = stopping::confidence(plan.analyses().len());
    let compared = match cut {
        Some(_) => Vec::new(),
        None => compare(cell, &measured.batches, confidence),
    };
    let mut result = CellResult {
        trials: Vec::new(),
        timelines: totals.iter_mut().map(|of| std::mem::take(&mut of.kept)).collect(),
        comparisons: Vec::new(),
        aa_test: None,
        duplicated: totals.iter().map(|of| of.duplicated).sum(),
        measured,
    };
    let measured = &result.measured;
    if cell.is_aa_test() {
        let error = measured.errors.iter().flatten().next().cloned().or(cut);
        let ended = (measured.generations, measured.stopped);
        let test = aa_test((ids[0], plan.lab), cell, cores, compared.first(), ended, warnings);
        result.aa_test = Some(AaTest { error, ..test });
        return result;
    }
    let line = |of: &comparisons::ArmComparison| {
        let params = cell.params(&cell.arms[of.other]);
        let (base, other) = (ids[of.base], ids[of.other]);
        let base_name = cell.arms[of.base].transport.name();
        of.line(cell, Lines { lab: plan.lab, params, cores, base, other, base_name })
    };
    result.comparisons = compared.iter().map(line).collect();
    let trial = |(at, totals): (usize, ArmTotals)| {
        totals.trial(TrialContext {
            id: ids[at],
            lab: plan.lab,
            params: cell.params(&cell.arms[at]),
            cores,
            table: plan.table,
            worker: context.program.word,
            generations: measured.generations,
            pairs: plan.pairs,
            batches: &measured.batches[at],
            stopped: measured.stopped.map(|why| why.name().into()),
            warnings: &warnings,
            error: measured.errors[at].clone().or_else(|| cut.clone()),
        })
    };
    result.trials = totals.into_iter().enumerate().map(trial).collect();
    result
}

/// The arms of a cell, through worker groups.
struct CellRunner<'a> {
    context: &'a CellContext<'a>,
    cell: &'a Cell,
    windows: Windows<'a>,
    cores: &'a [usize],
    confidence: f64,
    /// Whether it may end before all generations.
    stops: bool,
    generation: u32,
    workers: Option<WorkerSet>,
    totals: Vec<ArmTotals>,
}

impl Runner for CellRunner<'_> {
    fn start(
        &mut self,
        arms: &[usize],
        random: &mut StdRng,
    ) -> Result<Vec<(usize, Failure)>, Failure> {
        let CellRunner { context, cell, windows, cores, .. } = self;
        let workers = WorkerSet::begin(context, cell, arms, windows, cores, random);
        let mut workers = workers.map_err(|error| failure(&error))?;
        let barred = std::mem::take(&mut workers.barred);
        self.workers = Some(workers);
        Ok(barred.iter().map(|(arm, error)| (*arm, failure(error))).collect())
    }

    fn drop_cold(&mut self, arm: usize) -> Result<(), Failure> {
        let CellRunner { cell, windows, workers, .. } = self;
        let workers = workers.as_mut().expect("a generation has workers");
        let dropped = workers.drop_cold(cell, arm, windows);
        dropped.map_err(|error| self.failed(arm, &error))
    }

    fn batch(&mut self, arm: usize) -> Result<Samples, Failure> {
        let workers = self.workers.as_mut().expect("a generation has workers");
        if let (Some(part), 1) = (self.cell.injected(), arm) {
            let longer = self.totals[0].part_of_median(part);
            workers.compute(arm, self.cell.stratum.compute_ns + longer);
        }
        match workers.batch(self.cell, arm, &self.windows) {
            Ok(counted) => {
                let mut sorted_ns = counted.batch.round_trips.clone();
                sorted_ns.sort_unstable();
                let migrated = counted.migrated.clone();
                self.totals[arm].add(self.generation, counted);
                Ok(Samples { sorted_ns, migrated })
            }
            Err(error) => Err(self.failed(arm, &error)),
        }
    }

    fn finish(&mut self, arms: &[usize], is_whole: bool) {
        let Some(mut workers) = self.workers.take() else { return };
        for &arm in arms {
            self.totals[arm].firsts.extend(workers.firsts[arm]);
            if is_whole {
                self.totals[arm].pages = workers.pages(self.cell, arm);
            }
        }
        self.generation += 1;
    }

    fn is_settled(&self, batches: &[Vec<Batch>]) -> Option<Stopped> {
        let compared = compare(self.cell, batches, self.confidence);
        let ratios: Vec<_> = compared.iter().map(|of| of.ratio).collect();
        stopping::stop_reason(&ratios).filter(|_| self.stops)
    }
}

impl CellRunner<'_> {
    /// What went wrong with an arm; the tasks of a worker that died are lost.
    fn failed(&mut self, arm: usize, error: &PoolError) -> Failure {
        if let (true, Some(workers)) = (is_death(error), &self.workers) {
            self.totals[arm].lost += workers.unanswered();
        }
        failure(error)
    }
}

/// What went wrong with a worker group.
pub(crate) fn failure(error: &PoolError) -> Failure {
    Failure { message: error.to_string(), worker_lost: is_death(error) }
}

fn is_death(error: &PoolError) -> bool {
    matches!(error, PoolError::Died(_))
}
