//! Settings are checked, workers started, and a pool is there.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex};

use transport::Setup;

use super::{Builder, MAX_IN_FLIGHT, MAX_WORKERS};
use crate::dispatch::{Dispatcher, Limits};
use crate::driver::{Driver, Shared};
use crate::error::PoolError;
use crate::handle::Handle;
use crate::pool::Pool;
use crate::shared_pool::SharedPool;
use crate::worker_group::{WorkerGroup, WorkerGroupPlan};

impl Builder {
    /// Starts the workers.
    ///
    /// ```
    /// use pool::Pool;
    ///
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); }
    /// # example::main(|| {
    /// let builder = Pool::builder().workers(1);
    /// let (one, other) = (builder.clone().build()?, builder.build()?);
    /// assert_ne!(one.pids(), other.pids());
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    /// [`PoolError`]; nothing is left behind.
    pub fn build(self) -> Result<Pool, PoolError> {
        Ok(Pool(Handle::new(self.dispatcher()?)))
    }

    /// Starts the workers, and a thread that drives them: see [`SharedPool`].
    ///
    /// ```
    /// use pool::Pool;
    ///
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); }
    /// # example::main(|| {
    /// let pool = Pool::builder().workers(1).build_shared()?;
    /// let half = std::thread::spawn(move || pool.submit("halve", 8, ())?.result()).join();
    /// assert_eq!(half.unwrap()?.value, 4.into());
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    /// [`PoolError`]; nothing is left behind.
    pub fn build_shared(self) -> Result<SharedPool, PoolError> {
        let bound = self.limits.bound;
        let mut tasks = self.dispatcher()?;
        tasks.workers.return_on_alarm();
        let jobs = tasks.workers.jobs().iter().cloned().zip(0..).collect();
        let (inbox, moved, asked) = (Mutex::default(), Condvar::new(), Condvar::new());
        let (id, alarm) = (tasks.id, tasks.workers.hub().alarm());
        let shared = Arc::new(Shared { id, jobs, bound, inbox, moved, asked, alarm });
        SharedPool::start(Driver { tasks, shared, cells: HashMap::default() })
    }

    fn dispatcher(self) -> Result<Dispatcher, PoolError> {
        self.check()?;
        let transport = transport::by_name(&self.transport)
            .ok_or_else(|| PoolError::NoTransport(self.transport.clone()))?;
        let mut setup = self.setup;
        if setup.wakeup.is_empty() {
            setup.wakeup = transport.wakeups()[0].0.into();
        }
        setup.depth *= self.limits.chunk;
        let (launch, cores, initialiser) = (self.launch, self.cores, self.initialiser);
        let (padding, order) = (0, Vec::new());
        let limits = Limits { workers: setup.workers, depth: setup.depth, ..self.limits };
        let plan = WorkerGroupPlan { launch, transport, setup, initialiser, cores, padding, order };
        let mut group = WorkerGroup::start(&plan)?;
        if let Some(limit) = limits.task_timeout {
            // Sending is a wait too, and ends as soon as a task's time does. So does an initialiser.
            group.hub().set_stall(limit);
            group.set_task_timeout(limit);
        }
        Ok(Dispatcher::new(group, limits))
    }

    fn check(&self) -> Result<(), PoolError> {
        let Limits { chunk, bound, task_timeout, attempts, .. } = self.limits;
        let refuse = |field, value: String, why| Err(PoolError::Setting { field, value, why });
        match &self.setup {
            Setup { workers, .. } if !(1..=MAX_WORKERS).contains(workers) => {
                refuse("workers", workers.to_string(), "a pool has 1 to 64")
            }
            Setup { depth, .. } if *depth == 0 => {
                refuse("depth", depth.to_string(), "a worker holds at least one chunk")
            }
            _ if chunk == 0 => refuse("chunk", chunk.to_string(), "it has at least one task"),
            Setup { depth, .. } if depth.saturating_mul(chunk) > MAX_IN_FLIGHT => refuse(
                "chunk",
                chunk.to_string(),
                "a worker holds at most 65536 tasks, depth × chunk",
            ),
            _ if bound == 0 => {
                refuse("bound", bound.to_string(), "at least one task must be possible")
            }
            _ if attempts == 0 => {
                refuse("attempts", attempts.to_string(), "a task is begun at least once")
            }
            _ if task_timeout.is_some_and(|limit| limit.is_zero()) => {
                refuse("task_timeout", "0s".into(), "a task takes some time")
            }
            _ => Ok(()),
        }
    }
}
