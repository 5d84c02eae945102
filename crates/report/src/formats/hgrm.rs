//! HdrHistogram's percentile text (.hgrm), which its plotters read.

use std::fmt::Write as _;

use hdrhistogram::Histogram;

use super::histograms::TrialHistogram;

/// Nanoseconds for one of the file's units: values are microseconds.
const RATIO: f64 = 1000.0;
/// Steps in each half of the distance to 100 %, as the Java tool takes them.
const TICKS: u32 = 5;

/// The percentiles of one trial, as HdrHistogram's Java tool prints them, below a comment that says
/// what it is and that values are microseconds.
pub fn hgrm(trial: &TrialHistogram<'_>) -> String {
    let histogram = trial.histogram.hdr();
    let mut text = format!(
        "#[{}: round trip in microseconds (scaling ratio {RATIO:.0} of nanoseconds)]\n",
        trial.title
    );
    let _ = writeln!(
        text,
        "{:>12} {:>14} {:>10} {:>14}\n",
        "Value", "Percentile", "TotalCount", "1/(1-Percentile)"
    );
    for Step { value, percentile, total } in steps(histogram) {
        let (value, part) = (value as f64 / RATIO, percentile / 100.0);
        // A tie rounds up, as in Java.
        let _ = write!(text, "{value:12.3} {:2.12} {total:10}", part + 1e-14);
        let _ = match part < 1.0 {
            true => writeln!(text, " {:14.2}", 1.0 / (1.0 - part)),
            false => writeln!(text),
        };
    }
    let (mean, deviation) = (histogram.mean() / RATIO, histogram.stdev() / RATIO);
    let _ = writeln!(text, "#[Mean    = {mean:12.3}, StdDeviation   = {deviation:12.3}]");
    let max = histogram.max() as f64 / RATIO;
    let _ = writeln!(text, "#[Max     = {max:12.3}, Total count    = {:12}]", histogram.len());
    let (buckets, within) = (histogram.buckets(), sub_buckets(histogram.sigfig()));
    let _ = write!(text, "#[Buckets = {buckets:12}, SubBuckets     = {within:12}]");
    text
}

/// One line of the table.
struct Step {
    value: u64,
    percentile: f64,
    total: u64,
}

/// The levels at which the Java tool looks, and what it finds there. The crate's own iterator adds up
/// parts of one instead of percents, which are exact, and so misses levels that a count lies on.
fn steps(histogram: &Histogram<u64>) -> Vec<Step> {
    let mut steps = Vec::new();
    let (mut percentile, mut total, mut last) = (0.0, 0, 0);
    for bucket in histogram.iter_recorded() {
        total += bucket.count_at_value();
        last = histogram.highest_equivalent(bucket.value_iterated_to());
        while 100.0 * total as f64 / histogram.len() as f64 >= percentile {
            steps.push(Step { value: last, percentile, total });
            let halvings = ((100.0 / (100.0 - percentile)).ln() / 2f64.ln()) as i32;
            percentile += 100.0 / (f64::from(TICKS) * 2f64.powi(halvings + 1));
            if total == histogram.len() {
                break;
            }
        }
    }
    steps.push(Step { value: last, percentile: 100.0, total });
    steps
}

/// Linear steps of a bucket that keep so many significant digits: a power of two.
fn sub_buckets(digits: u8) -> u64 {
    (2 * 10u64.pow(digits.into())).next_power_of_two()
}
