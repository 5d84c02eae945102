//! `futex`: a flag "I sleep" and the kernel's queue behind it.
//!
//! Ledger: waiting 1 system call, ringing a sleeper 1, ringing a waiter that is awake 0. A wait without a
//! timeout passes none to FUTEX_WAIT: arming and cancelling a timer costs about 10 % of a round trip on one
//! core.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::AtomicU32;
use std::time::{Duration, Instant};

use rustix::thread::futex;
use rustix::time::Timespec;

use super::doorbell::{Ends, Ringer, WaitStrategy, Waiter, Wakeup};
use super::flag;
use crate::protocol::RealOrderings;
use crate::span::Span;

/// Half of the span that is the flag.
const FLAG: usize = 0;
/// Not private: the other side is another process.
const FLAGS: futex::Flags = futex::Flags::empty();

#[derive(Debug)]
pub(super) struct Futex;

impl Wakeup for Futex {
    fn name(&self) -> &'static str {
        "futex"
    }
    fn wait_strategy(&self) -> WaitStrategy {
        WaitStrategy::Sleep
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
        let word = self.0.word32(FLAG);
        // A time that no clock reaches is no limit.
        let deadline = patience.and_then(|patience| Instant::now().checked_add(patience));
        let mut left = patience.filter(|_| deadline.is_some());
        let got = loop {
            let timeout = left.and_then(|left| Timespec::try_from(left).ok());
            // Sleeps only while the flag still says so. Woken, interrupted, timed out or too late
            // to sleep: in each case look again.
            let sleep = |word: &AtomicU32| {
                if left != Some(Duration::ZERO) {
                    let _ = futex::wait(word, FLAGS, flag::ASLEEP, timeout.as_ref());
                }
            };
            if flag::sleep_unless_ready(word, &RealOrderings, ready, sleep) || ready() {
                break true;
            }
            // Without a deadline a waiter that was woken for nothing returns, and may look around.
            let Some(deadline) = deadline.filter(|_| left != Some(Duration::ZERO)) else {
                break false;
            };
            left = Some(deadline.saturating_duration_since(Instant::now()));
        };
        flag::clear(word);
        got
    }
}

impl Ringer for Sleeper {
    fn ring(&self) {
        flag::wake_if_asleep(self.0.word32(FLAG), &RealOrderings, |word| {
            let _ = futex::wake(word, FLAGS, 1);
        });
    }
    fn force_wake(&self) {
        let _ = futex::wake(self.0.word32(FLAG), FLAGS, 1);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering::Relaxed;

    use super::*;
    use crate::wakeup::testing::doorbell_and_words;

    #[test]
    fn a_sleeper_whose_flag_a_liar_took_down_hears_no_ring_and_is_woken_by_a_nudge() {
        let (mut waiter, ringer, words) = doorbell_and_words(&Futex);
        let sleeper = std::thread::spawn(move || waiter.wait(&mut || false, None));
        while words.word32(FLAG).load(Relaxed) != flag::ASLEEP {
            std::thread::yield_now();
        }
        words.word32(FLAG).store(flag::AWAKE, Relaxed);
        // Until it sleeps nothing needs to wake it.
        while !sleeper.is_finished() {
            ringer.force_wake();
            std::thread::yield_now();
        }
        assert!(!sleeper.join().unwrap());
    }
}
