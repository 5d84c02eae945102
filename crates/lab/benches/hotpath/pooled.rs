//! The whole pool, from submit to result.

use std::path::PathBuf;
use std::time::Duration;

use measure::now;
use pool::{Pool, Resident, WorkerCommand};

use super::middle;

/// Tasks of a run at depth.
const TASKS: i64 = 100_000;

/// A pool of one worker.
pub(crate) struct Pooled {
    pool: Pool,
    resident: Resident,
}

impl Pooled {
    pub(crate) fn start(wakeup: &str, core: usize, depth: usize, chunk: usize) -> Pooled {
        let program = PathBuf::from(env!("CARGO_BIN_EXE_worker"));
        let patience = Duration::from_secs(5);
        let launch =
            WorkerCommand { program, args: Vec::new(), build: harness::BUILD.into(), patience };
        let pool = Pool::builder().launch(launch).workers(1).cores(vec![core]).wakeup(wakeup);
        let pool = pool.depth(depth).chunk(chunk).longest_list(1).resident_lists(1).build();
        let pool = pool.expect("a pool");
        let resident = pool.place(&[7]).expect("room for a list");
        let pooled = Pooled { pool, resident };
        pooled.one_by_one(200);
        pooled.pool.park().expect("parking");
        pooled
    }

    /// `count` tasks with a resident item, each submitted after the last one's result: the median
    /// times `count`.
    pub(crate) fn batch(&self, count: usize) -> u64 {
        self.pool.unpark().expect("unparking");
        self.one_by_one(20);
        let took = self.one_by_one(count);
        self.pool.park().expect("parking");
        took
    }

    fn one_by_one(&self, count: usize) -> u64 {
        let took = (0..count).map(|_| {
            let list = (self.resident.clone(), 0..1);
            let started = now();
            let task = self.pool.submit("sum", 0, list).expect("submitting");
            let outcome = task.result().expect("an answer");
            let took = now() - started;
            assert_eq!(outcome.value, 7.into());
            took
        });
        middle(took.collect()) * count as u64
    }

    /// Tasks a second without a list, as many in flight as the pool allows; the median of nine runs.
    pub(crate) fn tasks_a_second(&self) -> f64 {
        self.pool.unpark().expect("unparking");
        let run = |_| {
            let started = now();
            let outcomes = self.pool.map("light_work_small_data", (0..TASKS).map(|n| (n, ())));
            let took = now() - started;
            assert!(outcomes.iter().all(Result::is_ok));
            took
        };
        let took = middle((0..9).map(run).collect());
        self.pool.park().expect("parking");
        TASKS as f64 * 1e9 / took as f64
    }
}
