//! One table for each stratum: what was held still stands above it, what varied in it.

use std::fmt::Write as _;

use measure::compare::Verdict;
use measure::record::{Cell as Axes, Comparison, Line, Trial};

use crate::lecture;
use crate::limit::{Limits, multiple};
use crate::model::{Cell, Column, Section, Table};
use crate::units::{range, size, time, times};

/// What is the same in every row of a table.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stratum {
    placement: String,
    regime: String,
    workers: usize,
    depth: usize,
    /// Computing that each task adds to its job.
    compute_ns: u64,
    /// The job of tasks, where it is one that pauses.
    job: Option<String>,
    /// Tasks a second on a schedule, as text; none in a closed loop.
    rate: Option<String>,
    /// Wake-ups and segments of the arms, to tell strata of one regime apart.
    shared_wakeup: Option<String>,
}

impl Stratum {
    pub(crate) fn of(cell: &Axes) -> Stratum {
        Stratum {
            placement: cell.placement.clone(),
            regime: cell.regime.clone(),
            workers: cell.workers,
            depth: cell.depth,
            compute_ns: cell.compute_ns,
            job: Some(cell.job.clone()).filter(|job| job == "sum_with_pauses"),
            rate: cell.rate.map(|rate| format!("{rate}")),
            shared_wakeup: None,
        }
    }

    /// In words.
    pub(crate) fn title(&self) -> String {
        let placement = match self.placement.as_str() {
            "same" => "same core",
            "spread" => "spread over cores",
            other => other,
        };
        let mut title = format!("{placement}, {}", self.regime);
        if self.workers > 1 || self.depth > 1 {
            let s = if self.workers == 1 { "" } else { "s" };
            let _ = write!(title, ", {} worker{s}, {} in flight each", self.workers, self.depth);
        }
        if self.compute_ns > 0 {
            let _ = write!(title, ", each task computes {}", time(self.compute_ns));
        }
        if let Some(job) = &self.job {
            let _ = write!(title, ", {}", job.replace('_', " "));
        }
        if let Some(rate) = &self.rate {
            let _ = write!(title, ", open loop at {rate} tasks/s");
        }
        if let Some(wakeup) = &self.shared_wakeup {
            let _ = write!(title, " ({wakeup})");
        }
        title
    }
}

/// The rows of one stratum.
pub(crate) struct Rows<'a> {
    pub(crate) stratum: Stratum,
    pub(crate) trials: Vec<&'a Trial>,
    pub(crate) comparisons: Vec<&'a Comparison>,
}

impl Rows<'_> {
    /// Sizes in it, ascending.
    pub(crate) fn sizes(&self) -> Vec<usize> {
        let mut sizes: Vec<usize> = self.trials.iter().map(|trial| trial.cell.bytes).collect();
        sizes.sort_unstable();
        sizes.dedup();
        sizes
    }

    /// Arms in it, in the order in which they were planned.
    fn arms(&self) -> Vec<String> {
        let mut arms: Vec<(bool, String)> = Vec::new();
        for trial in &self.trials {
            let arm = (trial.cell.segment.is_some(), arm(&trial.cell));
            if !arms.contains(&arm) {
                arms.push(arm);
            }
        }
        arms.sort_by_key(|(shares, _)| *shares);
        arms.into_iter().map(|(_, arm)| arm).collect()
    }
}

/// The stratum that a cell belongs to, in words.
pub(crate) fn stratum(cell: &Axes) -> String {
    Stratum::of(cell).title()
}

/// How an arm is called: `pipe`, `shared resident`, `shared resident huge`.
pub fn arm(cell: &Axes) -> String {
    way(&cell.transport, &cell.residency, cell.segment.is_some(), cell.pages.as_deref())
}

/// The same of its parts.
pub(crate) fn way(transport: &str, residency: &str, shares: bool, pages: Option<&str>) -> String {
    match (shares, residency, pages) {
        (false, "place", _) => transport.to_owned(),
        (_, _, None) => format!("{transport} {residency}"),
        (_, _, Some(pages)) => format!("{transport} {residency} {pages}"),
    }
}

