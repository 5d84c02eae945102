//! Faults on purpose: what a pool must survive.

use std::time::Duration;

use pool::{Call, Job, JobError, Value};
#[cfg(feature = "attacks")]
use shm::write_attacks::{WriteAttack, attempt};

/// Panics.
pub struct Panic;

/// Ends its whole process by SIGABRT.
pub struct Abort;

/// Does so too, and says that it may be repeated: no worker survives it.
pub struct Poison;

/// Sleeps for as many milliseconds as its argument says, and gives it back; it may be repeated.
pub struct Sleep;

/// Answers with a list of as many items as its argument says, be it more than an answer may have.
pub struct Hoard;

/// Tries to write into its own list, by the way whose place in [`WriteAttack::ALL`] is its argument.
#[cfg(feature = "attacks")]
pub struct WriteToInput;

impl Job for Panic {
    fn name(&self) -> &'static str {
        "panic"
    }
    fn run(&self, _call: &mut Call<'_>) -> Result<Value, JobError> {
        panic!("a job panicked on purpose")
    }
}

impl Job for Abort {
    fn name(&self) -> &'static str {
        "abort"
    }
    fn run(&self, _call: &mut Call<'_>) -> Result<Value, JobError> {
        std::process::abort()
    }
}

impl Job for Poison {
    fn name(&self) -> &'static str {
        "poison"
    }
    fn run(&self, _call: &mut Call<'_>) -> Result<Value, JobError> {
        std::process::abort()
    }
    fn repeatable(&self) -> bool {
        true
    }
}

impl Job for Sleep {
    fn name(&self) -> &'static str {
        "sleep"
    }
    fn run(&self, call: &mut Call<'_>) -> Result<Value, JobError> {
        let ms = call.int()?;
        std::thread::sleep(Duration::from_millis(ms.max(0).unsigned_abs()));
        Ok(Value::Int(ms))
    }
    fn repeatable(&self) -> bool {
        true
    }
}

impl Job for Hoard {
    fn name(&self) -> &'static str {
        "hoard"
    }
    fn run(&self, call: &mut Call<'_>) -> Result<Value, JobError> {
        let items = usize::try_from(call.int()?).unwrap_or(0);
        call.answer(items)?.fill(1);
        Ok(Value::Int(items as i64))
    }
    fn repeatable(&self) -> bool {
        true
    }
}

#[cfg(feature = "attacks")]
impl Job for WriteToInput {
    fn name(&self) -> &'static str {
        "write_to_input"
    }
    fn run(&self, call: &mut Call<'_>) -> Result<Value, JobError> {
        let at = call.int()?;
        let route = usize::try_from(at).ok().and_then(|at| WriteAttack::ALL.get(at));
        let route = *route.ok_or_else(|| JobError::new("NoRoute", "no such way"))?;
        let done = attempt(route, call.list()?);
        done.map(|()| Value::Int(at)).map_err(|why| JobError::new("Refused", why.to_string()))
    }
}
