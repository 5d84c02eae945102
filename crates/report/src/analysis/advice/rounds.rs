//! Rounds of equal tasks through pools, each with the same tasks alone.

use measure::Distribution;
use record::{Layer, Placement, Record, Sequential, Trial, Wait};

/// All tasks of a case by one way.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Round {
    pub(super) way: String,
    pub(super) placement: Placement,
    pub(super) wait: Wait,
    pub(super) workers: usize,
    pub(super) bytes: usize,
    pub(super) tasks: usize,
    /// What a task was asked to compute, if it was asked for a time.
    pub(super) compute_ns: u64,
    /// One task alone, the reading of its list included.
    pub(super) alone_ns: f64,
    /// All tasks.
    pub(super) round_ns: f64,
    /// Whether a task does nothing but read its list.
    pub(super) only_reads: bool,
}

/// Transports whose pools a plan can name.
const TRANSPORTS: [&str; 2] = ["pipe", "shared"];

/// What `record` has of pools with so many workers. Rounds whose tasks differ from each other say nothing of equal
/// ones.
pub(super) fn rounds(record: &Record, workers: usize) -> Vec<Round> {
    let fits = |trial: &&Trial| {
        let (stratum, arm) = (&trial.params.stratum, &trial.params.arm);
        (stratum.layer, stratum.workers) == (Layer::Pool, workers)
            && trial.error.is_none()
            && TRANSPORTS.contains(&arm.transport.as_str())
    };
    record.trials.iter().filter(fits).filter_map(|trial| round(record, trial)).collect()
}

fn round(record: &Record, trial: &Trial) -> Option<Round> {
    let alone = alone(record, trial).filter(|alone| !alone.mixed)?;
    let stratum = &trial.params.stratum;
    let round_ns = undisturbed(trial.round_ns.as_ref()?);
    let alone_ns = undisturbed(&alone.wall_ns) / alone.tasks.max(1) as f64;
    (round_ns > 0.0).then(|| Round {
        way: trial.params.arm.name(),
        placement: stratum.placement,
        wait: stratum.wait,
        workers: stratum.workers,
        bytes: trial.params.bytes,
        tasks: alone.tasks,
        compute_ns: stratum.compute_ns,
        alone_ns,
        round_ns,
        only_reads: alone.only_reads,
    })
}

/// What it takes without interference: the lower quartile, since interference only ever adds time.
fn undisturbed(times: &Distribution) -> f64 {
    times.histogram().map_or(times.p50, |all| all.percentile(25.0)) as f64
}

/// The sequential line of a trial's case.
fn alone<'a>(record: &'a Record, trial: &Trial) -> Option<&'a Sequential> {
    let case = trial.params.case.as_ref()?;
    let same = |alone: &&Sequential| alone.lab == trial.lab && alone.case.case == case.case;
    record.sequentials.iter().find(same)
}
