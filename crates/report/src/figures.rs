//! What pictures draw, on a page and in a terminal: the record's numbers, without a choice of how.

use measure::Histogram;
use measure::model::hinges;
use measure::plans::{Terms, terms};
use measure::record::{Cell, Comparison, CrossoverLine, FloorLine, Line, Trial};
use serde::Serialize;

use crate::lecture::{self, way};
use crate::table::{Rows, arm, rows};
use crate::{floor, reach};

/// A run's numbers; times in nanoseconds, sizes in bytes.
#[derive(Serialize)]
pub(crate) struct Run {
    pub(crate) name: String,
    pub(crate) strata: Vec<Stratum>,
    pub(crate) speedups: Vec<Speedup>,
    pub(crate) crossovers: Vec<Crossover>,
    pub(crate) floors: Vec<Floor>,
    pub(crate) terms: Vec<Terms>,
}

/// What was measured under the same conditions.
#[derive(Serialize)]
pub(crate) struct Stratum {
    pub(crate) title: String,
    pub(crate) placement: String,
    /// The same for strata that differ by nothing but what their tasks compute.
    pub(crate) beside: String,
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
    pub(crate) said: String,
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
pub(crate) struct Floor {
    pub(crate) what: String,
    pub(crate) name: String,
    pub(crate) placement: String,
    pub(crate) bytes: usize,
    pub(crate) p50: u64,
}

/// The numbers of a record that was named so.
pub(crate) fn of(name: &str, lines: &[Line]) -> Run {
    let crossovers = lecture::last_crossovers(lines);
    Run {
        name: name.into(),
        strata: rows(lines).iter().map(stratum).collect(),
        speedups: speedups(lines),
        crossovers: crossovers.into_iter().map(crossover).collect(),
        floors: floor::lowest(lines).into_iter().map(limit).collect(),
        terms: terms(lines, &hinges(lines)),
    }
}

fn stratum(rows: &Rows<'_>) -> Stratum {
    let mut trials: Vec<Row> = Vec::new();
    // Of an arm that was measured anew, the last.
    for trial in &rows.trials {
        let row = row(trial);
        trials.retain(|other| (&other.arm, other.bytes) != (&row.arm, row.bytes));
        trials.push(row);
    }
    trials.sort_by_key(|row| row.bytes);
    let base = |comparison: &Comparison| {
        let trial = rows.trials.iter().find(|trial| trial.id == comparison.base);
        trial.map_or(comparison.base_transport.clone(), |trial| arm(&trial.cell))
    };
    let mut ratios: Vec<Ratio> = Vec::new();
    for comparison in &rows.comparisons {
        let ratio = ratio(comparison, base(comparison));
        ratios.retain(|other| (&other.arm, other.bytes) != (&ratio.arm, ratio.bytes));
        ratios.push(ratio);
    }
    ratios.sort_by_key(|ratio| ratio.bytes);
    let cell = rows.trials.first().map(|trial| &trial.cell);
    Stratum {
        title: rows.stratum.title(),
        placement: cell.map_or(String::new(), |cell| cell.placement.clone()),
        beside: cell.map_or(String::new(), beside),
        compute_ns: cell.map_or(0, |cell| cell.compute_ns),
        crossings: reach::arms(rows).iter().map(crossing).collect(),
        trials,
        ratios,
    }
}

fn beside(cell: &Cell) -> String {
    let Cell { placement, regime, wakeup, workers, depth, rate, .. } = cell;
    format!("{placement} {regime} {wakeup} {workers}x{depth} {rate:?}")
}

fn row(trial: &Trial) -> Row {
    let rt = &trial.round_trip_ns;
    let phases = trial.phases_ns.iter().map(|(phase, ns)| (phase.name(), ns.p50));
    Row {
        arm: arm(&trial.cell),
        bytes: trial.cell.bytes,
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
        arm: arm(&comparison.cell),
        base,
        bytes: comparison.cell.bytes,
        ratio: comparison.ratio,
        low: comparison.low,
        high: comparison.high,
        confidence: comparison.confidence,
        threshold: comparison.threshold,
        generations: comparison.generations,
        verdict: comparison.verdict.name(),
    }
}

fn crossing(arm: &reach::Arm<'_>) -> Crossing {
    Crossing { bytes: arm.crossing(), said: format!("{}: {}", arm.name, arm.said()) }
}

fn speedups(lines: &[Line]) -> Vec<Speedup> {
    let speedup = |(alone, comparison, trial): lecture::Compared<'_>| Speedup {
        lab: comparison.lab.clone(),
        case: alone.lecture.case.clone(),
        way: way(&comparison.cell),
        bytes: comparison.cell.bytes,
        compute_ns: comparison.cell.compute_ns,
        task_ns: alone.wall_ns.p50 / alone.tasks.max(1) as u64,
        alone_ns: alone.wall_ns.p50,
        pool_ns: trial.map_or(0, lecture::round),
        ratio: comparison.ratio,
        low: comparison.low,
        high: comparison.high,
        threshold: comparison.threshold,
        verdict: comparison.verdict.name(),
    };
    lecture::all_compared(lines).into_iter().map(speedup).collect()
}

fn crossover(line: &CrossoverLine) -> Crossover {
    Crossover {
        lab: line.lab.clone(),
        way: way(&line.cell),
        bytes: line.cell.bytes,
        at: line.at,
        low: line.low,
        high: line.high,
        verdict: line.verdict.clone(),
    }
}

fn limit(floor: &FloorLine) -> Floor {
    Floor {
        what: floor.what.clone(),
        name: floor::name(&floor.what, floor.bytes),
        placement: floor.placement.clone(),
        bytes: floor.bytes,
        p50: floor.ns.p50,
    }
}
