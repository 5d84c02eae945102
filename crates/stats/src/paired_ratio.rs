//! Pairs of batches become a ratio with an interval, and a verdict where the evidence carries one.
//!
//! A generation is a set of freshly started workers; where they happen to lie in memory is a level
//! of chance of its own, so pairs within one generation are not independent. The median of each
//! generation's log-ratios is one observation, and Student's t of these gives the interval (Kalibera
//! and Jones 2013). docs/METHOD.md has the coverage, and what a bootstrap came to instead.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::median;

/// Two batches, adjacent in time, of the same tasks by two arms.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    /// Which set of fresh workers.
    pub generation: u32,
    /// Median of the base arm's batch.
    pub base_ns: u64,
    /// Median of the other arm's batch.
    pub other_ns: u64,
}

/// What is said of copy against share, or of a pool against doing it alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// Sharing is faster by more than the margin: all of the interval says so.
    #[serde(rename = "SHARE")]
    Share,
    /// Copying is faster by more than the margin.
    #[serde(rename = "COPY")]
    Copy,
    /// The difference is inside the margin.
    #[serde(rename = "SAME")]
    Same,
    /// The pool is faster than the lecture's threshold asks.
    #[serde(rename = "FASTER")]
    Faster,
    /// It is not.
    #[serde(rename = "SLOWER or no gain")]
    NoGain,
    /// As [`Verdict::Faster`], in the words of the lecture's crossover.
    #[serde(rename = "PARALLEL WINS")]
    Parallel,
    /// As [`Verdict::NoGain`], in the words of the lecture's crossover.
    #[serde(rename = "SEQUENTIAL WINS")]
    Sequential,
    /// The interval holds a threshold, or there are too few generations.
    #[serde(rename = "TOO CLOSE TO CALL")]
    TooClose,
}

impl Verdict {
    /// The words in tables.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Share => "SHARE",
            Verdict::Copy => "COPY",
            Verdict::Same => "SAME",
            Verdict::Faster => "FASTER",
            Verdict::NoGain => "SLOWER or no gain",
            Verdict::Parallel => "PARALLEL WINS",
            Verdict::Sequential => "SEQUENTIAL WINS",
            Verdict::TooClose => "TOO CLOSE TO CALL",
        }
    }
}

/// A ratio with its interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio {
    /// base / other, above 1 if the other arm is faster: the geometric mean of the generations'
    /// medians.
    pub ratio: f64,
    /// Lower end of its interval; the ratio itself where there is one generation only.
    pub low: f64,
    /// Upper end, likewise.
    pub high: f64,
    /// Probability that the interval is made for; 0 where there is one generation only.
    pub confidence: f64,
    /// Pairs behind it.
    pub pairs: usize,
    /// Generations behind it.
    pub generations: usize,
}

/// A difference that matters: 5 %.
pub const MARGIN: f64 = 1.05;

/// A speedup that is called one: the lecture's 1.2.
pub const SPEEDUP: f64 = 1.2;

/// Probability that an interval is made for, unless it is asked otherwise.
pub const CONFIDENCE: f64 = 0.95;

/// Generations without which no verdict is given.
pub const MIN_GENERATIONS: usize = 6;

/// If more than so many times the pairs would be needed, no number is given.
const MAX_TIMES_THE_PAIRS: f64 = 1000.0;

/// The ratio base / other of `pairs` with its 95 % interval; nothing without any.
pub fn ratio(pairs: &[Pair]) -> Option<Ratio> {
    ratio_at(pairs, CONFIDENCE)
}

/// The ratio base / other of `pairs` with an interval made for `confidence`, between 0 and 1;
/// nothing without any pairs. The same pairs in any order give the same answer.
pub fn ratio_at(pairs: &[Pair], confidence: f64) -> Option<Ratio> {
    let medians: Vec<f64> = log_ratios(pairs).iter_mut().map(|of_one| median(of_one)).collect();
    let generations = medians.len();
    if generations == 0 {
        return None;
    }
    let count = generations as f64;
    let mean = medians.iter().sum::<f64>() / count;
    let squares: f64 = medians.iter().map(|median| (median - mean).powi(2)).sum();
    let (half, confidence) = match generations {
        1 => (0.0, 0.0),
        _ => {
            let deviation = (squares / (count - 1.0)).sqrt();
            (student(generations, confidence) * deviation / count.sqrt(), confidence)
        }
    };
    let (ratio, low, high) = (mean.exp(), (mean - half).exp(), (mean + half).exp());
    // Two generations far apart have an interval without end, for which JSON has no number.
    let (low, high) = (low.max(f64::MIN_POSITIVE), high.min(f64::MAX));
    Some(Ratio { ratio, low, high, confidence, pairs: pairs.len(), generations })
}

