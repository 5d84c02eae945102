//! A task's outcome, now or later; many of them, as they come.

use std::fmt;
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;
use transport::Value;

use crate::data::Data;
use crate::dispatch::TaskRef;
use crate::handle::Handle;
use crate::outcome::Outcome;

/// A task's outcome, now or later. Dropping it forgets the outcome, not the task.
///
/// ```
/// use std::time::Duration;
/// use pool::Pool;
///
/// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); }
/// # example::main(|| {
/// let pool = Pool::builder().workers(1).build()?;
/// let slow = pool.submit("sleep", 30, ())?;
/// assert!(!slow.done());
/// // Not yet: the future comes back.
/// let slow = slow.result_timeout(Duration::from_millis(1)).unwrap_err();
/// assert!(slow.result().is_ok());
/// # Ok(()) });
/// ```
pub struct Future {
    pool: Handle,
    task: TaskRef,
}

impl Future {
    pub(crate) fn new(pool: Handle, task: TaskRef) -> Future {
        Future { pool, task }
    }

    /// Waits for the outcome.
    ///
    /// ```
    /// use pool::Pool;
    ///
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); }
    /// # example::main(|| {
    /// let pool = Pool::builder().workers(1).build()?;
    /// let odd = pool.submit("halve", 7, ())?.result();
    /// assert_eq!(odd.unwrap_err().to_string(), "7 is odd");
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    /// The task's.
    pub fn result(self) -> Outcome {
        let mut tasks = self.pool.tasks();
        loop {
            if let Some(outcome) = tasks.take(self.task.key) {
                return outcome;
            }
            tasks.wait(None);
        }
    }

    /// Waits for the outcome for `timeout`; then the future comes back, and the task goes
    /// on.
    ///
    /// ```
    /// use std::time::Duration;
    /// use pool::Pool;
    ///
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); }
    /// # example::main(|| {
    /// let pool = Pool::builder().workers(1).build()?;
    /// match pool.submit("halve", 8, ())?.result_timeout(Duration::from_secs(60)) {
    ///     Ok(outcome) => assert!(outcome.is_ok()),
    ///     Err(later) => panic!("task {} takes more than a minute", later.id()),
    /// }
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    /// The future itself: not yet.
    pub fn result_timeout(self, timeout: Duration) -> Result<Outcome, Future> {
        let started = Instant::now();
        loop {
            let mut tasks = self.pool.tasks();
            if let Some(outcome) = tasks.take(self.task.key) {
                return Ok(outcome);
            }
            let left = timeout.saturating_sub(started.elapsed());
            let came = tasks.wait(Some(left));
            drop(tasks);
            if left.is_zero() && !came {
                return Err(self);
            }
        }
    }

    /// Whether the outcome is there; looks, and does not wait.
    ///
    /// ```
    /// use pool::Pool;
    ///
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); }
    /// # example::main(|| {
    /// let pool = Pool::builder().workers(1).build()?;
    /// assert!(!pool.submit("sleep", 1000, ())?.done());
    /// # Ok(()) });
    /// ```
    pub fn done(&self) -> bool {
        let mut tasks = self.pool.tasks();
        while !tasks.is_done(self.task.key) && tasks.wait(Some(Duration::ZERO)) {}
        tasks.is_done(self.task.key)
    }

    /// Waits until the task is done.
    fn wait(&self) {
        let mut tasks = self.pool.tasks();
        while !tasks.is_done(self.task.key) {
            tasks.wait(None);
        }
    }

    /// Whether the outcome was collected already.
    pub(crate) fn is_there(&self) -> bool {
        self.pool.tasks().is_done(self.task.key)
    }

    /// Cancels the task, if no worker has it yet: its outcome is [`crate::TaskError::Cancelled`] then.
    /// False if it is too late, and the task goes on.
    ///
    /// ```
    /// use pool::{Pool, TaskError};
    ///
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); }
    /// # example::main(|| {
    /// let pool = Pool::builder().workers(1).depth(1).build()?;
    /// let first = pool.submit("sleep", 10, ())?;
    /// let second = pool.submit("sleep", 60_000, ())?;
    /// assert!(!first.cancel());
    /// assert!(second.cancel());
    /// assert_eq!(second.result(), Err(TaskError::Cancelled));
    /// # Ok(()) });
    /// ```
    pub fn cancel(&self) -> bool {
        self.pool.tasks().cancel(self.task.key)
    }

    /// The task's number, which no other of the last four billion tasks of its pool has.
    ///
    /// ```
    /// use pool::Pool;
    ///
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); }
    /// # example::main(|| {
    /// let pool = Pool::builder().workers(1).build()?;
    /// assert_ne!(pool.submit("halve", 2, ())?.id(), pool.submit("halve", 2, ())?.id());
    /// # Ok(()) });
    /// ```
    pub fn id(&self) -> u32 {
        self.task.id
    }
}

