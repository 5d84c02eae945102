//! This machine's own limits, as a table: what, on one core, across two.

use measure::units::times;
use record::{Placement, Record};

use crate::analysis::limits::{Limits, name};
use crate::document::{Cell, Column, Section, Table};

/// The limits in the record; none where there are none, and where they stand beside trials.
pub(crate) fn section(record: &Record) -> Option<Section> {
    if !record.trials.is_empty() || record.limits.is_empty() {
        return None;
    }
    let mut whats: Vec<(&str, usize)> = Vec::new();
    for limit in &record.limits {
        let what = (limit.what.as_str(), limit.bytes);
        if !whats.contains(&what) {
            whats.push(what);
        }
    }
    let row = |&(what, bytes): &(&str, usize)| {
        let on = |placement: Placement| {
            let mut of = record.limits.iter();
            let found =
                of.find(|l| (l.what.as_str(), l.bytes, l.placement) == (what, bytes, placement));
            found.map_or(Cell::default(), |limit| {
                let ns = &limit.ns;
                Cell::new(times(ns.p50, ns.p99)).with("p50_ns", ns.p50).with("p99_ns", ns.p99)
            })
        };
        let what = Cell::new(name(what, bytes)).with("what", what);
        vec![what, on(Placement::Same), on(Placement::Spread)]
    };
    let rows = whats.iter().map(row).collect();
    let columns =
        vec![Column::left("limit"), Column::right("one core"), Column::right("across two")];
    let mut notes = vec![
        "p50 / p99 of a minimal loop for each: two threads, no checks; no transport can be faster here"
            .into(),
    ];
    notes.extend(Limits::of(record).both_cores().map(both_cores));
    let title = "limits of this machine".into();
    Some(Section { title, table: Table { columns, rows }, notes, ..Section::default() })
}

/// Two threads of one core share what computes; two cores do not. In between, another program wants one of them.
const MAX_SLOWDOWN_OF_TWO_CORES: f64 = 1.5;

fn both_cores(slowdown: f64) -> String {
    let why = match slowdown < MAX_SLOWDOWN_OF_TWO_CORES {
        true => "",
        false => {
            ": they share one core, or another program uses one of them; more workers gain little"
        }
    };
    format!("computing on two cores at once takes {slowdown:.2}× as long as on one{why}")
}
