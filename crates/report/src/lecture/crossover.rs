//! Cases that are called by how long a task computes: the lecture's table for each way and size of
//! list, and where parallel begins to win.

use std::fmt::Write as _;

use comfy_table::presets;
use comfy_table::{CellAlignment, Table};
use measure::record::{Comparison, CrossoverLine, Line, Sequential, Trial};

use super::cases::way;
use super::{alone, compared, round};
use crate::units::{range, seconds, size, time};

/// One table for each size and way of `lab`, with its crossover; nothing where it has none.
pub(super) fn tables(lines: &[Line], lab: &str) -> String {
    let mut rows: Vec<Row<'_>> = Vec::new();
    for base in alone(lines, lab) {
        let of_base = compared(lines, base).filter(|(c, _)| c.cell.compute_ns > 0);
        rows.extend(
            of_base.filter_map(|(comparison, trial)| Some(Row { base, comparison, trial: trial? })),
        );
    }
    rows.sort_by_key(|row| row.comparison.cell.compute_ns);
    let mut ways: Vec<(usize, String)> =
        rows.iter().map(|row| (row.comparison.cell.bytes, way(&row.comparison.cell))).collect();
    ways.sort();
    ways.dedup();
    let mut text = String::new();
    for (bytes, name) in ways {
        let of_way = rows
            .iter()
            .filter(|row| row.comparison.cell.bytes == bytes && way(&row.comparison.cell) == name);
        let _ = writeln!(text, "\n {lab} by {name}, {}\n{}", list(bytes), table(of_way));
    }
    if !text.is_empty() {
        text.push_str(LEGEND);
    }
    text
}

const LEGEND: &str = "
 Duration: as the lecture calls it · measured: what a task takes alone · Seq, Pool: median time of 8 tasks
 Speedup: Seq ÷ Pool, pair by pair (95 % interval) · WINS: all of it is on one side of 1.2
 a pool wins from where the speedup reaches 1.2 for good, in measured time (95 % interval)
";

/// One sentence for each crossover; of one that was found again, the last.
pub(super) fn sentences(lines: &[Line]) -> Vec<String> {
    let of = |line: &Line| match line {
        Line::Crossover(line) => Some((name(line), sentence(line))),
        _ => None,
    };
    let all: Vec<(String, String)> = lines.iter().filter_map(of).collect();
    let again = |at: usize| all[at + 1..].iter().any(|(later, _)| *later == all[at].0);
    let longest = all.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let last = (0..all.len()).filter(|at| !again(*at)).map(|at| &all[at]);
    last.map(|(name, sentence)| format!("{name:longest$}  {sentence}")).collect()
}

/// The way and the list.
fn name(line: &CrossoverLine) -> String {
    format!("{}, {}", way(&line.cell), list(line.cell.bytes))
}

fn list(bytes: usize) -> String {
    if bytes == 0 { "no list".into() } else { format!("a list of {}", size(bytes)) }
}

/// One duration by one way.
struct Row<'a> {
    base: &'a Sequential,
    comparison: &'a Comparison,
    trial: &'a Trial,
}

fn table<'a>(rows: impl Iterator<Item = &'a Row<'a>>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["Duration (ms)", "measured", "Seq (s)", "Pool (s)", "Speedup", "Verdict"]);
    for Row { base, comparison, trial } in rows {
        let Comparison { ratio, low, high, verdict, .. } = **comparison;
        table.add_row([
            format!("{}", comparison.cell.compute_ns as f64 / 1e6),
            time(base.wall_ns.p50 / base.tasks.max(1) as u64),
            seconds(base.wall_ns.p50),
            seconds(round(trial)),
            range(ratio, low, high),
            verdict.name().into(),
        ]);
    }
    for right in 0..5 {
        if let Some(column) = table.column_mut(right) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// Where it crosses, or why that is not said.
fn sentence(line: &CrossoverLine) -> String {
    let range = format!("{} to {}", time(line.from), time(line.to));
    match (line.at, line.low, line.high, line.side.as_deref()) {
        (Some(at), Some(low), Some(high), _) => {
            format!("{} {} a task ({} to {})", line.sign, time(at), time(low), time(high))
        }
        (.., Some("above throughout")) => format!("none in {range}: parallel wins throughout"),
        (.., Some("below throughout")) => format!("none in {range}: sequential wins throughout"),
        (.., Some(_)) => format!("none in {range}: it cannot be told from the threshold"),
        _ => format!("{}: 6 are needed", line.verdict),
    }
}
