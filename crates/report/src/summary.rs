//! What the tables come to, in a few sentences that claim no more than the rows carry.

use std::fmt::Write as _;

use measure::compare::Verdict;
use measure::record::{Comparison, End, Line};

use crate::lecture;
use crate::model::Verdicts;
use crate::table::{Rows, arm, rows};
use crate::units::{ratio, size, time};

/// What the tables come to, stratum by stratum, and from where on a pool wins.
pub(crate) fn verdicts(lines: &[Line]) -> Vec<Verdicts> {
    let of = |rows: &Rows<'_>| Verdicts { title: rows.stratum.title(), sentences: sentences(rows) };
    let mut all: Vec<Verdicts> = rows(lines).iter().map(of).collect();
    all.push(Verdicts {
        title: "crossover: from where on a pool wins".into(),
        sentences: lecture::crossovers(lines),
    });
    all.retain(|verdicts| !verdicts.sentences.is_empty());
    all
}

/// Proof that nothing was lost, and why the run is not whole where it is not.
pub(crate) fn ending(lines: &[Line]) -> Vec<String> {
    let end = lines.iter().rev().find_map(|line| match line {
        Line::End(end) => Some(end),
        _ => None,
    });
    let Some(end) = end else {
        return vec!["the record has no end: the run was killed".into()];
    };
    let End { tasks, lost, segments_left, workers_left, wall_ns, .. } = end;
    let mut said = vec![format!(
        "tasks run {tasks}, lost {lost} · segments left {segments_left} · workers left {workers_left} · {}",
        time(*wall_ns)
    )];
    said.extend(end.reason.iter().map(|reason| format!("{}: {reason}", end.status)));
    said
}

/// One sentence for each arm that was compared with the copy.
fn sentences(rows: &Rows<'_>) -> Vec<String> {
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
