//! Cells of known truth, to ask how often an interval holds it.

use rand::RngExt;
use rand::rngs::StdRng;

use crate::paired_ratio::Pair;

/// A true ratio and noise at two levels, lognormal; deviations are of the logarithm.
pub(crate) struct World {
    pub(crate) truth: f64,
    pub(crate) generation: f64,
    pub(crate) pair: f64,
}

impl World {
    /// So many generations of so many pairs.
    pub(crate) fn measure(&self, generations: u32, pairs: u32, random: &mut StdRng) -> Vec<Pair> {
        let of = |generation| {
            let shift = self.truth.ln() + self.generation * normal(random);
            let ratios = (0..pairs).map(|_| (shift + self.pair * normal(random)).exp());
            let pair = |ratio: f64| Pair {
                generation,
                base_ns: (ratio * 1e9) as u64,
                other_ns: 1_000_000_000,
            };
            ratios.map(pair).collect::<Vec<_>>()
        };
        (0..generations).flat_map(of).collect()
    }
}

/// Box and Muller.
pub(crate) fn normal(random: &mut StdRng) -> f64 {
    let (radius, angle): (f64, f64) = (1.0 - random.random::<f64>(), random.random());
    (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
}
