//! One table for each stratum: what was held still stands above it, what varied in it.

use measure::units::{range, size, times};
use record::{Comparison, Params, Record, Trial};
use stats::paired_ratio::Verdict;

use crate::analysis::limits::{Limits, multiple};
use crate::analysis::strata::{Rows, rows};
use crate::document::{Cell, Column, Section, Table, ratio_of};

/// One section for each stratum; the last one has the legend.
pub(crate) fn sections(record: &Record) -> Vec<Section> {
    let limits = Limits::of(record);
    let of = |rows: &Rows<'_>| {
        let failed = rows.trials.iter().filter_map(|trial| {
            let error = trial.error.as_ref()?;
            let Params { bytes, arm, .. } = &trial.params;
            Some(format!("failed: {} {}: {error}", size(*bytes), arm.name()))
        });
        let notes = failed.collect();
        let table = table(record, rows, &limits);
        Section { title: rows.title.clone(), table, notes, ..Section::default() }
    };
    let mut sections: Vec<Section> = rows(record).iter().map(of).collect();
    if let Some(last) = sections.last_mut() {
        last.notes.extend(LEGEND.map(String::from));
        if !limits.is_empty() {
            last.notes.extend(LIMIT_LEGEND.map(String::from));
        }
    }
    sections
}

const LEGEND: [&str; 6] = [
    "times: round trip p50 / p99 · ratio: copy ÷ share, above 1 sharing is faster (95 % interval)",
    "shared place: the list is copied into the segment for each task · resident: it is there already",
    "closed loop: the next task is sent after an answer · open loop: tasks are due on a schedule, and times count from when each was due",
    "build: the list is produced for each task, in the segment or in the coordinator's memory",
    "~ TOO CLOSE TO CALL: the interval contains a threshold, or there are fewer than six generations · ! unsteady: batches differ by more than a tenth",
    "^ over 5 % of the time went into round trips of more than ten times the median",
];

const LIMIT_LEGEND: [&str; 2] = [
    "× limit: p50 of each arm ÷ the least time that its task needs on this machine, measured with plain loops:",
    "  a wake-up each way, reading the list once, and copying it once unless it is resident",
];

fn table(record: &Record, rows: &Rows<'_>, limits: &Limits<'_>) -> Table {
    let arms = rows.arms();
    let mut compared: Vec<(String, String)> = Vec::new();
    for comparison in &rows.comparisons {
        let arm = comparison.params.arm.name();
        if !compared.iter().any(|(name, _)| *name == arm) {
            compared.push((arm, record.base_name(comparison)));
        }
    }
    let ratios = compared.iter().map(|(name, base)| format!("{base} ÷ {name}"));
    let has_limits = rows.trials.iter().any(|trial| limits.multiple(trial).is_some());
    let limit = has_limits.then(|| "× limit".to_owned());
    let header = std::iter::once("list".to_owned()).chain(arms.iter().cloned());
    let header = header.chain(limit).chain(ratios);
    let mut table = Table { columns: header.map(Column::right).collect(), rows: Vec::new() };
    for bytes in rows.sizes() {
        let mut row = vec![Cell::new(size(bytes)).with("bytes", bytes)];
        let trials: Vec<Option<&Trial>> = arms.iter().map(|arm| rows.trial(arm, bytes)).collect();
        let multiples: Vec<Option<f64>> =
            trials.iter().map(|trial| limits.multiple((*trial)?)).collect();
        row.extend(trials.iter().zip(&multiples).map(|(trial, times)| {
            let cell = trial.map_or(Cell::default(), round_trips);
            times.iter().fold(cell, |cell, times| cell.with("times_limit", *times))
        }));
        if has_limits {
            let texts = multiples.iter().map(|times| times.map_or("-".into(), multiple));
            row.push(Cell::new(texts.collect::<Vec<_>>().join(" · ")));
        }
        let found = compared.iter().map(|(arm, _)| rows.comparison(arm, bytes));
        row.extend(found.map(|found| found.map_or(Cell::default(), ratio)));
        table.rows.push(row);
    }
    table
}

/// Part of all round trips' time from which hiccups are marked.
const MIN_MARKED_HICCUPS: f64 = 0.05;

fn round_trips(trial: &Trial) -> Cell {
    let rt = &trial.round_trip_ns;
    if trial.error.is_some() {
        return Cell::new("failed");
    }
    let hiccups = trial.hiccups.ns as f64 > MIN_MARKED_HICCUPS * rt.mean as f64 * rt.count as f64;
    let marks = [(hiccups, " ^"), (!trial.steady, " !")];
    let marks: String = marks.iter().filter(|(is, _)| *is).map(|(_, mark)| *mark).collect();
    let cell = Cell::new(format!("{}{marks}", times(rt.p50, rt.p99)));
    let cell = cell.with("p50_ns", rt.p50).with("p99_ns", rt.p99).with("count", rt.count);
    cell.with("steady", trial.steady).with("hiccups", trial.hiccups.count)
}

fn ratio(comparison: &Comparison) -> Cell {
    let Comparison { ratio: middle, low, high, verdict, .. } = *comparison;
    let word = match verdict {
        Verdict::TooClose => "~",
        other => other.name(),
    };
    let cell = ratio_of(comparison, format!("{} {word}", range(middle, low, high)));
    cell.padded(5usize.saturating_sub(word.chars().count())).with("verdict", verdict.name())
}
