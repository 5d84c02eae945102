//! CLOCK_MONOTONIC: the same number line in every process of a boot, never stepped.

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// Nanoseconds since some moment before this boot's first process.
#[inline]
pub fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// What the clock itself adds to a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockCost {
    /// Nanoseconds of one reading: the median of 1,000 means of 100.
    pub cost: u64,
    /// Smallest step seen between two readings that differ, in nanoseconds.
    pub step: u64,
}

/// Measures the clock with the clock, in some 2 ms.
pub fn cost() -> ClockCost {
    const READINGS: u64 = 100;
    let mut means = Vec::with_capacity(1000);
    let mut step = u64::MAX;
    for _ in 0..1000 {
        let started = now();
        let mut before = started;
        for _ in 0..READINGS {
            let after = now();
            if after > before {
                step = step.min(after - before);
            }
            before = after;
        }
        means.push((before - started) / READINGS);
    }
    means.sort_unstable();
    ClockCost { cost: means[means.len() / 2], step }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_clock_never_runs_backwards_and_knows_its_cost() {
        let mut before = super::now();
        for _ in 0..10_000 {
            let after = super::now();
            assert!(after >= before);
            before = after;
        }
        assert!(super::cost().step > 0);
    }
}
