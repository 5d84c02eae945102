//! Cases that are called by what they do: doing it alone, and each way through a pool beside it.

use measure::units::{range, time};
use record::{Comparison, Record, Sequential};

use crate::analysis::speedups::{alone, of_case};
use crate::document::{Cell, Column, Section, Table, ratio_of};

/// A table of the cases of `lab`; nothing where it has none, or calls them by durations.
pub(super) fn section(record: &Record, lab: &str) -> Option<Section> {
    let by_duration = |base: &Sequential| {
        of_case(record, base).any(|of| of.comparison.params.stratum.compute_ns > 0)
    };
    let cases: Vec<&Sequential> = alone(record, lab).filter(|base| !by_duration(base)).collect();
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
    let rows = cases.into_iter().flat_map(|base| rows(record, base)).collect();
    let mut notes = LEGEND.map(String::from).to_vec();
    if alone(record, lab).any(|base| base.case.repeats > 1) {
        notes.push(REPEATED.into());
    }
    Some(Section { title: lab.into(), table: Table { columns, rows }, notes, ..Section::default() })
}

const LEGEND: [&str; 2] = [
    "all tasks: median time of a round · speedup: sequential ÷ pool, pair by pair (95 % interval)",
    "FASTER: the whole interval is above 1.2, the lecture's threshold",
];

const REPEATED: &str = "(×14): how often a heavy job repeats its exact loop";

/// The rows of one case.
fn rows(record: &Record, base: &Sequential) -> Vec<Vec<Cell>> {
    let repeats = match base.case.repeats {
        1 => String::new(),
        repeats => format!(" (×{repeats})"),
    };
    let case = Cell::new(format!("{}{repeats}", base.case.case));
    let mut rows = vec![vec![
        case,
        Cell::new("sequential"),
        median(base.wall_ns.p50),
        Cell::default(),
        Cell::default(),
    ]];
    for of in of_case(record, base) {
        let comparison = of.comparison;
        let Comparison { ratio, low, high, verdict, .. } = *comparison;
        rows.push(vec![
            Cell::default(),
            Cell::new(comparison.params.way()),
            of.trial.map_or(Cell::default(), |_| median(of.pool_ns())),
            ratio_of(comparison, range(ratio, low, high)),
            Cell::new(verdict.name()).with("verdict", verdict.name()),
        ]);
    }
    rows
}

fn median(round_ns: u64) -> Cell {
    Cell::new(time(round_ns)).with("p50_ns", round_ns)
}
