//! What a size that was not measured will take: Hockney's line with hinges, or the measured points
//! themselves, whichever predicts a left-out size better.
//!
//! `T(n) = alpha + beta·n` (Hockney 1994) has one latency and one bandwidth. Real hand-overs have
//! several bandwidths, one for each cache and buffer that a list outgrows, so the line may bend at up
//! to three hinges. It is fitted to relative errors (weights 1/T²): otherwise the largest size would
//! decide alone. How well it predicts is said by leaving each inner size out in turn, choosing the
//! hinges anew without it, and comparing; never by R².

mod hinged;
mod rounds;
mod smooth;

pub use hinged::{Hinged, MAX_HINGES};
pub use rounds::quicker_half;
pub use smooth::Smooth;

/// Fewest sizes that a model is made from.
pub const MIN_SIZES: usize = 4;

/// One measured size: bytes, and the median time there in nanoseconds.
pub type Point = (f64, f64);

/// How sizes between the measured ones are predicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// By the hinged line.
    Hinged,
    /// By a smooth curve through what was measured.
    Between,
}

impl Form {
    /// The word in records.
    pub fn name(self) -> &'static str {
        match self {
            Form::Hinged => "hinged",
            Form::Between => "between points",
        }
    }
}

/// Where a prediction stands to what was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Basis {
    /// That very size was measured.
    Measured,
    /// It lies between two that were.
    Inside,
    /// It lies beyond all that were.
    Extrapolated,
}

impl Basis {
    /// The word in records and tables.
    pub fn name(self) -> &'static str {
        match self {
            Basis::Measured => "measured",
            Basis::Inside => "inside",
            Basis::Extrapolated => "extrapolated",
        }
    }
}

/// A time with what it may be off by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prediction {
    /// Nanoseconds.
    pub ns: f64,
    /// Lower end of its interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// What it stands on.
    pub basis: Basis,
}

/// A fitted model of one way in one stratum.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// What was measured, by size.
    points: Vec<Point>,
    /// The same with times that never fall.
    rising: Vec<Point>,
    /// The hinged line, reported whichever form predicts.
    pub line: Hinged,
    /// What predicts.
    pub form: Form,
    /// What is predicted for each point when it is left out; the two ends are extrapolations.
    left_out: Vec<f64>,
}

/// A further hinge, or the points instead of the line, must lower the mean error by this much.
const MIN_GAIN: f64 = 0.002;

/// Smallest margin of a prediction: medians of two runs differ by as much.
const MIN_MARGIN: f64 = 0.03;

/// The model of `points` (each size once, positive times), with hinges looked for at the measured
/// sizes, between them, and at those of `known` that lie inside; nothing for fewer than [`MIN_SIZES`].
pub fn fit(points: &[Point], known: &[f64]) -> Option<Model> {
    let mut points: Vec<Point> = points.to_vec();
    points.retain(|(bytes, ns)| *bytes > 0.0 && *ns > 0.0 && bytes.is_finite() && ns.is_finite());
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    points.dedup_by(|later, first| later.0 == first.0);
    if points.len() < MIN_SIZES {
        return None;
    }
    let by_count: Vec<Vec<f64>> = (0..=hinged::most(points.len()))
        .map(|hinges| leave_one_out(&points, |rest| hinged::best(rest, known, hinges)))
        .collect();
    let miss = |told: &[f64]| mean(&inner(&points, told));
    let mut count = 0;
    for more in 1..by_count.len() {
        if miss(&by_count[more]) + MIN_GAIN < miss(&by_count[count]) {
            count = more;
        }
    }
    let of_line = by_count[count].clone();
    let line = hinged::best(&points, known, count);
    let of_points = leave_one_out(&points, |rest| Smooth::through(&never_falling(rest)));
    let (form, left_out) = match miss(&of_points) + MIN_GAIN < miss(&of_line) {
        true => (Form::Between, of_points),
        false => (Form::Hinged, of_line),
    };
    let rising = never_falling(&points);
    Some(Model { points, rising, line, form, left_out })
}

