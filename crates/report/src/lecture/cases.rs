//! Cases that are called by what they do: doing it alone, and each way through a pool beside it.

use comfy_table::presets;
use comfy_table::{CellAlignment, Table};
use measure::record::{Cell, Comparison, Line, Sequential};

use super::{alone, compared, round};
use crate::table::arm;
use crate::units::{range, time};

/// A table of the cases of `lab`; nothing where it has none, or calls them by durations.
pub(super) fn tables(lines: &[Line], lab: &str) -> String {
    let by_duration = |base: &Sequential| compared(lines, base).any(|(c, _)| c.cell.compute_ns > 0);
    let cases: Vec<&Sequential> =
        alone(lines, lab).into_iter().filter(|base| !by_duration(base)).collect();
    if cases.is_empty() {
        return String::new();
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["case", "way", "all tasks", "speedup (range)", "verdict"]);
    cases.into_iter().for_each(|base| rows(&mut table, lines, base));
    for right in [2, 3] {
        if let Some(column) = table.column_mut(right) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    format!("\n {lab}\n{table}\n{LEGEND}")
}

const LEGEND: &str = " \
 all tasks: median time of a round · speedup: sequential ÷ pool, pair by pair (95 % interval)
 FASTER: all of the range is above 1.2, as in the lecture · (×14): times that a heavy job does its exact loop
";

/// The rows of one case.
fn rows(table: &mut Table, lines: &[Line], base: &Sequential) {
    let repeats = match base.lecture.repeats {
        1 => String::new(),
        repeats => format!(" (×{repeats})"),
    };
    let case = format!("{}{repeats}", base.lecture.case);
    let median = time(base.wall_ns.p50);
    table.add_row([case, "sequential".into(), median, String::new(), String::new()]);
    for (comparison, trial) in compared(lines, base) {
        let Comparison { ratio, low, high, verdict, .. } = *comparison;
        table.add_row([
            String::new(),
            way(&comparison.cell),
            trial.map_or(String::new(), |trial| time(round(trial))),
            range(ratio, low, high),
            verdict.name().into(),
        ]);
    }
}

/// How a way is called: without a list there is nothing to be placed.
pub(super) fn way(cell: &Cell) -> String {
    if cell.bytes == 0 { cell.transport.clone() } else { arm(cell) }
}
