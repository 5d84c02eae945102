//! `spin`: looks again and again and never gives its core away.
//!
//! Ledger: 0 system calls. The fastest answer there is while both sides have a core of their own,
//! and the slowest (a scheduler's tick) where they share one.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use super::doorbell::{Ends, LIVENESS_INTERVAL, Ringer, WaitStrategy, Waiter, Wakeup};
use super::poll::poll_spinning;
use crate::span::Span;

#[derive(Debug)]
pub(super) struct Spin;

impl Wakeup for Spin {
    fn name(&self) -> &'static str {
        "spin"
    }
    fn wait_strategy(&self) -> WaitStrategy {
        WaitStrategy::Spin
    }
    fn create(&self, _words: &Span) -> io::Result<Ends> {
        Ok(Ends::default())
    }
    fn waiter(&self, _words: Span, _fd: Option<OwnedFd>) -> io::Result<Box<dyn Waiter>> {
        Ok(Box::new(Spinner))
    }
    fn ringer(&self, _words: Span, _fd: Option<OwnedFd>) -> io::Result<Box<dyn Ringer>> {
        Ok(Box::new(Spinner))
    }
}

#[derive(Debug)]
struct Spinner;

impl Waiter for Spinner {
    fn wait(&mut self, ready: &mut dyn FnMut() -> bool, patience: Option<Duration>) -> bool {
        poll_spinning(ready, patience.unwrap_or(LIVENESS_INTERVAL))
    }
}

impl Ringer for Spinner {
    fn ring(&self) {}
}
