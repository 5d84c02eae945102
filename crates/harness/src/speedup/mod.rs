//! Tasks one after another in the coordinator, against the same tasks through a pool: generations of
//! fresh pools, rounds adjacent in time and in random order, every answer compared with the
//! sequential one.

mod case;
mod pool;
mod rows;

use std::time::{Duration, Instant};

use ::pool::TaskError;
use rand::SeedableRng;
use rand::rngs::StdRng;
use record::pairs::SEQUENTIAL;
use stats::median::median_of_sorted;
use stats::paired_ratio::Pair;

pub use self::case::{Case, DEPTH, arms, calibrate};
use self::pool::{Alone, PoolRunner};
use self::rows::MeasuredCase;
use crate::context::LabContext;
use crate::experiment::comparisons::pair_up;
use crate::experiment::pair_row;
use crate::experiment::schedule::{self, Failure, Runner, Samples, Schedule, Turn, World};
use crate::experiment::totals::ArmTotals;
use crate::interrupt::Interrupt;
use crate::placement::pin;
use crate::plan::{Arm, Cell};
use crate::worker_program::WorkerProgram;

/// Once a generation has taken so long, no more pairs of it begin.
const LONG_GENERATION: Duration = Duration::from_secs(1);

/// Measures `case` and writes it, unless the record has it already or a signal asked to end.
///
/// # Errors
/// The disk is full, or stdout is closed; or the case has no answer at all.
pub fn measure(context: &mut LabContext<'_>, case: &Case) -> anyhow::Result<()> {
    if is_measured(context, case) || context.is_interrupted() {
        return Ok(());
    }
    context.progress.begin(&case.name);
    let cell = case.cell(context);
    let cores = cell.placement.cores(&context.run.allowed, cell.stratum.workers);
    let params: Vec<_> = case.arms.iter().map(|arm| case.params(context, arm)).collect();
    let ids: Vec<u64> = (0..=case.arms.len()).map(|_| context.run.next_id()).collect();
    pin(&cores[..1])?;
    let mut alone = Alone::new(case)?;
    let schedule = Schedule {
        arms: case.arms.len() + 1,
        generations: context.options.generations,
        pairs: context.options.pairs,
        min_pairs: context.options.pairs,
        deadline: context.run.deadline,
        long_generation: Some(LONG_GENERATION),
        ..Schedule::default()
    };
    let mut random = StdRng::from_rng(&mut context.random);
    let run = &mut *context.run;
    let (id, interrupt, program) = (run.id.clone(), run.interrupt.clone(), run.program.clone());
    let totals = (0..=case.arms.len()).map(|_| ArmTotals::default()).collect();
    let mut runner = CaseRunner {
        program: &program,
        case,
        cell: &cell,
        cores: &cores,
        alone: &mut alone,
        pools: Vec::new(),
        totals,
    };
    let mut note = |turns: &[Turn]| {
        let row = |turn: &Turn| match params.get(turn.arm) {
            Some(of) => pair_row(&id, ids[turn.arm], &case.name, of, of.arm.name(), turn),
            None => {
                let mut of = params[0].clone();
                of.arm.wakeup.clear();
                pair_row(&id, ids[turn.arm], &case.name, &of, SEQUENTIAL.into(), turn)
            }
        };
        run.append_pairs(&turns.iter().map(row).collect::<Vec<_>>())
    };
    let world = LabWorld(&interrupt);
    let measured = schedule::run(&schedule, &mut runner, &world, &mut random, &mut note)?;
    let totals = runner.totals;
    context.outcome.worker_lost |= measured.worker_lost;
    context.outcome.migrated |= measured.migrated;
    let lecture = case.lecture_case(context);
    let of = MeasuredCase { case: lecture, params, cores, ids, totals, measured };
    rows::write(context, case, &alone, of)?;
    context.progress.finish(&case.name);
    Ok(())
}

struct LabWorld<'a>(&'a Interrupt);

