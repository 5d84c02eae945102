//! Rounds of a case: through a pool, and alone.

use anyhow::{anyhow, bail};
use measure::now;
use pool::{Call, Data, JobError, Outcome, Pool, Resident, TaskError, Value};
use transport::Residency;

use super::Case;
use crate::book::Book;
use crate::plan::{Arm, Cell};

/// A batch lasts at least this long, in nanoseconds, and has at least one round.
const BATCH_NS: u64 = 2_000_000;
const MOST_ROUNDS: u64 = 2000;
/// Rounds and nanoseconds to become warm.
const WARM_ROUNDS: usize = 3;
const WARM_NS: u64 = 50_000_000;
/// A round that takes so long does not feel whether caches were cold.
const LONG_NS: u64 = 20_000_000;

/// Rounds of one way.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) tasks: Vec<u64>,
    pub(super) rounds: Vec<u64>,
    pub(super) verified: u64,
    pub(super) failed: u64,
}

/// Fills a batch: `round` measures one round into it, or into none that counts.
fn fill(
    last: &mut u64,
    mut round: impl FnMut(Option<&mut Batch>) -> anyhow::Result<u64>,
) -> anyhow::Result<Batch> {
    let mut batch = Batch::default();
    // The first round after a switch finds cold caches: it is not measured.
    if *last < LONG_NS {
        round(None)?;
    }
    let started = now();
    while now() - started < BATCH_NS && (batch.rounds.len() as u64) < MOST_ROUNDS {
        *last = round(Some(&mut batch))?;
        batch.rounds.push(*last);
    }
    Ok(batch)
}

/// The case in this process, one task after another.
pub(super) struct Alone<'a> {
    list: &'a [i64],
    /// What each task must come to, wherever it runs.
    want: Vec<Result<Value, JobError>>,
    last: u64,
}

impl<'a> Alone<'a> {
    pub(super) fn new(case: &'a Case) -> Alone<'a> {
        let list = case.list.as_deref().unwrap_or_default();
        let started = now();
        let want = case.args.iter().map(|arg| case.job.run(&mut Call::new(*arg, list))).collect();
        Alone { list, want, last: now() - started }
    }

    pub(super) fn batch(&mut self, case: &Case) -> anyhow::Result<Batch> {
        let Alone { list, want, last } = self;
        fill(last, |batch| {
            let started = now();
            let mut right = 0;
            for (arg, want) in case.args.iter().zip(&*want) {
                let outcome = case.job.run(&mut Call::new(std::hint::black_box(*arg), list));
                right += u64::from(same(&outcome, want) && want.is_ok());
            }
            let took = now() - started;
            if let Some(batch) = batch {
                batch.verified += right;
                batch.failed += want.iter().filter(|want| want.is_err()).count() as u64;
            }
            Ok(took)
        })
    }

    /// The answer of the first task that has one, as CPython prints it.
    pub(super) fn answer(&self) -> String {
        match self.want.iter().flatten().next() {
            Some(Value::Int(value)) => value.to_string(),
            Some(Value::Float(value)) => format!("{value:?}"),
            None => String::new(),
        }
    }
}

/// A parked pool, and where its lists are.
pub(super) struct Through {
    pool: Pool,
    resident: Option<Resident>,
    last: u64,
}

impl Through {
    pub(super) fn start(
        book: &Book,
        case: &Case,
        alone: &Alone<'_>,
        arm: &Arm,
        cell: &Cell,
        cores: &[usize],
    ) -> anyhow::Result<Through> {
        let pool = Pool::builder()
            .launch(book.found.launch.clone())
            .transport(arm.transport.name())
            .wakeup(arm.wakeup)
            .workers(cell.workers)
            .depth(cell.depth)
            .apart(cores.iter().any(|core| *core != cores[0]))
            .longest_list(cell.items())
            .resident_lists(1)
            .cores(cores[1..].to_vec())
            .build()?;
        let resident = match (&case.list, arm.residency) {
            (Some(list), Residency::Resident) => Some(pool.place(list)?),
            _ => None,
        };
        let mut through = Through { pool, resident, last: 0 };
        // Warm: every worker has had a task, and every slot a list.
        let started = now();
        for _ in 0..WARM_ROUNDS {
            through.last = through.round(case, alone, None)?;
            if now() - started > WARM_NS {
                break;
            }
        }
        through.pool.park()?;
        Ok(through)
    }

    /// Rounds until the batch is long enough.
    pub(super) fn batch(&mut self, case: &Case, alone: &Alone<'_>) -> anyhow::Result<Batch> {
        self.pool.unpark()?;
        let mut last = self.last;
        let batch = fill(&mut last, |batch| self.round(case, alone, batch))?;
        self.last = last;
        self.pool.park()?;
        Ok(batch)
    }

    /// All tasks submitted, all results collected as they come.
    fn round(
        &self,
        case: &Case,
        alone: &Alone<'_>,
        mut batch: Option<&mut Batch>,
    ) -> anyhow::Result<u64> {
        let started = now();
        let mut begun = Vec::with_capacity(case.args.len());
        let mut futures = Vec::with_capacity(case.args.len());
        for arg in &case.args {
            let data = match (&self.resident, &case.list) {
                (Some(resident), _) => Data::Resident(resident.clone(), 0..resident.items()),
                (None, Some(list)) => Data::Items(list.clone()),
                (None, None) => Data::None,
            };
            begun.push(now());
            futures.push(self.pool.submit(case.job.name(), *arg, data)?);
        }
        let first = futures[0].id();
        for future in self.pool.as_completed(futures) {
            let at = future.id().wrapping_sub(first) as usize;
            let outcome = future.result();
            let (Some(batch), Some(want)) = (&mut batch, alone.want.get(at)) else { continue };
            batch.tasks.push(now() - begun[at]);
            match told(outcome)? {
                Ok(value) => batch.verified += u64::from(same(&Ok(value), want)),
                error if same(&error, want) => batch.failed += 1,
                Err(error) => bail!("a task failed that should not: {error}"),
            }
        }
        Ok(now() - started)
    }
}

/// What the job itself made of it; anything else is the pool's error.
fn told(outcome: Outcome) -> anyhow::Result<Result<Value, JobError>> {
    match outcome {
        Ok(answer) => Ok(Ok(answer.value)),
        Err(TaskError::Job { error, .. }) => Ok(Err(error)),
        Err(error) => Err(anyhow!(error)),
    }
}

/// Equal to the last bit.
fn same(a: &Result<Value, JobError>, b: &Result<Value, JobError>) -> bool {
    match (a, b) {
        (Ok(Value::Float(a)), Ok(Value::Float(b))) => a.to_bits() == b.to_bits(),
        _ => a == b,
    }
}
