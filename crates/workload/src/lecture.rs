//! The functions of the lecture on multiprocessing, with CPython's results to the last bit.
//!
//! Floating-point sums depend on their order: these add from left to right, one at a time, as
//! CPython 3.11 does (3.12's `sum` compensates and ends in other last bits).
//!
//! Compiled code is some thirty times as fast as CPython, so a heavy job can be asked to do its exact
//! loop several times over ([`pack_repeats`]): then it lasts as long as the lecture says, and each
//! repeat must give the same bits.

use std::hint::black_box;

use pool::{Call, Job, JobError, Value};
use serde::{Deserialize, Serialize};

use crate::sum::sum_of;

/// Bytes of the lecture's list, `list(range(50_000))`.
pub const LECTURE_BYTES: usize = 400_000;

/// 26.1: tiny compute, tiny data. Twice the argument.
pub struct LightWorkSmallData;

/// 26.1: heavy compute, tiny data. The sum of the square roots of `range(argument)`.
pub struct HeavyWorkSmallData;

/// 26.1: tiny compute, a list. Its sum (which wraps past 64 bits, where Python's would grow).
pub struct LightWorkLargeData;

/// 26.1: heavy compute, a list. The sum of the square roots of its items.
pub struct HeavyWorkLargeData;

/// 26.2: a hash-like value of `range(argument)`, and [`InvalidRange`] for a negative one.
pub struct ComputeHash;

/// The error of 26.2, made in the worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("Invalid range: {range}")]
pub struct InvalidRange {
    /// What was asked for.
    pub range: i64,
}

/// 26.3: as many square roots as last about `argument` milliseconds in CPython, rounded to four
/// decimals. If it has a list, that is read too, and its sum is added.
pub struct SimulateWork;

/// A duration that no work is simulated for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("compute_ms is {compute_ms}, and must be from 0 to {MAX_COMPUTE_MS}")]
pub struct InvalidDuration {
    /// What was asked for, in milliseconds.
    pub compute_ms: f64,
}

/// The longest work that is simulated: an hour of CPython.
pub const MAX_COMPUTE_MS: u32 = 3_600_000;

impl Job for LightWorkSmallData {
    fn name(&self) -> &'static str {
        "light_work_small_data"
    }
    fn run(&self, call: &mut Call<'_>) -> Result<Value, JobError> {
        let overflow = || JobError::new("OverflowError", "twice the value passes 64 bits");
        call.int()?.checked_mul(2).map(Value::Int).ok_or_else(overflow)
    }
    fn repeatable(&self) -> bool {
        true
    }
}

impl Job for HeavyWorkSmallData {
    fn name(&self) -> &'static str {
        "heavy_work_small_data"
    }
    fn run(&self, call: &mut Call<'_>) -> Result<Value, JobError> {
        let (count, repeats) = unpack_repeats(call.int()?);
        run_repeated(repeats, || add_roots(0..black_box(count))).map(Value::Float)
    }
    fn repeatable(&self) -> bool {
        true
    }
}

impl Job for LightWorkLargeData {
    fn name(&self) -> &'static str {
        "light_work_large_data"
    }
    fn run(&self, call: &mut Call<'_>) -> Result<Value, JobError> {
        Ok(Value::Int(sum_of(call)?))
    }
    fn repeatable(&self) -> bool {
        true
    }
}

impl Job for HeavyWorkLargeData {
    fn name(&self) -> &'static str {
        "heavy_work_large_data"
    }
    fn run(&self, call: &mut Call<'_>) -> Result<Value, JobError> {
        let list = call.list()?;
        if list.iter().any(|item| *item < 0) {
            return Err(JobError::new("ValueError", "math domain error"));
        }
        let (_, repeats) = unpack_repeats(call.int()?);
        run_repeated(repeats, || add_roots(black_box(list).iter().copied())).map(Value::Float)
    }
    fn repeatable(&self) -> bool {
        true
    }
}

impl Job for ComputeHash {
    fn name(&self) -> &'static str {
        "compute_hash"
    }
    fn run(&self, call: &mut Call<'_>) -> Result<Value, JobError> {
        let (range, repeats) = unpack_repeats(call.int()?);
        if range < 0 {
            return Err(JobError::of(&InvalidRange { range }));
        }
        let value = |i: i64| ((i as f64).sqrt() * 1000.0) as i64 % 9973;
        let hash = || (0..black_box(range)).map(value).sum::<i64>();
        run_repeated(repeats, hash).map(Value::Int)
    }
    fn repeatable(&self) -> bool {
        true
    }
}

impl Job for SimulateWork {
    fn name(&self) -> &'static str {
        "simulate_work"
    }
    fn run(&self, call: &mut Call<'_>) -> Result<Value, JobError> {
        // A number of milliseconds; or, as an integer, of microseconds and repeats.
        let (ms, repeats) = match call.arg {
            Value::Float(ms) => (ms, 1),
            Value::Int(word) => {
                let (us, repeats) = unpack_repeats(word);
                (us as f64 / 1000.0, repeats)
            }
        };
        if !(0.0..=f64::from(MAX_COMPUTE_MS)).contains(&ms) {
            return Err(JobError::of(&InvalidDuration { compute_ms: ms }));
        }
        let iterations = (ms * 50_000.0) as i64;
        let total = run_repeated(repeats, || add_roots(1..black_box(iterations) + 1))?;
        Ok(Value::Float(round4(total) + sum_of(call)? as f64))
    }
    fn repeatable(&self) -> bool {
        true
    }
}

