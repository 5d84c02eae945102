//! How whoever waits learns that there is something to look at: one file per way.
//!
//! A bell has one waiter and any number of ringers. It carries no data: the waiter says what it
//! waits for as a question (`ready`), the ringer rings after publishing. A bell may ring for
//! nothing; it must never stay silent for something.
//!
//! To add a way: one file here, and one line in [`ALL`].

mod event;
mod eventfd;
pub mod flag;
mod futex;
mod hybrid;
mod pipe;
mod poll;
pub mod relay;
mod spin;

use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

pub use self::poll::{LOOKS, POLL_BUDGET, Yielding, poll_spinning};
use crate::span::Span;

/// Every way of waking, the default first.
pub static ALL: &[&dyn Wakeup] = &[
    &hybrid::Hybrid,
    &futex::Futex,
    &pipe::Pipe,
    &eventfd::Eventfd,
    &event::EventWakeup,
    &spin::Spin,
];

/// The wake-up of that name.
pub fn by_name(name: &str) -> Option<&'static dyn Wakeup> {
    ALL.iter().copied().find(|wakeup| wakeup.name() == name)
}

/// Bytes of the span that a bell needs.
pub const BELL_BYTES: usize = 256;

/// What a waiting side does. Transports are compared only within one wait strategy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum WaitStrategy {
    /// Sleeps in the kernel until it is woken.
    Sleep,
    /// Polls without a pause and keeps its core.
    Spin,
    /// Polls for a while, yielding its core in between, and then sleeps (adaptive waiting).
    Hybrid,
}

impl WaitStrategy {
    /// The word in records of schema 1.
    pub fn name(self) -> &'static str {
        match self {
            WaitStrategy::Sleep => "sleeping",
            WaitStrategy::Spin => "polling",
            WaitStrategy::Hybrid => "hybrid",
        }
    }
}

impl fmt::Display for WaitStrategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One way of waking: makes bells of its kind.
pub trait Wakeup: Sync + fmt::Debug {
    /// The name on the command line and in records.
    fn name(&self) -> &'static str;

    /// What its waiting end does.
    fn wait_strategy(&self) -> WaitStrategy;

    /// Makes a bell on fresh words, all zero, and the descriptors that its two ends need.
    ///
    /// # Errors
    /// The system refused.
    fn create(&self, words: &Span) -> io::Result<Ends>;

    /// The waiting end.
    ///
    /// # Errors
    /// The bell is not one of this kind.
    fn waiter(&self, words: Span, fd: Option<OwnedFd>) -> io::Result<Box<dyn Waiter>>;

    /// A ringing end.
    ///
    /// # Errors
    /// The bell is not one of this kind.
    fn ringer(&self, words: Span, fd: Option<OwnedFd>) -> io::Result<Box<dyn Ringer>>;

    /// What the coordinator sleeps on instead, where the death of a peer can lock a bell of this
    /// kind for ever. Each worker then has a bell of its own each way, with a [`relay::Relay`] at
    /// them, and both are made afresh for whoever replaces it. Only for kinds without descriptors.
    fn stand_in(&self) -> Option<&'static dyn Wakeup> {
        None
    }
}

/// Descriptors of a bell's two ends, where its kind has any.
#[derive(Debug, Default)]
pub struct Ends {
    /// For the waiter.
    pub wait: Option<OwnedFd>,
    /// For each ringer a copy.
    pub ring: Option<OwnedFd>,
}

/// The end that waits.
pub trait Waiter: Send + fmt::Debug {
    /// Waits until `ready` says yes, and says so; or until about `patience` has passed.
    ///
    /// It may return earlier with `false`. Without `patience` it may wait as long as it takes: somebody
    /// ends it with its peer, or nudges it ([`Ringer::nudge`]); kinds that can look around by themselves
    /// without cost do so after about [`LOOK_AROUND`].
    fn wait(&mut self, ready: &mut dyn FnMut() -> bool, patience: Option<Duration>) -> bool;
}

/// The end that rings.
pub trait Ringer: Send + Sync + fmt::Debug {
    /// Wakes the waiter if it sleeps. Call it after publishing.
    fn ring(&self);

    /// Wakes the waiter whatever the bell's words say, so that it looks around: a peer that lies may have
    /// written there that it is awake. Nothing, where no words can keep a waiter asleep.
    fn nudge(&self) {}
}

