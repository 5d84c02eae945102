//! The sum of a list: reads every item once and computes as little as can be proven.

use pool::{Call, Job, JobError, Value};

/// The sum of the list's items, wrapping past 64 bits.
pub struct Sum;

impl Job for Sum {
    fn name(&self) -> &'static str {
        "sum"
    }
    fn run(&self, call: &mut Call<'_>) -> Result<Value, JobError> {
        Ok(Value::Int(sum(call.list)))
    }
    fn repeatable(&self) -> bool {
        true
    }
}

/// The sum of `list`, wrapping; the order of additions does not matter to it, so the compiler may
/// use vectors.
pub fn sum(list: &[i64]) -> i64 {
    list.iter().fold(0, |sum, item| sum.wrapping_add(*item))
}
