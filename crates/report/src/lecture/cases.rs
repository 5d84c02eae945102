//! Cases that are called by what they do: doing it alone, and each way through a pool beside it.

use measure::record::{Cell as Axes, Comparison, Line, Sequential};

use super::{alone, compared, round};
use crate::model::{Cell, Column, Section, Table};
use crate::table::{arm, ratio_of};
use crate::units::{range, time};

/// A table of the cases of `lab`; nothing where it has none, or calls them by durations.
pub(super) fn section(lines: &[Line], lab: &str) -> Option<Section> {
    let by_duration = |base: &Sequential| compared(lines, base).any(|(c, _)| c.cell.compute_ns > 0);
    let cases: Vec<&Sequential> =
        alone(lines, lab).into_iter().filter(|base| !by_duration(base)).collect();
    if cases.is_empty() {
        return None;
    }
    let columns = vec![
        Column::left("case"),
        Column::left("way"),
        Column::right("all tasks"),
        Column::right("speedup (interval)"),
        Column::left("verdict"),
    ];
    let rows = cases.into_iter().flat_map(|base| rows(lines, base)).collect();
    let mut notes = LEGEND.map(String::from).to_vec();
    if alone(lines, lab).iter().any(|base| base.lecture.repeats > 1) {
        notes.push(REPEATED.into());
    }
    Some(Section { title: lab.into(), table: Table { columns, rows }, notes, ..Section::default() })
}

const LEGEND: [&str; 2] = [
    "all tasks: median time of a round · speedup: sequential ÷ pool, pair by pair (95 % interval)",
    "FASTER: all of it is above 1.2, as in the lecture",
];

const REPEATED: &str = "(×14): times that a heavy job does its exact loop";

/// The rows of one case.
fn rows(lines: &[Line], base: &Sequential) -> Vec<Vec<Cell>> {
    let repeats = match base.lecture.repeats {
        1 => String::new(),
        repeats => format!(" (×{repeats})"),
    };
    let case = Cell::new(format!("{}{repeats}", base.lecture.case));
    let mut rows = vec![vec![
        case,
        Cell::new("sequential"),
        median(base.wall_ns.p50),
        Cell::default(),
        Cell::default(),
    ]];
    for (comparison, trial) in compared(lines, base) {
        let Comparison { ratio, low, high, verdict, .. } = *comparison;
        rows.push(vec![
            Cell::default(),
            Cell::new(way(&comparison.cell)),
            trial.map_or(Cell::default(), |trial| median(round(trial))),
            ratio_of(comparison, range(ratio, low, high)),
            Cell::new(verdict.name()).with("verdict", verdict.name()),
        ]);
    }
    rows
}

fn median(round_ns: u64) -> Cell {
    Cell::new(time(round_ns)).with("p50_ns", round_ns)
}

/// How a way is called: without a list there is nothing to be placed.
pub(crate) fn way(cell: &Axes) -> String {
    if cell.bytes == 0 { cell.transport.clone() } else { arm(cell) }
}