/// How long a side without a deadline sleeps before it looks around, or is nudged to do so.
pub const LOOK_AROUND: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;
    use std::sync::atomic::Ordering::{Acquire, Release};
    use std::sync::{Arc, Mutex};
    use std::time::Instant;

    use super::*;
    use crate::segment::{Kind, Segment, Use};

    pub(super) fn bell_and_words(wakeup: &dyn Wakeup) -> (Box<dyn Waiter>, Box<dyn Ringer>, Span) {
        let segment = Segment::create(Kind::Memfd, Use::Words, BELL_BYTES).unwrap();
        let words = Span::of(&segment, 0, BELL_BYTES);
        let ends = wakeup.create(&words).unwrap();
        let waiter = wakeup.waiter(words.clone(), ends.wait).unwrap();
        (waiter, wakeup.ringer(words.clone(), ends.ring).unwrap(), words)
    }

    fn bell(wakeup: &dyn Wakeup) -> (Box<dyn Waiter>, Box<dyn Ringer>) {
        let (waiter, ringer, _) = bell_and_words(wakeup);
        (waiter, ringer)
    }

    /// Whoever waits so long was not woken: its own look at the end found what had been there.
    const PATIENCE: Duration = Duration::from_secs(5);
    const PATIENT: Option<Duration> = Some(PATIENCE);

    /// The one property a bell must have: what is published before a ring is always seen.
    #[test]
    fn no_wake_up_is_lost_in_twenty_thousand_of_each_kind() {
        for wakeup in ALL {
            let rounds = if wakeup.wait_strategy() == WaitStrategy::Spin { 200 } else { 20_000 };
            let published = Arc::new(AtomicU64::new(0));
            let seen = Arc::new(AtomicU64::new(0));
            let (mut to_waiter, to_waiter_ringer) = bell(*wakeup);
            let (mut back, back_ringer) = bell(*wakeup);
            let waiter = std::thread::spawn({
                let (published, seen) = (published.clone(), seen.clone());
                move || {
                    for round in 1..=rounds {
                        let mut ready = || published.load(Acquire) >= round;
                        let asked = Instant::now();
                        while !to_waiter.wait(&mut ready, PATIENT) {}
                        assert!(asked.elapsed() < PATIENCE, "{} lost a ring", wakeup.name());
                        seen.store(round, Release);
                        back_ringer.ring();
                    }
                }
            });
            for round in 1..=rounds {
                published.store(round, Release);
                to_waiter_ringer.ring();
                let asked = Instant::now();
                while !back.wait(&mut || seen.load(Acquire) >= round, PATIENT) {}
                assert!(asked.elapsed() < PATIENCE, "{} lost a ring", wakeup.name());
            }
            waiter.join().unwrap();
        }
    }

    #[test]
    fn a_ring_without_anything_to_see_is_survived_and_patience_ends() {
        for wakeup in ALL {
            let (mut waiter, ringer) = bell(*wakeup);
            ringer.ring();
            let looks = Mutex::new(0);
            let mut never = || {
                *looks.lock().unwrap() += 1;
                false
            };
            let patience = Some(Duration::from_millis(1));
            assert!(!waiter.wait(&mut never, patience), "{}", wakeup.name());
            assert!(*looks.lock().unwrap() > 0);
            for patience in [None, Some(Duration::ZERO), patience] {
                assert!(waiter.wait(&mut || true, patience), "{}", wakeup.name());
            }
        }
    }

    /// In a second and more, so that waits begin and end on either side of a second's edge.
    #[test]
    fn patience_ends_in_time_whenever_the_wait_begins() {
        for wakeup in ALL {
            let (mut waiter, _ringer) = bell(*wakeup);
            let patience = Duration::from_millis(37);
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_millis(1200) {
                let asked = Instant::now();
                let mut looks = 0;
                let mut never = || {
                    looks += 1;
                    false
                };
                assert!(!waiter.wait(&mut never, Some(patience)));
                let took = asked.elapsed();
                // Whoever sleeps does not look again and again instead.
                let asleep = wakeup.wait_strategy() != WaitStrategy::Sleep || looks < 5000;
                assert!(asleep, "{} looked {looks} times", wakeup.name());
                assert!(took >= patience, "{} gave up after {took:?}", wakeup.name());
                assert!(took < 15 * patience, "{} waited {took:?}", wakeup.name());
            }
        }
    }

    #[test]
    fn names_are_unique_and_found() {
        for wakeup in ALL {
            assert_eq!(by_name(wakeup.name()).unwrap().name(), wakeup.name());
        }
        assert!(by_name("telepathy").is_none());
    }
}
