//! Looking until something is there: without a pause, or giving the core away now and then.

use std::time::{Duration, Instant};

/// Looks before giving the core away: enough for a peer that answers at once.
pub const LOOKS: usize = 16;

/// The same where nobody else wants the core, some ten microseconds.
const MOST_LOOKS: usize = 256;

/// A yield that is back so soon gave the core to nobody.
const ALONE: Duration = Duration::from_micros(1);

/// The budget of yielding looks before sleeping: longer than waking a sleeping core takes (some
/// 65 µs on a virtual machine), so that a peer that answers sooner never costs a wake-up.
pub const POLL_BUDGET: Duration = Duration::from_micros(250);

/// Looks in turn with whoever else wants the core, and learns from each yield whether anybody does.
///
/// Yielding is what keeps polling cheap where the peer needs this very core: a blind spin there lasts
/// until the scheduler's tick. But a yield is a system call, in which nothing is seen, and who waits
/// on a core of its own gains nothing by it: so after each yield that was back at once there are twice
/// as many looks before the next, and after one that was not, as few as at first.
#[derive(Debug)]
pub struct Yielding {
    fewest: usize,
    most: usize,
    looks: usize,
}

impl Yielding {
    /// For looks that are a load from memory.
    pub fn new() -> Yielding {
        Yielding { fewest: LOOKS, most: MOST_LOOKS, looks: LOOKS }
    }

    /// For dearer looks: always so many between two yields.
    pub fn every(looks: usize) -> Yielding {
        Yielding { fewest: looks, most: looks, looks }
    }

    /// Looks until `ready`, and says so, or until the end of `budget`.
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
            let before = Instant::now();
            if before - *started.get_or_insert(before) >= budget {
                return false;
            }
            std::thread::yield_now();
            self.looks = match before.elapsed() < ALONE {
                true => (2 * self.looks).min(self.most),
                false => self.fewest,
            };
        }
    }
}

impl Default for Yielding {
    fn default() -> Yielding {
        Yielding::new()
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
        let (mut cheap, mut dear) = (Yielding::new(), Yielding::every(3));
        // A yield can always meet somebody: some rounds find the core to themselves.
        let alone = (0..1000).any(|_| {
            cheap.poll(&mut || false, Duration::from_micros(50));
            cheap.looks > LOOKS
        });
        assert!(alone && cheap.looks <= MOST_LOOKS, "{cheap:?}");
        dear.poll(&mut || false, Duration::from_micros(50));
        assert_eq!(dear.looks, 3);
    }

    #[test]
    fn what_is_there_is_seen_at_the_first_look_and_what_is_not_at_the_end_of_the_budget() {
        let mut looks = 0;
        let mut ready = || {
            looks += 1;
            true
        };
        assert!(Yielding::new().poll(&mut ready, Duration::ZERO));
        assert_eq!(looks, 1);
        let begun = Instant::now();
        assert!(!Yielding::new().poll(&mut || false, Duration::from_millis(3)));
        assert!(begun.elapsed() >= Duration::from_millis(3));
    }
}
