//! A sum by a worker that stands still now and then, as one does that collects garbage or waits for a
//! page from a disk.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use pool::{Call, Job, JobError, Value};

use crate::sum::sum;

/// How long a worker stands still.
pub const PAUSE: Duration = Duration::from_millis(5);
/// From one pause to the next.
pub const EVERY: Duration = Duration::from_millis(100);

/// The sum of the list's items; the first task after each tenth of a second takes 5 ms longer.
pub struct SumWithPauses;

impl SumWithPauses {
    /// What it is called.
    pub const NAME: &str = "sum_with_pauses";
}

/// When this worker's last pause began; none before its first task.
static LAST: Mutex<Option<Instant>> = Mutex::new(None);

impl Job for SumWithPauses {
    fn name(&self) -> &'static str {
        SumWithPauses::NAME
    }
    fn run(&self, call: &mut Call<'_>) -> Result<Value, JobError> {
        let now = Instant::now();
        let due = {
            let mut last = LAST.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            let due = now.duration_since(*last.get_or_insert(now)) >= EVERY;
            if due {
                *last = Some(now);
            }
            due
        };
        if due {
            std::thread::sleep(PAUSE);
        }
        Ok(Value::Int(sum(call.list()?)))
    }
    fn repeatable(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_in_each_tenth_of_a_second_is_held_up_and_its_answer_is_the_sum_all_the_same() {
        let (begun, mut held, mut tasks) = (Instant::now(), 0, 0);
        while begun.elapsed() < 3 * EVERY {
            let sent = Instant::now();
            assert_eq!(
                SumWithPauses.run(&mut Call::new(Value::Int(0), &[1, 2, 3])).unwrap(),
                Value::Int(6)
            );
            held += u32::from(sent.elapsed() >= PAUSE);
            tasks += 1;
        }
        assert!(held >= 1 && held < tasks, "{held} of {tasks}");
    }
}
