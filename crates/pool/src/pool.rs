//! Tasks in, outcomes out.
//!
//! A pool has no thread of its own on the way of a task: it moves when it is called. `submit` sends
//! as many tasks as workers may hold and keeps the rest pending; waiting for a result collects and
//! sends on.

use std::collections::VecDeque;
use std::fmt;

use transport::{TransportError, Value};

use crate::data::{Data, Resident, Room};
use crate::error::{PoolError, TaskError};
use crate::future::{AsCompleted, Future, MapUnordered};
use crate::handle::Handle;
use crate::outcome::Outcome;
use crate::worker_group::EmptyPlace;

/// Worker processes that run jobs by name. Dropping it and its futures ends them.
///
/// It belongs to one thread; a second thread has a second pool.
///
/// ```
/// use pool::{Call, Job, JobError, Pool, Value};
///
/// struct Twice;
/// impl Job for Twice {
///     fn name(&self) -> &'static str {
///         "twice"
///     }
///     fn run(&self, call: &mut Call<'_>) -> Result<Value, JobError> {
///         Ok(Value::Int(2 * call.int()?))
///     }
/// }
///
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     // In a worker process this line serves tasks and does not come back.
///     pool::serve_if_worker(&[&Twice]);
///     let pool = Pool::builder().workers(2).build()?;
///     let outcomes = pool.map("twice", (0..8).map(|number| (number, ())));
///     for (number, outcome) in (0..).zip(outcomes) {
///         assert_eq!(outcome?.value, Value::Int(2 * number));
///     }
///     Ok(())
/// }
/// ```
#[derive(Clone)]
pub struct Pool(pub(crate) Handle);

