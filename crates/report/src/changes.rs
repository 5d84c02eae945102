//! Two recorded runs side by side: what changed from one to the other, beyond noise.

use std::collections::BTreeMap;

use measure::change::{Change, Key, Verdict, change, generation_medians, percentile_change};
use measure::histogram::SAMPLES_FOR_P99;
use measure::machine::Machine;
use measure::record::{Cell as Axes, Line, RunLine, Trial};
use measure::run::Record;

use crate::lecture::way;
use crate::model::{Cell, Column, Report, Section, Table, Verdicts};
use crate::table::{arm, stratum};
use crate::units::{range, size, time};

/// One of the two runs.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a> {
    /// How it was named.
    pub name: &'a str,
    /// What was recorded.
    pub record: &'a Record,
}

/// What changed from `a` to `b`, cell by cell. A cell is common to both if all its axes but the
/// cores are the same.
pub fn changes(a: Side<'_>, b: Side<'_>) -> Report {
    let (ours, theirs) = (trials(a.record), trials(b.record));
    let medians = (generation_medians(&a.record.pairs), generation_medians(&b.record.pairs));
    let mut sections: Vec<Section> = Vec::new();
    let mut verdicts: Vec<Option<Verdict>> = Vec::new();
    for trial in &ours {
        let Some(other) = theirs.iter().find(|other| is_same(trial, other)) else { continue };
        let of = |medians: &BTreeMap<Key<'_>, Vec<f64>>| {
            medians.get(&key(trial, &arm(&trial.cell))).cloned().unwrap_or_default()
        };
        let (first, second) = (of(&medians.0), of(&medians.1));
        let change = change(&first, &second);
        verdicts.push(change.map(|change| change.verdict()));
        let row = row(trial, other, change, [&first, &second]);
        let title = title(trial);
        match sections.iter_mut().find(|section| section.title == title) {
            Some(section) => section.table.rows.push(row),
            None => {
                let table = Table { columns: columns(), rows: vec![row] };
                sections.push(Section { title, table, ..Section::default() });
            }
        }
    }
    if let Some(last) = sections.last_mut() {
        last.notes.extend(LEGEND.map(String::from));
    }
    sections.extend(alone("only in A", &ours, &theirs));
    sections.extend(alone("only in B", &theirs, &ours));
    Report {
        head: head(a, b),
        sections,
        verdicts: vec![Verdicts { title: "from A to B".into(), sentences: sentences(&verdicts) }],
        ending: Vec::new(),
        record: format!("A {} · B {}", a.name, b.name),
        page: None,
    }
}

const LEGEND: [&str; 3] = [
    "A, B: median over generations · A ÷ B: above 1, B is faster (95 % interval; generations of each run resampled)",
    "faster, slower: the whole interval is beyond 5 %, with six generations in each run at least",
    "p99 A ÷ B: where both have 299 samples; from single tasks, which are not independent, so without a verdict",
];

/// The trials that have answers; of an arm that was measured anew, the last.
fn trials(record: &Record) -> Vec<&Trial> {
    let all = record.lines.iter().filter_map(|line| match line {
        Line::Trial(trial) => Some(&**trial),
        _ => None,
    });
    let all: Vec<&Trial> = all.filter(|trial| trial.error.is_none() && trial.ok > 0).collect();
    let again = |at: usize| all[at + 1..].iter().any(|later| is_same(all[at], later));
    let mut kept: Vec<&Trial> = (0..all.len()).filter(|at| !again(*at)).map(|at| all[at]).collect();
    kept.sort_by(|one, other| place(one).cmp(&place(other)));
    kept
}

/// Where a trial stands: sweeps before labs, then by stratum, along the axis, copies before shares.
fn place(trial: &Trial) -> impl Ord + '_ {
    let cell = &trial.cell;
    let lab = trial.lecture.as_ref().map(|_| &trial.lab);
    let stratum =
        (&cell.placement, cell.regime != "sleeping", &cell.regime, cell.workers, cell.depth);
    (lab, stratum, cell.compute_ns, cell.bytes, cell.segment.is_some())
}

/// Whether two trials are of the same cell, wherever it was measured.
fn is_same(one: &Trial, other: &Trial) -> bool {
    let mut cell = other.cell.clone();
    cell.cores.clone_from(&one.cell.cores);
    one.cell == cell && one.lecture == other.lecture && one.through == other.through
}

fn key<'a>(trial: &'a Trial, arm: &'a str) -> Key<'a> {
    let cell = &trial.cell;
    Key {
        case: trial.lecture.as_ref().map_or("", |of| &of.case),
        arm,
        placement: &cell.placement,
        regime: &cell.regime,
        wakeup: &cell.wakeup,
        load: (cell.workers, cell.depth),
        bytes: cell.bytes,
        compute_ns: cell.compute_ns,
    }
}

fn title(trial: &Trial) -> String {
    let lab = trial.lecture.as_ref().map_or(String::new(), |_| format!("{}, ", trial.lab));
    // A lab's task is named by its computing, beside its case.
    let compute_ns = if lab.is_empty() { trial.cell.compute_ns } else { 0 };
    format!("{lab}{}", stratum(&Axes { compute_ns, ..trial.cell.clone() }))
}

/// The list, or the lecture's case with its list.
fn what(trial: &Trial) -> String {
    let list = if trial.cell.bytes == 0 { "no list".into() } else { size(trial.cell.bytes) };
    trial.lecture.as_ref().map_or(list.clone(), |of| format!("{}, {list}", of.case))
}

