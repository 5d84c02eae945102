//! A list in and a list out: what comes home depends on every item that went.

use pool::{Call, Job, JobError, Value};

/// Answers with its list, each item plus the argument (wrapping past 64 bits), and with how many
/// there are.
pub struct Shift;

impl Job for Shift {
    fn name(&self) -> &'static str {
        "shift"
    }
    fn run(&self, call: &mut Call<'_>) -> Result<Value, JobError> {
        let (by, list) = (call.int()?, call.list()?);
        let room = call.answer(list.len())?;
        room.iter_mut().zip(list).for_each(|(to, from)| *to = from.wrapping_add(by));
        Ok(Value::Int(list.len() as i64))
    }
    fn repeatable(&self) -> bool {
        true
    }
}
