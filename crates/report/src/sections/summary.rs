//! What the tables come to, in a few sentences that claim no more than the rows carry.

use std::fmt::Write as _;

use measure::units::{ratio, size, time};
use record::{End, Record};
use stats::paired_ratio::Verdict;

use super::labs;
use crate::analysis::strata::{Rows, rows};
use crate::analysis::win_range::{self, Arm};
use crate::document::Verdicts;

/// What the tables come to, stratum by stratum, and from where on a pool wins.
pub(crate) fn verdicts(record: &Record) -> Vec<Verdicts> {
    let of = |rows: &Rows<'_>| Verdicts { title: rows.title.clone(), sentences: sentences(rows) };
    let mut all: Vec<Verdicts> = rows(record).iter().map(of).collect();
    all.push(Verdicts {
        title: "crossover: from where on a pool wins".into(),
        sentences: labs::crossovers(record),
    });
    all.retain(|verdicts| !verdicts.sentences.is_empty());
    all
}

/// Proof that nothing was lost, and why the run is not whole where it is not.
pub(crate) fn ending(record: &Record) -> Vec<String> {
    let Some(end) = &record.end else {
        return vec!["the record has no end: the run was killed".into()];
    };
    let End { tasks, lost, segments_left, workers_left, wall_ns, .. } = end;
    let mut lines = vec![format!(
        "tasks run {tasks}, lost {lost} · segments left {segments_left} · workers left {workers_left} · {}",
        time(*wall_ns)
    )];
    lines.extend(end.reason.iter().map(|reason| format!("{}: {reason}", end.status)));
    lines
}

/// One sentence for each arm that was compared with the copy.
fn sentences(rows: &Rows<'_>) -> Vec<String> {
    let of = |arm: &Arm<'_>| format!("{:15}  {}", arm.name, verdict(arm));
    win_range::arms(rows).iter().map(of).collect()
}

/// What the sizes of one arm say together.
fn verdict(arm: &Arm<'_>) -> String {
    let Arm { sizes, .. } = arm;
    let mut said = arm.describe();
    let best = sizes
        .iter()
        .filter(|c| c.verdict == Verdict::Share)
        .max_by(|a, b| a.ratio.total_cmp(&b.ratio));
    if let Some(best) = best {
        let _ = write!(
            said,
            ", at best {} faster than {} at {}",
            ratio(best.ratio),
            best.base_transport,
            size(best.params.bytes)
        );
    }
    for (verdict, words) in [
        (Verdict::Same, "no difference that matters"),
        (Verdict::Copy, "copy wins"),
        (Verdict::TooClose, "too close to call"),
    ] {
        let at = sizes.iter().filter(|c| c.verdict == verdict).map(|c| size(c.params.bytes));
        let at: Vec<String> = at.collect();
        if !at.is_empty() {
            let _ = write!(said, "; {words} at {}", at.join(", "));
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use record::{Comparison, samples};

    use super::*;

    /// What is said of verdicts at 64 B, 256 B, and so on.
    fn sentence(verdicts: &str) -> String {
        let of = |(index, letter): (usize, char)| {
            let verdict = match letter {
                'S' => Verdict::Share,
                'C' => Verdict::Copy,
                '=' => Verdict::Same,
                _ => Verdict::TooClose,
            };
            let mut comparison = samples::comparison(1, 1, 2);
            comparison.params.bytes = 64 << (2 * index);
            Comparison { verdict, ratio: 2.0, low: 1.9, high: 2.1, ..comparison }
        };
        let all: Vec<Comparison> = verdicts.chars().enumerate().map(of).collect();
        verdict(&Arm { name: "shared place".into(), sizes: all.iter().collect() })
    }

    #[test]
    fn a_sentence_claims_no_size_that_its_rows_do_not() {
        for (verdicts, begins) in [
            ("SSS", "share at every size measured, 64 B to 1 KiB"),
            ("=SS", "share from 256 B up (it begins to pay between 64 B and 256 B)"),
            ("=SS~", "share at every decided size from 256 B to 1 KiB"),
            ("SS~~", "share at every decided size from 64 B to 256 B"),
            ("S", "share from 64 B up"),
            ("~SS", "share from 256 B up (it begins to pay between 64 B and 256 B)"),
            ("S~S", "share at every decided size from 64 B to 1 KiB"),
            ("=~S", "share from 1 KiB up (it begins to pay between 64 B and 1 KiB)"),
            ("=S~", "share at 256 B"),
            ("S~C", "no size from which sharing wins throughout"),
            ("S=~", "no size from which sharing wins throughout"),
            ("~~", "no size from which sharing wins throughout"),
        ] {
            let said = sentence(verdicts);
            assert_eq!(said.split(';').next().unwrap().split(", at best").next(), Some(begins));
            assert_eq!(said.contains("too close to call"), verdicts.contains('~'), "{said}");
        }
    }
}
