//! What the arms of a cell come to beside each other: comparisons, or a control.

use measure::compare::{self, MARGIN, Pair, Ratio, Verdict};
use measure::record::{Comparison, Control};
use measure::stopping::Stopped;

use super::sum::Sum;
use crate::placement::Placement;
use crate::plan::{Arm, Cell, Plan};

/// Two arms of a cell, by their numbers.
pub(super) struct Judged {
    base: usize,
    other: usize,
    pub(super) ratio: Ratio,
}

/// Copy (the first copying arm) against each sharing arm; of a control, the one against the other.
pub(super) fn all(cell: &Cell, sums: &[Sum], confidence: f64) -> Vec<Judged> {
    let judge = |base: usize, other: usize| {
        let pairs = pair_up(&sums[base].batches, &sums[other].batches);
        let ratio = compare::ratio_at(&pairs, confidence)?;
        Some(Judged { base, other, ratio })
    };
    if cell.control {
        return judge(0, 1).into_iter().collect();
    }
    let others = (0..cell.arms.len()).filter(|arm| !cell.arms[*arm].copies());
    let compared = others.filter_map(|other| {
        // A list that is built is compared with one that is built and copied.
        let measured = |arm: &usize| !sums[*arm].batches.is_empty();
        let copies =
            || cell.arms.iter().enumerate().filter(|(at, arm)| arm.copies() && measured(at));
        let alike = |arm: &Arm| arm.residency == cell.arms[other].residency;
        let (base, _) = copies().find(|(_, arm)| alike(arm)).or_else(|| copies().next())?;
        judge(base, other)
    });
    compared.collect()
}

impl Judged {
    /// Its line, ids not yet given, after the numbers of its arms.
    pub(super) fn line(
        &self,
        plan: &Plan,
        cell: &Cell,
        cores: &[usize],
    ) -> (usize, usize, Comparison) {
        let Judged { base, other, ratio } = *self;
        let verdict = match cell.placement {
            Placement::Unpinned => Verdict::TooClose,
            _ => ratio.verdict(),
        };
        let comparison = Comparison {
            id: 0,
            lab: plan.lab.into(),
            base: 0,
            other: 0,
            what: "copy÷share".into(),
            base_transport: cell.arms[base].transport.name().into(),
            lecture: None,
            cell: cell.record(&cell.arms[other], cores),
            ratio: ratio.ratio,
            low: ratio.low,
            high: ratio.high,
            confidence: ratio.confidence,
            threshold: MARGIN,
            pairs: ratio.pairs,
            generations: ratio.generations,
            verdict,
            pairs_to_decide: (verdict == Verdict::TooClose)
                .then(|| ratio.pairs_to_decide(MARGIN))
                .flatten(),
        };
        (base, other, comparison)
    }
}

/// A control's line, its id not yet given.
pub(super) fn control(
    plan: &Plan,
    cell: &Cell,
    cores: &[usize],
    judged: Option<&Judged>,
    stopped: Option<Stopped>,
    generations: u32,
    warnings: Vec<String>,
) -> Control {
    let ratio = judged.map(|judged| judged.ratio);
    let verdict = match ratio.map(|ratio| ratio.verdict()) {
        Some(Verdict::Share | Verdict::Copy) => Control::DIFFERENT,
        Some(verdict) => verdict.name(),
        None => Verdict::TooClose.name(),
    };
    Control {
        id: 0,
        lab: plan.lab.into(),
        cell: cell.record(&cell.arms[0], cores),
        planted: cell.planted,
        ratio: ratio.map(|ratio| ratio.ratio),
        low: ratio.map(|ratio| ratio.low),
        high: ratio.map(|ratio| ratio.high),
        confidence: ratio.map_or(0.0, |ratio| ratio.confidence),
        threshold: MARGIN,
        pairs: ratio.map_or(0, |ratio| ratio.pairs),
        generations: generations as usize,
        verdict: verdict.into(),
        stopped: stopped.map(|why| why.name().into()),
        warnings,
        error: None,
    }
}

/// Batches of two arms that were measured side by side; each is a generation, a pair and a median.
pub(crate) fn pair_up(base: &[(u32, u32, u64)], other: &[(u32, u32, u64)]) -> Vec<Pair> {
    let of = |&(generation, pair, base_ns): &(u32, u32, u64)| {
        let beside = other.iter().find(|(g, p, _)| (*g, *p) == (generation, pair));
        beside.map(|(_, _, other_ns)| Pair { generation, base_ns, other_ns: *other_ns })
    };
    base.iter().filter_map(of).collect()
}
