//! From where on, along an axis, the other arm wins by a threshold: there and everywhere above.
//!
//! Not from the first point that flips: chance flips points near the crossover. The
//! log-ratios of all points are fitted by a curve that never falls, and the crossover is where that
//! curve reaches the threshold. Resampling generations, and pairs within them, gives its interval
//! (Efron and Tibshirani 1993; the two levels: Kalibera and Jones 2013). docs/METHOD.md has the
//! coverage.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::isotonic::non_decreasing;
use crate::median;
use crate::paired_ratio::{MIN_GENERATIONS, Pair, log_ratios};

/// What was measured at one place of the axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// Where, above 0: nanoseconds of computing per task, or bytes of a list.
    pub at: f64,
    /// Batches of both arms there.
    pub pairs: Vec<Pair>,
}

/// Where base ÷ other reaches the threshold for good. All places are in the axis's unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Crossover {
    /// Where; only if it was found.
    pub at: Option<f64>,
    /// Lower end of its interval; `from` where the interval may begin below what was measured.
    pub low: Option<f64>,
    /// Upper end; `to` where the interval may end above what was measured.
    pub high: Option<f64>,
    /// Smallest place measured.
    pub from: f64,
    /// Largest place measured.
    pub to: f64,
    /// Probability that `low..=high` holds the crossover.
    pub confidence: f64,
    /// Pairs at all points together.
    pub pairs: usize,
    /// Fewest generations at any point near the crossover; see [`Verdict::TooFew`].
    pub generations: usize,
    /// What can be said.
    pub verdict: Verdict,
}

/// What can be said of a crossover.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It lies in the range measured.
    Found,
    /// It does not, or more than 5 % of the resamples do not cross.
    None(Side),
    /// Some point near the crossover has fewer generations than a verdict needs. Near are those
    /// inside the interval and the next one on either side.
    TooFew,
}

/// Where the whole range lies if there is no crossover in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// At the threshold or above, in 95 % of the resamples: the other arm wins everywhere.
    Above,
    /// Below it, in 95 % of the resamples: the other arm wins nowhere.
    Below,
    /// Neither can be said.
    Undecided,
}

/// Resamples behind an interval.
pub const RESAMPLES: usize = 2_000;

/// Probability that an interval is made for.
pub const CONFIDENCE: f64 = 0.95;

/// The crossover of `points`, which may come in any order; nothing without any pairs.
///
/// `threshold`, above 0, is the ratio base ÷ other from which on the other arm wins. The same
/// points, seed and threshold give the same answer.
pub fn crossover(points: &[Point], threshold: f64, seed: u64) -> Option<Crossover> {
    resampled(points, threshold, seed, RESAMPLES)
}

/// Where to measure next: the geometric middle of the two neighbouring points between which the
/// fit crosses. Nothing if it does not cross, or if they are as near as 2^(1/4).
pub fn midpoint(points: &[Point], threshold: f64) -> Option<f64> {
    let rows = rows(points, threshold);
    let Crossing::After { row, .. } = crossing(&rows, &middles(&rows), threshold) else {
        return None;
    };
    let (low, high) = (rows[row].at, rows[row + 1].at);
    (high / low > MAX_BRACKET_RATIO).then(|| (low * high).sqrt())
}

impl Crossover {
    /// The words in tables and in the record: `found`, `none in [a, b]` with whole numbers, or
    /// `too few generations`.
    pub fn name(&self) -> String {
        match self.verdict {
            Verdict::Found => "found".into(),
            Verdict::None(_) => format!("none in [{:.0}, {:.0}]", self.from, self.to),
            Verdict::TooFew => "too few generations".into(),
        }
    }
}

impl Side {
    /// The words in tables and in the record.
    pub fn name(self) -> &'static str {
        match self {
            Side::Above => "above throughout",
            Side::Below => "below throughout",
            Side::Undecided => "undecided",
        }
    }
}

/// How near two points must be for no other to be measured between them: 2^(1/4), which is 1.1892,
/// and some room for places that were rounded to whole numbers.
const MAX_BRACKET_RATIO: f64 = 1.19;

