//! How much one thing changed from one run to another.
//!
//! Two runs are not paired in time, so nothing cancels out as it does within a run: each run's
//! generations are resampled on their own. Absolute medians differ by some percent from one
//! generation to the next, and the interval pays for that.

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::compare::{ENOUGH_GENERATIONS, MARGIN, median};
use crate::crossover::RESAMPLES;
use crate::histogram::Histogram;
use crate::run::PairRow;

/// A ratio of two runs with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change {
    /// First ÷ second: above 1 the second run is faster.
    pub ratio: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Generations of the run that has fewer.
    pub generations: usize,
}

/// What can be said of the second run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Faster: the whole interval is beyond the margin.
    Faster,
    /// Slower: likewise.
    Slower,
    /// The interval reaches into the margin.
    NoChange,
    /// It may have changed, but there are too few generations to say so.
    TooFew,
}

impl Verdict {
    /// The words in tables.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Faster => "faster",
            Verdict::Slower => "slower",
            Verdict::NoChange => "no change beyond noise",
            Verdict::TooFew => "too few generations",
        }
    }
}

impl Change {
    /// What can be said of the second run, beyond a margin of 5 %.
    pub fn verdict(&self) -> Verdict {
        let beyond = |low: f64, high: f64| low > MARGIN || high < 1.0 / MARGIN;
        match (beyond(self.low, self.high), self.generations >= ENOUGH_GENERATIONS) {
            (false, _) => Verdict::NoChange,
            (true, false) => Verdict::TooFew,
            (true, true) if self.ratio > 1.0 => Verdict::Faster,
            (true, true) => Verdict::Slower,
        }
    }
}

/// The change from `first` to `second`, medians of generations; nothing where one has none.
///
/// The median over generations of each run, and their quotient; generations of each run are resampled
/// on their own. The same medians give the same answer.
pub fn change(first: &[f64], second: &[f64]) -> Option<Change> {
    if first.is_empty() || second.is_empty() {
        return None;
    }
    let mut random = StdRng::seed_from_u64(0);
    let mut again = |of: &[f64]| {
        let mut drawn: Vec<f64> = of.iter().map(|_| of[random.random_range(0..of.len())]).collect();
        median(&mut drawn)
    };
    let mut resamples: Vec<f64> = (0..RESAMPLES).map(|_| again(first) / again(second)).collect();
    resamples.sort_unstable_by(f64::total_cmp);
    let tail = RESAMPLES / 40; // 2.5 %
    Some(Change {
        ratio: median(&mut first.to_vec()) / median(&mut second.to_vec()),
        low: resamples[tail],
        high: resamples[RESAMPLES - 1 - tail],
        generations: first.len().min(second.len()),
    })
}

/// The quotient of a percentile (0 to 100) of two histograms, with an interval from the ranks that
/// hold it in each with 95 %: (ratio, low, high).
///
/// It takes samples as independent, which those of one generation are not: too narrow an interval for
/// a verdict.
pub fn percentile_change(
    first: &Histogram,
    second: &Histogram,
    percentile: f64,
) -> (f64, f64, f64) {
    let (a, a_low, a_high) = log_percentile(first, percentile);
    let (b, b_low, b_high) = log_percentile(second, percentile);
    let middle = a - b;
    let below = (a - a_low).hypot(b_high - b);
    let above = (a_high - a).hypot(b - b_low);
    (middle.exp(), (middle - below).exp(), (middle + above).exp())
}

/// Logarithms of the percentile and of the values 1.96 standard deviations of its rank away.
fn log_percentile(histogram: &Histogram, percentile: f64) -> (f64, f64, f64) {
    let count = histogram.count().max(1) as f64;
    let part = percentile / 100.0;
    let away = 1.96 * (part * (1.0 - part) / count).sqrt() * 100.0;
    let log = |at: f64| (histogram.percentile(at.clamp(0.0, 100.0)).max(1) as f64).ln();
    (log(percentile), log(percentile - away), log(percentile + away))
}

/// What the batches of one arm of one cell have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key<'a> {
    /// In labs, which of the lecture's cases; else empty.
    pub case: &'a str,
    /// Transport and residency.
    pub arm: &'a str,
    /// same, spread or unpinned.
    pub placement: &'a str,
    /// sleeping, polling or hybrid.
    pub regime: &'a str,
    /// How the other side was woken.
    pub wakeup: &'a str,
    /// Worker processes, tasks in flight per worker.
    pub load: (usize, usize),
    /// Bytes of the list.
    pub bytes: usize,
    /// Computing added to each task.
    pub compute_ns: u64,
}

