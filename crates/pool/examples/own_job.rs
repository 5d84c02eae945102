//! A job of one's own, in one's own program: how many steps does each number of a list take to 1 by
//! the rule of Collatz? `cargo run --release -p pool --example own_job`

use pool::{Call, Job, JobError, Pool, Value};
use serde::{Deserialize, Serialize};

/// Answers with the steps of each number of its list, and with the most of them.
struct Collatz;

#[derive(Debug, Serialize, Deserialize, thiserror::Error)]
#[error("{number} is not positive")]
struct NotPositive {
    number: i64,
}

impl Job for Collatz {
    fn name(&self) -> &'static str {
        "collatz"
    }
    fn run(&self, call: &mut Call<'_>) -> Result<Value, JobError> {
        let numbers = call.list()?;
        let answer = call.answer(numbers.len())?;
        for (steps, &number) in answer.iter_mut().zip(numbers) {
            if number < 1 {
                return Err(JobError::of(&NotPositive { number }));
            }
            let next = |n: &i64| Some(if n % 2 == 0 { n / 2 } else { 3 * n + 1 });
            *steps =
                std::iter::successors(Some(number), next).take_while(|n| *n != 1).count() as i64;
        }
        Ok(Value::Int(answer.iter().copied().max().unwrap_or(0)))
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // This program is its own worker: as one, it serves jobs here and does not come back.
    pool::serve_if_worker(&[&Collatz]);
    const PART: usize = 10_000;
    let pool = Pool::builder().longest_list(PART).longest_answer(PART).build()?;
    let mut futures = Vec::new();
    for start in (1..100_000).step_by(PART) {
        // Filled where the worker reads it: nothing is copied.
        let mut part = pool.list(PART)?;
        part.items_mut().iter_mut().zip(start..).for_each(|(item, number)| *item = number);
        futures.push(pool.submit("collatz", 0, part)?);
    }
    let mut total = 0;
    for future in pool.as_completed(futures) {
        // Read where the worker built it: nothing is copied here either.
        total += future.result()?.list.iter().sum::<i64>();
    }
    println!("numbers 1 to 100000 take {total} steps together");
    let error = pool.submit("collatz", 0, vec![6, -1])?.result().unwrap_err();
    println!("{error}; as its type: {:?}", error.downcast::<NotPositive>());
    Ok(())
}
