//! A pool that several threads use, and that moves by itself.

use std::fmt;
use std::future::Future as StdFuture;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::{Context, Poll};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use transport::{TransportError, Value};

use crate::data::{Data, Resident, Room};
use crate::driver::{Driver, Request, Shared};
use crate::error::{PoolError, TaskError};
use crate::outcome::Outcome;
use crate::task_cell::TaskCell;

/// Worker processes that run jobs by name, driven by a thread of their own: tasks move, limits are kept and
/// workers are replaced while the program does something else. It can be cloned and used from any thread, and
/// its futures are awaited or waited for.
///
/// A [`crate::Pool`] has no such thread: it moves when it is called, and a task costs no hand-over to another
/// thread. Take that for many short tasks from one thread.
///
/// Dropping the last clone and the last future ends the workers.
///
/// ```
/// use pool::{Pool, Value};
///
/// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); }
/// # example::main(|| {
/// let pool = Pool::builder().workers(2).build_shared()?;
/// std::thread::scope(|scope| {
///     for number in 0..4 {
///         let pool = pool.clone();
///         scope.spawn(move || {
///             let half = pool.submit("halve", 2 * number, ()).unwrap().result().unwrap();
///             assert_eq!(half.value, Value::Int(number));
///         });
///     }
/// });
/// # Ok(()) });
/// ```
#[derive(Clone)]
pub struct SharedPool(Arc<Owner>);

/// A thread that waits for the bound is told; should it not be, it looks by itself.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// How long to wait for a room while no task is unfinished: another thread may hold it.
const MAX_IDLE_WAIT: Duration = Duration::from_secs(1);

/// Ends the driver when the last that needs it has gone.
struct Owner {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl SharedPool {
    pub(crate) fn start(driver: Driver) -> Result<SharedPool, PoolError> {
        let shared = driver.shared.clone();
        let thread = std::thread::Builder::new().name("pool".into()).spawn(|| driver.run())?;
        Ok(SharedPool(Arc::new(Owner { shared, thread: Some(thread) })))
    }

    /// Submits one task: `job` with an argument and a list, or `()` for none. Where the pool has as many
    /// unfinished tasks as it may ([`crate::Builder::bound`]), this waits until one is done.
    ///
    /// ```
    /// use pool::{Pool, Value};
    ///
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); }
    /// # example::main(|| {
    /// let pool = Pool::builder().workers(1).longest_list(3).build_shared()?;
    /// let sum = pool.submit("sum", 0, [1, 2, 3])?;
    /// assert_eq!(sum.result()?.value, Value::Int(6));
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    /// As [`crate::Pool::submit`].
    pub fn submit(
        &self,
        job: &str,
        arg: impl Into<Value>,
        data: impl Into<Data>,
    ) -> Result<SharedFuture, TaskError> {
        let (arg, data) = (arg.into(), data.into());
        let shared = &self.0.shared;
        let job = *shared.jobs.get(job).ok_or_else(|| TaskError::UnknownJob {
            job: job.into(),
            known: shared.jobs.keys().cloned().collect::<Vec<_>>().join(", "),
        })?;
        data.check(shared.id)?;
        let mut inbox = shared.inbox();
        while inbox.ended.is_none() && inbox.unfinished >= shared.bound {
            inbox = shared.wait_until_moved(inbox, LOOK_INTERVAL);
        }
        if let Some(why) = &inbox.ended {
            return Err(TaskError::Pool(why.clone()));
        }
        inbox.unfinished += 1;
        let cell = Arc::new(TaskCell::default());
        shared.ask(inbox, Request::Submit { job, arg, data, cell: cell.clone() });
        Ok(SharedFuture { pool: self.clone(), cell })
    }

    /// Lends room for a list of `items` items, as [`crate::Pool::list`]. Where all rooms are taken by tasks,
    /// this waits until one is done; where other threads hold them, it waits for a second.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); }
    /// # example::main(|| {
    /// let pool = pool::Pool::builder().workers(1).longest_list(1000).build_shared()?;
    /// let mut room = pool.list(1000)?;
    /// room.items_mut().fill(1);
    /// assert_eq!(pool.submit("sum", 0, room)?.result()?.value, 1000.into());
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    /// As [`crate::Pool::list`].
    pub fn list(&self, items: usize) -> Result<Room, PoolError> {
        let mut idle_since = Instant::now();
        loop {
            let asked = self.ask(|answer| Request::Reserve { items, answer })?;
            let is_full = matches!(asked, Err(PoolError::Transport(TransportError::Full { .. })));
            if !is_full || idle_since.elapsed() > MAX_IDLE_WAIT {
                return asked;
            }
            let inbox = self.0.shared.inbox();
            if inbox.unfinished > 0 {
                idle_since = Instant::now();
            }
            // A room is also given back by dropping it, which is not told: look again soon.
            drop(self.0.shared.wait_until_moved(inbox, Duration::from_millis(2)));
        }
    }

    /// Places a list in the segment, for any number of tasks, as [`crate::Pool::place`].
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); }
    /// # example::main(|| {
    /// let builder = pool::Pool::builder().workers(1).longest_list(3).resident_lists(1);
    /// let pool = builder.build_shared()?;
    /// let list = pool.place(&[1, 2, 3])?;
    /// assert_eq!(pool.submit("sum", 0, (list, 1..3))?.result()?.value, 5.into());
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    /// As [`crate::Pool::place`].
    pub fn place(&self, list: &[i64]) -> Result<Resident, PoolError> {
        self.ask(|answer| Request::Place { list: list.to_vec(), answer })?
    }

    /// Process of each worker, as [`crate::Pool::pids`]; none if the pool has ended.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); }
    /// # example::main(|| {
    /// assert_eq!(pool::Pool::builder().workers(2).build_shared()?.pids().len(), 2);
    /// # Ok(()) });
    /// ```
    pub fn pids(&self) -> Vec<u32> {
        self.ask(|answer| Request::Pids { answer }).unwrap_or_default()
    }

    /// Asks the driver something, and waits for its answer.
    fn ask<T>(&self, request: impl FnOnce(Sender<T>) -> Request) -> Result<T, PoolError> {
        let (answer, answered): (_, Receiver<T>) = channel();
        let shared = &self.0.shared;
        shared.ask(shared.inbox(), request(answer));
        let ended = || {
            let why = shared.inbox().ended.clone();
            PoolError::NoWorkers { why: why.unwrap_or_else(|| "the pool has ended".into()) }
        };
        answered.recv().map_err(|_| ended())
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.shared.inbox().closed = true;
        self.shared.wake_driver();
        let Some(thread) = self.thread.take() else { return };
        // A waker that the driver calls may drop the last future: the thread does not wait for itself.
        if thread.thread().id() != std::thread::current().id() {
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for SharedPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedPool").finish_non_exhaustive()
    }
}

