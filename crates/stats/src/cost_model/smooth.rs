//! A smooth curve through measured points that never falls: cubic pieces on logarithmic axes.
//!
//! Where caches end, a time grows fourfold from one size to the next but one, and a straight line
//! between those two lies far above what is measured there: the curve bends with its neighbours instead.
//! Slopes are the weighted harmonic means of Fritsch and Butland (1984), which overshoot nowhere.

use super::Point;

/// The curve; points ascend in both.
#[derive(Clone, Debug, PartialEq)]
pub struct Smooth {
    /// Logarithms of sizes and times.
    logs: Vec<Point>,
    /// How steep the curve is at each of them: 0 flat, 1 in proportion to the size.
    slopes: Vec<f64>,
}

impl Smooth {
    /// Through `points`: two at least, ascending, positive, times never falling.
    pub(super) fn through(points: &[Point]) -> Smooth {
        let logs: Vec<Point> = points.iter().map(|(bytes, ns)| (bytes.ln(), ns.ln())).collect();
        let wide: Vec<f64> = logs.windows(2).map(|two| two[1].0 - two[0].0).collect();
        let steep: Vec<f64> =
            logs.windows(2).zip(&wide).map(|(two, wide)| (two[1].1 - two[0].1) / wide).collect();
        let inner = (1..steep.len()).map(|at| {
            let (before, after) = (steep[at - 1], steep[at]);
            if before * after <= 0.0 {
                return 0.0;
            }
            let (near, far) = (wide[at] * 2.0 + wide[at - 1], wide[at] + 2.0 * wide[at - 1]);
            (near + far) / (near / before + far / after)
        });
        let slopes = steep.first().copied().into_iter().chain(inner).chain(steep.last().copied());
        Smooth { slopes: slopes.collect(), logs }
    }

    /// Nanoseconds for `bytes`. Below the first size the time stays; above the last it grows in
    /// proportion.
    pub fn at(&self, bytes: f64) -> f64 {
        let (first, last) = (self.logs[0], self.logs[self.logs.len() - 1]);
        let at = bytes.max(1.0).ln();
        if at <= first.0 {
            return first.1.exp();
        }
        if at >= last.0 {
            return (last.1 + at - last.0).exp();
        }
        let above = self.logs.partition_point(|point| point.0 < at).max(1);
        let (from, to) = (self.logs[above - 1], self.logs[above]);
        let wide = to.0 - from.0;
        let part = (at - from.0) / wide;
        let rest = 1.0 - part;
        let (start, end) = (self.slopes[above - 1] * wide, self.slopes[above] * wide);
        let log = rest * rest * ((1.0 + 2.0 * part) * from.1 + part * start)
            + part * part * ((1.0 + 2.0 * rest) * to.1 - rest * end);
        log.exp()
    }

    /// How steep the curve is at each point, on logarithmic axes.
    pub fn slopes(&self) -> &[f64] {
        &self.slopes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_of_a_size_are_told_exactly_and_points_are_met() {
        let points: Vec<Point> = [64.0, 256.0, 300.0, 4096.0].map(|n: f64| (n, n.powf(1.3))).into();
        let curve = Smooth::through(&points);
        for bytes in [64.0, 100.0, 256.0, 280.0, 1000.0, 4096.0f64] {
            assert!((curve.at(bytes) / bytes.powf(1.3) - 1.0).abs() < 1e-12, "{bytes}");
        }
        assert_eq!(curve.at(8.0), curve.at(64.0));
        assert!((curve.at(8192.0) / curve.at(4096.0) - 2.0).abs() < 1e-9);
    }

    #[test]
    fn a_step_is_climbed_without_overshooting_it() {
        let points = [(1.0, 10.0), (2.0, 10.0), (4.0, 80.0), (8.0, 80.0)];
        let curve = Smooth::through(&points);
        let told: Vec<f64> = (0..=70).map(|step| curve.at(1.0 + f64::from(step) / 10.0)).collect();
        let rises = |two: &[f64]| two[1] >= two[0] * (1.0 - 1e-12);
        assert!(told.windows(2).all(rises), "{told:?}");
        assert!(told.iter().all(|ns| (10.0 - 1e-9..=80.0 + 1e-9).contains(ns)), "{told:?}");
    }
}
