//! The pictures of a page as text: each curve with a character of its own, so that it is told apart
//! without colour too.

use std::fmt::Write as _;

use measure::units::{ratio, size, time};
use record::Record;

use self::chart::{Axis, Chart, Series};
use super::data::{Row, Run, Stratum, chart_data};
use crate::analysis::advice::{Question, TOO_CLOSE, advise};
use crate::analysis::cost_models::hinges;

mod chart;

/// Fewest columns that a plot fits into.
const MIN_COLUMNS: usize = 40;
/// More columns show no more.
const MAX_COLUMNS: usize = 110;

/// Every plot of a record, for so many columns; colours are in it as escapes.
pub fn plots(record: &Record, columns: usize) -> String {
    let run = chart_data("", record);
    if columns < MIN_COLUMNS {
        return format!("\n plots need {MIN_COLUMNS} columns, and there are {columns}\n");
    }
    let columns = columns.min(MAX_COLUMNS);
    let mut text = String::new();
    for stratum in &run.strata {
        latencies(&mut text, stratum, columns);
        ratios(&mut text, stratum, columns);
        percentiles(&mut text, stratum, columns);
        phases(&mut text, stratum, columns);
    }
    winners(&mut text, record, &run, columns);
    crossovers(&mut text, &run, columns);
    if text.is_empty() {
        text.push_str("\n there is nothing to plot: no trial of a transport, and no pool\n");
    }
    text
}

/// The arms of a stratum, copying ones before sharing ones.
fn arms(stratum: &Stratum) -> Vec<&str> {
    let mut arms: Vec<&str> = Vec::new();
    for row in stratum.trials.iter().filter(|row| row.count > 0) {
        if !arms.contains(&row.arm.as_str()) {
            arms.push(&row.arm);
        }
    }
    arms.sort_by_key(|arm| arm.starts_with("shared"));
    arms
}

/// One curve for each arm of a stratum.
fn by_arm(stratum: &Stratum, points: impl Fn(&str) -> Vec<(f64, f64)>) -> Vec<Series> {
    let series = arms(stratum).into_iter().map(|arm| Series::of(arm, points(arm)));
    series.filter(|series| !series.points.is_empty()).collect()
}

fn latencies(text: &mut String, stratum: &Stratum, columns: usize) {
    let series = by_arm(stratum, |arm| {
        let of_arm = stratum.trials.iter().filter(|row| row.arm == arm && row.count > 0);
        of_arm.map(|row| (row.bytes as f64, row.p50 as f64)).collect()
    });
    let chart = Chart {
        title: format!("{}: median round trip against list", stratum.title),
        read: "lower is faster; both axes are logarithmic",
        x: Axis::Bytes,
        y: Axis::Time,
        series,
    };
    chart.draw(text, columns);
}

fn ratios(text: &mut String, stratum: &Stratum, columns: usize) {
    let series = by_arm(stratum, |arm| {
        let of_arm = stratum.ratios.iter().filter(|ratio| ratio.arm == arm);
        of_arm.map(|ratio| (ratio.bytes as f64, ratio.ratio)).collect()
    });
    let chart = Chart {
        title: format!("{}: copy ÷ share against list", stratum.title),
        read: "above 1× sharing is faster; the table has the intervals",
        x: Axis::Bytes,
        y: Axis::Ratio,
        series,
    };
    chart.draw(text, columns);
}

/// The size whose tasks are shown one by one: the lecture's list, or about that.
fn size_shown(stratum: &Stratum) -> Option<usize> {
    let far = |row: &&Row| (row.bytes.max(1) as f64 / 262_144.0).ln().abs();
    let rows = stratum.trials.iter().filter(|row| row.count > 0);
    rows.min_by(|a, b| far(a).total_cmp(&far(b))).map(|row| row.bytes)
}

fn at_size<'a>(stratum: &'a Stratum, bytes: usize, arm: &str) -> Option<&'a Row> {
    stratum.trials.iter().find(|row| row.bytes == bytes && row.arm == arm && row.count > 0)
}

fn percentiles(text: &mut String, stratum: &Stratum, columns: usize) {
    let Some(bytes) = size_shown(stratum) else { return };
    let series = by_arm(stratum, |arm| {
        let Some(row) = at_size(stratum, bytes, arm) else { return Vec::new() };
        let last = (row.count as f64).log10();
        let steps = (0..).map(|step| (f64::from(step) / 10.0).min(last));
        steps.zip(&row.curve).map(|(x, ns)| (x, *ns as f64)).collect()
    });
    let chart = Chart {
        title: format!("{}, {}: percentiles", stratum.title, size(bytes)),
        read: "percentiles of the round trips; each step to the right is ten times rarer",
        x: Axis::Percentile,
        y: Axis::Time,
        series,
    };
    chart.draw(text, columns);
}