impl Model {
    /// The time of a list of `bytes`.
    pub fn at(&self, bytes: f64) -> Prediction {
        let (first, last) = (self.points[0].0, self.points[self.points.len() - 1].0);
        let above = self.points.partition_point(|point| point.0 < bytes);
        let measured = self.rising.get(above).filter(|point| point.0 == bytes);
        let (ns, basis, margin) = if let Some((_, ns)) = measured {
            (*ns, Basis::Measured, MIN_MARGIN)
        } else if bytes < first {
            (self.value(bytes), Basis::Extrapolated, self.beyond(0, first / bytes.max(1.0)))
        } else if bytes > last {
            let end = self.points.len() - 1;
            (self.value(bytes), Basis::Extrapolated, self.beyond(end, bytes / last))
        } else {
            // A neighbour's error was made over a gap twice as wide: it errs on the safe side.
            let near = self.error(above - 1).min(self.error(above));
            (self.value(bytes), Basis::Inside, near.max(self.loo_mean()))
        };
        let margin = margin.max(MIN_MARGIN);
        Prediction { ns, low: ns / (1.0 + margin), high: ns * (1.0 + margin), basis }
    }

    /// Mean relative error of the inner sizes when each is left out.
    pub fn loo_mean(&self) -> f64 {
        mean(&inner(&self.points, &self.left_out))
    }

    /// The worst of them, and the size where it is.
    pub fn loo_worst(&self) -> (f64, f64) {
        let all = (1..self.points.len() - 1).map(|at| (self.error(at), self.points[at].0));
        all.max_by(|a, b| a.0.total_cmp(&b.0)).unwrap_or((0.0, 0.0))
    }

    /// Inner sizes that are predicted with a larger relative error than `limit` when they are left
    /// out: bytes, measured and predicted nanoseconds.
    pub fn off_by_more_than(&self, limit: f64) -> Vec<(f64, f64, f64)> {
        let inner = 1..self.points.len() - 1;
        let of = |at: usize| (self.points[at].0, self.points[at].1, self.left_out[at]);
        inner.filter(|at| self.error(*at) > limit).map(of).collect()
    }

    /// What was measured, by size, with times that never fall.
    pub fn rising(&self) -> &[Point] {
        &self.rising
    }

    /// The smooth curve through them.
    pub fn smooth(&self) -> Smooth {
        Smooth::through(&self.rising)
    }

    /// Relative error of each size when it is left out; those of the two ends are extrapolations.
    pub fn errors(&self) -> Vec<f64> {
        (0..self.points.len()).map(|at| self.error(at)).collect()
    }

    fn error(&self, at: usize) -> f64 {
        (self.left_out[at] / self.points[at].1 - 1.0).abs()
    }

    fn value(&self, bytes: f64) -> f64 {
        let ns = match self.form {
            Form::Hinged => self.line.at(bytes),
            Form::Between => self.smooth().at(bytes),
        };
        ns.max(1.0)
    }

    /// Margin `factor` times beyond the end that point `end` is: its own error when it was left out,
    /// once more for each doubling.
    fn beyond(&self, end: usize, factor: f64) -> f64 {
        self.error(end).max(self.loo_worst().0) * (1.0 + factor.log2().max(0.0))
    }
}

/// Something that tells a time for a size.
trait Curve {
    fn at(&self, bytes: f64) -> f64;
}

impl Curve for Hinged {
    fn at(&self, bytes: f64) -> f64 {
        Hinged::at(self, bytes)
    }
}

impl Curve for Smooth {
    fn at(&self, bytes: f64) -> f64 {
        Smooth::at(self, bytes)
    }
}

/// What is told at each point by a curve that was made without it.
fn leave_one_out<C: Curve>(points: &[Point], make: impl Fn(&[Point]) -> C) -> Vec<f64> {
    let without = |at: usize| {
        let mut rest = points.to_vec();
        let (bytes, _) = rest.remove(at);
        make(&rest).at(bytes)
    };
    (0..points.len()).map(without).collect()
}