/// The medians of each generation, arm by arm. Of a cell that was measured anew after an
/// interruption, those of the last run.
pub fn generation_medians(pairs: &[PairRow]) -> BTreeMap<Key<'_>, Vec<f64>> {
    let mut batches: BTreeMap<Key<'_>, (&str, BTreeMap<u32, Vec<f64>>)> = BTreeMap::new();
    for row in pairs {
        let (run, generations) = batches.entry(key(row)).or_default();
        if *run != row.run {
            *run = &row.run;
            generations.clear();
        }
        generations.entry(row.generation).or_default().push(row.median as f64);
    }
    let medians = |mut generations: BTreeMap<u32, Vec<f64>>| {
        generations.values_mut().map(|batches| median(batches)).collect()
    };
    batches.into_iter().map(|(key, (_, generations))| (key, medians(generations))).collect()
}

fn key(row: &PairRow) -> Key<'_> {
    Key {
        case: &row.case,
        arm: &row.arm,
        placement: &row.placement,
        regime: &row.regime,
        wakeup: &row.wakeup,
        load: (row.workers, row.depth),
        bytes: row.size,
        compute_ns: row.compute,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(first: &[f64], second: &[f64]) -> Verdict {
        change(first, second).unwrap().verdict()
    }

    const QUIET: [f64; 6] = [100.0, 101.0, 99.0, 100.5, 99.5, 100.0];

    #[test]
    fn a_run_has_not_changed_against_itself_however_noisy() {
        let noisy = [100.0, 180.0, 60.0, 120.0, 95.0, 300.0];
        for of in [&QUIET[..], &noisy, &[1.0], &[50.0, 500.0]] {
            let change = change(of, of).unwrap();
            assert_eq!((change.ratio, change.verdict()), (1.0, Verdict::NoChange));
            assert!(change.low <= 1.0 && change.high >= 1.0);
        }
        assert!(super::change(&[], &QUIET).is_none() && super::change(&QUIET, &[]).is_none());
    }

    #[test]
    fn a_change_counts_beyond_the_margin_and_with_six_generations_only() {
        let times = |factor: f64| QUIET.map(|median| median * factor);
        assert_eq!(verdict(&QUIET, &times(0.8)), Verdict::Faster);
        assert_eq!(verdict(&QUIET, &times(1.2)), Verdict::Slower);
        assert_eq!(verdict(&QUIET, &times(1.04)), Verdict::NoChange);
        assert_eq!(verdict(&QUIET, &times(0.8)[..5]), Verdict::TooFew);
        assert_eq!(verdict(&QUIET, &[100.0, 60.0, 80.0, 101.0, 99.0, 70.0]), Verdict::NoChange);
    }

    #[test]
    fn a_percentile_s_interval_holds_its_ratio_and_shrinks_with_samples() {
        let samples = |n: u64| (1..=n).map(|i| 1_000_000 * i / n).collect::<Histogram>();
        let width = |n| {
            let (ratio, low, high) = percentile_change(&samples(n), &samples(n), 99.0);
            assert!(ratio == 1.0 && low <= 1.0 && high >= 1.0);
            high - low
        };
        assert!(width(300) > 3.0 * width(30_000), "{} {}", width(300), width(30_000));
    }

    #[test]
    fn batches_before_an_interruption_do_not_count_once_the_cell_was_measured_anew() {
        let text = "run,case,placement,regime,wakeup,workers,depth,generation,pair,order,arm,size,compute,median,mean,min,n,time\n\
            one,,same,sleeping,block,1,1,0,0,0,pipe,8,0,900,1,1,1,1\n\
            two,,same,sleeping,block,1,1,0,0,0,pipe,8,0,100,1,1,1,1\n\
            two,,same,sleeping,block,1,1,0,1,0,pipe,8,0,300,1,1,1,1\n\
            two,,same,sleeping,block,1,1,1,0,0,pipe,8,0,500,1,1,1,1\n";
        let rows: Vec<PairRow> =
            csv::Reader::from_reader(text.as_bytes()).deserialize().map(Result::unwrap).collect();
        let medians: Vec<Vec<f64>> = generation_medians(&rows).into_values().collect();
        assert_eq!(medians, [[200.0, 500.0]]);
    }
}
