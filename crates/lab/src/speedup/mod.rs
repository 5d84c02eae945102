//! Tasks one after another in the coordinator, against the same tasks through a pool: generations of
//! fresh pools, rounds adjacent in time and in random order, every answer compared with the
//! sequential one.

mod rows;
mod through;

use std::sync::Arc;
use std::time::{Duration, Instant};

use measure::compare::{Pair, Ratio, Verdict};
use measure::record::Line;
use measure::{middle, now};
use pool::{Call, Job, TaskError, Value};
use rand::seq::SliceRandom;
use shm::wakeup::WaitStrategy;
use transport::Residency;

use self::through::{Alone, Batch, Through};
use crate::placement::{Placement, pin};
use crate::plan::{ALONE, Arm, Cell, Turn};
use crate::session::Session;
use crate::trial::pair_up;

/// Tasks in flight per worker: one that runs and one that waits there.
pub const DEPTH: usize = 2;

/// Once a generation has taken so long, no more pairs of it begin.
const LONG: Duration = Duration::from_secs(1);

/// One of the lecture's cases: a round of tasks, alone and through pools.
pub struct Case {
    /// As tables call it; no two cases of a run have the same.
    pub name: String,
    /// What each task computes.
    pub job: &'static dyn Job,
    /// Argument of each task of a round: small data.
    pub args: Vec<Value>,
    /// The list of every task: large data.
    pub list: Option<Arc<[i64]>>,
    /// Times that the job does its exact loop.
    pub repeats: u32,
    /// How long a task should take, where the case is called by that; otherwise 0.
    pub compute_ns: u64,
    /// What is said of a speedup.
    pub judge: fn(&Ratio) -> Verdict,
    /// The ways through a pool.
    pub arms: Vec<Arm>,
}

impl Case {
    /// The cell that it is measured in.
    pub fn cell(&self, session: &Session<'_>) -> Cell {
        Cell {
            placement: Placement::Spread.on(&session.book.allowed),
            regime: WaitStrategy::Hybrid,
            workers: session.wish.workers,
            depth: DEPTH,
            job: self.job.name(),
            bytes: self.list.as_ref().map_or(0, |list| size_of_val(&list[..])),
            arms: self.arms.clone(),
            control: false,
            compute_ns: self.compute_ns,
            planted: None,
            rate: None,
            tasks: Some(self.args.len()),
        }
    }
}

/// The ways that have something to carry: small data has no list to be placed or resident.
pub fn arms(ways: &[(&str, Residency)], has_list: bool) -> Vec<Arm> {
    let fits = |(_, residency): &&(&str, Residency)| has_list || *residency != Residency::Resident;
    let ways = ways.iter().filter(fits);
    ways.filter_map(|(name, residency)| Arm::of(name, *residency, WaitStrategy::Hybrid)).collect()
}

/// How often a job must do its loop to last `target`: found once a run.
pub fn calibrate(job: &dyn Job, arg: &dyn Fn(u32) -> Value, list: &[i64], target: Duration) -> u32 {
    let mut times: Vec<u64> = (0..9)
        .map(|_| {
            let started = now();
            let _ = std::hint::black_box(job.run(&mut Call::new(arg(1), list)));
            now() - started
        })
        .collect();
    times.sort_unstable();
    (target.as_nanos() as u64 / middle(&times).max(1)).clamp(1, 1_000_000) as u32
}

/// What one way, or doing it alone, has come to.
#[derive(Default)]
struct Sum {
    /// Each task, submit to result.
    tasks: Vec<u64>,
    /// Each round.
    rounds: Vec<u64>,
    /// Generation, pair and median round of each batch.
    batches: Vec<(u32, u32, u64)>,
    verified: u64,
    error: Option<String>,
}

/// A case that was measured, as far as that went.
struct Measured {
    cell: Cell,
    cores: Vec<usize>,
    /// One for each arm, and the last for doing it alone.
    sums: Vec<Sum>,
    generations: u32,
    pairs: u32,
}

/// Measures `case` and writes it down, unless the record has it already or somebody asked to end.
///
/// # Errors
/// The disk is full, or stdout is closed; or the case has no answer at all.
pub fn measure(session: &mut Session<'_>, case: &Case) -> anyhow::Result<()> {
    if is_measured(session, case) || session.is_interrupted() {
        return Ok(());
    }
    session.progress.begin(&case.name);
    let cell = case.cell(session);
    let cores = cell.placement.cores(&session.book.allowed, cell.workers);
    let sums = (0..=case.arms.len()).map(|_| Sum::default()).collect();
    let mut measured = Measured { cell, cores, sums, generations: 0, pairs: 0 };
    pin(&measured.cores[..1])?;
    let mut alone = Alone::new(case)?;
    for generation in 0..session.wish.generations {
        let late = session.book.is_over() && generation > 0;
        if late
            || session.is_interrupted()
            || !measured.generation(session, case, &mut alone, generation)?
        {
            break;
        }
        measured.generations += 1;
    }
    let name = case.name.clone();
    rows::write_down(session, case, &alone, measured)?;
    session.progress.finish(&name);
    Ok(())
}

