//! The size sweep: all sizes of a stratum right after each other, by the same workers, so that a cost model can set
//! them beside each other.
//!
//! Cells are measured one at a time, so two sizes may have met two states of the machine: the host of a virtual machine
//! moves its cores, and what passes between them may then take three times as long, for seconds. A round of the size
//! sweep lasts about a second and has all sizes in one state.

use std::time::Instant;

use rand::rngs::StdRng;
use record::pairs::Batch;
use stats::cost_model::{MIN_SIZES, quicker_half};

use crate::context::CellContext;
use crate::experiment::schedule::{self, Failure, Measured, Runner, Samples, Schedule};
use crate::list::List;
use crate::plan::Cell;
use crate::round_trips::failure;
use crate::round_trips::worker_set::{SHORT_WARM_UP, WorkerSet};
use crate::run_writer::RunWriter;

/// Part of the time left that all of this may take, where that is limited.
const MAX_PART: f64 = 0.1;

/// Rounds, each with workers of its own.
const ROUNDS: u32 = 5;

/// For cells, the median round trip of each arm beside the other sizes; 0 where there is none.
#[derive(Default)]
pub(crate) struct SizeSweep<'a> {
    medians: Vec<(&'a Cell, Vec<u64>)>,
    /// Whether a worker died meanwhile.
    pub(crate) worker_lost: bool,
}

impl<'a> SizeSweep<'a> {
    /// Measures it for each stratum of `cells` that has sizes enough for a model.
    pub(crate) fn measure(
        run: &RunWriter,
        cells: &[&'a Cell],
        list: &List,
        random: &mut StdRng,
    ) -> SizeSweep<'a> {
        let strata = strata(cells);
        let began = Instant::now();
        let part = run.deadline.map(|deadline| {
            let left = deadline.saturating_duration_since(began);
            left.mul_f64(MAX_PART) / strata.len().max(1) as u32
        });
        let context = CellContext {
            program: &run.program,
            list,
            allowed: &run.allowed,
            interrupt: &run.interrupt,
            run: &run.id,
        };
        let mut sweep = SizeSweep::default();
        for (stratum, nth) in strata.into_iter().zip(1..) {
            let deadline = part.map(|part| began + part * nth);
            // What fails here fails in its own cell too, and is said there.
            let measured = measure_stratum(&context, &stratum, deadline, random);
            sweep.worker_lost |= measured.worker_lost;
            let arms = stratum[0].arms.len();
            let medians = medians(&measured, stratum.len(), arms);
            sweep.medians.extend(stratum.into_iter().zip(medians));
        }
        sweep
    }

    /// Of arm number `arm` of `cell`, if it was measured.
    pub(crate) fn p50_ns(&self, cell: &Cell, arm: usize) -> Option<u64> {
        let (_, medians) = self.medians.iter().find(|(known, _)| std::ptr::eq(*known, cell))?;
        medians.get(arm).copied().filter(|ns| *ns > 0)
    }
}

/// Those of `cells` that differ by nothing but their size, where they are enough; open loops, A/A tests and tasks that
/// compute have no model.
fn strata<'a>(cells: &[&'a Cell]) -> Vec<Vec<&'a Cell>> {
    let mut strata: Vec<Vec<&Cell>> = Vec::new();
    let has_model = |cell: &&&Cell| {
        !cell.is_aa_test() && cell.stratum.rate.is_none() && cell.stratum.compute_ns == 0
    };
    for &cell in cells.iter().filter(has_model) {
        match strata.iter_mut().find(|stratum| stratum[0].same_except_size(cell)) {
            Some(stratum) => stratum.push(cell),
            None => strata.push(vec![cell]),
        }
    }
    strata.retain(|stratum| stratum.len() >= MIN_SIZES);
    strata
}

