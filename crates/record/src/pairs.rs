//! The batches of a run, as pairs.csv keeps them: everything that a ratio, an interval or a speedup is computed
//! from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One batch of one arm; times in nanoseconds. `trial` says to what it belongs. What follows it is for people and
/// for other programs, which then need no other file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PairRow {
    /// Name of the run.
    pub run: String,
    /// Number of the line that these batches come to: a trial, an A/A test or a sequential line. 0 where a record
    /// of schema 1 does not tell.
    #[serde(default)]
    pub trial: u64,
    /// In the lecture's labs: which of its cases; else the job, where it is not `sum`.
    pub case: String,
    /// same, spread or unpinned.
    pub placement: String,
    /// sleep, hybrid or spin.
    #[serde(alias = "regime")]
    pub wait: String,
    /// How the other side was woken.
    pub wakeup: String,
    /// Worker processes.
    pub workers: usize,
    /// Tasks in flight per worker.
    pub depth: usize,
    /// Which set of fresh workers.
    pub generation: u32,
    /// Which pair of that generation.
    pub pair: u32,
    /// Whether this arm came first, second, … in its pair.
    pub order: u32,
    /// The arm: transport and residency, or `sequential`.
    pub arm: String,
    /// Bytes of the list.
    pub size: usize,
    /// Computing added to each task.
    pub compute: u64,
    /// Median round trip of the batch.
    pub median: u64,
    /// Mean of it.
    pub mean: u64,
    /// Smallest of it.
    pub min: u64,
    /// Tasks of the batch.
    pub n: usize,
    /// When the batch began, on the monotonic clock.
    pub time: u64,
}

/// What pairs.csv calls the tasks one after another in the coordinator.
pub const SEQUENTIAL: &str = "sequential";

/// One batch of one arm: what a comparison is computed from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Which set of fresh workers.
    pub generation: u32,
    /// Which pair of that generation.
    pub pair: u32,
    /// Median time in nanoseconds.
    pub median_ns: u64,
}

/// The batches of line number `id`.
pub fn batches_of(pairs: &[PairRow], id: u64) -> Vec<Batch> {
    let of_line = pairs.iter().filter(|row| row.trial == id && id != 0);
    of_line
        .map(|row| Batch { generation: row.generation, pair: row.pair, median_ns: row.median })
        .collect()
}

/// The median batch of each generation of line number `id`.
pub fn generation_medians(pairs: &[PairRow], id: u64) -> Vec<f64> {
    let mut generations: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
    for batch in batches_of(pairs, id) {
        generations.entry(batch.generation).or_default().push(batch.median_ns as f64);
    }
    generations.values_mut().map(|batches| stats::median(batches)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_its_own_batches_and_one_that_no_line_claims_belongs_to_none() {
        let row =
            |trial, generation, median| PairRow { trial, generation, median, ..PairRow::default() };
        let rows = [row(7, 0, 100), row(7, 0, 300), row(8, 0, 9000), row(7, 1, 500), row(0, 0, 1)];
        assert_eq!(generation_medians(&rows, 7), [200.0, 500.0]);
        assert_eq!(generation_medians(&rows, 8), [9000.0]);
        assert!(generation_medians(&rows, 9).is_empty() && batches_of(&rows, 0).is_empty());
    }
}
