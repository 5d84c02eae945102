//! Guesses beside what was measured, as a table.

use measure::prediction::Score;
use measure::record::Line;

use crate::model::{Cell, Column, Section, Table};

/// A row for each guess; nothing where nobody guessed.
pub(crate) fn section(lines: &[Line]) -> Option<Section> {
    let all: Vec<&Score> = lines
        .iter()
        .filter_map(|line| match line {
            Line::Score(score) => Some(score),
            _ => None,
        })
        .collect();
    let scored: Vec<f64> = all.iter().filter_map(|score| score.points).collect();
    let columns = vec![
        Column::left("question"),
        Column::left("guess"),
        Column::left("measured"),
        Column::right("points"),
    ];
    let rows: Vec<Vec<Cell>> = all.into_iter().map(row).collect();
    let sum: f64 = scored.iter().sum();
    let notes = vec![
        format!("guesses worth {sum} of {}", scored.len()),
        "1: right, a number within a quarter or within its interval · 0.5: within twice".into(),
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
