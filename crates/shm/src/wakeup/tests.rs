//! What each kind of doorbell has to keep.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::testing::doorbell_and_words;
use super::*;

fn bell(wakeup: &dyn Wakeup) -> (Box<dyn Waiter>, Box<dyn Ringer>) {
    let (waiter, ringer, _) = doorbell_and_words(wakeup);
    (waiter, ringer)
}

/// A waiter that waited so long was not woken: its own last look found what had been there.
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
            // A sleeper does not poll instead.
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

#[test]
fn a_wait_of_any_length_is_a_wait() {
    for wakeup in ALL {
        for timeout in [Duration::MAX, Duration::from_secs(u64::MAX / 2)] {
            let (mut waiter, ringer) = bell(*wakeup);
            let published = Arc::new(AtomicU64::new(0));
            let seen = published.clone();
            let asleep = std::thread::spawn(move || {
                waiter.wait(&mut || seen.load(Acquire) > 0, Some(timeout))
            });
            std::thread::sleep(Duration::from_millis(5));
            published.store(1, Release);
            ringer.ring();
            assert!(asleep.join().unwrap(), "{}", wakeup.name());
        }
    }
}
