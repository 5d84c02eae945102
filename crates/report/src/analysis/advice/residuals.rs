//! By how much the formula missed what was measured, for tasks of about a given length.

use serde::Serialize;

/// A task within this many times another's length tells how far a plan for that one may be off.
const MAX_LENGTH_RATIO: f64 = 4.0;

/// The length of a task alone, in nanoseconds, and by which part of it the formula missed the time of a
/// round of such tasks.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Residuals(pub Vec<(f64, f64)>);

impl Residuals {
    /// The worst miss of tasks about as long as `each_ns`; where none was measured, that of the nearest.
    pub(super) fn near(&self, each_ns: f64) -> f64 {
        let apart = |of: f64| (of.max(1.0).ln() - each_ns.max(1.0).ln()).abs();
        let near = self.0.iter().filter(|(of, _)| apart(*of) <= MAX_LENGTH_RATIO.ln());
        let nearest = || self.0.iter().min_by(|a, b| apart(a.0).total_cmp(&apart(b.0)));
        match near.map(|(_, miss)| *miss).max_by(f64::total_cmp) {
            Some(worst) => worst,
            None => nearest().map_or(0.0, |(_, miss)| *miss),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_of_tasks_about_as_long_counts_and_else_the_nearest() {
        let residuals =
            Residuals(vec![(10.0, 0.5), (1000.0, 0.1), (3000.0, 0.2), (100_000.0, 0.3)]);
        assert_eq!(
            [residuals.near(1000.0), residuals.near(12_000.0), residuals.near(40.0)],
            [0.2, 0.2, 0.5]
        );
        assert_eq!(
            [residuals.near(80.0), residuals.near(0.0), residuals.near(1e9)],
            [0.5, 0.5, 0.3]
        );
        assert_eq!(Residuals::default().near(1.0), 0.0);
    }
}
