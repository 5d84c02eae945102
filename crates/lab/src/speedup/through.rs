//! Rounds of a case: through a pool, and alone.

use measure::now;
use pool::{Call, Data, Pool, PoolError, Value};
use transport::Residency;

use super::Case;
use crate::book::Book;
use crate::plan::{Arm, Cell};

/// A batch lasts at least this long, in nanoseconds, and has at least one round.
const BATCH_NS: u64 = 2_000_000;
const MOST_ROUNDS: u64 = 2000;

/// A parked pool, and where its lists are.
pub(super) struct Through {
    pool: Pool,
    data: Data,
}

/// Rounds of one way.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) tasks: Vec<u64>,
    pub(super) rounds: Vec<u64>,
    pub(super) verified: u64,
    pub(super) failed: u64,
}

impl Through {
    pub(super) fn start(
        book: &Book,
        case: &Case,
        arm: &Arm,
        cell: &Cell,
        cores: &[usize],
    ) -> Result<Through, PoolError> {
        let pool = Pool::builder(book.found.launch.clone())
            .transport(arm.transport.name())
            .wakeup(arm.wakeup)
            .workers(cell.workers)
            .depth(cell.depth)
            .apart(cores.iter().any(|core| *core != cores[0]))
            .longest_list(cell.items())
            .resident_lists(1)
            .jobs([case.job.name()])
            .cores(cores[1..].to_vec())
            .build()?;
        let data = match (&case.list, arm.residency) {
            (None, _) => Data::None,
            (Some(list), Residency::Resident) => Data::Resident(pool.place(list)?, 0..list.len()),
            (Some(list), _) => Data::Items(list.clone()),
        };
        let through = Through { pool, data };
        // Warm: every worker has had a task, and every slot a list.
        (0..3).try_for_each(|_| through.round(case, None, &mut Batch::default()).map(drop))?;
        through.pool.park()?;
        Ok(through)
    }

    /// Rounds until the batch is long enough.
    pub(super) fn batch(&self, case: &Case, want: &Value) -> Result<Batch, PoolError> {
        let mut batch = Batch::default();
        self.pool.unpark()?;
        // The first round after a switch finds cold caches: it is not measured.
        self.round(case, None, &mut batch)?;
        let started = now();
        while now() - started < BATCH_NS && (batch.rounds.len() as u64) < MOST_ROUNDS {
            let took = self.round(case, Some(want), &mut batch)?;
            batch.rounds.push(took);
        }
        self.pool.park()?;
        Ok(batch)
    }

    /// All tasks submitted, all results collected as they come.
    fn round(
        &self,
        case: &Case,
        want: Option<&Value>,
        batch: &mut Batch,
    ) -> Result<u64, PoolError> {
        let started = now();
        let mut begun = Vec::with_capacity(case.tasks);
        let mut futures = Vec::with_capacity(case.tasks);
        for _ in 0..case.tasks {
            begun.push(now());
            let submitted = self.pool.submit(case.job.name(), case.arg, self.data.clone());
            futures.push(submitted.map_err(|error| std::io::Error::other(error.to_string()))?);
        }
        let first = futures[0].id();
        for completed in self.pool.as_completed(futures) {
            let (future, outcome) = completed?;
            let Some(want) = want else { continue };
            batch.tasks.push(now() - begun[future.id().wrapping_sub(first) as usize]);
            match outcome {
                Ok(value) => batch.verified += u64::from(same(&value, want)),
                Err(_) => batch.failed += 1,
            }
        }
        Ok(now() - started)
    }
}

/// One round of the case in this process: how long, and one task's answer.
pub(super) fn alone(case: &Case) -> Result<(u64, Value), pool::JobError> {
    let list = case.list.as_deref().unwrap_or_default();
    let started = now();
    let mut answer = Value::Int(0);
    for _ in 0..case.tasks {
        answer = std::hint::black_box(case.job.run(Call { arg: case.arg, list })?);
    }
    Ok((now() - started, answer))
}

pub(super) fn batch_alone(case: &Case, want: &Value) -> Batch {
    let mut batch = Batch::default();
    let _ = alone(case);
    let started = now();
    while now() - started < BATCH_NS && (batch.rounds.len() as u64) < MOST_ROUNDS {
        match alone(case) {
            Ok((took, answer)) => {
                batch.rounds.push(took);
                batch.verified += case.tasks as u64 * u64::from(same(&answer, want));
            }
            Err(_) => batch.failed += case.tasks as u64,
        }
    }
    batch
}

/// Equal to the last bit.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => a == b,
        (Value::Float(a), Value::Float(b)) => a.to_bits() == b.to_bits(),
        _ => false,
    }
}

/// As CPython prints it.
pub(super) fn python(value: &Value) -> String {
    match value {
        Value::Int(value) => value.to_string(),
        Value::Float(value) => format!("{value:?}"),
    }
}
