//! Cases that are called by how long a task computes: the lecture's table for each way and size of
//! list, and where parallel begins to win.

use measure::compare::Verdict;
use measure::record::{Comparison, CrossoverLine, Line, Sequential, Trial};

use super::cases::way;
use super::{alone, compared, round};
use crate::model::{Cell, Column, Section, Table};
use crate::table::ratio_of;
use crate::units::{range, seconds, size, time};

/// One table for each size and way of `lab`, with its crossover; nothing where it has none.
pub(super) fn sections(lines: &[Line], lab: &str) -> Vec<Section> {
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
    let section = |(bytes, name): (usize, String)| {
        let of_way = rows
            .iter()
            .filter(|row| row.comparison.cell.bytes == bytes && way(&row.comparison.cell) == name);
        let mut of_way = of_way.peekable();
        let repeats = of_way.peek().map_or(1, |row| row.base.lecture.repeats);
        let times = if repeats > 1 { format!(" (×{repeats})") } else { String::new() };
        let title = format!("{lab} by {name}, {}{times}", list(bytes));
        Section { title, table: table(of_way), ..Section::default() }
    };
    let mut sections: Vec<Section> = ways.into_iter().map(section).collect();
    if let Some(last) = sections.last_mut() {
        last.notes.extend(LEGEND.map(String::from));
    }
    sections
}

const LEGEND: [&str; 3] = [
    "Duration: as the lecture calls it · (×14): times that each task does its loop for that · measured: alone",
    "Seq, Pool: median time of 8 tasks · Speedup: Seq ÷ Pool, pair by pair (95 % interval) · WINS: all of it is more than 5 % from 1.2",
    "a pool wins from where the speedup reaches 1.2 for good, in measured time (95 % interval)",
];

/// One sentence for each crossover.
pub(super) fn sentences(lines: &[Line]) -> Vec<String> {
    let all = latest(lines);
    let longest = all.iter().map(|line| name(line).chars().count()).max().unwrap_or(0);
    let said = |line: &&CrossoverLine| {
        format!("{:longest$}  {}{}", name(line), sentence(line), disturbed(lines, line))
    };
    all.iter().map(said).collect()
}

/// The crossovers; of one that was found again, the last.
pub(super) fn latest(lines: &[Line]) -> Vec<&CrossoverLine> {
    let crossovers = lines.iter().filter_map(|line| match line {
        Line::Crossover(line) => Some(&**line),
        _ => None,
    });
    crate::latest(crossovers, name)
}

/// What a reader must know who sees shorter tasks win than the sentence says.
fn disturbed(lines: &[Line], crossover: &CrossoverLine) -> &'static str {
    let from = crossover.low.unwrap_or(match crossover.side.as_deref() {
        Some("below throughout") => u64::MAX,
        _ => 0,
    });
    let below = alone(lines, &crossover.lab).into_iter().any(|base| {
        let wins = |(c, _): (&Comparison, Option<&Trial>)| {
            (c.cell.bytes, way(&c.cell)) == (crossover.cell.bytes, way(&crossover.cell))
                && c.verdict == Verdict::Parallel
        };
        base.wall_ns.p50 / (base.tasks.max(1) as u64) < from && compared(lines, base).any(wins)
    });
    match below {
        true => {
            "; shorter ones win too, so longer ones were disturbed: measure again on a quieter machine"
        }
        false => "",
    }
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
    let names = ["Duration (ms)", "measured", "Seq (s)", "Pool (s)", "Speedup"];
    let columns = names.map(Column::right).into_iter().chain([Column::left("Verdict")]).collect();
    let in_seconds = |ns: u64| Cell::new(seconds(ns)).with("p50_ns", ns);
    let row = |Row { base, comparison, trial }: &Row<'_>| {
        let Comparison { ratio, low, high, verdict, .. } = **comparison;
        let compute_ns = comparison.cell.compute_ns;
        let measured_ns = base.wall_ns.p50 / base.tasks.max(1) as u64;
        vec![
            Cell::new(format!("{}", compute_ns as f64 / 1e6)).with("compute_ns", compute_ns),
            Cell::new(time(measured_ns)).with("task_ns", measured_ns),
            in_seconds(base.wall_ns.p50),
            in_seconds(round(trial)),
            ratio_of(comparison, range(ratio, low, high)),
            Cell::new(verdict.name()).with("verdict", verdict.name()),
        ]
    };
    Table { columns, rows: rows.map(row).collect() }
}

/// Where it crosses, or why that is not said.
fn sentence(line: &CrossoverLine) -> String {
    let range = format!("{} to {}", time(line.from), time(line.to));
    match (line.at, line.low, line.high, line.side.as_deref()) {
        (Some(at), Some(low), Some(high), _) => {
            format!("{} {} a task ({} to {})", line.sign, time(at), time(low), time(high))
        }
        (.., Some("above throughout")) => format!("none in {range}: parallel wins throughout"),
        (.., Some("below throughout")) => {
            format!("no duration in {range} from which parallel wins for good")
        }
        (.., Some(_)) => format!("none in {range}: it cannot be told from the threshold"),
        _ => format!("{}: 6 are needed", line.verdict),
    }
}
