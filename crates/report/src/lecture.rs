//! The lecture's cases: doing it alone, and each way through a pool beside it.

use std::fmt::Write as _;

use comfy_table::presets;
use comfy_table::{CellAlignment, Table};
use measure::record::{Cell, Claim, Comparison, Line, Sequential, Trial};

use crate::table::arm;
use crate::units::{ratio, time};

/// A table of every case in the record, and what was seen of the lecture's claims; nothing where
/// there are none.
pub(crate) fn cases(lines: &[Line]) -> String {
    let alone: Vec<&Sequential> = lines.iter().filter_map(sequential).collect();
    if alone.is_empty() {
        return String::new();
    }
    let mut text = String::from("\n");
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["case", "way", "all tasks", "speedup (range)", "verdict"]);
    for sequential in alone {
        rows(&mut table, lines, sequential);
    }
    for right in [2, 3] {
        if let Some(column) = table.column_mut(right) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let _ = writeln!(text, "{table}");
    text.push_str(LEGEND);
    let claims: Vec<&Claim> = lines.iter().filter_map(claim).collect();
    for claim in claims {
        let seen = if claim.seen { "seen    " } else { "not seen" };
        let _ = writeln!(text, " {seen}  {} · {}", claim.text, claim.reason);
    }
    text
}

const LEGEND: &str = " \
 all tasks: mean time of a round · speedup: sequential ÷ pool, by medians (range over generations)
 FASTER: all of the range is above 1.2, as in the lecture · (×14): times that a heavy job does its exact loop
";

/// The rows of one case.
fn rows(table: &mut Table, lines: &[Line], sequential: &Sequential) {
    let lecture = &sequential.lecture;
    let repeats = match lecture.repeats {
        1 => String::new(),
        repeats => format!(" (×{repeats})"),
    };
    let case = format!("{}{repeats}", lecture.case);
    table.add_row([
        case,
        "sequential".into(),
        time(sequential.wall_ns.mean),
        String::new(),
        String::new(),
    ]);
    for comparison in lines.iter().filter_map(comparison).filter(|c| c.base == sequential.id) {
        let rounds = trial(lines, comparison.other).map(|trial| {
            let rounds = trial.tasks.max(1) as f64 / sequential.tasks.max(1) as f64;
            (trial.wall_ns as f64 / rounds) as u64
        });
        let Comparison { ratio: middle, low, high, verdict, .. } = *comparison;
        let end = |value| ratio(value).replace('×', "");
        table.add_row([
            String::new(),
            way(&comparison.cell),
            rounds.map_or(String::new(), time),
            format!("{} ({}–{})", ratio(middle), end(low), end(high)),
            verdict.name().into(),
        ]);
    }
}

/// How a way is called: without a list there is nothing to be placed.
fn way(cell: &Cell) -> String {
    if cell.bytes == 0 { cell.transport.clone() } else { arm(cell) }
}

fn sequential(line: &Line) -> Option<&Sequential> {
    match line {
        Line::Sequential(sequential) => Some(sequential),
        _ => None,
    }
}

fn claim(line: &Line) -> Option<&Claim> {
    match line {
        Line::Claim(claim) => Some(claim),
        _ => None,
    }
}

fn comparison(line: &Line) -> Option<&Comparison> {
    match line {
        Line::Comparison(comparison) => Some(comparison),
        _ => None,
    }
}

fn trial(lines: &[Line], id: u64) -> Option<&Trial> {
    lines.iter().find_map(|line| match line {
        Line::Trial(trial) if trial.id == id => Some(&**trial),
        _ => None,
    })
}
