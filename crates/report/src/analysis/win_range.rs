//! The sizes at which an arm wins by sharing: what verdicts say of them, and what pictures draw of them.

use measure::units::size;
use record::Comparison;
use stats::paired_ratio::Verdict;

use super::strata::Rows;

/// One arm's comparisons of a stratum, by ascending size.
pub(crate) struct Arm<'a> {
    pub(crate) name: String,
    pub(crate) sizes: Vec<&'a Comparison>,
}

/// The arms of a stratum that were compared with the copy.
pub(crate) fn arms<'a>(rows: &Rows<'a>) -> Vec<Arm<'a>> {
    let mut arms: Vec<Arm<'a>> = Vec::new();
    for comparison in &rows.comparisons {
        let name = comparison.params.arm.name();
        match arms.iter_mut().find(|arm| arm.name == name) {
            Some(arm) => arm.sizes.push(comparison),
            None => arms.push(Arm { name, sizes: vec![comparison] }),
        }
    }
    arms.iter_mut().for_each(|arm| arm.sizes.sort_by_key(|comparison| comparison.params.bytes));
    arms
}

/// At which of an arm's sizes sharing wins, as far as they are decided; they are named by their index.
#[derive(Clone, Copy, Debug, PartialEq)]
enum WinRange {
    /// At the largest decided one it does not.
    Nowhere,
    /// At all, and none is undecided.
    Everywhere,
    /// At this one and all larger ones, and none of them is undecided.
    From(usize),
    /// At all decided ones between these two, which may be the same; larger ones are undecided.
    Between(usize, usize),
}

fn win_range(sizes: &[&Comparison]) -> WinRange {
    let decided: Vec<usize> =
        (0..sizes.len()).filter(|at| sizes[*at].verdict != Verdict::TooClose).collect();
    let wins = |at: &&usize| sizes[**at].verdict == Verdict::Share;
    let run = decided.iter().rev().take_while(wins).count();
    match decided[decided.len() - run..] {
        [] => WinRange::Nowhere,
        [_, .., _] if run == sizes.len() => WinRange::Everywhere,
        [first, ..] if sizes[first..].iter().all(|c| c.verdict == Verdict::Share) => {
            WinRange::From(first)
        }
        [first, .., last] => WinRange::Between(first, last),
        [only] => WinRange::Between(only, only),
    }
}

impl Arm<'_> {
    /// From where on sharing wins, in words.
    pub(crate) fn describe(&self) -> String {
        let named = |at: usize| size(self.sizes[at].params.bytes);
        match win_range(&self.sizes) {
            WinRange::Nowhere => "no size from which sharing wins throughout".into(),
            WinRange::Everywhere => {
                let last = self.sizes.len() - 1;
                format!("share at every size measured, {} to {}", named(0), named(last))
            }
            WinRange::From(first) => match self.crossing() {
                Some((low, high)) => format!(
                    "share from {} up (it begins to pay between {} and {})",
                    named(first),
                    self.about(low),
                    self.about(high)
                ),
                None => format!("share from {} up", named(first)),
            },
            WinRange::Between(first, last) if first == last => format!("share at {}", named(first)),
            WinRange::Between(first, last) => {
                format!("share at every decided size from {} to {}", named(first), named(last))
            }
        }
    }

    /// A length in words: a measured size by its name, else rounded.
    fn about(&self, bytes: f64) -> String {
        let measured = self.sizes.iter().map(|comparison| comparison.params.bytes);
        let near = measured.into_iter().find(|size| (*size as f64 - bytes).abs() < 1.0);
        size(near.unwrap_or_else(|| round(bytes)))
    }

    /// Between which lengths the interval crosses the threshold for good, drawn straight from one
    /// measured size to the next; nothing where it does not.
    pub(crate) fn crossing(&self) -> Option<(f64, f64)> {
        let WinRange::From(first) = win_range(&self.sizes) else { return None };
        let below = first.checked_sub(1)?;
        let sizes = &self.sizes;
        let cross = |at: usize, end: fn(&Comparison) -> f64| {
            let (from, to) = (sizes[at], sizes[at + 1]);
            let share = (from.threshold.ln() - end(from).ln()) / (end(to).ln() - end(from).ln());
            let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 1.0 };
            let length = |comparison: &Comparison| (comparison.params.bytes.max(1) as f64).ln();
            (length(from) + share * (length(to) - length(from))).exp()
        };
        // The lower ends cross just below the first that wins; the upper ends where they first may.
        let high = cross(below, |of| of.low);
        let surely_below = sizes[..first].iter().rposition(|of| of.high < of.threshold);
        let low = surely_below.map_or(sizes[0].params.bytes as f64, |at| cross(at, |of| of.high));
        Some((low.min(high), high))
    }
}

/// Two digits that count, in whole KiB from there on.
fn round(bytes: f64) -> usize {
    let unit = if bytes >= 1024.0 { 1024.0 } else { 1.0 };
    let whole = bytes / unit;
    let step = 10f64.powf((whole.max(1.0).log10().floor() - 1.0).max(0.0));
    ((whole / step).round() * step * unit) as usize
}