/// How many standard errors the interval of so many generations, two at least, reaches to either
/// side of their mean.
fn student(generations: usize, confidence: f64) -> f64 {
    let freedom = generations as f64 - 1.0;
    let student = StudentsT::new(0.0, 1.0, freedom).expect("there is a degree of freedom");
    student.inverse_cdf((1.0 + confidence) / 2.0)
}

/// The logarithm of base / other of each pair, one list for each generation, in their order.
pub fn log_ratios(pairs: &[Pair]) -> Vec<Vec<f64>> {
    let mut generations: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
    for pair in pairs {
        let log = (pair.base_ns as f64 / pair.other_ns as f64).ln();
        generations.entry(pair.generation).or_default().push(log);
    }
    generations.into_values().collect()
}

impl Ratio {
    /// Copy (the base) against share (the other arm).
    pub fn verdict(&self) -> Verdict {
        if self.generations < MIN_GENERATIONS {
            Verdict::TooClose
        } else if self.low > MARGIN {
            Verdict::Share
        } else if self.high < 1.0 / MARGIN {
            Verdict::Copy
        } else if self.low > 1.0 / MARGIN && self.high < MARGIN {
            Verdict::Same
        } else {
            Verdict::TooClose
        }
    }

    /// Alone (the base) against a pool (the other arm), by the lecture's threshold.
    pub fn speedup(&self) -> Verdict {
        self.against_alone(1.0, Verdict::Faster, Verdict::NoGain)
    }

    /// The same in the words of the lecture's crossover, and by more than the margin: near it runs
    /// differ by more than the generations of one run do, for example in how often a calibrated
    /// task repeats its loop.
    pub fn parallel(&self) -> Verdict {
        self.against_alone(MARGIN, Verdict::Parallel, Verdict::Sequential)
    }

    fn against_alone(&self, margin: f64, pool: Verdict, alone: Verdict) -> Verdict {
        if self.generations < MIN_GENERATIONS {
            Verdict::TooClose
        } else if self.low > SPEEDUP * margin {
            pool
        } else if self.high <= SPEEDUP / margin {
            alone
        } else {
            Verdict::TooClose
        }
    }

    /// Half of the interval's width, as a part of the ratio: 0.025 is 2.5 %.
    pub fn half_width(&self) -> f64 {
        (self.high / self.low).sqrt() - 1.0
    }

    /// About how many pairs, in all, would put the whole interval on one side of `threshold` and of
    /// its inverse: the width falls with the root of their number. Nothing with one generation, and
    /// where the ratio lies so near that more than 1,000 times as many were needed.
    pub fn pairs_to_decide(&self, threshold: f64) -> Option<u64> {
        self.pairs_to_leave(&[threshold.ln(), -threshold.ln()])
    }

    /// The same for a threshold that has one side only, as a speedup's.
    pub fn pairs_to_pass(&self, threshold: f64) -> Option<u64> {
        self.pairs_to_leave(&[threshold.ln()])
    }