impl Drop for Future {
    fn drop(&mut self) {
        self.pool.tasks().forget(self.task.key);
    }
}

impl fmt::Debug for Future {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Future").field("id", &self.task.id).finish_non_exhaustive()
    }
}

/// Gives futures as their tasks come to be done; see [`crate::Pool::as_completed`].
///
/// ```
/// use pool::Pool;
///
/// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); }
/// # example::main(|| {
/// let pool = Pool::builder().workers(2).depth(1).build()?;
/// let tasks = [pool.submit("sleep", 300, ())?, pool.submit("sleep", 1, ())?];
/// let quick = tasks[1].id();
/// assert_eq!(pool.as_completed(tasks).next().unwrap().id(), quick);
/// # Ok(()) });
/// ```
pub struct AsCompleted {
    pool: Handle,
    /// By the keys of their tasks.
    waiting: FxHashMap<u32, Future>,
    /// Those of other pools.
    foreign: Vec<Future>,
    /// Those that came to be done before are not among `waiting`, or were given.
    place: u64,
}

impl AsCompleted {
    pub(crate) fn new(pool: Handle, futures: impl IntoIterator<Item = Future>) -> AsCompleted {
        let (ours, foreign): (Vec<Future>, Vec<Future>) =
            futures.into_iter().partition(|future| future.pool.is_same(&pool));
        let waiting = ours.into_iter().map(|future| (future.task.key, future)).collect();
        AsCompleted { pool, waiting, foreign, place: 0 }
    }

    fn add(&mut self, task: TaskRef) {
        self.waiting.insert(task.key, Future::new(self.pool.clone(), task));
    }
}

impl fmt::Debug for AsCompleted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsCompleted")
            .field("waiting", &(self.waiting.len() + self.foreign.len()))
            .finish_non_exhaustive()
    }
}

impl Iterator for AsCompleted {
    type Item = Future;

    fn next(&mut self) -> Option<Future> {
        if let Some(foreign) = self.foreign.pop() {
            foreign.wait();
            return Some(foreign);
        }
        if self.waiting.is_empty() {
            return None;
        }
        let mut tasks = self.pool.tasks();
        let key = loop {
            let mut done = tasks.done_from(self.place);
            if let Some((place, key)) = done.find(|(_, key)| self.waiting.contains_key(key)) {
                self.place = place;
                break key;
            }
            drop(done);
            tasks.wait(None);
        };
        drop(tasks);
        self.waiting.remove(&key)
    }
}

/// Gives outcomes as they come, each with its task's place in the input; see
/// [`crate::Pool::map_unordered`].
///
/// ```
/// use pool::Pool;
///
/// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); }
/// # example::main(|| {
/// let pool = Pool::builder().workers(2).build()?;
/// let sum: usize = pool.map_unordered("halve", (0..100).map(|n| (2 * n, ()))).map(|(at, _)| at).sum();
/// assert_eq!(sum, 4950);
/// # Ok(()) });
/// ```
pub struct MapUnordered<I> {
    job: String,
    tasks: std::iter::Enumerate<I>,
    places: FxHashMap<u32, usize>,
    completed: AsCompleted,
}

impl<I: Iterator> MapUnordered<I> {
    pub(crate) fn new(pool: Handle, job: &str, tasks: I) -> MapUnordered<I> {
        let completed = AsCompleted::new(pool, []);
        let tasks = tasks.enumerate();
        MapUnordered { job: job.into(), tasks, places: FxHashMap::default(), completed }
    }
}

impl<I, V, D> Iterator for MapUnordered<I>
where
    I: Iterator<Item = (V, D)>,
    V: Into<Value>,
    D: Into<Data>,
{
    type Item = (usize, Outcome);

    fn next(&mut self) -> Option<(usize, Outcome)> {
        while self.completed.pool.tasks().has_room() {
            let Some((place, (arg, data))) = self.tasks.next() else { break };
            match self.completed.pool.submit(&self.job, arg, data) {
                Ok(task) => {
                    self.places.insert(task.id, place);
                    self.completed.add(task);
                }
                Err(error) => return Some((place, Err(error))),
            }
        }
        let future = self.completed.next()?;
        let place = self.places.remove(&future.id())?;
        Some((place, future.result()))
    }
}
