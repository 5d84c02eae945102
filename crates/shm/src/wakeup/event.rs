//! `event`: raw_sync's auto-reset event, a mutex and a condition variable in shared memory.
//!
//! Ledger: about two futex calls for each side, hidden in the C library.
//!
//! The mutex is not robust. A worker killed inside `set` takes it along and whoever needs it next
//! waits for ever, so [`Ringer::ring_without_blocking`] does not ring here: a waiter looks by
//! itself at least once a second instead. raw_sync's timeouts fail at once whenever they cross a
//! second, so waits are in whole seconds.

use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use raw_sync::Timeout;
use raw_sync::events::{Event, EventImpl, EventInit, EventState};

use super::{BELL_BYTES, Ends, Regime, Ringer, Waiter, Wakeup};
use crate::span::Span;

#[derive(Debug)]
pub(super) struct EventWakeup;

impl Wakeup for EventWakeup {
    fn name(&self) -> &'static str {
        "event"
    }
    fn regime(&self) -> Regime {
        Regime::Sleeping
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
    fn wait(&mut self, ready: &mut dyn FnMut() -> bool, patience: Duration) -> bool {
        let started = Instant::now();
        loop {
            if ready() {
                return true;
            }
            if started.elapsed() >= patience {
                return false;
            }
            let _timed_out = self.event.wait(Timeout::Val(Duration::from_secs(1)));
        }
    }
}

impl Ringer for End {
    fn ring(&self) {
        let _ = self.event.set(EventState::Signaled);
    }
    fn ring_without_blocking(&self) {}
}

impl std::fmt::Debug for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Event")
    }
}

/// Where the object lies.
fn room(words: &Span) -> *mut u8 {
    assert!(Event::size_of(Some(words.address())) <= BELL_BYTES, "an event outgrew its bell");
    words.address()
}

fn refused(cause: Box<dyn std::error::Error>) -> io::Error {
    io::Error::other(cause.to_string())
}
