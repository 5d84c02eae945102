//! This machine's own limits, as a table: what, on one core, across two.

use measure::record::{FloorLine, Line};

use crate::limit::Limits;
use crate::model::{Cell, Column, Section, Table};
use crate::units::{size, times};

/// The limits in the record; nothing where there are none, and where they stand beside trials.
pub(crate) fn section(lines: &[Line]) -> Option<Section> {
    if lines.iter().any(|line| matches!(line, Line::Trial(_))) {
        return None;
    }
    let floors = lowest(lines);
    let mut whats: Vec<(&str, usize)> = Vec::new();
    for floor in &floors {
        let what = (floor.what.as_str(), floor.bytes);
        if !whats.contains(&what) {
            whats.push(what);
        }
    }
    let row = |&(what, bytes): &(&str, usize)| {
        let on = |placement: &str| {
            let of = |floor: &&&FloorLine| {
                let this = (floor.what.as_str(), floor.bytes, floor.placement.as_str());
                this == (what, bytes, placement)
            };
            floors.iter().find(of).map_or(Cell::default(), |floor| {
                let ns = &floor.ns;
                Cell::new(times(ns.p50, ns.p99)).with("p50_ns", ns.p50).with("p99_ns", ns.p99)
            })
        };
        vec![Cell::new(name(what, bytes)).with("what", what), on("same"), on("spread")]
    };
    let rows: Vec<Vec<Cell>> = whats.iter().map(row).collect();
    let columns =
        vec![Column::left("limit"), Column::right("one core"), Column::right("across two")];
    let mut notes = vec![
        "p50 / p99 of the barest loop for each: two threads, no checks; nothing can be faster here"
            .into(),
    ];
    notes.extend(both_at_once(&Limits::of(lines)));
    let title = "this machine's own limits".into();
    (!rows.is_empty()).then(|| Section {
        title,
        table: Table { columns, rows },
        notes,
        ..Section::default()
    })
}

/// How much longer computing takes while the other core computes too; nothing where that was not measured.
fn both_at_once(limits: &Limits<'_>) -> Option<String> {
    /// Two threads of one core share what computes; two cores do not.
    const SHARED: f64 = 1.5;
    let p50 = |placement| limits.p50("compute", placement, 0);
    let longer = p50("spread")? / p50("same")?;
    let so = match longer < SHARED {
        true => "",
        false => {
            ": they share one core, or somebody else wants one of them; more workers gain little"
        }
    };
    Some(format!("computing on two cores at once takes {longer:.2}× as long as on one{so}"))
}

/// As people say it.
pub(crate) fn name(what: &str, bytes: usize) -> String {
    match what {
        "clock" => "reading the clock".into(),
        "null_system_call" => "a system call that does nothing".into(),
        "copy_in_cache" => format!("a copy of {}, in the cache", size(bytes)),
        "copy_out_of_cache" => format!("a copy of {}, in no cache", size(bytes)),
        "compute" => "square roots; across two, on both at once".into(),
        "page_fault" => "the first touch of a page".into(),
        "cache_line_round_trip" => "a cache line there and back, polling".into(),
        "yield_round_trip" => "giving the core away, there and back".into(),
        "list_read" => format!("a list of {}, read", size(bytes)),
        "list_copied_and_read" => {
            format!("a list of {}, copied into a segment and read there", size(bytes))
        }
        "futex_round_trip" => "a futex there and back, sleeping".into(),
        "pipe_round_trip" => "a pipe there and back, sleeping".into(),
        other => other.replace('_', " "),
    }
}

/// The limits in the record; of one that was measured again, the lowest: that is what it is a limit of.
pub(crate) fn lowest(lines: &[Line]) -> Vec<&FloorLine> {
    let all: Vec<&FloorLine> = lines.iter().filter_map(floor).collect();
    let key = |floor: &FloorLine| (floor.what.clone(), floor.bytes, floor.placement.clone());
    let lower = |at: usize, other: usize| {
        key(all[other]) == key(all[at]) && (all[other].ns.p50, other) < (all[at].ns.p50, at)
    };
    let is_lowest = |at: &usize| !(0..all.len()).any(|other| lower(*at, other));
    (0..all.len()).filter(is_lowest).map(|at| all[at]).collect()
}

fn floor(line: &Line) -> Option<&FloorLine> {
    match line {
        Line::Floor(floor) => Some(floor),
        _ => None,
    }
}
