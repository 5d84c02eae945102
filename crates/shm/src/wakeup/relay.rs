//! A [`Relay`] waits and rings in the coordinator's stead, where a worker's death can lock a bell.
//!
//! Two threads for each worker: one passes the coordinator's rings on to the worker, one the worker's
//! to the coordinator. Either may be held for ever by a lock that died with its holder; then it is
//! given up, and with it its stack and the two segments that its bells lie in. The coordinator's own
//! thread never touches such a bell.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Release};
use std::thread::{self, Builder, Thread};

use super::doorbell::{Ringer, Waiter};

/// The coordinator's ringing end of one worker's bells. Dropping it gives both threads up.
#[derive(Debug)]
pub struct Relay {
    state: Arc<State>,
    outbound: Thread,
}

#[derive(Debug, Default)]
struct State {
    rung: AtomicBool,
    gone: AtomicBool,
}

/// The ends that a relay works at.
#[derive(Debug)]
pub struct RelayEnds {
    /// Rings the worker.
    pub worker: Box<dyn Ringer>,
    /// Waits for the worker's rings.
    pub heard: Box<dyn Waiter>,
    /// Rings where `heard` waits, to end that.
    pub end: Box<dyn Ringer>,
    /// Rings the coordinator, and never blocks.
    pub coordinator: Box<dyn Ringer>,
}

impl Relay {
    /// Starts both threads.
    ///
    /// # Errors
    /// The system has no thread left.
    pub fn start(stations: RelayEnds) -> io::Result<Relay> {
        let RelayEnds { worker, mut heard, end, coordinator } = stations;
        let state = Arc::new(State::default());
        let outbound = Builder::new().name("relay".into()).spawn({
            let state = state.clone();
            move || {
                while state.next_ring() {
                    worker.ring();
                }
                end.ring();
            }
        })?;
        let relay = Relay { state: state.clone(), outbound: outbound.thread().clone() };
        Builder::new().name("relay".into()).spawn(move || {
            // Acquire: pairs with the Release in `drop`; it guards nothing but itself.
            while !state.gone.load(Acquire) {
                // Finds nothing at its first look; its second look ends the wait.
                let mut slept = false;
                heard.wait(&mut || std::mem::replace(&mut slept, true), None);
                coordinator.ring();
            }
        })?;
        Ok(relay)
    }
}

impl State {
    /// Sleeps until it was rung; false if the relay is of no more use.
    fn next_ring(&self) -> bool {
        loop {
            // AcqRel: takes the last of all rings so far, and sees what was published before it.
            if self.rung.swap(false, AcqRel) {
                return true;
            }
            if self.gone.load(Acquire) {
                return false;
            }
            thread::park();
        }
    }
}

impl Ringer for Relay {
    fn ring(&self) {
        // AcqRel: publishes what came before to the thread that takes this ring, also where an earlier ring was not
        // taken yet: each swap reads the one before.
        if !self.state.rung.swap(true, AcqRel) {
            self.outbound.unpark();
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.state.gone.store(true, Release);
        self.outbound.unpark();
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::super::testing::doorbell_and_words;
    use super::super::{ALL, by_name};
    use super::*;

    /// A lock word that says "held, and another waits", as a holder leaves it that was killed.
    const HELD: u32 = 2;

    #[test]
    fn ringing_and_waiting_through_a_relay_never_hangs_on_a_lock_that_died_with_its_holder() {
        let fragile = ALL.iter().filter(|wakeup| wakeup.fallback().is_some());
        let names: Vec<_> = fragile.clone().map(|wakeup| wakeup.name()).collect();
        assert_eq!(names, ["event"]);
        for wakeup in fragile {
            let ((mut at_worker, worker, there), (heard, end, back)) =
                (doorbell_and_words(*wakeup), doorbell_and_words(*wakeup));
            let from_worker = wakeup.ringer(back.clone(), None).unwrap();
            let own = by_name(wakeup.fallback().unwrap().name()).unwrap();
            let (mut waiter, coordinator, _) = doorbell_and_words(own);
            let relay = Relay::start(RelayEnds { worker, heard, end, coordinator }).unwrap();

            // While both live, rings pass both ways.
            relay.ring();
            let mut slept = false;
            let asked = Instant::now();
            let mut second = || std::mem::replace(&mut slept, true);
            assert!(at_worker.wait(&mut second, Some(Duration::from_secs(20))));
            from_worker.ring();
            let mut slept = false;
            let mut second =
                || std::mem::replace(&mut slept, true) && asked.elapsed().as_nanos() > 0;
            assert!(waiter.wait(&mut second, Some(Duration::from_secs(20))));

            // A thread that needs one of these locks now waits for ever.
            there.word32(0).store(HELD, Release);
            back.word32(0).store(HELD, Release);
            let asked = Instant::now();
            (0..100).for_each(|_| relay.ring());
            assert!(!waiter.wait(&mut || false, Some(Duration::from_millis(20))));
            drop(relay);
            assert!(asked.elapsed() < Duration::from_secs(10));
        }
    }
}
