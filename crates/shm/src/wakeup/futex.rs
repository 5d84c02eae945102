//! `futex`: a flag "I sleep" and the kernel's queue behind it.
//!
//! Ledger: waiting 1 system call, ringing a sleeper 1, ringing somebody awake 0.
//!
//! The danger is the lost wake-up: the waiter looks, finds nothing, and falls asleep after the
//! ringer has found it awake. Both sides therefore write, then fence, then read what the other
//! wrote: the waiter the flag and then `ready`, the ringer the news and then the flag. Sequentially
//! consistent fences forbid that both miss.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::fence;
use std::time::{Duration, Instant};

use rustix::thread::futex;
use rustix::time::Timespec;

use super::{Ends, LOOK_AROUND, Regime, Ringer, Waiter, Wakeup};
use crate::span::Span;

const AWAKE: u32 = 0;
const ASLEEP: u32 = 1;
/// Half of the span that is the flag.
const FLAG: usize = 0;

#[derive(Debug)]
pub(super) struct Futex;

impl Wakeup for Futex {
    fn name(&self) -> &'static str {
        "futex"
    }
    fn regime(&self) -> Regime {
        Regime::Sleeping
    }
    fn create(&self, _words: &Span) -> io::Result<Ends> {
        Ok(Ends::default())
    }
    fn waiter(&self, words: Span, _fd: Option<OwnedFd>) -> io::Result<Box<dyn Waiter>> {
        Ok(Box::new(Sleeper(words)))
    }
    fn ringer(&self, words: Span, _fd: Option<OwnedFd>) -> io::Result<Box<dyn Ringer>> {
        Ok(Box::new(Sleeper(words)))
    }
}

/// Either end of a futex bell; `hybrid` sleeps on one too.
#[derive(Debug)]
pub(super) struct Sleeper(pub(super) Span);

impl Waiter for Sleeper {
    fn wait(&mut self, ready: &mut dyn FnMut() -> bool, patience: Option<Duration>) -> bool {
        if ready() {
            return true;
        }
        let patience = patience.unwrap_or(LOOK_AROUND);
        let flag = self.0.half(FLAG);
        let deadline = Instant::now() + patience;
        let mut left = patience;
        let got = loop {
            flag.store(ASLEEP, Relaxed);
            // The flag before the look: pairs with the fence in `ring`.
            fence(SeqCst);
            if ready() {
                break true;
            }
            if left.is_zero() {
                break false;
            }
            let timeout =
                Timespec { tv_sec: left.as_secs() as _, tv_nsec: left.subsec_nanos() as _ };
            // Sleeps only while the flag still says so. Woken, interrupted, timed out or too late
            // to sleep: in each case look again.
            let _ = futex::wait(flag, futex::Flags::empty(), ASLEEP, Some(&timeout));
            if ready() {
                break true;
            }
            left = deadline.saturating_duration_since(Instant::now());
        };
        flag.store(AWAKE, Relaxed);
        got
    }
}

impl Ringer for Sleeper {
    fn ring(&self) {
        let flag = self.0.half(FLAG);
        // What was published before the look at the flag: pairs with the fence in `wait`.
        fence(SeqCst);
        // Relaxed: the flag carries no data; of several ringers one alone wakes.
        if flag.load(Relaxed) == ASLEEP && flag.swap(AWAKE, Relaxed) == ASLEEP {
            let _ = futex::wake(flag, futex::Flags::empty(), 1);
        }
    }
}
