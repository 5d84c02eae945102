//! A/A tests as a table: whether an arm was measured to be equal to itself.

use measure::units::{range, size};
use record::{AaTest, Record};

use crate::document::{Cell, Column, Section, Table};

/// A row for each A/A test; none without any.
pub(crate) fn section(record: &Record) -> Option<Section> {
    let rows: Vec<Vec<Cell>> = record.aa_tests.iter().map(row).collect();
    let columns = vec![
        Column::left("stratum"),
        Column::right("list"),
        Column::left("arm"),
        Column::right("ratio (interval)"),
        Column::left("verdict"),
    ];
    let title = "A/A tests: an arm against itself, each side with its own workers".into();
    let table = Table { columns, rows };
    (!table.rows.is_empty()).then(|| Section { title, table, ..Section::default() })
}

fn row(test: &AaTest) -> Vec<Cell> {
    let AaTest { params, ratio, low, high, verdict, error, injected, .. } = test;
    let name = params.arm.name();
    let arm = match injected {
        Some(part) => {
            let percent = (part * 1000.0).round() / 10.0;
            Cell::new(format!("{name}, the second + {percent} %")).with("injected", *part)
        }
        None => Cell::new(name),
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
        Cell::new(params.stratum.title()),
        Cell::new(size(params.bytes)).with("bytes", params.bytes),
        arm,
        found,
        Cell::new(verdict),
    ]
}
