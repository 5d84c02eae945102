//! The thread that drives a [`crate::SharedPool`]: it sends what was submitted, takes answers, replaces workers
//! and ends tasks that are late, while the program does something else.
//!
//! Threads that use the pool leave requests in an inbox and raise the hub's alarm, which ends the driver's wait.
//! The dispatcher is the same as that of a [`crate::Pool`], which its caller drives instead.

use std::collections::HashMap;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustc_hash::FxBuildHasher;
use transport::{Alarm, Value};

use crate::data::{Data, PoolId, Resident, Room};
use crate::dispatch::Dispatcher;
use crate::error::{PoolError, TaskError};
use crate::task_cell::TaskCell;

/// What a thread asks of the driver.
pub(crate) enum Request {
    /// Do this task.
    Submit { job: u16, arg: Value, data: Data, cell: Arc<TaskCell> },
    /// End that task, if no worker has it yet.
    Cancel { cell: Arc<TaskCell>, answer: Sender<bool> },
    /// Lend room for a list of so many items.
    Reserve { items: usize, answer: Sender<Result<Room, PoolError>> },
    /// Place a list to stay.
    Place { list: Vec<i64>, answer: Sender<Result<Resident, PoolError>> },
    /// Say which processes there are.
    Pids { answer: Sender<Vec<u32>> },
}

/// What the driver and the threads that use the pool share.
pub(crate) struct Shared {
    pub(crate) id: PoolId,
    /// Numbers of the workers' jobs.
    pub(crate) jobs: HashMap<String, u16, FxBuildHasher>,
    pub(crate) bound: usize,
    pub(crate) inbox: Mutex<Inbox>,
    /// Tasks have come to be done, or the pool has ended.
    pub(crate) moved: Condvar,
    /// A request was left, or the pool was closed: for a driver that has no workers to wait for.
    pub(crate) asked: Condvar,
    pub(crate) alarm: Arc<Alarm>,
}

#[derive(Default)]
pub(crate) struct Inbox {
    requests: Vec<Request>,
    /// Submitted and not done.
    pub(crate) unfinished: usize,
    /// Why there is no more of this pool.
    pub(crate) ended: Option<String>,
    /// No further request will come.
    pub(crate) closed: bool,
    /// Threads that wait until something has moved.
    waiting: usize,
    /// The driver has no workers to wait for.
    resting: bool,
}

impl Shared {
    pub(crate) fn inbox(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leaves a request, and wakes the driver unless it has others to look at.
    pub(crate) fn ask(&self, mut inbox: MutexGuard<'_, Inbox>, request: Request) {
        let was_empty = inbox.requests.is_empty();
        inbox.requests.push(request);
        drop(inbox);
        if was_empty {
            self.wake_driver();
        }
    }

    /// Ends the driver's wait.
    pub(crate) fn wake_driver(&self) {
        if self.inbox().resting {
            self.asked.notify_one();
        } else {
            self.alarm.raise();
        }
    }

    /// Waits until tasks have come to be done or the pool has ended, or for `timeout`.
    pub(crate) fn wait_until_moved<'a>(
        &self,
        mut inbox: MutexGuard<'a, Inbox>,
        timeout: Duration,
    ) -> MutexGuard<'a, Inbox> {
        inbox.waiting += 1;
        let woken = self.moved.wait_timeout(inbox, timeout);
        let (mut inbox, _) = woken.unwrap_or_else(PoisonError::into_inner);
        inbox.waiting -= 1;
        inbox
    }

    /// Tells threads that wait that something has moved.
    fn tell_moved(&self, inbox: MutexGuard<'_, Inbox>) {
        let is_waited_for = inbox.waiting > 0;
        drop(inbox);
        if is_waited_for {
            self.moved.notify_all();
        }
    }
}

/// The driver: owned by its thread.
pub(crate) struct Driver {
    pub(crate) tasks: Dispatcher,
    pub(crate) shared: Arc<Shared>,
    /// By the keys of their tasks.
    pub(crate) cells: HashMap<u32, Arc<TaskCell>, FxBuildHasher>,
}

