//! One of the lecture's cases: a round of tasks, alone and through pools.

use std::sync::Arc;
use std::time::Duration;

use measure::now;
use pool::{Call, Job, Value};
use record::{Layer, LectureCase, Params, Stratum};
use shm::wakeup::WaitStrategy;
use stats::median::median_of_sorted;
use stats::paired_ratio::{Ratio, Verdict};
use transport::Residency;

use crate::context::LabContext;
use crate::placement::Placement;
use crate::plan::{Arm, Cell};

/// Tasks in flight per worker: one that runs and one that waits there.
pub const DEPTH: usize = 2;

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
    /// Whether a task does nothing but read its list.
    pub only_reads: bool,
    /// Whether the tasks of a round differ from each other.
    pub mixed: bool,
    /// What is said of a speedup.
    pub judge: fn(&Ratio) -> Verdict,
    /// The ways through a pool.
    pub arms: Vec<Arm>,
}

impl Case {
    /// The cell that it is measured in.
    pub fn cell(&self, context: &LabContext<'_>) -> Cell {
        let stratum = Stratum {
            layer: Layer::Pool,
            workers: context.options.workers,
            depth: DEPTH,
            job: self.job.name().into(),
            compute_ns: self.compute_ns,
            ..Cell::usual(WaitStrategy::Hybrid)
        };
        Cell {
            placement: Placement::Spread.on(&context.run.allowed),
            stratum,
            bytes: self.bytes(),
            arms: self.arms.clone(),
            tasks: Some(self.args.len()),
            ..Cell::default()
        }
    }

    /// What is measured by `arm`.
    pub fn params(&self, context: &LabContext<'_>, arm: &Arm) -> Params {
        Params { case: Some(self.lecture_case(context)), ..self.cell(context).params(arm) }
    }

    pub(super) fn lecture_case(&self, context: &LabContext<'_>) -> LectureCase {
        let (case, scale) = (self.name.clone(), context.options.scale.name().into());
        LectureCase { case, scale, repeats: self.repeats }
    }

    /// Bytes of the list of every task.
    pub fn bytes(&self) -> usize {
        self.list.as_ref().map_or(0, |list| size_of_val(&list[..]))
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
    (target.as_nanos() as u64 / median_of_sorted(&times).max(1)).clamp(1, 1_000_000) as u32
}