impl Pool {
    /// Submits one task: `job` with an argument and a list, or `()` for none. It is sent at once if
    /// a worker may hold one more. Where the pool has as many unfinished tasks as it may, this
    /// waits until one is done.
    ///
    /// ```
    /// use pool::{Pool, Value};
    ///
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); }
    /// # example::main(|| {
    /// let pool = Pool::builder().workers(1).longest_list(3).build()?;
    /// let sum = pool.submit("sum", 0, vec![1, 2, 3])?;
    /// assert_eq!(sum.result()?.value, Value::Int(6));
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    /// [`TaskError::UnknownJob`]; [`TaskError::Foreign`] and [`TaskError::OutOfRange`] for a list that is not
    /// this pool's, or has no such part; and [`TaskError::Pool`] where there is no pool any more. What else
    /// may happen to the task is told by its future.
    pub fn submit(
        &self,
        job: &str,
        arg: impl Into<Value>,
        data: impl Into<Data>,
    ) -> Result<Future, TaskError> {
        self.0.submit(job, arg, data).map(|task| Future::new(self.0.clone(), task))
    }

    /// Submits one task, or says that [`Pool::submit`] would have to wait.
    ///
    /// ```
    /// use pool::{Pool, TaskError};
    ///
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); }
    /// # example::main(|| {
    /// let pool = Pool::builder().workers(1).bound(1).build()?;
    /// let _busy = pool.try_submit("sleep", 50, ())?;
    /// let refused = pool.try_submit("sleep", 50, vec![1, 2]).unwrap_err();
    /// assert_eq!(refused.why, TaskError::WouldBlock { bound: 1 });
    /// // Nothing was lost: `refused.data` is the list.
    /// # assert!(matches!(refused.data, pool::Data::Items(_)));
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    /// As [`Pool::submit`], and [`TaskError::WouldBlock`]; the data comes back with it.
    pub fn try_submit(
        &self,
        job: &str,
        arg: impl Into<Value>,
        data: impl Into<Data>,
    ) -> Result<Future, TrySubmitError> {
        match self.0.try_submit(job, arg, data) {
            Ok(task) => Ok(Future::new(self.0.clone(), task)),
            Err((why, data)) => Err(TrySubmitError { why, data }),
        }
    }

    /// Runs `job` on each of `tasks`, an argument and a list each; outcomes are in their order.
    ///
    /// ```
    /// use pool::{Pool, Value};
    ///
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); }
    /// # example::main(|| {
    /// let pool = Pool::builder().workers(2).build()?;
    /// let outcomes = pool.map("halve", [(4, ()), (7, ()), (8, ())]);
    /// assert_eq!(outcomes[0].as_ref().unwrap().value, Value::Int(2));
    /// assert_eq!(outcomes[1].as_ref().unwrap_err().name(), "Odd");
    /// # Ok(()) });
    /// ```
    pub fn map<V: Into<Value>, D: Into<Data>>(
        &self,
        job: &str,
        tasks: impl IntoIterator<Item = (V, D)>,
    ) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        let mut waiting = VecDeque::new();
        for (arg, data) in tasks {
            match self.submit(job, arg, data) {
                Ok(future) => waiting.push_back(future),
                Err(error) => {
                    outcomes.extend(waiting.drain(..).map(Future::result));
                    outcomes.push(Err(error));
                }
            }
            // What is there already is taken, so that few outcomes pile up.
            while waiting.front().is_some_and(Future::is_there) {
                outcomes.extend(waiting.pop_front().map(Future::result));
            }
        }
        outcomes.extend(waiting.into_iter().map(Future::result));
        outcomes
    }

    /// Runs `job` on each of `tasks`, which are asked for as far as the pool has room; outcomes come
    /// as they are done, each with its task's place.
    ///
    /// ```
    /// use pool::Pool;
    ///
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); }
    /// # example::main(|| {
    /// let pool = Pool::builder().workers(2).depth(1).build()?;
    /// let sleeps = [(300, ()), (1, ())];
    /// let places: Vec<usize> = pool.map_unordered("sleep", sleeps).map(|(at, _)| at).collect();
    /// assert_eq!(places, [1, 0]);
    /// # Ok(()) });
    /// ```
    pub fn map_unordered<V, D, T>(&self, job: &str, tasks: T) -> MapUnordered<T::IntoIter>
    where
        V: Into<Value>,
        D: Into<Data>,
        T: IntoIterator<Item = (V, D)>,
    {
        MapUnordered::new(self.0.clone(), job, tasks.into_iter())
    }

    /// Gives each of `futures` as its task comes to be done. Those of another pool come first, each when that pool
    /// has done it.
    ///
    /// ```
    /// use std::collections::HashMap;
    /// use pool::Pool;
    ///
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); }
    /// # example::main(|| {
    /// let pool = Pool::builder().workers(2).build()?;
    /// let mut inputs = HashMap::new();
    /// let mut futures = Vec::new();
    /// for number in [4, 7, 8] {
    ///     let future = pool.submit("halve", number, ())?;
    ///     inputs.insert(future.id(), number);
    ///     futures.push(future);
    /// }
    /// for future in pool.as_completed(futures) {
    ///     let number = inputs[&future.id()];
    ///     assert_eq!(future.result().is_err(), number == 7);
    /// }
    /// # Ok(()) });
    /// ```
    pub fn as_completed(&self, futures: impl IntoIterator<Item = Future>) -> AsCompleted {
        AsCompleted::new(self.0.clone(), futures)
    }

    /// Lends room for a list of `items` items where the transport takes it from: with a shared
    /// segment it lies there, and is not copied again. Fill it and submit it. Where all rooms are
    /// taken by tasks, this waits until one is done.
    ///
    /// ```
    /// use pool::{Pool, Value};
    ///
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); }
    /// # example::main(|| {
    /// let pool = Pool::builder().workers(1).longest_list(1000).build()?;
    /// let mut room = pool.list(1000)?;
    /// room.items_mut().fill(1);
    /// assert_eq!(pool.submit("sum", 0, room)?.result()?.value, Value::Int(1000));
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    /// It is longer than [`crate::Builder::longest_list`], or the caller holds all rooms already.
    pub fn list(&self, items: usize) -> Result<Room, PoolError> {
        let mut tasks = self.0.tasks();
        loop {
            match tasks.workers.hub().reserve(items) {
                Err(TransportError::Full { .. }) if tasks.unfinished() > 0 => tasks.wait(None),
                other => {
                    return Ok(Room::new(other.map_err(PoolError::of_list)?, tasks.id));
                }
            };
        }
    }

    /// Places a list in the segment, for any number of tasks.
    ///
    /// ```
    /// use pool::{Pool, Value};
    ///
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); }
    /// # example::main(|| {
    /// let pool = Pool::builder().workers(2).longest_list(100).resident_lists(1).build()?;
    /// let list = pool.place(&[1; 100])?;
    /// let halves = [(0, (list.clone(), 0..50)), (0, (list, 50..100))];
    /// for half in pool.map("sum", halves) {
    ///     assert_eq!(half?.value, Value::Int(50));
    /// }
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    /// It is longer than [`crate::Builder::longest_list`], there are [`crate::Builder::resident_lists`] already,
    /// or the transport has no segment.
    pub fn place(&self, list: &[i64]) -> Result<Resident, PoolError> {
        let mut tasks = self.0.tasks();
        let placed = tasks.workers.hub().place(list).map_err(PoolError::of_list)?;
        Ok(Resident::new(placed, tasks.id))
    }

    /// Process of each worker, those that are starting among them; fewer than there are places while one
    /// cannot be filled ([`Pool::empty_places`]).
    ///
    /// ```
    /// use pool::Pool;
    ///
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); }
    /// # example::main(|| {
    /// assert_eq!(Pool::builder().workers(3).build()?.pids().len(), 3);
    /// # Ok(()) });
    /// ```
    pub fn pids(&self) -> Vec<u32> {
        self.0.tasks().workers.pids()
    }

    /// Places without a worker, and why: where a replacement cannot be started the others go on, and the
    /// pool tries again now and then.
    ///
    /// ```
    /// use pool::Pool;
    ///
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); }
    /// # example::main(|| {
    /// let pool = Pool::builder().workers(2).build()?;
    /// assert!(pool.empty_places().is_empty());
    /// # Ok(()) });
    /// ```
    pub fn empty_places(&self) -> Vec<EmptyPlace> {
        self.0.tasks().workers.empty_places()
    }

    /// Sends all workers to sleep, so that they disturb nothing else. The next task wakes them.
    ///
    /// ```
    /// use pool::Pool;
    ///
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); }
    /// # example::main(|| {
    /// let pool = Pool::builder().workers(2).build()?;
    /// pool.park()?;
    /// pool.unpark()?;
    /// assert!(pool.submit("halve", 8, ())?.result().is_ok());
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    /// [`PoolError::Busy`] while tasks are unfinished; or a worker died, which is replaced.
    pub fn park(&self) -> Result<(), PoolError> {
        self.0.tasks().park()
    }

    /// Wakes all workers that were parked.
    ///
    /// ```
    /// use pool::Pool;
    ///
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); }
    /// # example::main(|| {
    /// let pool = Pool::builder().workers(1).build()?;
    /// pool.park()?;
    /// pool.unpark()?;
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    /// A control socket failed in another way than by its worker's death.
    pub fn unpark(&self) -> Result<(), PoolError> {
        self.0.tasks().unpark()
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").finish_non_exhaustive()
    }
}

/// A task that was not submitted, and its list.
///
/// ```
/// use pool::Pool;
///
/// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); }
/// # example::main(|| {
/// let pool = Pool::builder().workers(1).build()?;
/// let refused = pool.try_submit("no such job", 0, ()).unwrap_err();
/// assert!(refused.to_string().starts_with("the workers have no job `no such job`"));
/// # Ok(()) });
/// ```
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub struct TrySubmitError {
    /// Why not.
    pub why: TaskError,
    /// Its list, for another time.
    pub data: Data,
}
