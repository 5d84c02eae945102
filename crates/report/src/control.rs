//! Controls as a table: whether the same was the same.

use measure::record::{Control, Line};

use crate::model::{Cell, Column, Section, Table};
use crate::table::{Stratum, arm};
use crate::units::{range, size};

/// A row for each control; nothing without any.
pub(crate) fn section(lines: &[Line]) -> Option<Section> {
    let rows: Vec<Vec<Cell>> = lines
        .iter()
        .filter_map(|line| match line {
            Line::Control(control) => Some(row(control)),
            _ => None,
        })
        .collect();
    let columns = vec![
        Column::left("stratum"),
        Column::right("list"),
        Column::left("arm"),
        Column::right("ratio (interval)"),
        Column::left("verdict"),
    ];
    let title = "controls: an arm against itself, in workers of its own".into();
    let table = Table { columns, rows };
    (!table.rows.is_empty()).then(|| Section { title, table, ..Section::default() })
}

fn row(control: &Control) -> Vec<Cell> {
    let Control { cell, ratio, low, high, verdict, error, planted, .. } = control;
    let arm = match planted {
        Some(part) => {
            let percent = (part * 1000.0).round() / 10.0;
            Cell::new(format!("{}, the second + {percent} %", arm(cell))).with("planted", *part)
        }
        None => Cell::new(arm(cell)),
    };
    let (found, verdict) = match (error, ratio, low, high) {
        (Some(error), ..) => (Cell::default(), format!("failed: {error}")),
        (None, Some(ratio), Some(low), Some(high)) => {
            let cell = Cell::new(range(*ratio, *low, *high));
            (cell.with("ratio", *ratio).with("low", *low).with("high", *high), verdict.clone())
        }
        _ => (Cell::default(), verdict.clone()),
    };
    vec![
        Cell::new(Stratum::of(cell).title()),
        Cell::new(size(cell.bytes)).with("bytes", cell.bytes),
        arm,
        found,
        Cell::new(verdict),
    ]
}
