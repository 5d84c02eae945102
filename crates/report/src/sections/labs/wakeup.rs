//! The lab of wake-ups: each beside the barest loop that wakes the same way in the same placement.

use measure::units::{ratio, time};
use record::{Placement, Record, Trial, TrialTable};

use crate::analysis::limits::Limits;
use crate::document::{Cell, Column, Section, Table};

/// One table for each placement; none of another lab.
pub(super) fn sections(record: &Record, lab: &str) -> Vec<Section> {
    let shown = |of: &&Trial| of.table == TrialTable::Wakeups && of.lab == lab;
    let all: Vec<&Trial> = record.trials.iter().filter(shown).collect();
    let place = |of: &&Trial| (of.params.stratum.workers, of.params.stratum.placement);
    let mut places: Vec<(usize, Placement)> = all.iter().map(place).collect();
    places.sort_unstable();
    places.dedup();
    let limits = Limits::of(record);
    let section = |here: (usize, Placement)| {
        let mut trials: Vec<&Trial> = all.iter().filter(|of| place(of) == here).copied().collect();
        trials.sort_by_key(|trial| trial.round_trip_ns.p50);
        let table = table(&limits, &trials);
        Section { title: title(here), table, ..Section::default() }
    };
    let mut sections: Vec<Section> = places.into_iter().map(section).collect();
    if let Some(last) = sections.last_mut() {
        last.notes.extend(LEGEND.map(String::from));
    }
    sections
}

const LEGEND: [&str; 2] = [
    "p50, p99: round trip of a task with an 8 B list that is in the segment, through the hub",
    "limit: p50 of a minimal loop of two threads with the same placement: a pipe for pipe, else a futex; a cache line across cores if neither side sleeps",
];

fn title((workers, placement): (usize, Placement)) -> String {
    match (workers, placement) {
        (1, Placement::Same) => "wakeup: both on one core".into(),
        (1, _) => "wakeup: each on its own core".into(),
        (workers, _) => format!("wakeup: {workers} workers, more than cores"),
    }
}

fn table(limits: &Limits<'_>, trials: &[&Trial]) -> Table {
    let columns = [Column::left("wake-up"), Column::left("waits by")];
    let numbers = ["p50", "p99", "limit", "× limit"].map(Column::right);
    let rows = trials.iter().map(|trial| row(limits, trial)).collect();
    Table { columns: columns.into_iter().chain(numbers).collect(), rows }
}

fn row(limits: &Limits<'_>, trial: &Trial) -> Vec<Cell> {
    let params = &trial.params;
    let wait = Cell::new(params.stratum.wait.to_string());
    let mut row = vec![Cell::new(&params.arm.wakeup), wait];
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
    match limits.of_wakeup(params) {
        Some(limit) => {
            let times = p50 as f64 / limit as f64;
            row.push(Cell::new(time(limit)).with("limit_ns", limit));
            row.push(Cell::new(ratio(times)).with("times_limit", times));
        }
        None => row.extend([Cell::default(), Cell::default()]),
    }
    row
}
