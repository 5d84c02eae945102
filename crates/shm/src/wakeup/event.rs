//! `event`: raw_sync's auto-reset event, a mutex and a condition variable in shared memory.
//!
//! Ledger: about two futex calls for each side, hidden in the C library; at the coordinator a
//! hand-over to a thread more, each way.
//!
//! The mutex is not robust: a worker killed inside `set` leaves it locked, and the next that needs it waits for
//! ever. So the coordinator leaves ringing and waiting to a [`super::relay::Relay`] for
//! each worker, and sleeps on a futex itself. A worker waits and rings itself: it ends with its
//! coordinator in any case.
//!
//! Nor is it safe against a worker's stray write: glibc asserts that a mutex is well formed, and aborts the
//! coordinator if it is not. So `event` is used only where it is asked for by name: for measuring, and to show what
//! becomes of locks. A program's pool is better off with any other.
//!
//! raw_sync adds seconds and nanoseconds apart and carries nothing over, so a wait that would end in
//! a later second of the wall clock than it began in, by other than whole seconds, fails at once. A
//! wait without a deadline therefore lasts a whole second, and one with a deadline goes in pieces
//! that end just before a second's edge; the edge itself is crossed awake. A wall clock that is set
//! back makes one piece last as much longer: the library knows no other clock.

use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use raw_sync::Timeout;
use raw_sync::events::{Event, EventImpl, EventInit, EventState};

use super::doorbell::{
    DOORBELL_BYTES, Ends, LIVENESS_INTERVAL, Ringer, WaitStrategy, Waiter, Wakeup,
};
use super::poll::Backoff;
use crate::span::Span;

const SECOND: Duration = Duration::from_secs(1);

/// Longer than raw_sync takes from our look at the wall clock to its own, as a rule; where it is
/// not, a wait fails at once and begins again.
const EDGE: Duration = Duration::from_micros(50);

#[derive(Debug)]
pub(super) struct EventWakeup;

impl Wakeup for EventWakeup {
    fn name(&self) -> &'static str {
        "event"
    }
    fn wait_strategy(&self) -> WaitStrategy {
        WaitStrategy::Sleep
    }
    fn create(&self, words: &Span) -> io::Result<Ends> {
        // SAFETY: `room` says that the object fits; the span is fresh, aligned and all zero.
        unsafe { Event::new(room(words), true) }.map_err(refused)?;
        Ok(Ends::default())
    }
    fn waiter(&self, words: Span, _fd: Option<OwnedFd>) -> io::Result<Box<dyn Waiter>> {
        Ok(Box::new(End::open(words)?))
    }
    fn ringer(&self, words: Span, _fd: Option<OwnedFd>) -> io::Result<Box<dyn Ringer>> {
        Ok(Box::new(End::open(words)?))
    }
    fn fallback(&self) -> Option<&'static dyn Wakeup> {
        Some(&super::futex::Futex)
    }
}

/// The event's object in shared memory, and the span that keeps it mapped.
struct End {
    event: Box<dyn EventImpl>,
    _words: Span,
}

// SAFETY: the event is a process-shared mutex and condition variable behind raw pointers; they may
// be used from any thread, and `_words` keeps them mapped.
unsafe impl Send for End {}
// SAFETY: as above; its methods take the mutex before they touch anything.
unsafe impl Sync for End {}

impl End {
    fn open(words: Span) -> io::Result<End> {
        // SAFETY: `create` made an event there before any end was opened or handed over.
        let (event, _bytes) = unsafe { Event::from_existing(room(&words)) }.map_err(refused)?;
        Ok(End { event, _words: words })
    }
}

impl Waiter for End {
    fn wait(&mut self, ready: &mut dyn FnMut() -> bool, patience: Option<Duration>) -> bool {
        let started = Instant::now();
        let whole = patience.unwrap_or(LIVENESS_INTERVAL);
        loop {
            if ready() {
                return true;
            }
            let left = whole.saturating_sub(started.elapsed());
            if left.is_zero() {
                return false;
            }
            let piece = if patience.is_none() { SECOND } else { left.min(until_edge()) };
            if piece.is_zero() {
                Backoff::new().poll(ready, EDGE);
            } else {
                // Rung, timed out, or refused since it crosses the edge after all: look again.
                let _ = self.event.wait(Timeout::Val(piece));
            }
        }
    }
}

/// How long a wait from now may be, so that it ends well before the wall clock's next second.
fn until_edge() -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let past = Duration::from_nanos(now.subsec_nanos().into());
    SECOND.saturating_sub(past + EDGE)
}

impl Ringer for End {
    fn ring(&self) {
        let _ = self.event.set(EventState::Signaled);
    }
}

impl std::fmt::Debug for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Event")
    }
}

/// Where the object lies.
fn room(words: &Span) -> *mut u8 {
    assert!(Event::size_of(Some(words.address())) <= DOORBELL_BYTES, "an event outgrew its bell");
    words.address()
}

fn refused(cause: Box<dyn std::error::Error>) -> io::Error {
    io::Error::other(cause.to_string())
}