impl Driver {
    /// Works until the pool is closed.
    pub(crate) fn run(mut self) {
        while self.take_requests() {
            self.deliver();
            match self.tasks.check_alive() {
                Ok(()) => self.tasks.wait_for_any(),
                // There is nothing left to wait for but requests, which are refused.
                Err(_) => self.wait_for_requests(),
            }
        }
    }

    fn wait_for_requests(&self) {
        let mut inbox = self.shared.inbox();
        inbox.resting = true;
        while inbox.requests.is_empty() && !inbox.closed {
            inbox = self.shared.asked.wait(inbox).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Does what was asked for; false if nothing more will be.
    fn take_requests(&mut self) -> bool {
        loop {
            let mut inbox = self.shared.inbox();
            if inbox.requests.is_empty() {
                return !inbox.closed;
            }
            let requests = std::mem::take(&mut inbox.requests);
            drop(inbox);
            requests.into_iter().for_each(|request| self.answer(request));
        }
    }

    fn answer(&mut self, request: Request) {
        // An asker that has gone needs no answer.
        match request {
            Request::Submit { job, arg, data, cell } => {
                if let Err(told) = self.tasks.check_alive() {
                    cell.finish(Err(told));
                    self.shared.inbox().unfinished -= 1;
                    return;
                }
                let task = self.tasks.enqueue(job, arg, data);
                self.cells.insert(task.key, cell);
            }
            Request::Cancel { cell, answer } => {
                let key = self.cells.iter().find(|(_, other)| Arc::ptr_eq(other, &cell));
                let cancelled = key.map(|(key, _)| *key).is_some_and(|key| self.tasks.cancel(key));
                let _ = answer.send(cancelled);
            }
            Request::Reserve { items, answer } => {
                let reserved = self.tasks.workers.hub().reserve(items);
                let room = reserved.map(|room| Room::new(room, self.shared.id));
                let _ = answer.send(room.map_err(PoolError::of_list));
            }
            Request::Place { list, answer } => {
                let placed = self.tasks.workers.hub().place(&list);
                let resident = placed.map(|list| Resident::new(list, self.shared.id));
                let _ = answer.send(resident.map_err(PoolError::of_list));
            }
            Request::Pids { answer } => {
                let _ = answer.send(self.tasks.workers.pids());
            }
        }
    }

    /// Gives outcomes to those that wait for them.
    fn deliver(&mut self) {
        // Told before the outcomes: a thread that has one knows that no further task is taken.
        if let Err(TaskError::Pool(why)) = self.tasks.check_alive() {
            let mut inbox = self.shared.inbox();
            inbox.ended.get_or_insert(why);
            self.shared.tell_moved(inbox);
        }
        let done: Vec<u32> = self.tasks.done_from(0).map(|(_, key)| key).collect();
        if !done.is_empty() {
            let mut inbox = self.shared.inbox();
            inbox.unfinished -= done.len();
            self.shared.tell_moved(inbox);
        }
        for key in done {
            if let (Some(cell), Some(outcome)) = (self.cells.remove(&key), self.tasks.take(key)) {
                cell.finish(outcome);
            }
        }
    }
}

impl Drop for Driver {
    /// Also where it panicked: no task is left without an outcome.
    fn drop(&mut self) {
        let why = "the pool was closed before this task was done";
        let mut inbox = self.shared.inbox();
        let why = inbox.ended.get_or_insert_with(|| why.into()).clone();
        let left = std::mem::take(&mut inbox.requests);
        inbox.unfinished = 0;
        drop(inbox);
        let told = || Err(TaskError::Pool(why.clone()));
        self.cells.drain().for_each(|(_, cell)| cell.finish(told()));
        for request in left {
            if let Request::Submit { cell, .. } = request {
                cell.finish(told());
            }
        }
        self.shared.moved.notify_all();
    }
}