impl Measured {
    /// One generation of fresh pools; false if it was cut short.
    fn generation(
        &mut self,
        session: &mut Session<'_>,
        case: &Case,
        alone: &mut Alone<'_>,
        generation: u32,
    ) -> anyhow::Result<bool> {
        let mut pools = Vec::new();
        for arm in &case.arms {
            match Through::start(session.book, case, alone, arm, &self.cell, &self.cores) {
                Ok(pool) => pools.push(pool),
                Err(error) => {
                    self.sums.iter_mut().for_each(|sum| sum.error = Some(error.to_string()));
                    return Ok(false);
                }
            }
        }
        let started = Instant::now();
        for pair in 0..session.wish.pairs {
            if pair > 0 && started.elapsed() > LONG {
                break;
            }
            let mut turns: Vec<usize> = (0..=pools.len()).collect();
            turns.shuffle(&mut session.random);
            let mut rows = Vec::new();
            for (order, &arm) in (0..).zip(&turns) {
                if session.is_interrupted() {
                    return Ok(false);
                }
                let time = now();
                let batch = match pools.get_mut(arm) {
                    Some(pool) => pool.batch(case, alone),
                    None => alone.batch(case),
                };
                match batch {
                    Ok(batch) => {
                        let mut rounds = batch.rounds.clone();
                        rounds.sort_unstable();
                        let turn = Turn { generation, pair, order, time };
                        let run = &session.book.id;
                        rows.push(self.cell.pair_row(run, &case.name, arm, turn, &rounds));
                        self.sums[arm].batches.push((generation, pair, middle(&rounds)));
                        self.sums[arm].add(batch);
                    }
                    Err(error) => {
                        let died =
                            |error: &TaskError| matches!(error, TaskError::WorkerDied { .. });
                        session.outcome.worker_lost |= error.downcast_ref().is_some_and(died);
                        self.sums[arm].error = Some(error.to_string());
                        return Ok(false);
                    }
                }
            }
            session.book.write_pairs(&rows)?;
            self.pairs = self.pairs.max(pair + 1);
        }
        Ok(true)
    }
}

impl Sum {
    fn add(&mut self, batch: Batch) {
        self.tasks.extend(batch.tasks);
        self.rounds.extend(batch.rounds);
        self.verified += batch.verified;
    }
}

/// Whether the record has this case already, each arm without an error.
fn is_measured(session: &Session<'_>, case: &Case) -> bool {
    let done = |arm: &Arm| {
        session.book.lines.iter().any(|line| match line {
            Line::Trial(trial) => {
                trial.error.is_none()
                    && trial.lecture.as_ref().is_some_and(|of| of.case == case.name)
                    && (trial.cell.transport.as_str(), trial.cell.residency.as_str())
                        == (arm.transport.name(), arm.residency.name())
            }
            _ => false,
        })
    };
    case.arms.iter().all(done)
}

/// The pairs of `case` by doing it alone and by the way called `arm`, and how long a task alone
/// takes in nanoseconds: from the last run that measured it.
pub fn pairs_of(session: &Session<'_>, case: &Case, arm: &Arm) -> (Vec<Pair>, f64) {
    let bytes = case.list.as_ref().map_or(0, |list| size_of_val(&list[..]));
    let of_case =
        || session.book.pairs.iter().filter(|row| row.case == case.name && row.size == bytes);
    let Some(run) = of_case().next_back().map(|row| row.run.clone()) else {
        return (Vec::new(), 0.0);
    };
    let batches = |name: &str| -> Vec<(u32, u32, u64)> {
        let rows = of_case().filter(|row| row.run == run && row.arm == name);
        rows.map(|row| (row.generation, row.pair, row.median)).collect()
    };
    let alone = batches(ALONE);
    let mut rounds: Vec<u64> = alone.iter().map(|(_, _, round)| *round).collect();
    rounds.sort_unstable();
    (pair_up(&alone, &batches(&arm.name())), middle(&rounds) as f64 / case.args.len().max(1) as f64)
}
