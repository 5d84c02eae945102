//! Where one task's outcome is put by the thread that drives the pool, and taken by any other.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use crate::error::TaskError;
use crate::outcome::Outcome;

#[derive(Debug, Default)]
pub(crate) struct TaskCell {
    state: Mutex<State>,
    done: Condvar,
}

#[derive(Debug, Default)]
struct State {
    outcome: Option<Outcome>,
    is_done: bool,
    /// Whether a thread waits: a notification is a system call.
    is_waited_for: bool,
    waker: Option<Waker>,
}

impl TaskCell {
    /// Puts the outcome there, and wakes the thread or the async task that waits for it.
    pub(crate) fn finish(&self, outcome: Outcome) {
        let (waker, is_waited_for) = {
            let mut state = self.state();
            if state.is_done {
                return;
            }
            state.outcome = Some(outcome);
            state.is_done = true;
            (state.waker.take(), state.is_waited_for)
        };
        if is_waited_for {
            self.done.notify_all();
        }
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.state().is_done
    }

    /// The outcome, once it is there; nothing at `deadline`.
    pub(crate) fn wait(&self, deadline: Option<Instant>) -> Option<Outcome> {
        let mut state = self.state();
        while !state.is_done {
            state.is_waited_for = true;
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            state = match left {
                None => self.done.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(left) if left.is_zero() => return None,
                Some(left) => {
                    let woken = self.done.wait_timeout(state, left);
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        Some(take(&mut state))
    }

    /// As [`TaskCell::wait`], for an async task.
    pub(crate) fn poll(&self, context: &mut Context<'_>) -> Poll<Outcome> {
        let mut state = self.state();
        if state.is_done {
            return Poll::Ready(take(&mut state));
        }
        let waker = context.waker();
        if !state.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            state.waker = Some(waker.clone());
        }
        Poll::Pending
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The outcome of a task that is done. It is given once: a future that is polled further breaks the contract of
/// `std::future::Future`, and is told so.
fn take(state: &mut State) -> Outcome {
    let taken = || TaskError::Pool("the outcome was taken before".into());
    state.outcome.take().unwrap_or_else(|| Err(taken()))
}
