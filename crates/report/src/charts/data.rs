//! What pictures draw, on a page and in a terminal: the record's numbers, without a choice of how.

use measure::Histogram;
use record::{Comparison, CrossoverLine, Limit, Record, Stratum as Axes, Trial};
use serde::Serialize;

use crate::analysis::advice::{Terms, terms};
use crate::analysis::cost_models::hinges;
use crate::analysis::limits;
use crate::analysis::speedups::{self, Speedup as Compared};
use crate::analysis::strata::{Rows, rows};
use crate::analysis::win_range;

/// A run's numbers; times in nanoseconds, sizes in bytes.
#[derive(Serialize)]
pub(crate) struct Run {
    pub(crate) name: String,
    pub(crate) strata: Vec<Stratum>,
    pub(crate) speedups: Vec<Speedup>,
    pub(crate) crossovers: Vec<Crossover>,
    pub(crate) limits: Vec<MachineLimit>,
    pub(crate) terms: Vec<Terms>,
}

/// What was measured under the same conditions.
#[derive(Serialize)]
pub(crate) struct Stratum {
    pub(crate) title: String,
    pub(crate) placement: String,
    /// The same for strata that differ by nothing but what their tasks compute.
    pub(crate) same_except_compute: String,
    /// Computing that each task adds to its job.
    pub(crate) compute_ns: u64,
    pub(crate) trials: Vec<Row>,
    pub(crate) ratios: Vec<Ratio>,
    pub(crate) crossings: Vec<Crossing>,
}

/// One arm at one size.
#[derive(Serialize)]
pub(crate) struct Row {
    pub(crate) arm: String,
    pub(crate) bytes: usize,
    pub(crate) count: u64,
    pub(crate) p50: u64,
    pub(crate) p90: u64,
    pub(crate) p99: u64,
    pub(crate) p999: u64,
    pub(crate) max: u64,
    pub(crate) steady: bool,
    pub(crate) overlap: bool,
    pub(crate) error: Option<String>,
    /// Values at log10(1 / (1 - p)) = 0, 0.1, 0.2, …, and the largest last.
    pub(crate) curve: Vec<u64>,
    /// Median of each phase, by name.
    pub(crate) phases: Vec<(&'static str, u64)>,
}

/// A sharing arm against a copying one.
#[derive(Serialize)]
pub(crate) struct Ratio {
    pub(crate) arm: String,
    pub(crate) base: String,
    pub(crate) bytes: usize,
    pub(crate) ratio: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) confidence: f64,
    pub(crate) threshold: f64,
    pub(crate) generations: usize,
    pub(crate) verdict: &'static str,
}

/// From where on an arm wins, along sizes.
#[derive(Serialize)]
pub(crate) struct Crossing {
    /// Where its interval crosses the threshold; none where it does not.
    pub(crate) bytes: Option<(f64, f64)>,
    /// The arm, and what the verdict says of it first.
    pub(crate) sentence: String,
}

/// A pool against doing it alone.
#[derive(Serialize)]
pub(crate) struct Speedup {
    pub(crate) lab: String,
    pub(crate) case: String,
    pub(crate) way: String,
    pub(crate) bytes: usize,
    pub(crate) compute_ns: u64,
    /// One task alone.
    pub(crate) task_ns: u64,
    pub(crate) alone_ns: u64,
    pub(crate) pool_ns: u64,
    pub(crate) ratio: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) threshold: f64,
    pub(crate) verdict: &'static str,
}

/// From where on a pool wins, along the computing of a task.
#[derive(Serialize)]
pub(crate) struct Crossover {
    pub(crate) lab: String,
    pub(crate) way: String,
    pub(crate) bytes: usize,
    pub(crate) at: Option<u64>,
    pub(crate) low: Option<u64>,
    pub(crate) high: Option<u64>,
    pub(crate) verdict: String,
}

/// A limit of the machine.
#[derive(Serialize)]
pub(crate) struct MachineLimit {
    pub(crate) what: String,
    pub(crate) name: String,
    pub(crate) placement: String,
    pub(crate) bytes: usize,
    pub(crate) p50: u64,
}

/// The numbers of a record that was named so.
pub(crate) fn chart_data(name: &str, record: &Record) -> Run {
    Run {
        name: name.into(),
        strata: rows(record).iter().map(|rows| stratum(record, rows)).collect(),
        speedups: speedups::all(record).into_iter().map(speedup).collect(),
        crossovers: record.crossovers.iter().map(crossover).collect(),
        limits: record.limits.iter().map(limit).collect(),
        terms: terms(record, &hinges(record)),
    }
}

