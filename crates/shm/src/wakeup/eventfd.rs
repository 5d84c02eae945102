//! `eventfd`: a counter in the kernel, watched by an edge-triggered epoll.
//!
//! Ledger: 1 write for each ring, 1 epoll_wait for each time the waiter sleeps. Edge-triggered epoll
//! reports every write, so the counter need not be read; it is only by a ringer that finds it full. An
//! epoll_wait can end by itself where a read cannot. There is no end of file, so a waiter returns now and
//! then, as with a futex.

use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, epoll, eventfd};
use rustix::io::Errno;
use rustix::time::Timespec;

use super::doorbell::{Ends, LIVENESS_INTERVAL, Ringer, WaitStrategy, Waiter, Wakeup};
use crate::span::Span;

#[derive(Debug)]
pub(super) struct Eventfd;

impl Wakeup for Eventfd {
    fn name(&self) -> &'static str {
        "eventfd"
    }
    fn wait_strategy(&self) -> WaitStrategy {
        WaitStrategy::Sleep
    }
    fn create(&self, _words: &Span) -> io::Result<Ends> {
        // A ringer never waits: it finds the counter full, or has room for its ring.
        let wait = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Ends { ring: Some(wait.try_clone()?), wait: Some(wait) })
    }
    fn waiter(&self, _words: Span, fd: Option<OwnedFd>) -> io::Result<Box<dyn Waiter>> {
        let counter = fd.ok_or(io::ErrorKind::InvalidInput)?;
        let edges = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(&edges, &counter, ONLY.data, ONLY.flags)?;
        Ok(Box::new(Watcher { edges, _counter: counter }))
    }
    fn ringer(&self, _words: Span, fd: Option<OwnedFd>) -> io::Result<Box<dyn Ringer>> {
        Ok(Box::new(Counter(fd.ok_or(io::ErrorKind::InvalidInput)?)))
    }
}

/// There is one descriptor to hear of, and its edges.
const ONLY: epoll::Event = epoll::Event {
    flags: epoll::EventFlags::IN.union(epoll::EventFlags::ET),
    data: epoll::EventData::new_u64(0),
};

#[derive(Debug)]
struct Watcher {
    edges: OwnedFd,
    /// An epoll forgets a descriptor that is closed.
    _counter: OwnedFd,
}

impl Waiter for Watcher {
    fn wait(&mut self, ready: &mut dyn FnMut() -> bool, patience: Option<Duration>) -> bool {
        let patience = patience.unwrap_or(LIVENESS_INTERVAL);
        let mut started = None;
        loop {
            if ready() {
                return true;
            }
            let left = patience.saturating_sub(match started {
                Some(started) => Instant::elapsed(&started),
                None => Duration::ZERO,
            });
            if left.is_zero() {
                return false;
            }
            started.get_or_insert_with(Instant::now);
            let mut edge = [ONLY];
            // Rung, interrupted or timed out: look again. An edge between the look above and this
            // call ends it at once.
            let _ = epoll::wait(&self.edges, &mut edge[..], Timespec::try_from(left).ok().as_ref());
        }
    }
}

#[derive(Debug)]
struct Counter(OwnedFd);

impl Ringer for Counter {
    fn ring(&self) {
        let ring = || rustix::io::write(&self.0, &1u64.to_ne_bytes());
        if ring() == Err(Errno::AGAIN) {
            // Full: another ringer has written so much at once. No write, no edge: make room first.
            let _ = rustix::io::read(&self.0, &mut [0u8; 8]);
            let _ = ring();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wakeup::testing::doorbell_and_words;

    #[test]
    fn a_ring_is_heard_at_once_also_where_another_ringer_has_filled_the_counter() {
        let (_, _, words) = doorbell_and_words(&Eventfd);
        let ends = Eventfd.create(&words).unwrap();
        let ring = ends.ring.unwrap();
        let liar = ring.try_clone().unwrap();
        let mut waiter = Eventfd.waiter(words.clone(), ends.wait).unwrap();
        let ringer = Eventfd.ringer(words, Some(ring)).unwrap();
        rustix::io::write(&liar, &(u64::MAX - 1).to_ne_bytes()).unwrap();
        // That edge is heard first.
        waiter.wait(&mut || false, Some(Duration::from_millis(1)));
        let asked = Instant::now();
        let ring = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(10));
            ringer.ring();
            ringer
        });
        let mut looks = 0;
        let mut second = || {
            looks += 1;
            looks > 1
        };
        assert!(waiter.wait(&mut second, Some(Duration::from_secs(10))));
        assert!(asked.elapsed() < Duration::from_secs(5), "it slept on");
        drop(ring.join().unwrap());
    }
}