/// Relative errors without those of the two ends, whose leaving out is an extrapolation.
fn inner(points: &[Point], left_out: &[f64]) -> Vec<f64> {
    let errors = points.iter().zip(left_out).map(|(point, told)| (told / point.1 - 1.0).abs());
    errors.skip(1).take(points.len().saturating_sub(2)).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// The same sizes with times that never fall: dips are chance.
fn never_falling(points: &[Point]) -> Vec<Point> {
    let logs: Vec<f64> = points.iter().map(|point| point.1.ln()).collect();
    let fit = crate::isotonic::non_decreasing(&logs, &vec![1.0; logs.len()]);
    points.iter().zip(fit).map(|(point, log)| (point.0, log.exp())).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn geometric(from: f64, factor: f64, count: i32) -> Vec<f64> {
        (0..count).map(|step| from * factor.powi(step)).collect()
    }

    fn measured(sizes: &[f64], truth: impl Fn(f64) -> f64) -> Vec<Point> {
        sizes.iter().map(|bytes| (*bytes, truth(*bytes))).collect()
    }

    #[test]
    fn one_line_is_found_again_without_a_hinge() {
        let points = measured(&geometric(64.0, 4.0, 11), |n| 2000.0 + 0.1 * n);
        let model = fit(&points, &[]).unwrap();
        assert_eq!((model.form, model.line.hinges_bytes.len()), (Form::Hinged, 0));
        assert!((model.line.alpha_ns - 2000.0).abs() < 1e-3, "{:?}", model.line);
        assert!((model.line.beta_ns_per_byte[0] - 0.1).abs() < 1e-9);
        assert!(model.loo_mean() < 1e-6 && model.loo_worst().0 < 1e-6);
        let (inside, beyond) = (model.at(100_000.0), model.at(1e9));
        assert_eq!((inside.basis, beyond.basis), (Basis::Inside, Basis::Extrapolated));
        assert!((inside.ns - 12_000.0).abs() < 1.0, "{inside:?}");
    }

    #[test]
    fn two_known_hinges_are_found_on_a_fine_grid_and_predict_what_lies_between() {
        let (pipe, cache) = (65_536.0, 2_097_152.0);
        let truth =
            |n: f64| 1000.0 + 0.05 * n + 0.2 * (n - pipe).max(0.0) + 0.3 * (n - cache).max(0.0);
        let points = measured(&geometric(64.0, 2.0, 20), truth);
        let model = fit(&points, &[pipe, cache]).unwrap();
        assert_eq!(model.line.hinges_bytes, [pipe, cache]);
        for n in [5_000.0, 90_000.0, 3e6, 11e6] {
            let predicted = model.at(n);
            assert!((predicted.ns / truth(n) - 1.0).abs() < 0.03, "{n}: {predicted:?}");
            assert!(predicted.low <= truth(n) && truth(n) <= predicted.high);
        }
        assert!(model.loo_worst().0 < 0.05, "{:?}", model.loo_worst());
    }

    #[test]
    fn a_curve_with_more_bends_than_a_line_may_have_is_told_by_its_points() {
        let points = measured(&geometric(64.0, 2.0, 20), |n| 100.0 + n.powf(1.4));
        let model = fit(&points, &[]).unwrap();
        assert_eq!(model.form, Form::Between);
        let truth = 100.0 + 3_000f64.powf(1.4);
        assert!((model.at(3_000.0).ns / truth - 1.0).abs() < 0.05, "{:?}", model.at(3_000.0));
    }

    #[test]
    fn a_size_that_was_measured_is_told_as_measured_and_few_sizes_make_no_model() {
        let points = measured(&geometric(64.0, 4.0, 6), |n| 500.0 + n);
        let model = fit(&points, &[]).unwrap();
        assert_eq!(model.at(1024.0).basis, Basis::Measured);
        assert!((model.at(1024.0).ns - 1524.0).abs() < 1e-6);
        assert!(fit(&points[..3], &[]).is_none());
        assert!(fit(&[(64.0, 1.0), (64.0, 2.0), (128.0, 3.0), (256.0, 0.0)], &[]).is_none());
    }

    #[test]
    fn what_lies_far_off_when_left_out_is_named_beside_what_was_measured() {
        let mut points = measured(&geometric(64.0, 2.0, 12), |n| 1000.0 + n);
        points[6].1 *= 2.0;
        let model = fit(&points, &[]).unwrap();
        let off = model.off_by_more_than(0.2);
        assert!(off.iter().any(|(bytes, ..)| *bytes == points[6].0), "{off:?}");
        assert_eq!(model.loo_worst().1, points[6].0);
    }

    proptest! {
        #[test]
        fn predictions_between_measured_sizes_are_positive_and_never_fall(
            times in prop::collection::vec(100.0..1e6f64, 4..14),
            known in prop::collection::vec(64.0..1e8f64, 0..4)
        ) {
            let sizes = geometric(64.0, 4.0, times.len() as i32);
            let points: Vec<Point> = sizes.into_iter().zip(times).collect();
            let model = fit(&points, &known).unwrap();
            let mut before = 0.0;
            // Between measured sizes: those have their own time, not the line's.
            for step in 0..60 {
                let n = 17.0 * 1.3f64.powi(step);
                let predicted = model.at(n);
                prop_assert!(predicted.ns >= 1.0 && predicted.ns.is_finite());
                prop_assert!(predicted.low <= predicted.ns && predicted.ns <= predicted.high);
                prop_assert!(predicted.ns >= before * (1.0 - 1e-9), "{n}");
                before = predicted.ns;
            }
            prop_assert!(model.line.beta_ns_per_byte.iter().all(|beta| *beta >= 0.0));
            prop_assert!(model.line.alpha_ns >= 0.0);
        }
    }
}