fn columns() -> Vec<Column> {
    let words = ["list", "way", "wake-up"].map(Column::left);
    let numbers = ["A", "B", "A ÷ B"].map(Column::right);
    words
        .into_iter()
        .chain(numbers)
        .chain([Column::left("B is"), Column::right("p99 A ÷ B")])
        .collect()
}

fn row(a: &Trial, b: &Trial, change: Option<Change>, medians: [&[f64]; 2]) -> Vec<Cell> {
    let middle = |of: &[f64]| match of {
        [] => Cell::new("no batches"),
        of => {
            let ns = measure::compare::median(&mut of.to_vec()) as u64;
            Cell::new(time(ns)).with("p50_ns", ns).with("generations", of.len())
        }
    };
    let mut row = vec![
        Cell::new(what(a)).with("bytes", a.cell.bytes),
        Cell::new(way(&a.cell)),
        Cell::new(&a.cell.wakeup),
        middle(medians[0]),
        middle(medians[1]),
    ];
    row.extend(match change {
        Some(change) => {
            let Change { ratio, low, high, .. } = change;
            let verdict = change.verdict().name();
            let text = range(ratio, low, high);
            [
                Cell::new(text).with("ratio", ratio).with("low", low).with("high", high),
                Cell::new(verdict).with("verdict", verdict),
            ]
        }
        None => [Cell::default(), Cell::new("not known")],
    });
    row.push(p99(a, b));
    row
}

fn p99(a: &Trial, b: &Trial) -> Cell {
    let (a, b) = (&a.round_trip_ns, &b.round_trip_ns);
    if a.count.min(b.count) < SAMPLES_FOR_P99 {
        return Cell::new("n too small").with("count", a.count.min(b.count));
    }
    let (Ok(first), Ok(second)) = (a.histogram(), b.histogram()) else {
        return Cell::new("no histogram");
    };
    let (ratio, low, high) = percentile_change(&first, &second, 99.0);
    let cell = Cell::new(range(ratio, low, high)).with("ratio", ratio);
    cell.with("low", low).with("high", high).with("count", a.count.min(b.count))
}

/// The cells that only one run has.
fn alone(title: &str, ours: &[&Trial], theirs: &[&Trial]) -> Option<Section> {
    let missing = ours.iter().filter(|trial| !theirs.iter().any(|other| is_same(trial, other)));
    let said = |trial: &&&Trial| {
        format!(
            " {}: {}, {} ({})",
            self::title(trial),
            what(trial),
            arm(&trial.cell),
            trial.cell.wakeup
        )
    };
    let lines: Vec<String> = missing.map(|trial| said(&trial)).collect();
    (!lines.is_empty()).then(|| Section { title: title.into(), lines, ..Section::default() })
}

fn sentences(verdicts: &[Option<Verdict>]) -> Vec<String> {
    if verdicts.is_empty() {
        return vec!["the two runs have no cell in common".into()];
    }
    let words = [
        (Some(Verdict::Faster), "faster"),
        (Some(Verdict::Slower), "slower"),
        (Some(Verdict::NoChange), "without change beyond noise"),
        (Some(Verdict::TooFew), "with too few generations"),
        (None, "without batches in pairs.csv"),
    ];
    let count = |wanted| verdicts.iter().filter(|verdict| **verdict == wanted).count();
    let counted = words.map(|(wanted, words)| (count(wanted), words));
    let counted = counted.iter().filter(|(count, _)| *count > 0);
    let counted: Vec<String> = counted.map(|(count, words)| format!("{count} {words}")).collect();
    vec![format!("of {} common cells {}", verdicts.len(), counted.join(", "))]
}

/// Which runs these are, and what else than the program may differ.
fn head(a: Side<'_>, b: Side<'_>) -> Vec<String> {
    let mut head: Vec<String> =
        [("A", a), ("B", b)].map(|(letter, side)| format!("{letter:7}  {}", about(side))).into();
    let mut add = |text: String| head.push(format!("         {text}"));
    let machines = (machine(a.record), machine(b.record));
    if machines.0.map(identity) != machines.1.map(identity) {
        add("different machines: a ratio is of machine and program together".into());
    }
    if run(a.record).map(|run| &run.build) != run(b.record).map(|run| &run.build) {
        add("different builds of the program".into());
    }
    for (letter, side) in [("A", a), ("B", b)] {
        let invalid = |line: &Line| matches!(line, Line::End(end) if end.status == "invalid");
        if side.record.lines.iter().any(invalid) {
            add(format!("{letter} is INVALID: an answer was wrong"));
        }
    }
    head
}

fn about(side: Side<'_>) -> String {
    let unknown = || "unknown".to_owned();
    let machine = machine(side.record)
        .map_or_else(unknown, |m| format!("{}, {} cores, Linux {}", m.cpu, m.cores, m.kernel));
    let run = run(side.record).map_or_else(unknown, |run| {
        let commit =
            run.commit.as_ref().map_or(String::new(), |commit| format!(", commit {commit}"));
        format!("{}, build {}{commit}", run.started, run.build)
    });
    format!("{} · {run} · {machine}", side.name)
}

/// What makes a machine another one.
fn identity(machine: &Machine) -> (&str, usize, &str, bool, u64) {
    (&machine.cpu, machine.cores, &machine.kernel, machine.r#virtual, machine.mem_bytes)
}

fn machine(record: &Record) -> Option<&Machine> {
    record.lines.iter().find_map(|line| match line {
        Line::Machine(machine) => Some(machine),
        _ => None,
    })
}

fn run(record: &Record) -> Option<&RunLine> {
    record.lines.iter().find_map(|line| match line {
        Line::Run(run) => Some(run),
        _ => None,
    })
}