/// A point, ready to be resampled.
struct Row {
    at: f64,
    /// Log-ratios of each generation's pairs.
    generations: Vec<Vec<f64>>,
    /// Median of the generations' medians.
    middle: f64,
    /// Whether every generation, of enough, lies below the threshold.
    below: bool,
}

/// Where a fit reaches the threshold.
#[derive(Clone, Copy, PartialEq)]
enum Crossing {
    /// At the first row or before.
    Above,
    /// After the last row, if at all.
    Below,
    /// Between this row and the next.
    After { row: usize, at: f64 },
}

fn resampled(points: &[Point], threshold: f64, seed: u64, resamples: usize) -> Option<Crossover> {
    let rows = rows(points, threshold);
    let (from, to) = (rows.first()?.at, rows.last()?.at);
    let found = crossing(&rows, &middles(&rows), threshold);

    let mut random = StdRng::seed_from_u64(seed);
    let mut crossings = Vec::with_capacity(resamples);
    for _ in 0..resamples {
        let values: Vec<f64> = rows.iter().map(|row| row.resample(&mut random)).collect();
        crossings.push(crossing(&rows, &values, threshold));
    }
    let (low, high) = interval(&crossings, from, to);

    let near = near(&rows, low, high, found);
    let generations = near.iter().map(|row| row.generations.len()).min()?;
    let verdict = match (found, side(&crossings)) {
        _ if generations < MIN_GENERATIONS => Verdict::TooFew,
        (Crossing::After { .. }, None) => Verdict::Found,
        (_, side) => Verdict::None(side.unwrap_or(Side::Undecided)),
    };
    let (at, low, high) = match (verdict, found) {
        (Verdict::Found, Crossing::After { at, .. }) => (Some(at), Some(low), Some(high)),
        _ => (None, None, None),
    };
    let pairs = points.iter().map(|point| point.pairs.len()).sum();
    let confidence = CONFIDENCE;
    Some(Crossover { at, low, high, from, to, confidence, pairs, generations, verdict })
}

/// The points that have pairs, in the order of the axis.
fn rows(points: &[Point], threshold: f64) -> Vec<Row> {
    let measured = points.iter().filter_map(|point| {
        let generations = log_ratios(&point.pairs);
        let mut medians: Vec<f64> =
            generations.iter().map(|of_one| median(&mut of_one.clone())).collect();
        let middle = median(&mut medians); // sorts them
        let below = medians.len() >= MIN_GENERATIONS && medians.last()?.exp() < threshold;
        (!generations.is_empty()).then_some(Row { at: point.at, generations, middle, below })
    });
    let mut rows: Vec<Row> = measured.collect();
    rows.sort_by(|a, b| a.at.total_cmp(&b.at));
    rows
}

fn middles(rows: &[Row]) -> Vec<f64> {
    rows.iter().map(|row| row.middle).collect()
}

impl Row {
    /// Its log-ratio if other generations and other pairs had come: both are drawn with replacement.
    fn resample(&self, random: &mut StdRng) -> f64 {
        let count = self.generations.len();
        let mut medians: Vec<f64> = (0..count)
            .map(|_| {
                let drawn = &self.generations[random.random_range(0..count)];
                let pair = |_| drawn[random.random_range(0..drawn.len())];
                median(&mut (0..drawn.len()).map(pair).collect::<Vec<f64>>())
            })
            .collect();
        median(&mut medians)
    }
}

/// Where the fit through one log-ratio for each row reaches the threshold for good.
fn crossing(rows: &[Row], values: &[f64], threshold: f64) -> Crossing {
    let level = threshold.ln();
    let fit = fit(rows, values, level);
    match fit.iter().take_while(|value| **value < level).count() {
        0 => Crossing::Above,
        all if all == rows.len() => Crossing::Below,
        next => {
            let row = next - 1;
            let part = (level - fit[row]) / (fit[next] - fit[row]);
            let at = rows[row].at * (rows[next].at / rows[row].at).powf(part);
            Crossing::After { row, at }
        }
    }
}

