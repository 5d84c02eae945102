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

/// Fills a batch: `round` measures one round into it, or into none that counts.
fn fill(
    last: &mut u64,
    mut round: impl FnMut(Option<&mut Rounds>) -> anyhow::Result<u64>,
) -> anyhow::Result<Rounds> {
    let mut batch = Rounds::default();
    // The first round after a switch finds cold caches: it is not measured.
    if *last < LONG_NS {
        round(None)?;
    }
    let started = now();
    while now() - started < MIN_BATCH_NS && (batch.rounds.len() as u64) < MAX_ROUNDS {
        *last = round(Some(&mut batch))?;
        batch.rounds.push(*last);
    }
    Ok(batch)
}

/// The case in this process, one task after another.
pub(super) struct Alone<'a> {
    list: &'a [i64],
    /// What each task must come to, wherever it runs.
    want: Vec<Value>,
    last: u64,
}

impl<'a> Alone<'a> {
    pub(super) fn new(case: &'a Case) -> Result<Alone<'a>, JobError> {
        let list = case.list.as_deref().unwrap_or_default();
        let started = now();
        let answers = case.args.iter().map(|arg| case.job.run(&mut Call::new(*arg, list)));
        let want = answers.collect::<Result<_, _>>()?;
        Ok(Alone { list, want, last: now() - started })
    }

    pub(super) fn batch(&mut self, case: &Case) -> anyhow::Result<Rounds> {
        let Alone { list, want, last } = self;
        fill(last, |batch| {
            let started = now();
            let mut right = 0;
            for (arg, want) in case.args.iter().zip(&*want) {
                let answer = case.job.run(&mut Call::new(std::hint::black_box(*arg), list))?;
                right += u64::from(same(&answer, want));
            }
            let took = now() - started;
            if let Some(batch) = batch {
                batch.verified += right;
            }
            Ok(took)
        })
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
    last: u64,
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
        let mut runner = PoolRunner { pool, resident, last: 0 };
        // Warm: every worker has had a task, and every slot a list.
        let started = now();
        for _ in 0..WARM_UP_ROUNDS {
            runner.last = runner.round(case, alone, None)?;
            if now() - started > MAX_WARM_UP_NS {
                break;
            }
        }
        runner.pool.park()?;
        Ok(runner)
    }

    /// Rounds until the batch is long enough.
    pub(super) fn batch(&mut self, case: &Case, alone: &Alone<'_>) -> anyhow::Result<Rounds> {
        self.pool.unpark()?;
        let mut last = self.last;
        let batch = fill(&mut last, |batch| self.round(case, alone, batch))?;
        self.last = last;
        self.pool.park()?;
        Ok(batch)
    }

    /// Which process could run elsewhere than on its core of `cores`, in words.
    pub(super) fn migrated(&self, cores: &[usize]) -> Option<String> {
        migrated(cores, &self.pool.pids())
    }

    /// All tasks submitted, all results collected as they come.
    fn round(
        &self,
        case: &Case,
        alone: &Alone<'_>,
        mut batch: Option<&mut Rounds>,
    ) -> anyhow::Result<u64> {
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
            if let (Some(batch), Some(want)) = (&mut batch, alone.want.get(at)) {
                batch.tasks.push(now() - begun[at]);
                batch.verified += u64::from(same(&answer.value, want));
            }
        }
        Ok(now() - started)
    }
}

/// Equal to the last bit.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Float(a), Value::Float(b)) => a.to_bits() == b.to_bits(),
        _ => a == b,
    }
}
