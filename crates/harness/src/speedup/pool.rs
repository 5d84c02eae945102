//! Rounds of a case: through a pool, and alone.

use measure::now;
use pool::{Call, Data, Future, JobError, Pool, Resident, Value};
use rustc_hash::FxHashMap;
use transport::Residency;

use super::case::Case;
use crate::experiment::totals::Rounds;
use crate::placement::migrated;
use crate::plan::{Arm, Cell};
use crate::worker_program::WorkerProgram;

/// A batch lasts at least this long, in nanoseconds, and has at least one round.
const MIN_BATCH_NS: u64 = 2_000_000;
const MAX_ROUNDS: u64 = 2000;
/// Rounds and nanoseconds to become warm.
const WARM_UP_ROUNDS: usize = 3;
const MAX_WARM_UP_NS: u64 = 50_000_000;
/// A round that takes so long does not feel whether caches were cold.
const LONG_NS: u64 = 20_000_000;

/// Rounds until a batch is long enough; `round` adds one.
fn fill(mut round: impl FnMut(&mut Rounds) -> anyhow::Result<()>) -> anyhow::Result<Rounds> {
    let mut batch = Rounds::default();
    let started = now();
    while now() - started < MIN_BATCH_NS && (batch.rounds.len() as u64) < MAX_ROUNDS {
        round(&mut batch)?;
    }
    Ok(batch)
}

/// Whether a round after these would feel cold caches.
fn feels_cold(batch: &Rounds) -> bool {
    batch.rounds.last().is_none_or(|last| *last < LONG_NS)
}

/// The case in this process, one task after another.
pub(super) struct Alone<'a> {
    list: &'a [i64],
    /// What each task must come to, wherever it runs.
    want: Vec<Value>,
    /// What the rounds before came to.
    before: Rounds,
}

impl<'a> Alone<'a> {
    pub(super) fn new(case: &'a Case) -> Result<Alone<'a>, JobError> {
        let list = case.list.as_deref().unwrap_or_default();
        let started = now();
        let answers = case.args.iter().map(|arg| case.job.run(&mut Call::new(*arg, list)));
        let want = answers.collect::<Result<_, _>>()?;
        let before = Rounds { rounds: vec![now() - started], ..Rounds::default() };
        Ok(Alone { list, want, before })
    }

    /// A round that is not measured.
    pub(super) fn drop_cold(&mut self, case: &Case) -> anyhow::Result<()> {
        let mut dropped = Rounds::default();
        if feels_cold(&self.before) { self.round(case, &mut dropped) } else { Ok(()) }
    }

    /// Rounds until the batch is long enough.
    pub(super) fn batch(&mut self, case: &Case) -> anyhow::Result<Rounds> {
        self.before = fill(|batch| self.round(case, batch))?;
        Ok(self.before.clone())
    }

    fn round(&self, case: &Case, batch: &mut Rounds) -> anyhow::Result<()> {
        let started = now();
        for (arg, want) in case.args.iter().zip(&self.want) {
            let answer = case.job.run(&mut Call::new(std::hint::black_box(*arg), self.list))?;
            batch.verified += u64::from(same(&answer, want));
        }
        batch.rounds.push(now() - started);
        Ok(())
    }

    /// The first task's answer, as CPython prints it.
    pub(super) fn answer(&self) -> String {
        self.want.first().map_or(String::new(), |answer| answer.to_string())
    }
}

/// A parked pool, and where its lists are.
pub(super) struct PoolRunner {
    pool: Pool,
    resident: Option<Resident>,
    /// What the rounds before came to.
    before: Rounds,
}

impl PoolRunner {
    pub(super) fn start(
        program: &WorkerProgram,
        case: &Case,
        alone: &Alone<'_>,
        arm: &Arm,
        cell: &Cell,
        cores: &[usize],
    ) -> anyhow::Result<PoolRunner> {
        let pool = Pool::builder()
            .launch(program.launch.clone())
            .transport(arm.transport.name())
            .wakeup(arm.wakeup)
            .workers(cell.stratum.workers)
            .depth(cell.stratum.depth)
            .apart(cores.iter().any(|core| *core != cores[0]))
            .longest_list(cell.items())
            .resident_lists(1)
            .cores(cores[1..].to_vec())
            .build()?;
        let resident = match (&case.list, arm.residency) {
            (Some(list), Residency::Resident) => Some(pool.place(list)?),
            _ => None,
        };
        let mut runner = PoolRunner { pool, resident, before: Rounds::default() };
        // Warm: every worker has had a task, and every slot a list.
        let started = now();
        for _ in 0..WARM_UP_ROUNDS {
            let mut warm = Rounds::default();
            runner.round(case, alone, &mut warm)?;
            runner.before = warm;
            if now() - started > MAX_WARM_UP_NS {
                break;
            }
        }
        runner.pool.park()?;
        Ok(runner)
    }

    /// Wakes the workers for a batch, and has a round that is not measured.
    pub(super) fn drop_cold(&mut self, case: &Case, alone: &Alone<'_>) -> anyhow::Result<()> {
        self.pool.unpark()?;
        let mut dropped = Rounds::default();
        if feels_cold(&self.before) { self.round(case, alone, &mut dropped) } else { Ok(()) }
    }

    /// Rounds until the batch is long enough.
    pub(super) fn batch(&mut self, case: &Case, alone: &Alone<'_>) -> anyhow::Result<Rounds> {
        self.before = fill(|batch| self.round(case, alone, batch))?;
        self.pool.park()?;
        Ok(self.before.clone())
    }

    /// Which process could run elsewhere than on its core of `cores`, in words.
    pub(super) fn migrated(&self, cores: &[usize]) -> Option<String> {
        migrated(cores, &self.pool.pids())
    }

    /// All tasks submitted, all results collected as they come.
    fn round(&self, case: &Case, alone: &Alone<'_>, batch: &mut Rounds) -> anyhow::Result<()> {
        let started = now();
        let mut begun = Vec::with_capacity(case.args.len());
        let mut futures = Vec::with_capacity(case.args.len());
        for arg in &case.args {
            let data = match (&self.resident, &case.list) {
                (Some(resident), _) => Data::Resident(resident.clone(), 0..resident.items()),
                (None, Some(list)) => Data::from(list.clone()),
                (None, None) => Data::None,
            };
            begun.push(now());
            futures.push(self.pool.submit(case.job.name(), *arg, data)?);
        }
        let places: FxHashMap<u32, usize> = futures.iter().map(Future::id).zip(0..).collect();
        for future in self.pool.as_completed(futures) {
            let at = places[&future.id()];
            let answer = future.result()?;
            batch.tasks.push(now() - begun[at]);
            batch.verified += u64::from(same(&answer.value, &alone.want[at]));
        }
        batch.rounds.push(now() - started);
        Ok(())
    }
}

/// Equal to the last bit.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Float(a), Value::Float(b)) => a.to_bits() == b.to_bits(),
        _ => a == b,
    }
}
