//! What two arms that were measured side by side come to: a comparison, or an A/A test.

use record::pairs::Batch;
use record::{AaTest, Comparison, Params};
use stats::paired_ratio::{self, MARGIN, Pair, Ratio, SPEEDUP, Verdict};
use stats::stopping::Stopped;

use crate::placement::Placement;
use crate::plan::{Arm, Cell};

/// Two arms of a cell, by their numbers, and the ratio of the first to the second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ArmComparison {
    pub(crate) base: usize,
    pub(crate) other: usize,
    pub(crate) ratio: Ratio,
}

/// Copy (the first copying arm) against each sharing arm; in an A/A test, the one arm against the other.
pub(crate) fn compare(cell: &Cell, batches: &[Vec<Batch>], confidence: f64) -> Vec<ArmComparison> {
    let compare = |base: usize, other: usize| {
        let pairs = pair_up(&batches[base], &batches[other]);
        let ratio = paired_ratio::ratio_at(&pairs, confidence)?;
        Some(ArmComparison { base, other, ratio })
    };
    if cell.is_aa_test() {
        return compare(0, 1).into_iter().collect();
    }
    let others = (0..cell.arms.len()).filter(|arm| !cell.arms[*arm].copies());
    let compared = others.filter_map(|other| {
        // A list that is built is compared with one that is built and copied.
        let measured = |arm: &usize| !batches[*arm].is_empty();
        let copies =
            || cell.arms.iter().enumerate().filter(|(at, arm)| arm.copies() && measured(at));
        let alike = |arm: &Arm| arm.residency == cell.arms[other].residency;
        let (base, _) = copies().find(|(_, arm)| alike(arm)).or_else(|| copies().next())?;
        compare(base, other)
    });
    compared.collect()
}

/// Batches of two arms that were measured side by side.
pub(crate) fn pair_up(base: &[Batch], other: &[Batch]) -> Vec<Pair> {
    let of = |base: &Batch| {
        let place = (base.generation, base.pair);
        let beside = other.iter().find(|of| (of.generation, of.pair) == place)?;
        let (base_ns, other_ns) = (base.median_ns, beside.median_ns);
        Some(Pair { generation: base.generation, base_ns, other_ns })
    };
    base.iter().filter_map(of).collect()
}

/// The lines of a cell or a case, which its comparisons are made of.
pub(crate) struct Lines<'a> {
    pub(crate) lab: &'a str,
    /// What was measured by the other arm.
    pub(crate) params: Params,
    pub(crate) cores: &'a [usize],
    /// Number of the base's line, and of the other arm's.
    pub(crate) base: u64,
    pub(crate) other: u64,
    pub(crate) base_name: &'a str,
}

impl ArmComparison {
    /// Copy against share. Its number is not yet given.
    pub(crate) fn line(&self, cell: &Cell, of: Lines<'_>) -> Comparison {
        // Unpinned runs mix placements, so their results are reported without a verdict.
        let verdict = match cell.placement {
            Placement::Unpinned => Verdict::TooClose,
            _ => self.ratio.verdict(),
        };
        comparison("copy÷share", &self.ratio, verdict, MARGIN, of)
    }
}

/// A pool against doing the tasks alone. Its number is not yet given.
pub(crate) fn speedup(ratio: &Ratio, verdict: Verdict, of: Lines<'_>) -> Comparison {
    comparison("speedup", ratio, verdict, SPEEDUP, of)
}

fn comparison(
    what: &str,
    ratio: &Ratio,
    verdict: Verdict,
    threshold: f64,
    of: Lines<'_>,
) -> Comparison {
    let pairs = || match threshold == SPEEDUP {
        true => ratio.pairs_to_pass(SPEEDUP),
        false => ratio.pairs_to_decide(threshold),
    };
    Comparison {
        id: 0,
        lab: of.lab.into(),
        base: of.base,
        other: of.other,
        what: what.into(),
        base_transport: of.base_name.into(),
        params: of.params,
        cores: of.cores.to_vec(),
        ratio: ratio.ratio,
        low: ratio.low,
        high: ratio.high,
        confidence: ratio.confidence,
        threshold,
        pairs: ratio.pairs,
        generations: ratio.generations,
        verdict,
        pairs_to_decide: (verdict == Verdict::TooClose).then(pairs).flatten(),
    }
}

/// An A/A test of `lab` with that number.
pub(crate) fn aa_test(
    (id, lab): (u64, &str),
    cell: &Cell,
    cores: &[usize],
    compared: Option<&ArmComparison>,
    (generations, stopped): (u32, Option<Stopped>),
    warnings: Vec<String>,
) -> AaTest {
    let ratio = compared.map(|compared| compared.ratio);
    let verdict = match ratio.map(|ratio| ratio.verdict()) {
        Some(Verdict::Share | Verdict::Copy) => AaTest::DIFFERENT,
        Some(verdict) => verdict.name(),
        None => Verdict::TooClose.name(),
    };
    AaTest {
        id,
        lab: lab.into(),
        params: cell.params(&cell.arms[0]),
        cores: cores.to_vec(),
        injected: cell.injected(),
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
