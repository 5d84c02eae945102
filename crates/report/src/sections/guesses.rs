//! Guesses beside what was measured, as a table.

use record::{Record, Score};

use crate::document::{Cell, Column, Section, Table};

/// A row for each guess; none where nothing was guessed.
pub(crate) fn section(record: &Record) -> Option<Section> {
    let all = &record.scores;
    let scored: Vec<f64> = all.iter().filter_map(|score| score.points).collect();
    let columns = vec![
        Column::left("question"),
        Column::left("guess"),
        Column::left("measured"),
        Column::right("points"),
    ];
    let rows: Vec<Vec<Cell>> = all.iter().map(row).collect();
    let sum: f64 = scored.iter().sum();
    let notes = vec![
        format!("guesses worth {sum} of {}", scored.len()),
        "1: right, or a number within a quarter or within its interval · 0.5: within a factor of two".into(),
        "not scored: the run has no answer".into(),
    ];
    let title = "predicted".into();
    let table = Table { columns, rows };
    (!table.rows.is_empty()).then(|| Section { title, table, notes, ..Section::default() })
}

fn row(score: &Score) -> Vec<Cell> {
    let guess = Cell::new(&score.guess.guess);
    let points = match score.points {
        Some(points) => Cell::new(format!("{points}")).with("points", points),
        None => Cell::new("not scored"),
    };
    vec![
        Cell::new(&score.guess.question),
        match score.guess.value {
            Some(value) => guess.with("value", value),
            None => guess,
        },
        Cell::new(&score.measured),
        points,
    ]
}