/// A task's outcome, now or later: for any thread, and for async code. Dropping it forgets the outcome, not the
/// task.
///
/// ```
/// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); }
/// # example::main(|| {
/// let pool = pool::Pool::builder().workers(1).build_shared()?;
/// let slow = pool.submit("sleep", 30, ())?;
/// let later = std::thread::spawn(move || slow.result());
/// assert!(later.join().unwrap().is_ok());
/// # Ok(()) });
/// ```
pub struct SharedFuture {
    pool: SharedPool,
    cell: Arc<TaskCell>,
}

impl SharedFuture {
    /// Waits for the outcome.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); }
    /// # example::main(|| {
    /// let pool = pool::Pool::builder().workers(1).build_shared()?;
    /// assert_eq!(pool.submit("halve", 8, ())?.result()?.value, 4.into());
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    /// The task's.
    pub fn result(self) -> Outcome {
        let closed = || Err(TaskError::Pool("the pool has ended".into()));
        self.cell.wait(None).unwrap_or_else(closed)
    }

    /// Waits for the outcome for `timeout`; then the future comes back, and the task goes on.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); }
    /// # example::main(|| {
    /// let pool = pool::Pool::builder().workers(1).build_shared()?;
    /// let slow = pool.submit("sleep", 200, ())?;
    /// let slow = slow.result_timeout(Duration::from_millis(1)).unwrap_err();
    /// assert!(slow.result().is_ok());
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    /// The future itself: not yet.
    pub fn result_timeout(self, timeout: Duration) -> Result<Outcome, SharedFuture> {
        self.cell.wait(Instant::now().checked_add(timeout)).ok_or(self)
    }

    /// Whether the outcome is there.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); }
    /// # example::main(|| {
    /// let pool = pool::Pool::builder().workers(1).build_shared()?;
    /// assert!(!pool.submit("sleep", 1000, ())?.done());
    /// # Ok(()) });
    /// ```
    pub fn done(&self) -> bool {
        self.cell.is_done()
    }

    /// Cancels the task, if no worker has it yet, as [`crate::Future::cancel`].
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); }
    /// # example::main(|| {
    /// let pool = pool::Pool::builder().workers(1).depth(1).build_shared()?;
    /// let _first = pool.submit("sleep", 50, ())?;
    /// let second = pool.submit("sleep", 60_000, ())?;
    /// assert!(second.cancel());
    /// assert_eq!(second.result(), Err(pool::TaskError::Cancelled));
    /// # Ok(()) });
    /// ```
    pub fn cancel(&self) -> bool {
        let cell = self.cell.clone();
        self.pool.ask(|answer| Request::Cancel { cell, answer }).unwrap_or(false)
    }
}

impl StdFuture for SharedFuture {
    type Output = Outcome;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Outcome> {
        self.cell.poll(context)
    }
}

impl fmt::Debug for SharedFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedFuture").field("done", &self.done()).finish_non_exhaustive()
    }
}
