//! The stopping rule: interim analyses decide when a cell has been measured for long enough.
//!
//! Stopping at the first favourable interim result (optional stopping) inflates the false-positive rate. So there are
//! few interim analyses, and each has a wider interval, so that the interval at which measuring stops still holds the
//! truth as often as it says. docs/METHOD.md has the simulation.

use crate::paired_ratio::{self, MIN_GENERATIONS, Ratio};

/// Probability that the interval of each of several looks is made for, so that the one at which
/// measuring stops holds the truth in 95 % of cells.
pub const LOOK_CONFIDENCE: f64 = 0.975;

/// An interval whose half is at most this part of the ratio is narrow: more pairs would tell little.
pub const MAX_NARROW_HALF_WIDTH: f64 = 0.025;

/// Why a cell was measured for no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// Each of its comparisons has a verdict.
    Decided,
    /// Each has a verdict or a narrow interval.
    Narrow,
    /// It had as many generations as were planned.
    Cap,
    /// Its time was over.
    Budget,
    /// A signal asked to end.
    Interrupted,
}

impl Stopped {
    /// The word in records.
    pub fn name(self) -> &'static str {
        match self {
            Stopped::Decided => "decided",
            Stopped::Narrow => "narrow",
            Stopped::Cap => "cap",
            Stopped::Budget => "budget",
            Stopped::Interrupted => "interrupted",
        }
    }
}

/// After how many generations to look, `cap` the last: at three, four and five fifths of it, but
/// never before a verdict is possible.
pub fn looks(cap: u32) -> Vec<u32> {
    let fifths = |part: u32| (u64::from(cap) * u64::from(part)).div_ceil(5) as u32;
    let mut looks: Vec<u32> =
        (3..=5).map(|part| fifths(part).max(MIN_GENERATIONS as u32).min(cap)).collect();
    looks.dedup();
    looks
}

/// Probability that the interval of each look is made for, if there are `looks` of them.
pub fn confidence(looks: usize) -> f64 {
    if looks > 1 { LOOK_CONFIDENCE } else { paired_ratio::CONFIDENCE }
}

/// Whether these comparisons of one cell are settled, and by what; never without any.
pub fn stop_reason(ratios: &[Ratio]) -> Option<Stopped> {
    let decided = |ratio: &Ratio| ratio.verdict() != paired_ratio::Verdict::TooClose;
    let narrow = |ratio: &Ratio| {
        ratio.generations >= MIN_GENERATIONS && ratio.half_width() <= MAX_NARROW_HALF_WIDTH
    };
    if ratios.is_empty() {
        None
    } else if ratios.iter().all(decided) {
        Some(Stopped::Decided)
    } else {
        ratios.iter().all(|ratio| decided(ratio) || narrow(ratio)).then_some(Stopped::Narrow)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paired_ratio::{MARGIN, Pair, Verdict, ratio_at};
    use crate::synthetic::World;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    #[test]
    fn looks_come_late_and_never_before_a_verdict_is_possible() {
        assert_eq!(looks(10), [6, 8, 10]);
        assert_eq!(looks(20), [12, 16, 20]);
        assert_eq!(looks(7), [6, 7]);
        assert_eq!(looks(6), [6]);
        assert_eq!(looks(1), [1]);
        assert_eq!((confidence(1), confidence(3)), (0.95, LOOK_CONFIDENCE));
    }

    #[test]
    fn a_cell_is_settled_when_the_last_of_its_comparisons_is() {
        let of = |ratio: f64, half: f64, generations: usize| Ratio {
            ratio,
            low: ratio / (1.0 + half),
            high: ratio * (1.0 + half),
            confidence: LOOK_CONFIDENCE,
            pairs: 60,
            generations,
        };
        assert_eq!(stop_reason(&[]), None);
        assert_eq!(stop_reason(&[of(2.0, 0.1, 6), of(1.0, 0.04, 6)]), Some(Stopped::Decided));
        assert_eq!(stop_reason(&[of(2.0, 0.1, 6), of(1.05, 0.024, 6)]), Some(Stopped::Narrow));
        assert_eq!(stop_reason(&[of(2.0, 0.1, 6), of(1.05, 0.026, 6)]), None);
        assert_eq!(
            stop_reason(&[of(1.05, 0.001, 5)]),
            None,
            "too few generations are never settled"
        );
    }

    /// What came of many cells, looked at as a sweep does.
    #[derive(Default)]
    struct Tally {
        covers: f64,
        winners: f64,
    }

    fn tally(world: &World, draws: u64) -> Tally {
        let mut tally = Tally::default();
        let looks = looks(10);
        for seed in 0..draws {
            let pairs = world.measure(10, 10, &mut StdRng::seed_from_u64(seed));
            let at = |look: &u32| {
                let known: Vec<Pair> =
                    pairs.iter().filter(|pair| pair.generation < *look).copied().collect();
                ratio_at(&known, confidence(looks.len())).unwrap()
            };
            let stop = looks.iter().map(at).find(|ratio| stop_reason(&[*ratio]).is_some());
            let ratio = stop.unwrap_or_else(|| at(&10));
            let winner = matches!(ratio.verdict(), Verdict::Share | Verdict::Copy);
            tally.winners += f64::from(u8::from(winner)) / draws as f64;
            let covers = ratio.low <= world.truth && world.truth <= ratio.high;
            tally.covers += f64::from(u8::from(covers)) / draws as f64;
        }
        tally
    }

    #[test]
    fn over_all_looks_the_interval_holds_the_truth_as_often_as_one_look_would() {
        for (generation, pair) in [(0.007, 0.1), (0.03, 0.1), (0.05, 0.02)] {
            for truth in [1.0, MARGIN, 1.1] {
                let found = tally(&World { truth, generation, pair }, 1000);
                assert!((0.935..=0.99).contains(&found.covers), "{truth}: {}", found.covers);
            }
        }
    }

    #[test]
    fn a_against_itself_names_no_winner_over_all_looks_and_a_tenth_is_found() {
        for (generation, pair) in [(0.007, 0.1), (0.03, 0.1), (0.05, 0.1)] {
            let same = tally(&World { truth: 1.0, generation, pair }, 1000);
            assert!(same.winners <= 0.005, "{}", same.winners);
        }
        let injected = tally(&World { truth: 1.1, generation: 0.007, pair: 0.02 }, 1000);
        assert!(injected.winners >= 0.99, "{}", injected.winners);
    }
}