/// The record's rows, stratum by stratum.
pub(crate) fn rows(lines: &[Line]) -> Vec<Rows<'_>> {
    let mut all: Vec<Rows<'_>> = Vec::new();
    let wakeups = wakeups_by_regime(lines);
    let find = |cell: &Axes, rest: &[Line]| {
        let mut stratum = Stratum::of(cell);
        let several = wakeups.iter().filter(|(regime, _)| *regime == cell.regime).count() > 1;
        if several {
            // A copying arm stands before the sharing arms of its cell.
            let shares = |line: &Line| match line {
                Line::Trial(trial) if trial.cell.segment.is_some() => {
                    Some(trial.cell.wakeup.clone())
                }
                _ => None,
            };
            let sharing = if cell.segment.is_some() { None } else { rest.iter().find_map(shares) };
            stratum.shared_wakeup = sharing.or_else(|| Some(cell.wakeup.clone()));
        }
        stratum
    };
    for (at, line) in lines.iter().enumerate() {
        let (cell, trial, comparison) = match line {
            Line::Trial(trial) if !lecture::has_own_table(trial) => {
                (&trial.cell, Some(&**trial), None)
            }
            Line::Comparison(comparison) if comparison.lecture.is_none() => {
                (&comparison.cell, None, Some(&**comparison))
            }
            _ => continue,
        };
        let stratum = find(cell, &lines[at..]);
        let at = all.iter().position(|rows| rows.stratum == stratum).unwrap_or_else(|| {
            all.push(Rows { stratum, trials: Vec::new(), comparisons: Vec::new() });
            all.len() - 1
        });
        all[at].trials.extend(trial);
        all[at].comparisons.extend(comparison);
    }
    let order = |rows: &Rows<'_>| {
        let Stratum { placement, regime, workers, depth, compute_ns, job, rate, .. } =
            rows.stratum.clone();
        (placement, regime != "sleeping", regime, workers, depth, compute_ns, job, rate)
    };
    all.sort_by_key(order);
    all
}

/// Regime and wake-up of every sharing arm.
fn wakeups_by_regime(lines: &[Line]) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = lines
        .iter()
        .filter_map(|line| match line {
            Line::Trial(trial) => Some(&trial.cell),
            _ => None,
        })
        .filter(|cell| cell.segment.is_some())
        .map(|cell| (cell.regime.clone(), cell.wakeup.clone()))
        .collect();
    all.sort();
    all.dedup();
    all
}

/// One section for each stratum; the last one has the legend.
pub(crate) fn strata(lines: &[Line]) -> Vec<Section> {
    let limits = Limits::of(lines);
    let of = |rows: &Rows<'_>| {
        let failed = rows.trials.iter().filter_map(|trial| {
            let error = trial.error.as_ref()?;
            Some(format!("failed: {} {}: {error}", size(trial.cell.bytes), arm(&trial.cell)))
        });
        let notes = failed.collect();
        let table = table(rows, &limits);
        Section { title: rows.stratum.title(), table, notes, ..Section::default() }
    };
    let mut sections: Vec<Section> = rows(lines).iter().map(of).collect();
    if let Some(last) = sections.last_mut() {
        last.notes.extend(LEGEND.map(String::from));
        if !limits.is_empty() {
            last.notes.extend(LIMIT_LEGEND.map(String::from));
        }
    }
    sections
}

const LEGEND: [&str; 6] = [
    "times: round trip p50 / p99 · ratio: copy ÷ share, above 1 sharing is faster (95 % interval)",
    "shared place: the list is copied into the segment for each task · resident: it is there already",
    "closed loop: the next task is sent after an answer · open loop: on a schedule, from when it should have been sent",
    "build: the list is produced for each task, in the segment or in the coordinator's memory",
    "~ TOO CLOSE TO CALL: the interval holds a threshold, or there are fewer than six generations · ! unsteady: batches differ by a tenth",
    "^ over 5 % of the time went into round trips of more than ten times the median",
];

const LIMIT_LEGEND: [&str; 2] = [
    "× limit: p50 of each arm over what its task needs at least on this machine, measured before by plain loops:",
    "  waking there and back, reading the list once, and copying it once unless it is resident",
];