/// Rounds over all sizes of one stratum: an "arm" of this experiment is one arm at one size.
fn measure_stratum(
    context: &CellContext<'_>,
    cells: &[&Cell],
    deadline: Option<Instant>,
    random: &mut StdRng,
) -> Measured {
    let Some(largest) = cells.iter().copied().max_by_key(|cell| cell.bytes) else {
        return Measured::default();
    };
    let arms = largest.arms.len();
    let schedule = Schedule {
        arms: cells.len() * arms,
        generations: ROUNDS,
        pairs: 1,
        deadline,
        is_strict: true,
        ..Schedule::default()
    };
    let mut runner = SizeRunner { context, cells, largest, arms, workers: None };
    schedule::run(&schedule, &mut runner, context, random, &mut |_| Ok(())).unwrap_or_default()
}

/// The time of each arm at each size: the shortest in the quicker half of the rounds.
fn medians(measured: &Measured, sizes: usize, arms: usize) -> Vec<Vec<u64>> {
    let of_arm = |arm: usize| {
        let at = |size: usize, round: u32| {
            let batches = measured.batches.get(size * arms + arm)?;
            batches.iter().find(|of: &&Batch| of.generation == round).map(|of| of.median_ns)
        };
        let rounds =
            (0..ROUNDS).filter_map(|round| (0..sizes).map(|size| at(size, round)).collect());
        quicker_half(&rounds.collect::<Vec<Vec<u64>>>())
    };
    let by_arm: Vec<Vec<u64>> = (0..arms).map(of_arm).collect();
    let of_size =
        |size: usize| by_arm.iter().map(|of| of.get(size).copied().unwrap_or(0)).collect();
    (0..sizes).map(of_size).collect()
}

struct SizeRunner<'a> {
    context: &'a CellContext<'a>,
    cells: &'a [&'a Cell],
    largest: &'a Cell,
    /// Arms of each cell.
    arms: usize,
    workers: Option<WorkerSet>,
}

impl Runner for SizeRunner<'_> {
    fn start(
        &mut self,
        arms: &[usize],
        random: &mut StdRng,
    ) -> Result<Vec<(usize, Failure)>, Failure> {
        let SizeRunner { context, largest, .. } = *self;
        let windows = context.list.windows(largest.items());
        let cores = largest.placement.cores(context.allowed, largest.stratum.workers);
        let mut of_cell: Vec<usize> = arms.iter().map(|arm| arm % self.arms).collect();
        of_cell.sort_unstable();
        of_cell.dedup();
        let workers = WorkerSet::begin(context, largest, &of_cell, &windows, &cores, random);
        let mut workers = workers.map_err(|error| failure(&error))?;
        let barred = std::mem::take(&mut workers.barred);
        self.workers = Some(workers);
        let (sizes, arms) = (self.cells.len(), self.arms);
        let all = barred.iter().flat_map(|(arm, error)| {
            (0..sizes).map(move |size| (size * arms + arm, failure(error)))
        });
        Ok(all.collect())
    }

    fn drop_cold(&mut self, arm: usize) -> Result<(), Failure> {
        let (cell, arm) = (self.cells[arm / self.arms], arm % self.arms);
        let windows = self.context.list.windows(cell.items());
        let workers = self.workers.as_mut().expect("a round has workers");
        let warm = workers.warm(cell, arm, &windows, SHORT_WARM_UP);
        let dropped = warm.and_then(|()| workers.drop_cold(cell, arm, &windows));
        dropped.map_err(|error| failure(&error))
    }

    fn batch(&mut self, arm: usize) -> Result<Samples, Failure> {
        let (cell, arm) = (self.cells[arm / self.arms], arm % self.arms);
        let windows = self.context.list.windows(cell.items());
        let workers = self.workers.as_mut().expect("a round has workers");
        let counted = workers.batch(cell, arm, &windows).map_err(|error| failure(&error))?;
        let mut sorted_ns = counted.batch.round_trips;
        sorted_ns.sort_unstable();
        Ok(Samples { sorted_ns, migrated: counted.migrated })
    }
}
