//! The best curve that never falls: weighted least squares under one condition, by pooling adjacent
//! violators (Ayer and others 1955; Barlow and others 1972).

/// The non-decreasing values that are nearest to `values`: those that make the sum of
/// `weight × (value − fit)²` smallest. `weights` are positive, one for each value.
///
/// A value below the one before it is replaced, together with it, by their weighted mean; so is the
/// pool that results, until nothing falls any more.
pub fn non_decreasing(values: &[f64], weights: &[f64]) -> Vec<f64> {
    let mut pools: Vec<Pool> = Vec::with_capacity(values.len());
    for (&mean, &weight) in values.iter().zip(weights) {
        let mut pool = Pool { mean, weight, length: 1 };
        while let Some(before) = pools.pop_if(|before| before.mean > pool.mean) {
            pool = before.with(pool);
        }
        pools.push(pool);
    }
    pools.iter().flat_map(|pool| std::iter::repeat_n(pool.mean, pool.length)).collect()
}

/// Neighbours that share one fitted value.
struct Pool {
    mean: f64,
    weight: f64,
    length: usize,
}

impl Pool {
    fn with(self, next: Pool) -> Pool {
        let weight = self.weight + next.weight;
        let mean = (self.mean * self.weight + next.mean * next.weight) / weight;
        Pool { mean, weight, length: self.length + next.length }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Worked by hand. 3 and 1 pool to (3 + 3·1)/4 = 1.5, and 2 lies above. 4 and 3.5 pool to 3.75,
    /// then with 0 to (2·3.75 + 0)/3 = 2.5, which lies above 2 and below 5.
    #[test]
    fn violators_are_pooled_into_their_weighted_mean() {
        let fit = non_decreasing(
            &[1.0, 3.0, 1.0, 2.0, 4.0, 3.5, 0.0, 5.0],
            &[1.0, 1.0, 3.0, 1.0, 1.0, 1.0, 1.0, 1.0],
        );
        assert_eq!(fit, [1.0, 1.5, 1.5, 2.0, 2.5, 2.5, 2.5, 5.0]);
        assert_eq!(non_decreasing(&[3.0, 2.0, 1.0], &[1.0, 1.0, 2.0]), [1.75; 3]);
        assert!(non_decreasing(&[], &[]).is_empty());
    }

    proptest! {
        #[test]
        fn the_fit_never_falls_keeps_the_mean_and_is_its_own_fit(
            points in prop::collection::vec((-5.0..5.0f64, 0.1..9.0f64), 1..30)
        ) {
            let (values, weights): (Vec<f64>, Vec<f64>) = points.into_iter().unzip();
            let fit = non_decreasing(&values, &weights);
            prop_assert_eq!(fit.len(), values.len());
            prop_assert!(fit.is_sorted());
            let sum = |of: &[f64]| of.iter().zip(&weights).map(|(v, w)| v * w).sum::<f64>();
            prop_assert!((sum(&fit) - sum(&values)).abs() < 1e-9);
            prop_assert_eq!(non_decreasing(&fit, &weights), fit);
        }

        #[test]
        fn no_other_curve_that_never_falls_is_nearer(
            points in prop::collection::vec((-5.0..5.0f64, 0.1..9.0f64, -5.0..5.0f64), 1..12)
        ) {
            let values: Vec<f64> = points.iter().map(|p| p.0).collect();
            let weights: Vec<f64> = points.iter().map(|p| p.1).collect();
            let mut other: Vec<f64> = points.iter().map(|p| p.2).collect();
            other.sort_by(f64::total_cmp);
            let miss = |curve: &[f64]| -> f64 {
                curve.iter().zip(&values).zip(&weights).map(|((c, v), w)| w * (c - v).powi(2)).sum()
            };
            prop_assert!(miss(&non_decreasing(&values, &weights)) <= miss(&other) + 1e-9);
        }
    }
}
