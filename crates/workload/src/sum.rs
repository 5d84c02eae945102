//! The sum of a list: reads every item once and computes as little as can be proven. With computing of
//! a given length after it, to find out from when on a transport stops mattering.

use std::hint::spin_loop;
use std::time::{Duration, Instant};

use pool::{Call, Job, JobError, Value};

/// The sum of the list's items, wrapping past 64 bits.
pub struct Sum;

/// The same, and then as many nanoseconds of computing as its argument says, by the clock: up to two
/// readings of it longer.
pub struct SumThenCompute;

impl Job for Sum {
    fn name(&self) -> &'static str {
        "sum"
    }
    fn run(&self, call: &mut Call<'_>) -> Result<Value, JobError> {
        Ok(Value::Int(sum_of(call)?))
    }
    fn repeatable(&self) -> bool {
        true
    }
}

impl Job for SumThenCompute {
    fn name(&self) -> &'static str {
        "sum-then-compute"
    }
    fn run(&self, call: &mut Call<'_>) -> Result<Value, JobError> {
        let length = Duration::from_nanos(call.int()?.max(0).unsigned_abs());
        let sum = sum_of(call)?;
        let started = Instant::now();
        while started.elapsed() < length {
            spin_loop();
        }
        Ok(Value::Int(sum))
    }
}

/// The sum of the list of `call`, part by part as it arrives, wrapping.
pub fn sum_of(call: &mut Call<'_>) -> Result<i64, JobError> {
    let mut total = 0i64;
    while let Some(part) = call.next_part()? {
        total = total.wrapping_add(sum(part));
    }
    Ok(total)
}

/// Sums side by side: as many as keep a core's adders busy, and a loop long enough that it does not matter
/// where in memory its code comes to lie. With the loop that the compiler made of a plain fold, one build
/// was half as fast as the next.
const LANES: usize = 16;

/// The sum of `list`, wrapping, in vectors: the order of additions does not matter to it. It is one piece of
/// code for all who call it: inlined into two jobs it was vectorised in two ways, and one of them a fifth slower.
#[inline(never)]
pub fn sum(list: &[i64]) -> i64 {
    let (blocks, rest) = list.as_chunks::<LANES>();
    let mut lanes = [0i64; LANES];
    for block in blocks {
        for (lane, item) in lanes.iter_mut().zip(block) {
            *lane = lane.wrapping_add(*item);
        }
    }
    lanes.iter().chain(rest).fold(0, |sum, item| sum.wrapping_add(*item))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_all_lengths_around_a_block_are_summed_and_the_sum_wraps() {
        for length in 0..=3 * LANES as i64 {
            let list: Vec<i64> = (0..length).map(|item| item * item - 7).collect();
            assert_eq!(sum(&list), list.iter().sum::<i64>(), "{length} items");
        }
        assert_eq!(sum(&[i64::MAX; 2 * LANES]), i64::MAX.wrapping_mul(2 * LANES as i64));
    }

    #[test]
    fn computing_lasts_as_long_as_asked_at_least_and_changes_no_sum() {
        for ns in [-1, 0, 1, 300_000] {
            let started = Instant::now();
            let answer = SumThenCompute.run(&mut Call::new(ns, &[1, 2, 3])).unwrap();
            assert_eq!(answer, Value::Int(6));
            assert!(started.elapsed().as_nanos() as i64 >= ns);
        }
        assert!(SumThenCompute.run(&mut Call::new(0.5, &[])).is_err());
    }
}
