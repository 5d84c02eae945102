//! `hybrid`: looks for a while, giving the core away between looks, and then sleeps on a futex.
//!
//! Ledger: 0 system calls while both sides are quick and on cores of their own; a sched_yield per
//! 16 looks, or per 256 where no other thread wants the core; as `futex` once the budget is spent, and
//! beside a thread that computes on the same core.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use super::doorbell::{Ends, Ringer, WaitStrategy, Waiter, Wakeup};
use super::futex::Sleeper;
use super::poll::{Backoff, POLL_BUDGET};
use crate::span::Span;

#[derive(Debug)]
pub(super) struct Hybrid;

impl Wakeup for Hybrid {
    fn name(&self) -> &'static str {
        "hybrid"
    }
    fn wait_strategy(&self) -> WaitStrategy {
        WaitStrategy::Hybrid
    }
    fn create(&self, _words: &Span) -> io::Result<Ends> {
        Ok(Ends::default())
    }
    fn waiter(&self, words: Span, _fd: Option<OwnedFd>) -> io::Result<Box<dyn Waiter>> {
        Ok(Box::new(PollThenSleep { poll: Backoff::new(), sleep: Sleeper(words) }))
    }
    fn ringer(&self, words: Span, _fd: Option<OwnedFd>) -> io::Result<Box<dyn Ringer>> {
        Ok(Box::new(Sleeper(words)))
    }
}

#[derive(Debug)]
struct PollThenSleep {
    poll: Backoff,
    sleep: Sleeper,
}

impl Waiter for PollThenSleep {
    fn wait(&mut self, ready: &mut dyn FnMut() -> bool, patience: Option<Duration>) -> bool {
        let budget = patience.map_or(POLL_BUDGET, |patience| patience.min(POLL_BUDGET));
        self.poll.poll(ready, budget) || self.sleep.wait(ready, patience)
    }
}
