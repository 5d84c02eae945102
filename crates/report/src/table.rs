//! One table for each stratum: what was held still stands above it, what varied in it.

use std::fmt::Write as _;

use comfy_table::{CellAlignment, Table};
use measure::compare::Verdict;
use measure::record::{Cell, Comparison, Line, Trial};

use crate::units::{range, size, times};

/// What is the same in every row of a table.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stratum {
    placement: String,
    regime: String,
    workers: usize,
    depth: usize,
    /// Wake-ups and segments of the arms, to tell strata of one regime apart.
    shared_wakeup: Option<String>,
}

impl Stratum {
    pub(crate) fn of(cell: &Cell) -> Stratum {
        Stratum {
            placement: cell.placement.clone(),
            regime: cell.regime.clone(),
            workers: cell.workers,
            depth: cell.depth,
            shared_wakeup: None,
        }
    }

    /// In words.
    pub(crate) fn title(&self) -> String {
        let placement = match self.placement.as_str() {
            "same" => "same core",
            "spread" => "spread over cores",
            other => other,
        };
        let mut title = format!("{placement}, {}", self.regime);
        if self.workers > 1 || self.depth > 1 {
            let s = if self.workers == 1 { "" } else { "s" };
            let _ = write!(title, ", {} worker{s}, {} in flight each", self.workers, self.depth);
        }
        if let Some(wakeup) = &self.shared_wakeup {
            let _ = write!(title, " ({wakeup})");
        }
        title
    }
}

/// The rows of one stratum.
pub(crate) struct Rows<'a> {
    pub(crate) stratum: Stratum,
    pub(crate) trials: Vec<&'a Trial>,
    pub(crate) comparisons: Vec<&'a Comparison>,
}

impl Rows<'_> {
    /// Sizes in it, ascending.
    pub(crate) fn sizes(&self) -> Vec<usize> {
        let mut sizes: Vec<usize> = self.trials.iter().map(|trial| trial.cell.bytes).collect();
        sizes.sort_unstable();
        sizes.dedup();
        sizes
    }

    /// Arms in it, in the order in which they were planned.
    fn arms(&self) -> Vec<String> {
        let mut arms: Vec<(bool, String)> = Vec::new();
        for trial in &self.trials {
            let arm = (trial.cell.segment.is_some(), arm(&trial.cell));
            if !arms.contains(&arm) {
                arms.push(arm);
            }
        }
        arms.sort_by_key(|(shares, _)| *shares);
        arms.into_iter().map(|(_, arm)| arm).collect()
    }
}

/// How a column is called: `pipe`, `shared resident`.
pub(crate) fn arm(cell: &Cell) -> String {
    match (cell.segment.is_some(), cell.residency.as_str()) {
        (false, "place") => cell.transport.clone(),
        (_, residency) => format!("{} {residency}", cell.transport),
    }
}

/// The record's rows, stratum by stratum.
pub(crate) fn rows(lines: &[Line]) -> Vec<Rows<'_>> {
    let mut all: Vec<Rows<'_>> = Vec::new();
    let wakeups = wakeups_by_regime(lines);
    let find = |cell: &Cell, rest: &[Line]| {
        let mut stratum = Stratum::of(cell);
        let several = wakeups.iter().filter(|(regime, _)| *regime == cell.regime).count() > 1;
        if several {
            // A copying arm stands before the sharing arms of its cell.
            let shares = |line: &Line| match line {
                Line::Trial(trial) if trial.cell.segment.is_some() => {
                    Some(trial.cell.wakeup.clone())
                }
                _ => None,
            };
            let sharing = if cell.segment.is_some() { None } else { rest.iter().find_map(shares) };
            stratum.shared_wakeup = sharing.or_else(|| Some(cell.wakeup.clone()));
        }
        stratum
    };
    for (at, line) in lines.iter().enumerate() {
        let (cell, trial, comparison) = match line {
            Line::Trial(trial) if trial.lecture.is_none() => (&trial.cell, Some(&**trial), None),
            Line::Comparison(comparison) if comparison.lecture.is_none() => {
                (&comparison.cell, None, Some(&**comparison))
            }
            _ => continue,
        };
        let stratum = find(cell, &lines[at..]);
        let at = all.iter().position(|rows| rows.stratum == stratum).unwrap_or_else(|| {
            all.push(Rows { stratum, trials: Vec::new(), comparisons: Vec::new() });
            all.len() - 1
        });
        all[at].trials.extend(trial);
        all[at].comparisons.extend(comparison);
    }
    let order = |rows: &Rows<'_>| {
        let Stratum { placement, regime, workers, depth, .. } = &rows.stratum;
        (placement.clone(), regime != "sleeping", regime.clone(), *workers, *depth)
    };
    all.sort_by_key(order);
    all
}

/// Regime and wake-up of every sharing arm.
fn wakeups_by_regime(lines: &[Line]) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = lines
        .iter()
        .filter_map(|line| match line {
            Line::Trial(trial) => Some(&trial.cell),
            _ => None,
        })
        .filter(|cell| cell.segment.is_some())
        .map(|cell| (cell.regime.clone(), cell.wakeup.clone()))
        .collect();
    all.sort();
    all.dedup();
    all
}

/// All tables, each with its title, and one legend.
pub(crate) fn strata(lines: &[Line]) -> String {
    let mut text = String::new();
    let all = rows(lines);
    for rows in &all {
        let _ = writeln!(text, "\n {}", rows.stratum.title());
        let _ = writeln!(text, "{}", table(rows));
        let failed = rows.trials.iter().filter_map(|trial| Some((trial, trial.error.as_ref()?)));
        for (trial, error) in failed {
            let _ =
                writeln!(text, " failed: {} {}: {error}", size(trial.cell.bytes), arm(&trial.cell));
        }
    }
    if !all.is_empty() {
        text.push_str(LEGEND);
    }
    text
}

