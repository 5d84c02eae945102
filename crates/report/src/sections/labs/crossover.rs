//! Cases that are called by how long a task computes: the lecture's table for each way and size of
//! list, and where parallel begins to win.

use measure::units::{range, seconds, size, time};
use record::{Comparison, CrossoverLine, Record};

use crate::analysis::speedups::{Speedup, is_disturbed, of_lab};
use crate::document::{Cell, Column, Section, Table, ratio_of};

/// One table for each size and way of `lab`, with its crossover; none where it has none.
pub(super) fn sections(record: &Record, lab: &str) -> Vec<Section> {
    let compute_ns = |of: &Speedup<'_>| of.comparison.params.stratum.compute_ns;
    let mut rows = of_lab(record, lab);
    rows.retain(|of| compute_ns(of) > 0 && of.trial.is_some());
    rows.sort_by_key(compute_ns);
    let way = |of: &Speedup<'_>| (of.comparison.params.bytes, of.comparison.params.way());
    let mut ways: Vec<(usize, String)> = rows.iter().map(way).collect();
    ways.sort();
    ways.dedup();
    let section = |name: (usize, String)| {
        let of_way: Vec<Speedup<'_>> = rows.iter().filter(|of| way(of) == name).copied().collect();
        let repeats = of_way.first().map_or(1, |of| of.alone.case.repeats);
        let times = if repeats > 1 { format!(" (×{repeats})") } else { String::new() };
        let title = format!("{lab} by {}, {}{times}", name.1, list(name.0));
        Section { title, table: table(&of_way), ..Section::default() }
    };
    let mut sections: Vec<Section> = ways.into_iter().map(section).collect();
    if let Some(last) = sections.last_mut() {
        last.notes.extend(LEGEND.map(String::from));
    }
    sections
}

const LEGEND: [&str; 3] = [
    "Duration: nominal · (×14): how often each task repeats its loop · measured: one task alone",
    "Seq, Pool: median time of 8 tasks · Speedup: Seq ÷ Pool, pair by pair (95 % interval) · WINS: the whole interval is more than 5 % from 1.2",
    "a pool wins from where the speedup reaches 1.2 for good, in measured time (95 % interval)",
];

/// One sentence for each crossover: the way, the list, and from where on parallel wins.
pub(crate) fn sentences(record: &Record) -> Vec<String> {
    let all = &record.crossovers;
    let width = all.iter().map(|line| name(line).chars().count()).max().unwrap_or(0);
    let describe = |line: &CrossoverLine| {
        let disturbed = if is_disturbed(record, line) { DISTURBED } else { "" };
        format!("{:width$}  {}{disturbed}", name(line), sentence(line))
    };
    all.iter().map(describe).collect()
}

const DISTURBED: &str =
    "; shorter ones win too, so longer ones were disturbed: measure again on a quieter machine";

/// The way and the list.
fn name(line: &CrossoverLine) -> String {
    format!("{}, {}", line.params.way(), list(line.params.bytes))
}

fn list(bytes: usize) -> String {
    if bytes == 0 { "no list".into() } else { format!("a list of {}", size(bytes)) }
}

fn table(rows: &[Speedup<'_>]) -> Table {
    let names = ["Duration (ms)", "measured", "Seq (s)", "Pool (s)", "Speedup"];
    let columns = names.map(Column::right).into_iter().chain([Column::left("Verdict")]).collect();
    let in_seconds = |ns: u64| Cell::new(seconds(ns)).with("p50_ns", ns);
    let row = |of: &Speedup<'_>| {
        let Comparison { ratio, low, high, verdict, .. } = *of.comparison;
        let compute_ns = of.comparison.params.stratum.compute_ns;
        vec![
            Cell::new(format!("{}", compute_ns as f64 / 1e6)).with("compute_ns", compute_ns),
            Cell::new(time(of.task_ns())).with("task_ns", of.task_ns()),
            in_seconds(of.alone.wall_ns.p50),
            in_seconds(of.pool_ns()),
            ratio_of(of.comparison, range(ratio, low, high)),
            Cell::new(verdict.name()).with("verdict", verdict.name()),
        ]
    };
    Table { columns, rows: rows.iter().map(row).collect() }
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
        (.., Some(_)) => format!("none in {range}: the speedup is too close to the threshold"),
        _ => format!("{}: 6 are needed", line.verdict),
    }
}
