//! What a dispatcher needs of its workers, and of the clock: a group of processes, or a simulation.

use std::time::{Duration, Instant};

use transport::{List, Task, TransportError};

use crate::error::PoolError;
use crate::worker_group::{Event, WorkerGroup};

/// Workers that are numbered from 0.
pub(crate) trait Workers {
    /// What time it is.
    fn now(&self) -> Instant;

    /// Waits for the next event; without `timeout` for as long as it takes.
    ///
    /// # Errors
    /// No worker is left and none can be had, or the transport failed in a way that concerns no single
    /// worker.
    fn next_event(&mut self, timeout: Option<Duration>) -> Result<Event, PoolError>;

    /// Sends one task, as [`transport::Hub::send`].
    ///
    /// # Errors
    /// As there.
    fn send_task(
        &mut self,
        worker: usize,
        task: &Task,
        list: List<'_>,
    ) -> Result<(), TransportError>;

    /// From here to [`Workers::uncork`], tasks sent to `worker` may wait.
    fn cork(&mut self, worker: usize);

    /// Lets go what waits.
    fn uncork(&mut self, worker: usize);

    /// Kills a worker; its death will be told.
    fn kill_worker(&mut self, worker: usize);

    /// Has the place of a worker whose death was told filled again; that will be told.
    fn replace_worker(&mut self, worker: usize);

    /// Whether a worker may be sent tasks.
    fn is_ready(&self, worker: usize) -> bool;

    /// Process of a worker.
    fn pid_of(&self, worker: usize) -> u32;

    /// Whether a task of that job may be begun again where its worker died.
    fn may_repeat(&self, job: u16) -> bool;

    /// Names of the jobs that there are.
    fn job_names(&self) -> String;
}

impl Workers for WorkerGroup {
    #[inline]
    fn now(&self) -> Instant {
        Instant::now()
    }

    #[inline]
    fn next_event(&mut self, timeout: Option<Duration>) -> Result<Event, PoolError> {
        self.recv(timeout)
    }

    #[inline]
    fn send_task(
        &mut self,
        worker: usize,
        task: &Task,
        list: List<'_>,
    ) -> Result<(), TransportError> {
        self.hub().send(worker, task, list, None)
    }

    fn cork(&mut self, worker: usize) {
        self.hub().cork(worker);
    }

    fn uncork(&mut self, worker: usize) {
        // A closed end is told by the death behind it.
        let _ = self.hub().uncork(worker);
    }

    fn kill_worker(&mut self, worker: usize) {
        self.kill(worker);
    }

    fn replace_worker(&mut self, worker: usize) {
        self.begin_replacement(worker);
    }

    #[inline]
    fn is_ready(&self, worker: usize) -> bool {
        WorkerGroup::is_ready(self, worker)
    }

    #[inline]
    fn pid_of(&self, worker: usize) -> u32 {
        self.pid(worker).unwrap_or(0)
    }

    fn may_repeat(&self, job: u16) -> bool {
        self.repeatable(job)
    }

    fn job_names(&self) -> String {
        self.jobs().join(", ")
    }
}