impl World for LabWorld<'_> {
    fn now(&self) -> Instant {
        Instant::now()
    }
    fn is_interrupted(&self) -> bool {
        self.0.signal().is_some()
    }
}

/// Pools as arms, and as the last arm the same tasks alone.
struct CaseRunner<'a, 'b> {
    program: &'a WorkerProgram,
    case: &'a Case,
    cell: &'a Cell,
    cores: &'a [usize],
    alone: &'a mut Alone<'b>,
    pools: Vec<Option<PoolRunner>>,
    totals: Vec<ArmTotals>,
}

impl Runner for CaseRunner<'_, '_> {
    fn start(&mut self, arms: &[usize], _: &mut StdRng) -> Result<Vec<(usize, Failure)>, Failure> {
        let CaseRunner { program, case, cell, cores, alone, .. } = self;
        self.pools = case.arms.iter().map(|_| None).collect();
        let mut barred = Vec::new();
        for &at in arms.iter().filter(|at| **at < case.arms.len()) {
            match PoolRunner::start(program, case, alone, &case.arms[at], cell, cores) {
                Ok(pool) => self.pools[at] = Some(pool),
                Err(error) => barred.push((at, failure(&error))),
            }
        }
        Ok(barred)
    }

    fn drop_cold(&mut self, arm: usize) -> Result<(), Failure> {
        let CaseRunner { case, alone, pools, .. } = self;
        let dropped = match pools.get_mut(arm).and_then(Option::as_mut) {
            Some(pool) => pool.drop_cold(case, alone),
            None => alone.drop_cold(case),
        };
        dropped.map_err(|error| failure(&error))
    }

    fn batch(&mut self, arm: usize) -> Result<Samples, Failure> {
        let CaseRunner { case, cores, alone, pools, totals, .. } = self;
        let pool = pools.get_mut(arm).and_then(Option::as_mut);
        let (batch, migrated) = match pool {
            Some(pool) => {
                let batch = pool.batch(case, alone);
                (batch, pool.migrated(cores))
            }
            None => (alone.batch(case), None),
        };
        let batch = batch.map_err(|error| failure(&error))?;
        let mut sorted_ns = batch.rounds.clone();
        sorted_ns.sort_unstable();
        totals[arm].add_rounds(batch);
        Ok(Samples { sorted_ns, migrated })
    }

    fn finish(&mut self, _: &[usize], _: bool) {
        self.pools.clear();
    }
}

fn failure(error: &anyhow::Error) -> Failure {
    let died = |error: &TaskError| matches!(error, TaskError::WorkerDied { .. });
    let worker_lost = error.downcast_ref().is_some_and(died);
    Failure { message: error.to_string(), worker_lost }
}

/// Whether the record has this case already, each arm without an error.
fn is_measured(context: &LabContext<'_>, case: &Case) -> bool {
    let cores = case.cell(context).placement.cores(&context.run.allowed, context.options.workers);
    let is = |arm: &Arm| {
        let params = case.params(context, arm);
        context.run.record.has_measured(context.lab, &params, &cores)
    };
    case.arms.iter().all(is)
}

/// The pairs of `case` by doing it alone and by `arm`, and how long a task alone takes in nanoseconds.
pub fn pairs_of(context: &LabContext<'_>, case: &Case, arm: &Arm) -> (Vec<Pair>, f64) {
    let record = &context.run.record;
    let params = case.params(context, arm);
    let trial = record.measured(context.lab).find(|trial| trial.params == params);
    let lecture = case.lecture_case(context);
    let alone = record.sequentials.iter().find(|of| of.lab == context.lab && of.case == lecture);
    let (Some(trial), Some(alone)) = (trial, alone) else { return (Vec::new(), 0.0) };
    let alone = record.batches_of(alone.id);
    let mut rounds: Vec<u64> = alone.iter().map(|of| of.median_ns).collect();
    rounds.sort_unstable();
    let task_ns = median_of_sorted(&rounds) as f64 / case.args.len().max(1) as f64;
    (pair_up(&alone, &record.batches_of(trial.id)), task_ns)
}
