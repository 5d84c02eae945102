//! How much one thing changed from one run to another.
//!
//! Two runs are not paired in time, so nothing cancels out as it does within a run: each run's
//! generations are resampled on their own. Absolute medians differ by some percent from one
//! generation to the next, and the interval pays for that.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::crossover::RESAMPLES;
use crate::median;
use crate::paired_ratio::{MARGIN, MIN_GENERATIONS};

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
        match (beyond(self.low, self.high), self.generations >= MIN_GENERATIONS) {
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

/// A sample as its percentiles: any histogram can be one.
#[derive(Clone, Copy)]
pub struct Percentiles<'a> {
    /// Values in the sample.
    pub count: u64,
    /// The value at a percentile from 0 to 100.
    pub at: &'a dyn Fn(f64) -> u64,
}

/// The quotient of a percentile (0 to 100) of two samples, with an interval from the ranks that
/// hold it in each with 95 %: (ratio, low, high).
///
/// It takes samples as independent, which those of one generation are not: too narrow an interval for
/// a verdict.
pub fn percentile_change(
    first: Percentiles<'_>,
    second: Percentiles<'_>,
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
fn log_percentile(sample: Percentiles<'_>, percentile: f64) -> (f64, f64, f64) {
    let count = sample.count.max(1) as f64;
    let part = percentile / 100.0;
    let away = 1.96 * (part * (1.0 - part) / count).sqrt() * 100.0;
    let log = |at: f64| ((sample.at)(at.clamp(0.0, 100.0)).max(1) as f64).ln();
    (log(percentile), log(percentile - away), log(percentile + away))
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
        let width = |n: u64| {
            let rank = |percentile: f64| (percentile / 100.0 * n as f64).ceil().max(1.0) as u64;
            let at = |percentile: f64| 1_000_000 * rank(percentile).min(n) / n;
            let sample = Percentiles { count: n, at: &at };
            let (ratio, low, high) = percentile_change(sample, sample, 99.0);
            assert!(ratio == 1.0 && low <= 1.0 && high >= 1.0);
            high - low
        };
        assert!(width(300) > 3.0 * width(30_000), "{} {}", width(300), width(30_000));
    }
}