fn stratum(record: &Record, rows: &Rows<'_>) -> Stratum {
    let mut trials: Vec<Row> = rows.trials.iter().map(|trial| row(trial)).collect();
    trials.sort_by_key(|row| row.bytes);
    let mut ratios: Vec<Ratio> =
        rows.comparisons.iter().map(|of| ratio(of, record.base_name(of))).collect();
    ratios.sort_by_key(|ratio| ratio.bytes);
    Stratum {
        title: rows.title.clone(),
        placement: rows.stratum.placement.to_string(),
        same_except_compute: except_compute(rows.stratum),
        compute_ns: rows.stratum.compute_ns,
        crossings: win_range::arms(rows).iter().map(crossing).collect(),
        trials,
        ratios,
    }
}

/// The same text for strata that differ by nothing but what their tasks compute. The job differs then too.
fn except_compute(stratum: &Axes) -> String {
    format!("{:?}", Axes { compute_ns: 0, job: String::new(), ..stratum.clone() })
}

fn row(trial: &Trial) -> Row {
    let rt = &trial.round_trip_ns;
    let phases = trial.phases_ns.iter().map(|(phase, ns)| (phase.name(), ns.p50));
    Row {
        arm: trial.params.arm.name(),
        bytes: trial.params.bytes,
        count: rt.count,
        p50: rt.p50,
        p90: rt.p90,
        p99: rt.p99,
        p999: rt.p999,
        max: rt.max,
        steady: trial.steady,
        overlap: trial.overlap,
        error: trial.error.clone(),
        curve: rt.histogram().map_or_else(|_| Vec::new(), |histogram| curve(&histogram)),
        phases: phases.collect(),
    }
}

/// The quantile at each tenth on the axis of log10(1 / (1 - p)), as far as samples go, and the
/// largest value.
fn curve(histogram: &Histogram) -> Vec<u64> {
    let count = histogram.count();
    let last = (10.0 * (count.max(1) as f64).log10()).floor() as i32;
    let rank = |step: i32| {
        let quantile = 1.0 - 10f64.powf(-f64::from(step) / 10.0);
        ((quantile * count as f64 + 0.5) as u64).max(1)
    };
    let mut ranks = (0..=last).map(rank).peekable();
    let mut seen = 0;
    let mut values = Vec::new();
    for bucket in histogram.hdr().iter_recorded() {
        seen += bucket.count_since_last_iteration();
        while ranks.next_if(|rank| *rank <= seen).is_some() {
            values.push(bucket.value_iterated_to());
        }
    }
    if count > 0 {
        values.push(histogram.hdr().max());
    }
    values
}

fn ratio(comparison: &Comparison, base: String) -> Ratio {
    Ratio {
        arm: comparison.params.arm.name(),
        base,
        bytes: comparison.params.bytes,
        ratio: comparison.ratio,
        low: comparison.low,
        high: comparison.high,
        confidence: comparison.confidence,
        threshold: comparison.threshold,
        generations: comparison.generations,
        verdict: comparison.verdict.name(),
    }
}

fn crossing(arm: &win_range::Arm<'_>) -> Crossing {
    Crossing { bytes: arm.crossing(), sentence: format!("{}: {}", arm.name, arm.describe()) }
}

fn speedup(of: Compared<'_>) -> Speedup {
    let (comparison, params) = (of.comparison, &of.comparison.params);
    Speedup {
        lab: comparison.lab.clone(),
        case: of.alone.case.case.clone(),
        way: params.way(),
        bytes: params.bytes,
        compute_ns: params.stratum.compute_ns,
        task_ns: of.task_ns(),
        alone_ns: of.alone.wall_ns.p50,
        pool_ns: of.pool_ns(),
        ratio: comparison.ratio,
        low: comparison.low,
        high: comparison.high,
        threshold: comparison.threshold,
        verdict: comparison.verdict.name(),
    }
}

fn crossover(line: &CrossoverLine) -> Crossover {
    Crossover {
        lab: line.lab.clone(),
        way: line.params.way(),
        bytes: line.params.bytes,
        at: line.at,
        low: line.low,
        high: line.high,
        verdict: line.verdict.clone(),
    }
}

fn limit(limit: &Limit) -> MachineLimit {
    MachineLimit {
        what: limit.what.clone(),
        name: limits::name(&limit.what, limit.bytes),
        placement: limit.placement.to_string(),
        bytes: limit.bytes,
        p50: limit.ns.p50,
    }
}
