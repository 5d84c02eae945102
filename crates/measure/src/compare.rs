//! Pairs of batches become a ratio with an interval, and a verdict where the evidence carries one.
//!
//! A generation is a set of freshly started workers; where they happen to lie in memory is a level
//! of chance of its own, so pairs within one generation are not independent. The median of each
//! generation's log-ratios is one observation, and the interval spans all of them: with g
//! generations it holds the true median with a probability of 1 - 2^(1-g), whatever the
//! distribution.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

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
    /// Sharing is faster by more than the margin in every generation.
    #[serde(rename = "SHARE")]
    Share,
    /// Copying is faster by more than the margin in every generation.
    #[serde(rename = "COPY")]
    Copy,
    /// The difference is inside the margin in every generation.
    #[serde(rename = "SAME")]
    Same,
    /// The pool is faster than the lecture's threshold asks, in every generation.
    #[serde(rename = "FASTER")]
    Faster,
    /// It is not, in any generation.
    #[serde(rename = "SLOWER or no gain")]
    NoGain,
    /// As [`Verdict::Faster`], in the words of the lecture's crossover.
    #[serde(rename = "PARALLEL WINS")]
    Parallel,
    /// As [`Verdict::NoGain`], in the words of the lecture's crossover.
    #[serde(rename = "SEQUENTIAL WINS")]
    Sequential,
    /// The generations do not agree, or there are too few of them.
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
    /// Median over generations of base / other: above 1 the other arm is faster.
    pub ratio: f64,
    /// Smallest generation's.
    pub low: f64,
    /// Largest generation's.
    pub high: f64,
    /// Probability that `low..=high` holds the true median.
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

/// Confidence without which no verdict is given.
pub const ENOUGH: f64 = 0.95;

/// Probability that the range of so many generations' medians holds the true median: 0 to 1.
pub fn confidence(generations: usize) -> f64 {
    1.0 - 2f64.powi(1 - generations as i32)
}

/// The ratio base / other of `pairs`; nothing without any.
pub fn ratio(pairs: &[Pair]) -> Option<Ratio> {
    let mut medians: Vec<f64> = log_ratios(pairs).iter_mut().map(|of_one| median(of_one)).collect();
    if medians.is_empty() {
        return None;
    }
    let middle = median(&mut medians); // sorts them
    Some(Ratio {
        ratio: middle.exp(),
        low: medians[0].exp(),
        high: medians[medians.len() - 1].exp(),
        confidence: confidence(medians.len()),
        pairs: pairs.len(),
        generations: medians.len(),
    })
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
        if self.confidence < ENOUGH {
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
}

impl Ratio {
    /// Alone (the base) against a pool (the other arm), by the lecture's threshold.
    pub fn speedup(&self) -> Verdict {
        self.against_alone(Verdict::Faster, Verdict::NoGain)
    }

    /// The same judgement, in the words of the lecture's crossover.
    pub fn parallel(&self) -> Verdict {
        self.against_alone(Verdict::Parallel, Verdict::Sequential)
    }

    fn against_alone(&self, pool: Verdict, alone: Verdict) -> Verdict {
        if self.confidence < ENOUGH {
            Verdict::TooClose
        } else if self.low > SPEEDUP {
            pool
        } else if self.high <= SPEEDUP {
            alone
        } else {
            Verdict::TooClose
        }
    }
}

/// The median of `values`, which are sorted by this; 0 if there are none.
pub fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    match values {
        [] => 0.0,
        _ => (values[(values.len() - 1) / 2] + values[values.len() / 2]) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_verdict_needs_every_generation() {
        assert_eq!(verdict(&[2.0, 2.1, 1.9, 2.0, 2.2, 1.06]), Verdict::Share);
        assert_eq!(verdict(&[2.0, 2.1, 1.9, 2.0, 2.2, 1.04]), Verdict::TooClose);
        assert_eq!(verdict(&[0.5, 0.4, 0.6, 0.5, 0.5, 0.94]), Verdict::Copy);
        assert_eq!(verdict(&[1.0, 1.01, 0.99, 1.04, 0.96, 1.0]), Verdict::Same);
        assert_eq!(verdict(&[1.0, 1.01, 0.99, 1.06, 0.96, 1.0]), Verdict::TooClose);
    }

    #[test]
    fn a_speedup_is_one_above_the_lecture_s_threshold_only() {
        let speedup = |ratios: &[f64]| ratio(&pairs(ratios)).unwrap().speedup();
        assert_eq!(speedup(&[1.9, 1.8, 1.7, 1.9, 1.8, 1.21]), Verdict::Faster);
        assert_eq!(speedup(&[1.1, 0.2, 1.0, 1.1, 1.0, 1.2]), Verdict::NoGain);
        assert_eq!(speedup(&[1.1, 1.3, 1.2, 1.1, 1.4, 1.2]), Verdict::TooClose);
        assert_eq!(speedup(&[9.0; 5]), Verdict::TooClose);
    }

    #[test]
    fn parallel_judges_as_speedup_does_in_other_words() {
        let parallel = |ratios: &[f64]| ratio(&pairs(ratios)).unwrap().parallel();
        assert_eq!(parallel(&[1.9, 1.8, 1.7, 1.9, 1.8, 1.21]), Verdict::Parallel);
        assert_eq!(parallel(&[1.1, 0.2, 1.0, 1.1, 1.0, 1.2]), Verdict::Sequential);
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
    fn the_interval_spans_the_generations_medians() {
        let ratio = ratio(&pairs(&[1.5, 2.0, 3.0])).unwrap();
        let close = |a: f64, b: f64| (a / b - 1.0).abs() < 1e-3;
        assert!(close(ratio.ratio, 2.0) && close(ratio.low, 1.5) && close(ratio.high, 3.0));
        assert_eq!((ratio.pairs, ratio.generations, ratio.confidence), (9, 3, 0.75));
    }
}
