//! What became of each task, in the order in which they were completed, in the lecture's words.

use std::fmt::Write as _;

use comfy_table::{Table, presets};
use measure::record::{Line, TaskOutcome};

/// The outcomes of `lab`: the lecture's tasks transport by transport, and what else can happen; nothing
/// where it has none.
pub(super) fn outcomes(lines: &[Line], lab: &str) -> String {
    let all: Vec<&TaskOutcome> =
        lines.iter().filter_map(outcome).filter(|o| o.lab == lab).collect();
    let mut transports: Vec<&str> = Vec::new();
    for outcome in &all {
        if !transports.contains(&outcome.transport.as_str()) {
            transports.push(&outcome.transport);
        }
    }
    let of = |transport: &str, part: &str| -> Vec<&TaskOutcome> {
        all.iter().copied().filter(|o| o.transport == transport && o.part == part).collect()
    };
    let mut text = String::new();
    for transport in &transports {
        let _ = writeln!(text, "\n {lab} by {transport}, as completed");
        let workload = of(transport, "workload");
        for TaskOutcome { input, answer, error, .. } in &workload {
            let _ = match error {
                None => writeln!(text, "Range {input}: hash={}", answer.as_deref().unwrap_or("")),
                Some(error) => writeln!(text, "Error for range {input}: {}", error.message),
            };
        }
        let failed = workload.iter().filter(|outcome| !outcome.ok).count();
        let _ = writeln!(text, "Done: {} succeeded, {failed} failed", workload.len() - failed);
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
            let _ =
                writeln!(text, "\n {lab} by {by}: what can become of a task\n{}", table(&faults));
        }
        transports = rest;
    }
    text
}

/// What a future says, by its type.
fn said(outcome: &TaskOutcome) -> &str {
    outcome.error.as_ref().map_or("an answer", |error| &error.name)
}

fn table(faults: &[&TaskOutcome]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["task", "its future says", ""]);
    for outcome in faults {
        let TaskOutcome { job, input, answer, error, .. } = outcome;
        let words = error.as_ref().map(|error| error.message.clone()).or(answer.clone());
        table.add_row([format!("{job}({input})"), said(outcome).into(), words.unwrap_or_default()]);
    }
    table
}

fn outcome(line: &Line) -> Option<&TaskOutcome> {
    match line {
        Line::Outcome(outcome) => Some(outcome),
        _ => None,
    }
}
