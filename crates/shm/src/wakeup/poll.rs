//! Looking until something is there: without a pause, or giving the core away now and then.

use std::time::{Duration, Instant};

/// Looks before giving the core away: enough for a peer that answers at once.
pub const MIN_SPINS: usize = 16;

/// The same where no other thread wants the core, some ten microseconds.
const MAX_SPINS: usize = 256;

/// A yield that returns so soon gave the core to no other thread.
const ALONE: Duration = Duration::from_micros(1);

/// A thread that keeps the core for so long after a yield is no peer that answers at once.
const LOST: Duration = Duration::from_millis(1);

/// The budget of yielding looks before sleeping: longer than waking a sleeping core takes (some
/// 65 µs on a virtual machine), so that a peer that answers sooner never costs a wake-up.
pub const POLL_BUDGET: Duration = Duration::from_micros(250);

/// Polls that give up at once after a yield that lost the core, and at most so many when each further
/// try loses it again.
const MIN_PENALTY: u32 = 16;
const MAX_PENALTY: u32 = 4096;

/// Adaptive backoff: polls, yields its core now and then, and learns from each yield whether another thread
/// wants it.
///
/// Backoff is what keeps polling cheap where the peer needs this very core: a blind spin there lasts
/// until the scheduler's tick. But a yield is a system call, in which nothing is seen, and who waits
/// on a core of its own gains nothing by it: so after each yield that was back at once there are twice
/// as many looks before the next, and after one that was not, as few as at first. Beside a thread that
/// computes, a yield lasts as long as that thread's time slice, some milliseconds, and a sleeper gets the core
/// back sooner: so after such a yield a number of polls give up after their first looks, for the caller to sleep.
#[derive(Debug)]
pub struct Backoff {
    fewest: usize,
    most: usize,
    looks: usize,
    /// Polls that will give up at once.
    giving_up: u32,
    /// How many such polls there were after the last yield that lost the core.
    penalty: u32,
}

impl Backoff {
    /// For looks that are a load from memory.
    pub fn new() -> Backoff {
        Backoff { most: MAX_SPINS, ..Backoff::every(MIN_SPINS) }
    }

    /// For dearer looks: always so many between two yields.
    pub fn every(looks: usize) -> Backoff {
        Backoff { fewest: looks, most: looks, looks, giving_up: 0, penalty: 0 }
    }

    /// Looks until `ready`, and says so, or until the end of `budget`, or for as long as it pays.
    #[inline]
    pub fn poll(&mut self, ready: &mut dyn FnMut() -> bool, budget: Duration) -> bool {
        let mut started = None;
        loop {
            for _ in 0..self.looks {
                if ready() {
                    return true;
                }
                std::hint::spin_loop();
            }
            if self.giving_up > 0 {
                self.giving_up -= 1;
                return false;
            }
            let before = Instant::now();
            if before - *started.get_or_insert(before) >= budget {
                return false;
            }
            std::thread::yield_now();
            self.learn(before.elapsed());
        }
    }

    /// What a yield says that was back after that time.
    fn learn(&mut self, away: Duration) {
        self.looks = match away < ALONE {
            true => (2 * self.looks).min(self.most),
            false => self.fewest,
        };
        self.penalty = match away < LOST {
            true => 0,
            false => (2 * self.penalty).clamp(MIN_PENALTY, MAX_PENALTY),
        };
        self.giving_up = self.penalty;
    }
}

impl Default for Backoff {
    fn default() -> Backoff {
        Backoff::new()
    }
}

/// Looks until `ready` or the end of `patience`, and keeps the core for itself.
#[inline]
pub fn poll_spinning(ready: &mut dyn FnMut() -> bool, patience: Duration) -> bool {
    /// Looks between two looks at the clock, some tens of microseconds.
    const PER_CLOCK: usize = 4096;
    let mut started = None;
    loop {
        for _ in 0..PER_CLOCK {
            if ready() {
                return true;
            }
            std::hint::spin_loop();
        }
        if started.get_or_insert_with(Instant::now).elapsed() >= patience {
            return false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_core_that_nobody_wants_is_kept_for_longer_and_dear_looks_stay_as_they_are() {
        let (mut cheap, mut expensive) = (Backoff::new(), Backoff::every(3));
        let looks: Vec<usize> = (0..6)
            .map(|_| {
                cheap.learn(Duration::ZERO);
                expensive.learn(Duration::ZERO);
                cheap.looks
            })
            .collect();
        assert_eq!(looks, [32, 64, 128, 256, 256, 256]);
        cheap.learn(2 * ALONE);
        assert_eq!((cheap.looks, expensive.looks), (MIN_SPINS, 3));
    }

    #[test]
    fn after_a_yield_that_lost_the_core_polls_give_up_after_their_first_looks_for_a_while() {
        let mut poll = Backoff::every(3);
        let looks_of = |poll: &mut Backoff| {
            let mut looks = 0;
            let mut ready = || {
                looks += 1;
                false
            };
            poll.poll(&mut ready, Duration::from_micros(100));
            looks
        };
        for times in [MIN_PENALTY, 2 * MIN_PENALTY] {
            poll.learn(2 * LOST);
            let given_up = (0..times).all(|_| looks_of(&mut poll) == 3);
            assert!(given_up && poll.giving_up == 0, "{poll:?}");
        }
        assert!(looks_of(&mut poll) > 3, "then it yields again");
        poll.learn(Duration::from_micros(20));
        assert_eq!((poll.penalty, poll.giving_up), (0, 0));
        (0..40).for_each(|_| poll.learn(LOST));
        assert_eq!(poll.giving_up, MAX_PENALTY);
    }

    #[test]
    fn what_is_there_is_seen_at_the_first_look_and_what_is_not_at_the_end_of_the_budget() {
        let mut looks = 0;
        let mut ready = || {
            looks += 1;
            true
        };
        assert!(Backoff::new().poll(&mut ready, Duration::ZERO));
        assert_eq!(looks, 1);
        let begun = Instant::now();
        assert!(!Backoff::new().poll(&mut || false, Duration::from_millis(3)));
        assert!(begun.elapsed() >= Duration::from_millis(3));
    }
}
