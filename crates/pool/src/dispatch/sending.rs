//! Pending tasks are sent to workers.

use std::time::Duration;

use transport::{List, TransportError};

use super::{Dispatcher, State};
use crate::data::Data;
use crate::error::{PoolError, TaskError};
use crate::workers::Workers;

impl<W: Workers> Dispatcher<W> {
    /// Sends pending tasks, a chunk at a time, to the worker with the shortest queue.
    pub(super) fn dispatch_pending(&mut self) {
        while !self.pending.is_empty() {
            let takes_tasks =
                |worker: &usize| self.workers.is_ready(*worker) && !self.queues[*worker].killed;
            let ready = (0..self.queues.len()).filter(takes_tasks);
            let Some(worker) = ready.min_by_key(|worker| self.queues[*worker].tasks.len()) else {
                return;
            };
            let free = self.limits.depth - self.queues[worker].tasks.len();
            let chunk = self.limits.chunk.min(self.pending.len());
            if free < chunk {
                return;
            }
            if chunk > 1 {
                self.workers.cork(worker);
            }
            let all = (0..chunk).all(|_| self.dispatch_next(worker));
            if chunk > 1 {
                self.workers.uncork(worker);
            }
            if !all {
                return;
            }
        }
    }

    /// Sends the first pending task to `worker`; false if it must wait for a room.
    fn dispatch_next(&mut self, worker: usize) -> bool {
        let Some(key) = self.pending.pop_front() else { return false };
        let Some(entry) = self.tasks.get_mut(key as usize) else { return true };
        let built = entry.data.take_if(|data| matches!(data, Data::Built(_)));
        let list = match (built, &entry.data) {
            (Some(Data::Built(room)), _) => List::Built(room.into_inner()),
            (_, Some(Data::Items(items))) => List::Copy(items),
            (_, Some(Data::Resident(list, part))) => List::Resident(list.inner(), part.clone()),
            _ => List::None,
        };
        match self.workers.send_task(worker, &entry.task, list) {
            // A closed end: the worker's death will be told. Until then the task is in its queue.
            Ok(()) | Err(TransportError::Disconnected) => {
                entry.state = State::Sent;
                let now = self.limits.task_timeout.map(|_| self.workers.now());
                let queue = &mut self.queues[worker];
                if queue.tasks.is_empty() {
                    queue.since = now;
                }
                queue.tasks.push_back(key);
                true
            }
            // An answer will free a room.
            Err(TransportError::Full { .. }) if self.is_busy() => {
                self.pending.push_front(key);
                false
            }
            Err(error) => {
                let no_room = matches!(error, TransportError::Full { .. });
                match no_room.then(|| self.next_with_a_room()).flatten() {
                    // Pending tasks may hold all rooms: one of them goes first, and gives its own back.
                    Some(next) => {
                        self.pending.push_front(key);
                        self.pending.push_front(next);
                    }
                    None => {
                        let why = PoolError::of_list(error).to_string();
                        self.finish(key, Err(TaskError::Unsent(why)));
                    }
                }
                true
            }
        }
    }

    /// Whether some worker has a task.
    fn is_busy(&self) -> bool {
        self.queues.iter().any(super::WorkerQueue::is_busy)
    }

    /// Takes the first task whose list lies in a room already out of the pending ones.
    fn next_with_a_room(&mut self) -> Option<u32> {
        let built = |key: &u32| {
            let data = self.tasks.get(*key as usize).and_then(|entry| entry.data.as_ref());
            matches!(data, Some(Data::Built(_)))
        };
        let at = self.pending.iter().position(built)?;
        self.pending.remove(at)
    }

    /// How long until some task will have taken too long.
    pub(super) fn until_overdue(&self) -> Option<Duration> {
        let limit = self.limits.task_timeout?;
        let now = self.workers.now();
        let running = self.queues.iter().filter(|queue| !queue.killed && queue.is_busy());
        let left = |since| limit.saturating_sub(now.saturating_duration_since(since));
        running.filter_map(|queue| Some(left(queue.since?))).min()
    }

    /// Kills workers whose task takes too long; their deaths will be told. Says whether anything came.
    #[inline]
    pub(super) fn end_overdue(&mut self) -> bool {
        if self.limits.task_timeout.is_none() || self.until_overdue() != Some(Duration::ZERO) {
            return false;
        }
        self.end_late_tasks()
    }

    #[cold]
    fn end_late_tasks(&mut self) -> bool {
        // Answers that are there already came in time, but for the other workers' that come meanwhile.
        let sent: usize = self.queues.iter().map(|queue| queue.tasks.len()).sum();
        let came =
            (0..sent + self.queues.len()).take_while(|_| self.poll_event(Some(Duration::ZERO)));
        let came = came.count() > 0;
        let Some(limit) = self.limits.task_timeout else { return came };
        let now = self.workers.now();
        for (worker, queue) in self.queues.iter_mut().enumerate() {
            let is_late =
                queue.since.is_some_and(|since| now.saturating_duration_since(since) >= limit);
            if is_late && !queue.killed && queue.is_busy() {
                queue.killed = true;
                queue.overdue = queue.tasks.front().copied();
                self.workers.kill_worker(worker);
            }
        }
        came
    }
}
