//! What became of each task, in the order in which they were completed, in the lecture's words.

use record::{Record, TaskOutcome};

use crate::document::{Cell, Column, Section, Table};

/// The outcomes of `lab`: the lecture's tasks transport by transport, and what else can happen; nothing
/// where it has none.
pub(super) fn sections(record: &Record, lab: &str) -> Vec<Section> {
    let all: Vec<&TaskOutcome> = record.outcomes.iter().filter(|o| o.lab == lab).collect();
    let mut transports: Vec<&str> = Vec::new();
    for outcome in &all {
        if !transports.contains(&outcome.transport.as_str()) {
            transports.push(&outcome.transport);
        }
    }
    let of = |transport: &str, part: &str| -> Vec<&TaskOutcome> {
        all.iter().copied().filter(|o| o.transport == transport && o.part == part).collect()
    };
    let mut sections: Vec<Section> = Vec::new();
    for transport in &transports {
        let workload = of(transport, "workload");
        let as_completed = |TaskOutcome { input, answer, error, .. }: &&TaskOutcome| match error {
            None => format!("Range {input}: hash={}", answer.as_deref().unwrap_or("")),
            Some(error) => format!("Error for range {input}: {}", error.message),
        };
        let mut lines: Vec<String> = workload.iter().map(as_completed).collect();
        let failed = workload.iter().filter(|outcome| !outcome.ok).count();
        lines.push(format!("Done: {} succeeded, {failed} failed", workload.len() - failed));
        let title = format!("{lab} by {transport}, as completed");
        sections.push(Section { title, lines, ..Section::default() });
    }
    // One table for all transports by which the same became of each task.
    while let Some(first) = transports.first().copied() {
        let faults = of(first, "faults");
        let alike = |transport: &&str| {
            let others = of(transport, "faults");
            others.len() == faults.len()
                && others.iter().zip(&faults).all(|(a, b)| said(a) == said(b))
        };
        let (same, rest): (Vec<&str>, Vec<&str>) = transports.iter().copied().partition(alike);
        if !faults.is_empty() {
            let by = same.join(" and by ");
            let title = format!("{lab} by {by}: what can become of a task");
            sections.push(Section { title, table: table(&faults), ..Section::default() });
        }
        transports = rest;
    }
    sections
}

/// What a future says, by its type.
fn said(outcome: &TaskOutcome) -> &str {
    outcome.error.as_ref().map_or("an answer", |error| &error.name)
}

fn table(faults: &[&TaskOutcome]) -> Table {
    let columns = ["task", "its future says", ""].map(Column::left).to_vec();
    let row = |outcome: &&TaskOutcome| {
        let TaskOutcome { job, input, answer, error, .. } = outcome;
        let words = error.as_ref().map(|error| error.message.clone()).or(answer.clone());
        let task = Cell::new(format!("{job}({input})"));
        vec![task, Cell::new(said(outcome)), Cell::new(words.unwrap_or_default())]
    };
    Table { columns, rows: faults.iter().map(row).collect() }
}
