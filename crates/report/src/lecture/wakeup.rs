//! The lab of wake-ups: each beside the barest loop that wakes the same way in the same placement.

use measure::record::{Line, Trial};

use crate::model::{Cell, Column, Section, Table};
use crate::units::{ratio, time};

/// The lab whose trials have this table and no other.
pub(crate) const LAB: &str = "wakeup";

/// One table for each placement; nothing of another lab.
pub(super) fn sections(lines: &[Line], lab: &str) -> Vec<Section> {
    if lab != LAB {
        return Vec::new();
    }
    let all: Vec<&Trial> = lines.iter().filter_map(trial).collect();
    // Of a trial that was measured again, the last.
    let again = |at: usize| all[at + 1..].iter().any(|later| later.cell == all[at].cell);
    let last = || (0..all.len()).filter(|at| !again(*at)).map(|at| all[at]);
    let mut places: Vec<(usize, &str)> =
        last().map(|trial| (trial.cell.workers, trial.cell.placement.as_str())).collect();
    places.sort_unstable();
    places.dedup();
    let section = |(workers, placement): (usize, &str)| {
        let here = |trial: &&Trial| {
            (trial.cell.workers, trial.cell.placement.as_str()) == (workers, placement)
        };
        let mut trials: Vec<&Trial> = last().filter(here).collect();
        trials.sort_by_key(|trial| trial.round_trip_ns.p50);
        let table = table(lines, &trials);
        Section { title: title(workers, placement), table, ..Section::default() }
    };
    let mut sections: Vec<Section> = places.into_iter().map(section).collect();
    if let Some(last) = sections.last_mut() {
        last.notes.extend(LEGEND.map(String::from));
    }
    sections
}

const LEGEND: [&str; 2] = [
    "p50, p99: a task with an 8 B list that is in the segment, there and back, through the hub",
    "limit: p50 of a bare loop of two threads in the same placement: a pipe for pipe, else a futex; a cache line where nobody sleeps across cores",
];

fn title(workers: usize, placement: &str) -> String {
    match (workers, placement) {
        (1, "same") => "wakeup: both on one core".into(),
        (1, _) => "wakeup: each on a core of its own".into(),
        (workers, _) => format!("wakeup: {workers} workers, more than cores"),
    }
}

fn table(lines: &[Line], trials: &[&Trial]) -> Table {
    let columns = [Column::left("wake-up"), Column::left("regime")];
    let numbers = ["p50", "p99", "limit", "× limit"].map(Column::right);
    let rows = trials.iter().map(|trial| row(lines, trial)).collect();
    Table { columns: columns.into_iter().chain(numbers).collect(), rows }
}

fn row(lines: &[Line], trial: &Trial) -> Vec<Cell> {
    let cell = &trial.cell;
    let mut row = vec![Cell::new(&cell.wakeup), Cell::new(&cell.regime)];
    if let Some(error) = &trial.error {
        row.extend([Cell::new(format!("failed: {error}")), Cell::default()]);
        row.extend([Cell::default(), Cell::default()]);
        return row;
    }
    let (p50, p99) = (trial.round_trip_ns.p50, trial.round_trip_ns.p99);
    row.extend([
        Cell::new(time(p50)).with("p50_ns", p50),
        Cell::new(time(p99)).with("p99_ns", p99),
    ]);
    match limit(lines, trial) {
        Some(limit) => {
            let times = p50 as f64 / limit as f64;
            row.push(Cell::new(time(limit)).with("limit_ns", limit));
            row.push(Cell::new(ratio(times)).with("times_limit", times));
        }
        None => row.extend([Cell::default(), Cell::default()]),
    }
    row
}

/// The bare loop of the same placement; there is none with more workers than cores.
fn limit(lines: &[Line], trial: &Trial) -> Option<u64> {
    let cell = &trial.cell;
    let what = match (cell.regime.as_str(), cell.wakeup.as_str()) {
        _ if cell.workers > 1 => return None,
        ("sleeping", "pipe") => "pipe_round_trip",
        (regime, _) if regime != "sleeping" && cell.placement == "spread" => {
            "cache_line_round_trip"
        }
        _ => "futex_round_trip",
    };
    lines.iter().rev().find_map(|line| match line {
        Line::Floor(floor) if floor.what == what && floor.placement == cell.placement => {
            (floor.ns.p50 > 0).then_some(floor.ns.p50)
        }
        _ => None,
    })
}

fn trial(line: &Line) -> Option<&Trial> {
    match line {
        Line::Trial(trial) if trial.lab == LAB => Some(trial),
        _ => None,
    }
}
