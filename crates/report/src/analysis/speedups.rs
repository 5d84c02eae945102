//! Pools against doing the same tasks alone.

use record::{Comparison, CrossoverLine, Record, Sequential, Trial};
use stats::paired_ratio::Verdict;

/// A case alone, a pool against it, and that pool's trial.
#[derive(Clone, Copy)]
pub(crate) struct Speedup<'a> {
    pub(crate) alone: &'a Sequential,
    pub(crate) comparison: &'a Comparison,
    pub(crate) trial: Option<&'a Trial>,
}

impl Speedup<'_> {
    /// Median time of one task alone.
    pub(crate) fn task_ns(&self) -> u64 {
        task_ns(self.alone)
    }

    /// Median time of a round through the pool; 0 if it was not measured.
    pub(crate) fn pool_ns(&self) -> u64 {
        self.trial.map_or(0, round_ns)
    }
}

/// Median time of one task of a sequential line.
fn task_ns(alone: &Sequential) -> u64 {
    alone.wall_ns.p50 / alone.tasks.max(1) as u64
}

/// Median time of a round through a pool.
fn round_ns(trial: &Trial) -> u64 {
    trial.round_ns.as_ref().map_or(0, |rounds| rounds.p50)
}

/// Cases of a lab that were done alone.
pub(crate) fn alone<'a>(record: &'a Record, lab: &'a str) -> impl Iterator<Item = &'a Sequential> {
    record.sequentials.iter().filter(move |alone| alone.lab == lab)
}

/// The pools against one case, way by way.
pub(crate) fn of_case<'a>(
    record: &'a Record,
    alone: &'a Sequential,
) -> impl Iterator<Item = Speedup<'a>> {
    let of_case = record.comparisons.iter().filter(|line| line.base == alone.id);
    of_case.map(|comparison| Speedup { alone, comparison, trial: record.trial(comparison.other) })
}

/// The pools of one lab.
pub(crate) fn of_lab<'a>(record: &'a Record, lab: &'a str) -> Vec<Speedup<'a>> {
    alone(record, lab).flat_map(|alone| of_case(record, alone)).collect()
}

/// The pools of all labs, lab by lab.
pub(crate) fn all(record: &Record) -> Vec<Speedup<'_>> {
    let mut labs: Vec<&str> = record.sequentials.iter().map(|alone| alone.lab.as_str()).collect();
    labs.sort_unstable();
    labs.dedup();
    labs.into_iter().flat_map(|lab| of_lab(record, lab)).collect()
}

/// Whether tasks shorter than where a crossover lies win too: then longer ones were disturbed.
pub(crate) fn is_disturbed(record: &Record, crossover: &CrossoverLine) -> bool {
    let from = crossover.low.unwrap_or(match crossover.side.as_deref() {
        Some("below throughout") => u64::MAX,
        _ => 0,
    });
    of_lab(record, &crossover.lab).iter().any(|of| {
        let (a, b) = (&of.comparison.params, &crossover.params);
        let same_way = (a.bytes, &a.arm) == (b.bytes, &b.arm);
        same_way && of.comparison.verdict == Verdict::Parallel && of.task_ns() < from
    })
}