/// The curve that never falls and is nearest to the values, each weighted by its generations.
///
/// Pooling treats each dip as chance. A dip below the threshold that every generation has seen is
/// none: where pooling would lift it to the threshold, the fit stays as low as the dip up to there.
fn fit(rows: &[Row], values: &[f64], level: f64) -> Vec<f64> {
    let weights: Vec<f64> = rows.iter().map(|row| row.generations.len() as f64).collect();
    let mut fit = non_decreasing(values, &weights);
    let mut most = f64::INFINITY;
    for index in (0..rows.len()).rev() {
        if rows[index].below && fit[index] >= level {
            most = most.min(values[index]);
        }
        fit[index] = fit[index].min(most);
    }
    fit
}

/// The middle 95 % of the crossings. Those outside the range count as its ends.
fn interval(crossings: &[Crossing], from: f64, to: f64) -> (f64, f64) {
    let place = |crossing: &Crossing| match crossing {
        Crossing::Above => from,
        Crossing::Below => to,
        Crossing::After { at, .. } => *at,
    };
    let mut places: Vec<f64> = crossings.iter().map(place).collect();
    places.sort_unstable_by(f64::total_cmp);
    let cut = (places.len() as f64 * (1.0 - CONFIDENCE) / 2.0) as usize;
    (places[cut], places[places.len() - 1 - cut])
}

/// On which side those lie that do not cross; nothing if they are 5 % at most.
fn side(crossings: &[Crossing]) -> Option<Side> {
    let share = |which: Crossing| {
        let count = crossings.iter().filter(|crossing| **crossing == which).count();
        count as f64 / crossings.len() as f64
    };
    let (above, below) = (share(Crossing::Above), share(Crossing::Below));
    if above + below <= 1.0 - CONFIDENCE {
        None
    } else if above >= CONFIDENCE {
        Some(Side::Above)
    } else if below >= CONFIDENCE {
        Some(Side::Below)
    } else {
        Some(Side::Undecided)
    }
}

