//! One worker's place: empty, being filled, or filled.

use std::time::{Duration, Instant};

use crate::error::PoolError;
use crate::supervisor::{ExitReason, WorkerExit};
use crate::worker::Worker;

/// How long a worker that has closed its end may take to end by itself.
pub(super) const MAX_CLOSING: Duration = Duration::from_secs(1);

/// What a place holds.
pub(super) enum State {
    /// No process, and none is wanted.
    Empty,
    /// No process; the next is started at that moment.
    Waiting(Instant),
    /// A process that has not taken the place yet.
    Starting(Worker, Stage, Instant),
    /// A process that cannot take its place, for this reason. It was killed, or closed its end at that
    /// moment and ends by itself.
    Refused(Worker, PoolError, Option<Instant>),
    /// A worker with tasks.
    Ready(Worker),
    /// A worker that closed its end at that moment: its death will be told.
    Closing(Worker, Instant),
}

/// What a starting process says next.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Hello,
    Ready,
}

/// A worker's place.
pub(super) struct Place {
    pub(super) state: State,
    pub(super) retry: Retry,
    /// Whether its worker has answered what it was not asked.
    pub(super) broke_protocol: bool,
    /// Whether it waits at its control socket.
    pub(super) parked: bool,
}

impl Place {
    pub(super) fn new() -> Place {
        Place { state: State::Empty, retry: Retry::default(), broke_protocol: false, parked: false }
    }

    /// Whether nothing is to be done here but for what the hub tells.
    pub(super) fn is_settled(&self) -> bool {
        matches!(self.state, State::Empty | State::Ready(_))
    }

    /// Its process, ready or not.
    pub(super) fn worker(&self) -> Option<&Worker> {
        match &self.state {
            State::Empty | State::Waiting(_) => None,
            State::Starting(worker, ..)
            | State::Refused(worker, ..)
            | State::Ready(worker)
            | State::Closing(worker, _) => Some(worker),
        }
    }

    /// Its process, if that has taken the place.
    pub(super) fn ready(&self) -> Option<&Worker> {
        match &self.state {
            State::Ready(worker) | State::Closing(worker, _) => Some(worker),
            _ => None,
        }
    }
}

/// A death that is told once everything that the dead worker had answered was told.
pub(super) struct Dying {
    pub(super) exit: WorkerExit,
    /// Arrivals after which nothing of its own can be left: the hub takes each worker's in turn.
    pub(super) arrivals_left: usize,
}

/// When to start a process again where one could not take its place: exponential backoff. A process that
/// was killed meanwhile says nothing of the next one, which is started at once.
#[derive(Debug, Default)]
pub(crate) struct Retry {
    failures: u32,
    killed: u32,
    why: Option<String>,
}

/// The first pause, and the longest.
const MIN_PAUSE: Duration = Duration::from_millis(10);
const MAX_PAUSE: Duration = Duration::from_secs(5);
/// Processes in a row that may be killed before that counts as a failure.
const MAX_KILLED: u32 = 32;
/// Failures after which a place is hopeless, while no other has a worker.
const MAX_FAILURES: u32 = 3;

impl Retry {
    /// Notes that a process could not take the place, and says how long to pause.
    pub(crate) fn pause_after(&mut self, fault: &PoolError) -> Duration {
        self.why = Some(fault.to_string());
        let was_killed =
            matches!(fault, PoolError::Died(exit) if matches!(exit.reason, ExitReason::Killed(_)));
        if was_killed && self.killed < MAX_KILLED {
            self.killed += 1;
            return Duration::ZERO;
        }
        self.failures += 1;
        let doublings = (self.failures - 1).min(16);
        (MIN_PAUSE * (1 << doublings)).min(MAX_PAUSE)
    }

    /// Whether it has failed so often that no worker can be expected.
    pub(crate) fn is_hopeless(&self) -> bool {
        self.failures >= MAX_FAILURES
    }

    /// Why there is no worker.
    pub(crate) fn why(&self) -> Option<&str> {
        self.why.as_deref()
    }

    /// A worker has taken the place.
    pub(crate) fn succeed(&mut self) {
        *self = Retry::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed() -> PoolError {
        PoolError::Attach { worker: 0, what: "no".into() }
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_begin_anew_after_a_success() {
        let mut retry = Retry::default();
        let pauses: Vec<u64> =
            (0..12).map(|_| retry.pause_after(&failed()).as_millis() as u64).collect();
        assert_eq!(pauses, [10, 20, 40, 80, 160, 320, 640, 1280, 2560, 5000, 5000, 5000]);
        assert!(retry.is_hopeless());
        retry.succeed();
        assert_eq!((retry.pause_after(&failed()), retry.is_hopeless()), (MIN_PAUSE, false));
    }

    #[test]
    fn a_process_that_is_killed_is_followed_at_once_unless_every_one_is() {
        let exit = WorkerExit { worker: 0, pid: 1, reason: ExitReason::Killed(9) };
        let mut retry = Retry::default();
        let pauses: Vec<Duration> =
            (0..33).map(|_| retry.pause_after(&PoolError::Died(exit))).collect();
        assert_eq!(pauses[..32], [Duration::ZERO; 32]);
        assert_eq!(pauses[32], MIN_PAUSE);
    }
}
