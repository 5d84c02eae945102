//! What became of each task, in the order in which they were completed, in the lecture's words.

use std::fmt::Write as _;

use comfy_table::{Table, presets};
use measure::record::{Line, TaskOutcome};

/// The outcomes of `lab`, transport by transport; nothing where it has none.
pub(super) fn outcomes(lines: &[Line], lab: &str) -> String {
    let all: Vec<&TaskOutcome> =
        lines.iter().filter_map(outcome).filter(|o| o.lab == lab).collect();
    let mut transports: Vec<&str> = Vec::new();
    for outcome in &all {
        if !transports.contains(&outcome.transport.as_str()) {
            transports.push(&outcome.transport);
        }
    }
    let mut text = String::new();
    for transport in transports {
        let of = |part: &str| {
            let part = part.to_owned();
            all.iter().copied().filter(move |o| o.transport == transport && o.part == part)
        };
        let _ = writeln!(text, "\n {lab} by {transport}, as completed");
        let (mut succeeded, mut failed) = (0, 0);
        for TaskOutcome { input, answer, error, .. } in of("workload") {
            match error {
                None => succeeded += 1,
                Some(_) => failed += 1,
            }
            let _ = match error {
                None => writeln!(text, "Range {input}: hash={}", answer.as_deref().unwrap_or("")),
                Some(error) => writeln!(text, "Error for range {input}: {}", error.message),
            };
        }
        let _ = writeln!(text, "Done: {succeeded} succeeded, {failed} failed");
        let _ = writeln!(
            text,
            "\n {lab} by {transport}, what can become of a task\n{}",
            table(of("faults"))
        );
    }
    text
}

fn table<'a>(faults: impl Iterator<Item = &'a TaskOutcome>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["task", "its future says", ""]);
    for TaskOutcome { job, input, answer, error, .. } in faults {
        let (name, message) = match error {
            Some(error) => (error.name.clone(), error.message.clone()),
            None => ("an answer".into(), answer.clone().unwrap_or_default()),
        };
        table.add_row([format!("{job}({input})"), name, message]);
    }
    table
}

fn outcome(line: &Line) -> Option<&TaskOutcome> {
    match line {
        Line::Outcome(outcome) => Some(outcome),
        _ => None,
    }
}
