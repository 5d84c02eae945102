//! Rounds of equal tasks through pools, each with the same tasks alone.

use crate::histogram::Distribution;
use crate::record::{Line, Sequential, Trial};

/// All tasks of a case by one way.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Round {
    pub(super) way: String,
    pub(super) placement: String,
    pub(super) regime: String,
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

/// A job that reads its list and does nothing else.
const READS: &str = "light_work_large_data";
/// Rounds of tasks that differ from each other say nothing of equal ones.
const UNEQUAL: &str = "futures";

/// What `lines` have of pools with so many workers; of a case that was measured twice, both.
pub(super) fn rounds(lines: &[Line], workers: usize) -> Vec<Round> {
    let trials = lines.iter().filter_map(|line| match line {
        Line::Trial(trial) if trial.through == "pool" && trial.error.is_none() => Some(&**trial),
        _ => None,
    });
    let fits = |trial: &&Trial| {
        trial.cell.workers == workers
            && trial.lab != UNEQUAL
            && ["pipe", "shared"].contains(&trial.cell.transport.as_str())
    };
    trials.filter(fits).filter_map(|trial| round(lines, trial)).collect()
}

fn round(lines: &[Line], trial: &Trial) -> Option<Round> {
    let alone = alone(lines, trial)?;
    let cell = &trial.cell;
    let way = match cell.segment.is_some() {
        true => format!("{} {}", cell.transport, cell.residency),
        false => cell.transport.clone(),
    };
    let round_ns = undisturbed(trial.round_ns.as_ref()?);
    let alone_ns = undisturbed(&alone.wall_ns) / alone.tasks.max(1) as f64;
    (round_ns > 0.0).then(|| Round {
        way,
        placement: cell.placement.clone(),
        regime: cell.regime.clone(),
        workers: cell.workers,
        bytes: cell.bytes,
        tasks: alone.tasks,
        compute_ns: cell.compute_ns,
        alone_ns,
        round_ns,
        only_reads: cell.job == READS,
    })
}

/// What it takes when nobody else has a core: the lower quartile, since others only ever lengthen it.
fn undisturbed(times: &Distribution) -> f64 {
    times.histogram().map_or(times.p50, |all| all.percentile(25.0)) as f64
}

/// The sequential line of a trial's case: the last one before it.
fn alone<'a>(lines: &'a [Line], trial: &Trial) -> Option<&'a Sequential> {
    let of_case = lines.iter().filter_map(|line| match line {
        Line::Sequential(alone) => Some(alone),
        _ => None,
    });
    let same = |alone: &&Sequential| {
        alone.id < trial.id
            && alone.lab == trial.lab
            && trial.lecture.as_ref().is_some_and(|of| of.case == alone.lecture.case)
    };
    of_case.filter(same).max_by_key(|alone| alone.id)
}
