//! What became of a task: the job's answer, or an error.

use shm::AnswerList;
use transport::Value;

use crate::error::TaskError;

/// What a job answered, and where it ran.
///
/// ```
/// use pool::{Pool, Value};
///
/// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); }
/// # example::main(|| {
/// let pool = Pool::builder().workers(1).longest_list(3).longest_answer(3).build()?;
/// let answer = pool.submit("squares", 0, vec![1, 2, 3])?.result()?;
/// assert_eq!(answer.value, Value::Int(3));
/// // Read where the worker built it, or copied out.
/// assert_eq!(answer.list.iter().sum::<i64>(), 14);
/// assert_eq!(answer.list.to_vec(), vec![1, 4, 9]);
/// assert_eq!((answer.worker, vec![answer.pid]), (0, pool.pids()));
/// # Ok(()) });
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// One word.
    pub value: Value,
    /// The list that the job left in [`crate::Call::answer`]; empty if it left none. Where lists are shared
    /// it lies where the worker built it: its items are read there, or copied out
    /// ([`AnswerList::into_vec`]). While it is kept the worker builds its next answers elsewhere, so it may
    /// be kept for as long as one likes; of a worker's, as many as its queue has tasks lie in place.
    pub list: AnswerList,
    /// Number of the worker.
    pub worker: usize,
    /// Its process.
    pub pid: u32,
    /// Workers that had it in their queues: more than one where one died with it.
    pub attempts: u32,
}

/// What became of a task.
///
/// ```
/// let outcome: pool::Outcome = Err(pool::TaskError::Cancelled);
/// assert_eq!(outcome.unwrap_err().to_string(), "the task was cancelled before it began");
/// ```
pub type Outcome = Result<Answer, TaskError>;
