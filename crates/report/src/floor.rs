//! This machine's own limits, as a table: what, on one core, across two.

use std::fmt::Write as _;

use comfy_table::{CellAlignment, Table, presets};
use measure::record::{FloorLine, Line};

use crate::units::{size, times};

/// The limits in the record; nothing where there are none.
pub(crate) fn table(lines: &[Line]) -> String {
    let floors: Vec<&FloorLine> = lines.iter().filter_map(floor).collect();
    if floors.is_empty() {
        return String::new();
    }
    let mut whats: Vec<(&str, usize)> = Vec::new();
    for floor in &floors {
        let what = (floor.what.as_str(), floor.bytes);
        if !whats.contains(&what) {
            whats.push(what);
        }
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["limit", "one core", "across two"]);
    for (what, bytes) in whats {
        let on = |placement: &str| {
            // Of a run that was continued, the last.
            let of = |floor: &&&FloorLine| {
                (floor.what.as_str(), floor.bytes, floor.placement.as_str())
                    == (what, bytes, placement)
            };
            floors.iter().rev().find(of).map_or(String::new(), |f| times(f.ns.p50, f.ns.p99))
        };
        table.add_row([name(what, bytes), on("same"), on("spread")]);
    }
    for right in [1, 2] {
        if let Some(column) = table.column_mut(right) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut text = String::from("\n this machine's own limits\n");
    let _ = writeln!(text, "{table}");
    text.push_str(" p50 / p99 of the barest loop for each: two threads, no checks; nothing can be faster here\n");
    text
}

/// As people say it.
fn name(what: &str, bytes: usize) -> String {
    match what {
        "clock" => "reading the clock".into(),
        "null_system_call" => "a system call that does nothing".into(),
        "copy_in_cache" => format!("a copy of {}, in the cache", size(bytes)),
        "copy_out_of_cache" => format!("a copy of {}, in no cache", size(bytes)),
        "page_fault" => "the first touch of a page".into(),
        "cache_line_round_trip" => "a cache line there and back, polling".into(),
        "futex_round_trip" => "a futex there and back, sleeping".into(),
        "pipe_round_trip" => "a pipe there and back, sleeping".into(),
        other => other.replace('_', " "),
    }
}

fn floor(line: &Line) -> Option<&FloorLine> {
    match line {
        Line::Floor(floor) => Some(floor),
        _ => None,
    }
}