/// An argument that asks a heavy job for its loop `repeats` times; small numbers only (`value` below
/// 2^31, and for [`SimulateWork`] in microseconds).
pub fn pack_repeats(value: u32, repeats: u32) -> Value {
    Value::Int(i64::from(value) | i64::from(repeats.saturating_sub(1)) << 32)
}

/// The number and the repeats of an argument; a negative one is only itself.
fn unpack_repeats(word: i64) -> (i64, u32) {
    match word {
        0.. => (word & 0xffff_ffff, (word >> 32) as u32 + 1),
        _ => (word, 1),
    }
}

/// The result of `work`, done `repeats` times with the same one each time.
fn run_repeated<T: PartialEq>(repeats: u32, work: impl Fn() -> T) -> Result<T, JobError> {
    let first = work();
    match (1..repeats).all(|_| work() == first) {
        true => Ok(first),
        false => Err(JobError::new("ArithmeticError", "a repeat gave another result")),
    }
}

/// Adds the square roots from left to right.
fn add_roots(items: impl Iterator<Item = i64>) -> f64 {
    items.fold(0.0, |total, item| total + (item as f64).sqrt())
}

/// Rounded to four decimals as Python's `round(value, 4)` does: correctly, half to even.
fn round4(value: f64) -> f64 {
    format!("{value:.4}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value as Json;

    fn reference() -> Json {
        serde_json::from_str(include_str!("../tests/reference.json")).unwrap()
    }

    fn run(job: &dyn Job, arg: Value, list: &[i64]) -> Result<Value, JobError> {
        job.run(&mut Call::new(arg, list))
    }

    fn float(result: Result<Value, JobError>) -> f64 {
        match result {
            Ok(Value::Float(value)) => value,
            other => panic!("{other:?} is no float"),
        }
    }

    #[test]
    fn the_four_quadrants_give_cpython_s_bits() {
        let want = reference();
        let list: Vec<i64> = (0..50_000).collect();
        let bits = |value: f64| format!("{:016x}", value.to_bits());
        let number = Value::Int(200_000);
        assert_eq!(run(&LightWorkSmallData, number, &[]), Ok(Value::Int(400_000)));
        let heavy = float(run(&HeavyWorkSmallData, number, &[]));
        let reference = &want["heavy_work_small_data"]["200000"];
        assert_eq!((bits(heavy), heavy.to_string()), {
            let text = |key: &str| reference[key].as_str().unwrap().to_owned();
            (text("py311_bits"), text("py311"))
        });
        let light = run(&LightWorkLargeData, number, &list);
        assert_eq!(
            light,
            Ok(Value::Int(want["light_work_large_data"]["range(50000)"].as_i64().unwrap()))
        );
        let heavy = float(run(&HeavyWorkLargeData, number, &list));
        assert_eq!(bits(heavy), want["heavy_work_large_data"]["range(50000)"]["py311_bits"]);
    }

    #[test]
    fn the_hashes_and_the_invalid_range_are_the_lecture_s() {
        let want = reference();
        for (range, hash) in want["compute_hash"].as_object().unwrap() {
            let got = run(&ComputeHash, Value::Int(range.parse().unwrap()), &[]);
            match hash.as_i64() {
                Some(hash) => assert_eq!(got, Ok(Value::Int(hash))),
                None => {
                    let error = got.unwrap_err();
                    assert_eq!(error.to_string(), "InvalidRange: Invalid range: -1");
                    assert_eq!(error.downcast(), Some(InvalidRange { range: -1 }));
                }
            }
        }
    }

    #[test]
    fn simulated_work_is_rounded_as_python_rounds() {
        for (ms, pair) in reference()["simulate_work"].as_object().unwrap() {
            let (Ok(ms), Some(want)) = (ms.parse::<f64>(), pair[1].as_str()) else {
                continue;
            };
            if ms <= 50.0 {
                let got = float(run(&SimulateWork, Value::Float(ms), &[]));
                assert_eq!(format!("{got:?}"), want, "{ms} ms");
            }
        }
    }

    #[test]
    fn a_repeated_job_takes_longer_and_answers_the_same() {
        let once = float(run(&HeavyWorkSmallData, Value::Int(1000), &[]));
        assert_eq!(float(run(&HeavyWorkSmallData, pack_repeats(1000, 7), &[])), once);
        let list = [1, 4, 9];
        assert_eq!(float(run(&HeavyWorkLargeData, pack_repeats(0, 7), &list)), 6.0);
        let half = float(run(&SimulateWork, Value::Float(0.5), &[]));
        assert_eq!(float(run(&SimulateWork, pack_repeats(500, 3), &[])), half);
        assert_eq!(float(run(&SimulateWork, pack_repeats(500, 3), &list)), half + 14.0);
        let hash = run(&ComputeHash, pack_repeats(20_000, 4), &[]);
        assert_eq!(hash, Ok(Value::Int(99_971_191)));
    }

    #[test]
    fn what_has_no_answer_is_an_error_and_no_panic() {
        assert_eq!(
            run(&HeavyWorkLargeData, Value::Int(0), &[4, -1]).unwrap_err().name,
            "ValueError"
        );
        assert_eq!(
            run(&LightWorkSmallData, Value::Int(i64::MAX), &[]).unwrap_err().name,
            "OverflowError"
        );
        for ms in [f64::NAN, -1.0, f64::INFINITY, 3_600_001.0] {
            let error = run(&SimulateWork, Value::Float(ms), &[]).unwrap_err();
            assert!(error.message.contains("compute_ms") && error.name == "InvalidDuration");
        }
        assert_eq!(run(&ComputeHash, Value::Float(1.5), &[]).unwrap_err().name, "TypeError");
        assert_eq!(float(run(&HeavyWorkSmallData, Value::Int(-5), &[])), 0.0);
    }
}