const LEGEND: &str = " \
 times: round trip p50 / p99 · ratio: copy ÷ share, above 1 sharing is faster (95 % interval)
 shared place: the list is copied into the segment for each task · resident: it is there already
 build: the list is produced for each task, in the segment or in the coordinator's memory
 ~ TOO CLOSE TO CALL: the interval holds a threshold, or there are fewer than six generations · ! unsteady: batches differ by a tenth
 ^ over 1 % of the time went into round trips of more than ten times the median
";

fn table(rows: &Rows<'_>) -> Table {
    let arms = rows.arms();
    let mut compared: Vec<String> = Vec::new();
    for comparison in &rows.comparisons {
        let arm = arm(&comparison.cell);
        if !compared.contains(&arm) {
            compared.push(arm);
        }
    }
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    let base = |name: &String| {
        let comparison = rows.comparisons.iter().find(|c| arm(&c.cell) == *name)?;
        let trial = rows.trials.iter().find(|trial| trial.id == comparison.base)?;
        Some(arm(&trial.cell))
    };
    let ratios =
        compared.iter().map(|name| format!("{} ÷ {name}", base(name).unwrap_or("copy".into())));
    let header = std::iter::once("list".to_owned()).chain(arms.iter().cloned()).chain(ratios);
    table.set_header(header);
    for bytes in rows.sizes() {
        let mut row = vec![size(bytes)];
        row.extend(arms.iter().map(|name| {
            let here = |trial: &&&Trial| trial.cell.bytes == bytes && arm(&trial.cell) == *name;
            rows.trials.iter().rev().find(here).map_or(String::new(), |trial| cell(trial))
        }));
        row.extend(compared.iter().map(|name| {
            let here = |c: &&&Comparison| c.cell.bytes == bytes && arm(&c.cell) == *name;
            rows.comparisons.iter().rev().find(here).map_or(String::new(), |c| compare(c))
        }));
        table.add_row(row);
    }
    table.column_iter_mut().for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    table
}

/// Part of all round trips' time from which hiccups are marked.
const MANY: f64 = 0.01;

fn cell(trial: &Trial) -> String {
    if trial.error.is_some() {
        return "failed".into();
    }
    let time = times(trial.round_trip_ns.p50, trial.round_trip_ns.p99);
    let all_ns = trial.round_trip_ns.mean as f64 * trial.round_trip_ns.count as f64;
    let hiccups = if trial.hiccups.ns as f64 > MANY * all_ns { " ^" } else { "" };
    if trial.steady { format!("{time}{hiccups}") } else { format!("{time}{hiccups} !") }
}

fn compare(comparison: &Comparison) -> String {
    let Comparison { ratio: middle, low, high, verdict, .. } = *comparison;
    let word = match verdict {
        Verdict::TooClose => "~",
        other => other.name(),
    };
    format!("{} {word:5}", range(middle, low, high))
}

/// Every trial as one row of comma-separated values; times in nanoseconds, sizes in bytes.
pub fn csv(lines: &[Line]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let header = [
        "id",
        "lab",
        "job",
        "transport",
        "residency",
        "wakeup",
        "regime",
        "segment",
        "workers",
        "depth",
        "placement",
        "bytes",
        "items",
        "generations",
        "pairs",
        "tasks",
        "verified",
        "lost",
        "count",
        "min",
        "p50",
        "p90",
        "p99",
        "p999",
        "max",
        "mean",
        "wire_out",
        "wire_back",
        "syscalls",
        "steady",
        "error",
    ];
    let written = writer.write_record(header);
    let trials = lines.iter().filter_map(|line| match line {
        Line::Trial(trial) => Some(trial),
        _ => None,
    });
    let written = trials.fold(written, |written, trial| {
        let Trial { cell, round_trip_ns: rt, .. } = &**trial;
        let or_empty = |value: Option<f64>| value.map_or(String::new(), |value| value.to_string());
        written.and(writer.write_record([
            trial.id.to_string(),
            trial.lab.clone(),
            cell.job.clone(),
            cell.transport.clone(),
            cell.residency.clone(),
            cell.wakeup.clone(),
            cell.regime.clone(),
            cell.segment.clone().unwrap_or_default(),
            cell.workers.to_string(),
            cell.depth.to_string(),
            cell.placement.clone(),
            cell.bytes.to_string(),
            cell.items.to_string(),
            trial.generations.to_string(),
            trial.pairs.to_string(),
            trial.tasks.to_string(),
            trial.verified.to_string(),
            trial.lost.to_string(),
            rt.count.to_string(),
            rt.min.to_string(),
            rt.p50.to_string(),
            rt.p90.to_string(),
            rt.p99.to_string(),
            rt.p999.to_string(),
            rt.max.to_string(),
            rt.mean.to_string(),
            or_empty(trial.wire_bytes.map(|wire| wire.per_task_out)),
            or_empty(trial.wire_bytes.map(|wire| wire.per_task_back)),
            or_empty(trial.syscalls_per_task),
            trial.steady.to_string(),
            trial.error.clone().unwrap_or_default(),
        ]))
    });
    written.expect("writing to memory does not fail");
    let bytes = writer.into_inner().expect("writing to memory does not fail");
    String::from_utf8(bytes).expect("only text was written")
}