fn table(rows: &Rows<'_>, limits: &Limits<'_>) -> Table {
    let arms = rows.arms();
    let mut compared: Vec<String> = Vec::new();
    for comparison in &rows.comparisons {
        let arm = arm(&comparison.cell);
        if !compared.contains(&arm) {
            compared.push(arm);
        }
    }
    let base = |name: &String| {
        let comparison = rows.comparisons.iter().find(|c| arm(&c.cell) == *name)?;
        let trial = rows.trials.iter().find(|trial| trial.id == comparison.base)?;
        Some(arm(&trial.cell))
    };
    let ratios =
        compared.iter().map(|name| format!("{} ÷ {name}", base(name).unwrap_or("copy".into())));
    let has_limits = rows.trials.iter().any(|trial| limits.multiple(trial).is_some());
    let limit = has_limits.then(|| "× limit".to_owned());
    let header = std::iter::once("list".to_owned()).chain(arms.iter().cloned());
    let header = header.chain(limit).chain(ratios);
    let mut table = Table { columns: header.map(Column::right).collect(), rows: Vec::new() };
    for bytes in rows.sizes() {
        let mut row = vec![Cell::new(size(bytes)).with("bytes", bytes)];
        let trials: Vec<Option<&Trial>> = arms
            .iter()
            .map(|name| {
                let here = |trial: &&&Trial| trial.cell.bytes == bytes && arm(&trial.cell) == *name;
                rows.trials.iter().rev().find(here).copied()
            })
            .collect();
        let multiples: Vec<Option<f64>> =
            trials.iter().map(|trial| limits.multiple((*trial)?)).collect();
        row.extend(trials.iter().zip(&multiples).map(|(trial, times)| {
            let cell = trial.map_or(Cell::default(), times_of);
            times.iter().fold(cell, |cell, times| cell.with("times_limit", *times))
        }));
        if has_limits {
            let said = multiples.iter().map(|times| times.map_or("-".into(), multiple));
            row.push(Cell::new(said.collect::<Vec<_>>().join(" · ")));
        }
        row.extend(compared.iter().map(|name| {
            let here = |c: &&&Comparison| c.cell.bytes == bytes && arm(&c.cell) == *name;
            rows.comparisons.iter().rev().find(here).map_or(Cell::default(), |c| compare(c))
        }));
        table.rows.push(row);
    }
    table
}

/// Part of all round trips' time from which hiccups are marked.
const MANY: f64 = 0.05;

fn times_of(trial: &Trial) -> Cell {
    let rt = &trial.round_trip_ns;
    if trial.error.is_some() {
        return Cell::new("failed");
    }
    let hiccups = trial.hiccups.ns as f64 > MANY * rt.mean as f64 * rt.count as f64;
    let marks = [(hiccups, " ^"), (!trial.steady, " !")];
    let marks: String = marks.iter().filter(|(is, _)| *is).map(|(_, mark)| *mark).collect();
    let cell = Cell::new(format!("{}{marks}", times(rt.p50, rt.p99)));
    let cell = cell.with("p50_ns", rt.p50).with("p99_ns", rt.p99).with("count", rt.count);
    cell.with("steady", trial.steady).with("hiccups", trial.hiccups.count)
}

fn compare(comparison: &Comparison) -> Cell {
    let Comparison { ratio: middle, low, high, verdict, .. } = *comparison;
    let word = match verdict {
        Verdict::TooClose => "~",
        other => other.name(),
    };
    let cell = ratio_of(comparison, format!("{} {word}", range(middle, low, high)));
    cell.padded(5usize.saturating_sub(word.chars().count())).with("verdict", verdict.name())
}

/// A cell that says `text` of a comparison's ratio.
pub(crate) fn ratio_of(comparison: &Comparison, text: String) -> Cell {
    let Comparison { ratio, low, high, confidence, generations, .. } = *comparison;
    let cell = Cell::new(text).with("ratio", ratio).with("low", low).with("high", high);
    cell.with("confidence", confidence).with("generations", generations)
}
