//! What the tables come to, in a few sentences that claim no more than the rows carry.

use std::fmt::Write as _;
use std::path::Path;

use measure::compare::Verdict;
use measure::record::{Comparison, End, Line};

use crate::lecture;
use crate::table::{Rows, arm, rows};
use crate::units::{ratio, size, time};

/// Verdicts, proof that nothing was lost, what to do next, and where the record is.
pub(crate) fn of(lines: &[Line], folder: &Path) -> String {
    let mut text = String::from("\n");
    let mut label = "VERDICT";
    for rows in rows(lines) {
        let sentences = verdicts(&rows);
        if sentences.is_empty() {
            continue;
        }
        let _ = writeln!(text, "{label:7}  {}", rows.stratum.title());
        label = "";
        sentences.iter().for_each(|sentence| {
            let _ = writeln!(text, "           {sentence}");
        });
    }
    let crossovers = lecture::crossovers(lines);
    if !crossovers.is_empty() {
        let _ = writeln!(text, "{label:7}  crossover: from where on a pool wins");
        crossovers.iter().for_each(|sentence| {
            let _ = writeln!(text, "           {sentence}");
        });
    }
    let end = lines.iter().rev().find_map(|line| match line {
        Line::End(end) => Some(end),
        _ => None,
    });
    match end {
        Some(end) => ending(&mut text, end),
        None => text.push_str("         the record has no end: the run was killed\n"),
    }
    let _ = write!(text, "record   {} (run.jsonl, pairs.csv, {})", folder.display(), crate::TRIALS);
    text
}

/// One sentence for each arm that was compared with the copy.
fn verdicts(rows: &Rows<'_>) -> Vec<String> {
    let mut arms: Vec<String> = Vec::new();
    for comparison in &rows.comparisons {
        let arm = arm(&comparison.cell);
        if !arms.contains(&arm) {
            arms.push(arm);
        }
    }
    let of = |name: &String| {
        let mut of_arm: Vec<&Comparison> =
            rows.comparisons.iter().filter(|c| arm(&c.cell) == *name).copied().collect();
        of_arm.sort_by_key(|comparison| comparison.cell.bytes);
        format!("{name:15}  {}", verdict(&of_arm))
    };
    arms.iter().map(of).collect()
}

/// What the sizes of one arm say together, by ascending size.
fn verdict(sizes: &[&Comparison]) -> String {
    let Some(largest) = sizes.last() else {
        return "nothing was compared".into();
    };
    let base = &largest.base_transport;
    let count = |verdict| sizes.iter().filter(|c| c.verdict == verdict).count();
    // From where on, up to the largest size measured, every verdict is SHARE.
    let run = sizes.iter().rev().take_while(|c| c.verdict == Verdict::Share).count();
    let mut said = match sizes.get(sizes.len() - run) {
        Some(first) if run == sizes.len() && run > 1 => {
            format!(
                "share at every size measured, {} to {}",
                size(first.cell.bytes),
                size(largest.cell.bytes)
            )
        }
        Some(first) => format!("share from {} up", size(first.cell.bytes)),
        None => "no size from which sharing wins throughout".into(),
    };
    let best = sizes
        .iter()
        .filter(|c| c.verdict == Verdict::Share)
        .max_by(|a, b| a.ratio.total_cmp(&b.ratio));
    if let Some(best) = best {
        let _ = write!(
            said,
            ", at best {} faster than {base} at {}",
            ratio(best.ratio),
            size(best.cell.bytes)
        );
    }
    for (verdict, words) in [
        (Verdict::Same, "no difference that matters"),
        (Verdict::Copy, "copy wins"),
        (Verdict::TooClose, "too close to call"),
    ] {
        if count(verdict) > 0 {
            let at = sizes.iter().filter(|c| c.verdict == verdict).map(|c| size(c.cell.bytes));
            let _ = write!(said, "; {words} at {}", at.collect::<Vec<_>>().join(", "));
        }
    }
    said
}

fn ending(text: &mut String, end: &End) {
    let _ = writeln!(
        text,
        "         tasks run {}, lost {} · segments left {} · workers left {} · {}",
        end.tasks,
        end.lost,
        end.segments_left,
        end.workers_left,
        time(end.wall_ns)
    );
    if let Some(reason) = &end.reason {
        let _ = writeln!(text, "         {}: {reason}", end.status);
    }
}