    fn pairs_to_leave(&self, edges: &[f64]) -> Option<u64> {
        if self.generations < 2 {
            return None;
        }
        let distances = edges.iter().map(|edge| (self.ratio.ln() - edge).abs());
        let distance = distances.fold(f64::INFINITY, f64::min);
        let half = (self.high.ln() - self.low.ln()) / 2.0;
        // Fewer generations than a verdict needs are wide because they are few.
        let enough = self.generations.max(MIN_GENERATIONS);
        let grown = enough as f64 / self.generations as f64;
        let student = |generations| student(generations, self.confidence);
        let half = half * student(enough) / student(self.generations) / grown.sqrt();
        let factor = (half / distance).powi(2).max(1.0);
        (factor <= MAX_TIMES_THE_PAIRS).then(|| (self.pairs as f64 * grown * factor).ceil() as u64)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;
    use crate::synthetic::World;

    /// `ratios[g]` is what generation g sees in each of three pairs.
    fn pairs(ratios: &[f64]) -> Vec<Pair> {
        let of = |(generation, ratio): (usize, &f64)| {
            let base_ns = (ratio * 10_000.0) as u64;
            [Pair { generation: generation as u32, base_ns, other_ns: 10_000 }; 3]
        };
        ratios.iter().enumerate().flat_map(of).collect()
    }

    fn verdict(ratios: &[f64]) -> Verdict {
        ratio(&pairs(ratios)).unwrap().verdict()
    }

    #[test]
    fn a_verdict_needs_the_whole_interval_on_one_side() {
        assert_eq!(verdict(&[2.0, 2.1, 1.9, 2.0, 2.2, 1.9]), Verdict::Share);
        assert_eq!(verdict(&[1.06, 1.09, 1.05, 1.10, 1.04, 1.08]), Verdict::TooClose);
        assert_eq!(verdict(&[0.5, 0.4, 0.6, 0.5, 0.5, 0.55]), Verdict::Copy);
        assert_eq!(verdict(&[1.0, 1.01, 0.99, 1.04, 0.96, 1.0]), Verdict::Same);
        assert_eq!(verdict(&[1.0, 1.01, 0.99, 1.10, 0.96, 1.05]), Verdict::TooClose);
    }

    #[test]
    fn a_speedup_is_one_above_the_lecture_s_threshold_only() {
        let speedup = |ratios: &[f64]| ratio(&pairs(ratios)).unwrap().speedup();
        assert_eq!(speedup(&[1.9, 1.8, 1.7, 1.9, 1.8, 1.6]), Verdict::Faster);
        assert_eq!(speedup(&[1.1, 0.9, 1.0, 1.1, 1.0, 1.2]), Verdict::NoGain);
        assert_eq!(speedup(&[1.1, 1.3, 1.2, 1.1, 1.4, 1.2]), Verdict::TooClose);
        assert_eq!(speedup(&[9.0; 5]), Verdict::TooClose);
    }

    #[test]
    fn parallel_judges_as_speedup_does_in_other_words_and_by_more_than_the_margin() {
        let parallel = |ratios: &[f64]| ratio(&pairs(ratios)).unwrap().parallel();
        assert_eq!(parallel(&[1.9, 1.8, 1.7, 1.9, 1.8, 1.6]), Verdict::Parallel);
        assert_eq!(parallel(&[1.0, 0.9, 1.0, 1.1, 1.0, 0.9]), Verdict::Sequential);
        // Decided by the threshold alone, and seen to go both ways in runs of the same machine.
        assert_eq!(parallel(&[1.24, 1.25, 1.25, 1.26, 1.25, 1.24]), Verdict::TooClose);
        assert_eq!(parallel(&[1.16, 1.15, 1.15, 1.16, 1.15, 1.16]), Verdict::TooClose);
        assert_eq!(parallel(&[1.1, 1.3, 1.2, 1.1, 1.4, 1.2]), Verdict::TooClose);
        assert_eq!(parallel(&[9.0; 5]), Verdict::TooClose);
        for verdict in [Verdict::Parallel, Verdict::Sequential] {
            assert_eq!(serde_json::to_value(verdict).unwrap(), verdict.name());
        }
    }

    #[test]
    fn few_generations_carry_no_verdict_however_far_apart() {
        assert_eq!(verdict(&[9.0; 5]), Verdict::TooClose);
        assert_eq!(verdict(&[9.0; 6]), Verdict::Share);
        assert!(ratio(&[]).is_none());
    }

    #[test]
    fn the_interval_is_student_s_of_the_generations_medians() {
        // By hand: logarithms 0.1, 0.2, 0.3; deviation 0.1; t is 4.3027 with two degrees of freedom.
        let ratio = ratio(&pairs(&[0.1f64.exp(), 0.2f64.exp(), 0.3f64.exp()])).unwrap();
        let close = |a: f64, b: f64| (a.ln() - b).abs() < 2e-4;
        let half = 4.3027 * 0.1 / 3f64.sqrt();
        assert!(close(ratio.ratio, 0.2), "{ratio:?}");
        assert!(close(ratio.low, 0.2 - half) && close(ratio.high, 0.2 + half), "{ratio:?}");
        assert_eq!((ratio.pairs, ratio.generations, ratio.confidence), (9, 3, 0.95));
        for (generations, confidence, table) in
            [(6, 0.95, 2.5706), (10, 0.95, 2.2622), (6, 0.975, 3.1634), (10, 0.975, 2.6850)]
        {
            assert!((student(generations, confidence) - table).abs() < 1e-4, "{generations}");
        }
    }

    #[test]
    fn one_generation_has_no_interval_and_two_far_apart_have_numbers() {
        let one = ratio(&pairs(&[1.5])).unwrap();
        assert_eq!((one.low, one.high, one.confidence), (one.ratio, one.ratio, 0.0));
        assert_eq!(one.pairs_to_decide(MARGIN), None);
        let two = ratio(&pairs(&[1e-3, 1e30])).unwrap();
        assert!(two.low > 0.0 && two.high.is_finite(), "{two:?}");
    }

    #[test]
    fn four_times_the_pairs_halve_the_width_that_decides() {
        let of = |ratio: f64, half: f64| Ratio {
            ratio,
            low: ratio / half.exp(),
            high: ratio * half.exp(),
            confidence: CONFIDENCE,
            pairs: 100,
            generations: 10,
        };
        let edge = MARGIN.ln();
        let twice = of((edge + 0.02).exp(), 0.04);
        assert!((400..=401).contains(&twice.pairs_to_decide(MARGIN).unwrap()), "{twice:?}");
        let inside = of((0.02 - edge).exp(), 0.04);
        assert!((400..=401).contains(&inside.pairs_to_decide(MARGIN).unwrap()), "{inside:?}");
        assert_eq!(of(MARGIN, 0.04).pairs_to_decide(MARGIN), None, "it sits on the margin");
        // A speedup's threshold has no inverse.
        let slow = of(1.0 / SPEEDUP, 0.2);
        assert_eq!(slow.pairs_to_pass(SPEEDUP), Some(100));
        assert_eq!(slow.pairs_to_decide(SPEEDUP), None);
        let five = ratio(&pairs(&[9.0, 9.1, 9.2, 9.1, 9.0])).unwrap();
        assert_eq!(five.pairs_to_decide(MARGIN), Some(18), "six generations of three");
    }

    proptest! {
        #[test]
        fn the_interval_holds_the_ratio_in_any_order_of_pairs_and_turns_with_the_arms(
            times in prop::collection::vec((0u32..8, 1u64..1_000_000, 1u64..1_000_000), 1..60)
        ) {
            let of = |&(generation, base_ns, other_ns): &(u32, u64, u64)| {
                Pair { generation, base_ns, other_ns }
            };
            let mut pairs: Vec<Pair> = times.iter().map(of).collect();
            let found = ratio(&pairs).unwrap();
            prop_assert!(found.low <= found.ratio && found.ratio <= found.high, "{found:?}");
            let wider = ratio_at(&pairs, 0.99).unwrap();
            prop_assert!(wider.low <= found.low && found.high <= wider.high);
            pairs.reverse();
            prop_assert_eq!(ratio(&pairs).unwrap(), found);
            for pair in &mut pairs {
                (pair.base_ns, pair.other_ns) = (pair.other_ns, pair.base_ns);
            }
            let turned = ratio(&pairs).unwrap();
            let close = |a: f64, b: f64| (a.ln() + b.ln()).abs() < 1e-6;
            prop_assert!(close(turned.ratio, found.ratio));
            prop_assert!(close(turned.low, found.high) && close(turned.high, found.low));
        }
    }

    #[test]
    fn the_interval_holds_the_truth_as_often_as_it_says() {
        const DRAWS: usize = 1000;
        for (generations, pairs) in [(10, 10), (6, 5), (6, 4), (6, 1)] {
            for (generation, pair) in [(0.03, 0.02), (0.03, 0.1), (0.05, 0.02), (0.05, 0.1)] {
                let world = World { truth: 1.3, generation, pair };
                let mut random = StdRng::seed_from_u64(11);
                let covers = (0..DRAWS).filter(|_| {
                    let found = ratio(&world.measure(generations, pairs, &mut random)).unwrap();
                    found.low <= world.truth && world.truth <= found.high
                });
                let coverage = covers.count() as f64 / DRAWS as f64;
                println!("{generations} x {pairs}, {generation}, {pair}: {coverage:.3}");
                assert!((0.92..=0.98).contains(&coverage), "{coverage} of {generations} x {pairs}");
            }
        }
    }
}