/// The rows that the verdict rests on: inside the interval, and the next one on either side.
fn near(rows: &[Row], low: f64, high: f64, found: Crossing) -> &[Row] {
    let (low, high) = match found {
        Crossing::After { at, .. } => (low.min(at), high.max(at)),
        _ => (low, high),
    };
    let first = rows.iter().rposition(|row| row.at <= low).unwrap_or(0);
    let last = rows.iter().position(|row| row.at >= high).unwrap_or(rows.len() - 1);
    &rows[first.min(last)..=first.max(last)] // two rows at one place may come in either order
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic::normal;

    const THRESHOLD: f64 = 1.2;

    /// A point where generation g sees `ratios[g]` in each of three pairs.
    fn point(at: f64, ratios: &[f64]) -> Point {
        let of = |(generation, ratio): (usize, &f64)| [pair(generation, *ratio); 3];
        Point { at, pairs: ratios.iter().enumerate().flat_map(of).collect() }
    }

    fn pair(generation: usize, ratio: f64) -> Pair {
        let base_ns = (ratio * 1e7).round() as u64;
        Pair { generation: generation as u32, base_ns, other_ns: 10_000_000 }
    }

    /// Points at 1,000, 2,000, 4,000, … where all of six generations see the same.
    fn doubling(ratios: &[f64]) -> Vec<Point> {
        let of =
            |(index, ratio): (usize, &f64)| point(1000.0 * 2f64.powi(index as i32), &[*ratio; 6]);
        ratios.iter().enumerate().map(of).collect()
    }

    fn crossover(points: &[Point]) -> Crossover {
        super::resampled(points, THRESHOLD, 7, 200).unwrap()
    }

    #[test]
    fn without_noise_the_crossover_is_where_the_curve_reaches_the_threshold() {
        for constant in [3_000.0, 17_000.0, 40_000.0] {
            let truth = 1.5 * constant; // 2x/(x + c) = 1.2
            let curve = |at: f64| point(at, &[2.0 * at / (at + constant); 6]);
            let grid = |step: f64| (0..40).map(move |i| 500.0 * step.powi(i));
            let mut points: Vec<Point> = grid(2f64.sqrt()).map(curve).collect();
            points.reverse();
            let found = crossover(&points);
            assert_eq!((found.verdict, found.name().as_str()), (Verdict::Found, "found"));
            let at = found.at.unwrap();
            assert!((at / truth - 1.0).abs() < 0.02, "{at} for {truth}");
            assert_eq!((found.low, found.high), (Some(at), Some(at)), "no noise, no width");
            assert_eq!((found.pairs, found.generations), (40 * 18, 6));
        }
    }

    #[test]
    fn the_last_rise_counts_and_not_the_first_flip() {
        let at = |ratios: &[f64]| crossover(&doubling(ratios)).at.unwrap();
        // The last rise is between the points 5 and 6, at 32,000 and 64,000.
        let flips = at(&[1.0, 1.5, 0.9, 1.1, 0.8, 1.0, 1.5, 2.0]);
        assert!((32_000.0..64_000.0).contains(&flips), "{flips}");
        // Pooled, 2.0, 1.0 and 1.0 are 1.26; but every generation has seen 1.0 at 8,000.
        let high = at(&[1.0, 2.0, 1.0, 1.0, 2.0, 2.2]);
        assert!((8_000.0..16_000.0).contains(&high), "{high}");
        let dip = at(&[2.0, 2.0, 1.1, 2.0, 2.0]);
        assert!((4_000.0..8_000.0).contains(&dip), "{dip}");
    }

    #[test]
    fn a_dip_that_some_generations_have_not_seen_is_chance() {
        let mut points = doubling(&[0.8, 1.0, 1.3, 1.15, 1.5, 1.8]);
        points[3] = point(8_000.0, &[1.15, 1.15, 1.15, 1.15, 1.15, 1.25]);
        let found = crossover(&points).at.unwrap();
        assert!((2_000.0..4_000.0).contains(&found), "{found}");
    }

    #[test]
    fn where_nothing_crosses_the_side_is_named() {
        let above = crossover(&doubling(&[1.5, 1.6, 1.4, 2.0]));
        assert_eq!(above.verdict, Verdict::None(Side::Above));
        assert_eq!(above.name(), "none in [1000, 8000]");
        assert_eq!((above.at, above.low, above.high), (None, None, None));
        let below = crossover(&doubling(&[0.5, 0.6, 1.1, 1.0]));
        assert_eq!(below.verdict, Verdict::None(Side::Below));
        // The first point lies at the threshold: half of the resamples cross after it.
        let mut points = doubling(&[1.2, 1.5, 1.8]);
        points[0] = point(1000.0, &[1.1, 1.15, 1.19, 1.21, 1.25, 1.3]);
        assert_eq!(crossover(&points).verdict, Verdict::None(Side::Undecided));
    }

    #[test]
    fn few_generations_near_the_crossover_announce_none() {
        let mut points = doubling(&[0.5, 0.8, 1.0, 1.5, 1.8, 1.9]);
        points[0].pairs.truncate(3);
        points[5].pairs.truncate(3);
        assert_eq!(crossover(&points).verdict, Verdict::Found, "those are far away");
        for near in [2, 3] {
            let mut points = points.clone();
            points[near].pairs.truncate(5 * 3);
            let found = crossover(&points);
            assert_eq!((found.verdict, found.generations), (Verdict::TooFew, 5));
            assert_eq!((found.at, found.name().as_str()), (None, "too few generations"));
            assert!(midpoint(&points, THRESHOLD).is_some(), "it still says where to measure");
        }
        let ends = |ratio: f64| [point(1000.0, &[ratio; 5]), point(2000.0, &[ratio; 5])];
        assert_eq!(crossover(&ends(0.5)).verdict, Verdict::TooFew);
        assert_eq!(crossover(&ends(1.5)).verdict, Verdict::TooFew);
        assert!(super::crossover(&[], THRESHOLD, 7).is_none());
    }

    #[test]
    fn a_place_may_be_measured_twice() {
        let twice = |ratio: f64| [point(1000.0, &[ratio; 6]), point(1000.0, &[ratio; 6])];
        assert_eq!(crossover(&twice(1.5)).verdict, Verdict::None(Side::Above));
        assert_eq!(crossover(&twice(0.5)).verdict, Verdict::None(Side::Below));
        let flip = [point(1000.0, &[1.0; 6]), point(1000.0, &[1.5; 6])];
        assert_eq!((crossover(&flip).at, midpoint(&flip, THRESHOLD)), (Some(1000.0), None));
    }

    #[test]
    fn midpoints_narrow_the_bracket_and_then_end() {
        let curve = |at: f64| point(at, &[2.0 * at / (at + 10_000.0); 6]);
        let mut points: Vec<Point> = (0..8).map(|i| curve(1000.0 * 2f64.powi(i))).collect();
        let mut asked = Vec::new();
        while let Some(at) = midpoint(&points, THRESHOLD) {
            asked.push(at.round());
            points.push(curve(at.round()));
        }
        // 8,000 to 16,000 holds 15,000; so does the upper half of it, and the upper half of that.
        assert_eq!(asked, [11_314.0, 13_455.0]);
        assert_eq!(midpoint(&doubling(&[1.0, 1.1]), THRESHOLD), None);
        assert_eq!(midpoint(&doubling(&[1.3, 1.4]), THRESHOLD), None);
    }

    #[test]
    fn the_same_seed_gives_the_same_answer_in_any_order_of_points() {
        let noise = Noise { generation: 0.03, pair: 0.05 };
        let mut points = noise.points(20_000.0, &mut StdRng::seed_from_u64(3));
        let first = super::crossover(&points, THRESHOLD, 1).unwrap();
        points.reverse();
        assert_eq!(super::crossover(&points, THRESHOLD, 1).unwrap(), first);
        let other = super::crossover(&points, THRESHOLD, 2).unwrap();
        assert_eq!(other.at, first.at, "the seed moves the interval only");
        assert_ne!((other.low, other.high), (first.low, first.high));
    }

    /// Standard deviations of the logarithm at the two levels.
    struct Noise {
        generation: f64,
        pair: f64,
    }

    impl Noise {
        /// Twelve points, √2 apart, of a curve that reaches 1.2 at `truth`: 6 generations of 5
        /// pairs.
        fn points(&self, truth: f64, random: &mut StdRng) -> Vec<Point> {
            let measured = |index: i32| {
                let at = 20_000.0 * 2f64.powf(f64::from(index - 6) / 2.0);
                let ratio = 2.0 * at / (at + truth / 1.5);
                let mut pairs = Vec::new();
                for generation in 0..6 {
                    let shift = self.generation * normal(random);
                    pairs.extend((0..5).map(|_| {
                        pair(generation, ratio * (shift + self.pair * normal(random)).exp())
                    }));
                }
                Point { at, pairs }
            };
            (0..12).map(measured).collect()
        }

        /// Share of draws whose interval holds the truth, which lies anywhere between two points.
        fn coverage(&self, draws: u64) -> f64 {
            let covers = |seed: &u64| {
                let mut random = StdRng::seed_from_u64(*seed);
                let truth = 20_000.0 * 2f64.powf(random.random_range(-0.25..0.25));
                let points = self.points(truth, &mut random);
                let found = super::resampled(&points, THRESHOLD, *seed, 400).unwrap();
                found.low.is_some_and(|low| low <= truth) && found.high.unwrap() >= truth
            };
            (0..draws).filter(covers).count() as f64 / draws as f64
        }
    }

    #[test]
    fn the_interval_holds_the_truth_as_often_as_it_says() {
        let both = Noise { generation: 0.03, pair: 0.05 };
        let workers_alone = Noise { generation: 0.05, pair: 0.005 };
        for noise in [both, workers_alone] {
            let coverage = noise.coverage(300);
            assert!((0.90..=0.99).contains(&coverage), "{coverage}");
        }
    }
}
