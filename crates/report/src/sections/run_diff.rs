//! Two recorded runs side by side: what changed from one to the other, beyond noise.

use std::cmp::Ordering;

use measure::histogram::SAMPLES_FOR_P99;
use measure::machine::Machine;
use measure::units::{range, time};
use record::{Record, Stratum, Trial};
use stats::median;
use stats::run_diff::{Change, Percentiles, Verdict, change, percentile_change};

use crate::analysis::strata::sorted;
use crate::document::{Cell, Column, Report, Section, Table, Verdicts};

/// One of the two runs.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a> {
    /// How it was named.
    pub name: &'a str,
    /// What was recorded.
    pub record: &'a Record,
}

/// What changed from `a` to `b`, cell by cell. A cell is common to both if it has the same parameters in both.
pub fn run_diff(a: Side<'_>, b: Side<'_>) -> Report {
    let (ours, theirs) = (trials(a.record), trials(b.record));
    let strata = sorted(ours.iter().chain(&theirs).map(|trial| &trial.params.stratum));
    let mut groups: Vec<(Group<'_>, Section)> = Vec::new();
    let mut verdicts: Vec<Option<Verdict>> = Vec::new();
    for trial in &ours {
        let Some(other) = partner(trial, &ours, &theirs) else { continue };
        let medians =
            [a.record.generation_medians(trial.id), b.record.generation_medians(other.id)];
        let change = change(&medians[0], &medians[1]);
        verdicts.push(change.map(|change| change.verdict()));
        let row = row(trial, other, change, &medians);
        let group = Group::of(trial);
        match groups.iter_mut().find(|(of, _)| *of == group) {
            Some((_, section)) => section.table.rows.push(row),
            None => {
                let title = group.title(&strata);
                let table = Table { columns: columns(), rows: vec![row] };
                groups.push((group, Section { title, table, ..Section::default() }));
            }
        }
    }
    let mut sections: Vec<Section> = groups.into_iter().map(|(_, section)| section).collect();
    if let Some(last) = sections.last_mut() {
        last.notes.extend(LEGEND.map(String::from));
    }
    sections.extend(only("only in A", &ours, &theirs, &strata));
    sections.extend(only("only in B", &theirs, &ours, &strata));
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
    "faster, slower: the whole interval is beyond 5 %, with at least six generations in each run",
    "p99 A ÷ B: if both have 299 samples; tasks are not independent, so it has no verdict",
];

/// The trials that have answers: sweeps before labs, then by stratum, along the axis, copies before shares.
fn trials(record: &Record) -> Vec<&Trial> {
    let mut all: Vec<&Trial> =
        record.trials.iter().filter(|trial| trial.error.is_none() && trial.ok > 0).collect();
    let place = |of: &Trial| {
        let lab = of.params.case.as_ref().map(|_| of.lab.clone());
        let Stratum { compute_ns, .. } = of.params.stratum;
        (lab, Stratum { compute_ns: 0, ..of.params.stratum.clone() }, compute_ns, of.params.bytes)
    };
    all.sort_by(|a, b| {
        let by_place = place(a).partial_cmp(&place(b)).unwrap_or(Ordering::Equal);
        by_place.then(a.params.arm.partial_cmp(&b.params.arm).unwrap_or(Ordering::Equal))
    });
    all
}

/// The trial of the other run that is of the same cell: of those with the same parameters the one on the same cores,
/// or the only one.
fn partner<'a>(trial: &Trial, ours: &[&Trial], theirs: &[&'a Trial]) -> Option<&'a Trial> {
    let same = |of: &&&Trial| of.params == trial.params;
    let on_same_cores = theirs.iter().filter(same).find(|of| of.cores == trial.cores);
    let only = || {
        let (mut others, mine) = (theirs.iter().filter(same), ours.iter().filter(same).count());
        others.next().filter(|_| mine == 1 && others.next().is_none())
    };
    on_same_cores.or_else(only).copied()
}

/// What stands in one table: a stratum, or all cases of one lab in it.
#[derive(PartialEq)]
struct Group<'a> {
    lab: Option<&'a str>,
    stratum: Stratum,
}

impl Group<'_> {
    fn of(trial: &Trial) -> Group<'_> {
        let stratum = trial.params.stratum.clone();
        match &trial.params.case {
            // A lab's task is named by its case.
            Some(_) => Group {
                lab: Some(&trial.lab),
                stratum: Stratum { compute_ns: 0, job: String::new(), ..stratum },
            },
            None => Group { lab: None, stratum },
        }
    }

    fn title(&self, strata: &[&Stratum]) -> String {
        match self.lab {
            Some(lab) => format!("{lab}, {}", self.stratum.title()),
            None => self.stratum.title_among(strata.iter().copied()),
        }
    }
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

fn row(a: &Trial, b: &Trial, change: Option<Change>, medians: &[Vec<f64>; 2]) -> Vec<Cell> {
    let middle = |of: &[f64]| match of {
        [] => Cell::new("no batches"),
        of => {
            let ns = median(&mut of.to_vec()) as u64;
            Cell::new(time(ns)).with("p50_ns", ns).with("generations", of.len())
        }
    };
    let mut row = vec![
        Cell::new(a.params.task()).with("bytes", a.params.bytes),
        Cell::new(a.params.way()),
        Cell::new(&a.params.arm.wakeup),
        middle(&medians[0]),
        middle(&medians[1]),
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
    let (first, second) = (|p: f64| first.percentile(p), |p: f64| second.percentile(p));
    let (first, second) =
        (Percentiles { count: a.count, at: &first }, Percentiles { count: b.count, at: &second });
    let (ratio, low, high) = percentile_change(first, second, 99.0);
    let cell = Cell::new(range(ratio, low, high)).with("ratio", ratio);
    cell.with("low", low).with("high", high).with("count", a.count.min(b.count))
}

/// The cells that only one run has.
fn only(title: &str, ours: &[&Trial], theirs: &[&Trial], strata: &[&Stratum]) -> Option<Section> {
    let missing = ours.iter().filter(|trial| partner(trial, ours, theirs).is_none());
    let describe = |trial: &&&Trial| {
        let params = &trial.params;
        let (group, wakeup) = (Group::of(trial).title(strata), &params.arm.wakeup);
        format!(" {group}: {}, {} ({wakeup})", params.task(), params.arm.name())
    };
    let lines: Vec<String> = missing.map(|trial| describe(&trial)).collect();
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
    let machines = (a.record.machine(), b.record.machine());
    if machines.0.map(identity) != machines.1.map(identity) {
        add("different machines: a ratio compares machine and program together".into());
    }
    if build(a) != build(b) {
        add("different builds of the program".into());
    }
    for (letter, side) in [("A", a), ("B", b)] {
        let invalid = side.record.end.as_ref().filter(|end| end.status == "invalid");
        if let Some(end) = invalid {
            let reason = end.reason.as_deref().unwrap_or("the record does not say why");
            add(format!("{letter} is INVALID: {reason}"));
        }
    }
    head
}

fn about(side: Side<'_>) -> String {
    let unknown = || "unknown".to_owned();
    let machine = side.record.machine();
    let machine = machine
        .map_or_else(unknown, |m| format!("{}, {} cores, Linux {}", m.cpu, m.cores, m.kernel));
    let run = side.record.run.as_ref().map_or_else(unknown, |run| {
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

fn build(side: Side<'_>) -> Option<&str> {
    side.record.run.as_ref().map(|run| run.build.as_str())
}