/// A bar for each arm, with a letter for each phase.
fn phases(text: &mut String, stratum: &Stratum, columns: usize) {
    let Some(bytes) = size_shown(stratum) else { return };
    let rows: Vec<&Row> = arms(stratum)
        .into_iter()
        .filter_map(|arm| at_size(stratum, bytes, arm))
        .filter(|row| !row.phases.is_empty())
        .collect();
    let total = |row: &Row| row.phases.iter().map(|(_, ns)| ns).sum::<u64>();
    let longest = rows.iter().map(|row| total(row)).max().unwrap_or(0).max(1);
    if rows.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n {}, {}: one task, phase by phase", stratum.title, size(bytes));
    let name = rows.iter().map(|row| row.arm.len()).max().unwrap_or(0);
    let room = columns.saturating_sub(name + 14);
    for row in &rows {
        let mut bar = String::new();
        let mut so_far = 0;
        for (phase, ns) in &row.phases {
            so_far += ns;
            let letter = letter(phase);
            let end = (so_far as f64 / longest as f64 * room as f64).round() as usize;
            let more = end.saturating_sub(bar.chars().count());
            bar.extend(std::iter::repeat_n(letter, more));
        }
        let _ = writeln!(text, " {:name$}  {bar} {}", row.arm, time(total(row)));
    }
    text.push_str(
        " Fill Encode Send Deliver decOde Compute Reply colLect: medians of stamped tasks\n",
    );
}

/// The capital in the legend.
fn letter(phase: &str) -> char {
    match phase {
        "decode" => 'O',
        "collect" => 'L',
        other => other.chars().next().unwrap_or(' ').to_ascii_uppercase(),
    }
}

/// Who is predicted to win: a letter for each size of list and each duration of a task.
fn winners(text: &mut String, record: &Record, run: &Run, columns: usize) {
    const TASKS: usize = 40;
    let known = hinges(record);
    let sizes: Vec<usize> = std::iter::once(0).chain((0..11).map(|at| 64 << (2 * at))).collect();
    let sizes: Vec<usize> = match columns {
        0..90 => sizes.into_iter().step_by(2).collect(),
        _ => sizes,
    };
    for terms in &run.terms {
        let told = |bytes: usize, compute_ns: u64| {
            let workers = terms.workers;
            advise(record, &known, &Question { bytes, compute_ns, tasks: TASKS, workers }).ok()
        };
        if told(sizes[1], 1000).is_none() && told(0, 1000).is_none() {
            continue;
        }
        let workers = terms.workers;
        let _ = writeln!(text, "\n who wins, predicted: {TASKS} tasks, {workers} workers");
        let _ = write!(text, " {:>10}", "compute");
        for bytes in &sizes {
            let list = if *bytes == 0 { "no list".into() } else { size(*bytes) };
            let _ = write!(text, " {list:>7}");
        }
        text.push('\n');
        for compute_ns in [100_000_000, 10_000_000, 1_000_000, 100_000, 10_000, 1000] {
            let _ = write!(text, " {:>10}", time(compute_ns));
            for bytes in &sizes {
                let cell = told(*bytes, compute_ns).map_or(String::new(), |advice| {
                    let word = match advice.verdict.as_str() {
                        TOO_CLOSE => "~",
                        "sequential" => "alone",
                        "shared place" => "place",
                        "shared resident" => "resid.",
                        other => other,
                    };
                    word.into()
                });
                let _ = write!(text, " {cell:>7}");
            }
            text.push('\n');
        }
        text.push_str(" ~ too close to call · alone: one after another · pipe, place, resid.: a pool by that way\n");
    }
}

fn crossovers(text: &mut String, run: &Run, columns: usize) {
    let of_duration = run.speedups.iter().filter(|speedup| speedup.compute_ns > 0);
    let mut series: Vec<Series> = Vec::new();
    for speedup in of_duration {
        let list = if speedup.bytes == 0 { "no list".into() } else { size(speedup.bytes) };
        let name = format!("{}, {list}", speedup.way);
        let point = (speedup.task_ns.max(1) as f64, speedup.ratio);
        match series.iter_mut().find(|series| series.name == name) {
            Some(series) => series.points.push(point),
            None => series.push(Series { name, ..Series::of(&speedup.way, vec![point]) }),
        }
    }
    for series in &mut series {
        series.points.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
    let limit = run.speedups.first().map_or(1.2, |speedup| speedup.threshold);
    let chart = Chart {
        title: format!(
            "speedup of a pool by how long a task takes alone; it wins from {}",
            ratio(limit)
        ),
        read: "above 1× the pool is faster; both axes are logarithmic",
        x: Axis::Time,
        y: Axis::Ratio,
        series,
    };
    chart.draw(text, columns);
}
