//! What a doorbell is: the two ends of one, and what makes doorbells of a kind.

use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use crate::span::Span;

/// Bytes of the span that a bell needs.
pub const DOORBELL_BYTES: usize = 256;

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
    /// The word on the command line and in records.
    pub fn name(self) -> &'static str {
        match self {
            WaitStrategy::Sleep => "sleep",
            WaitStrategy::Spin => "spin",
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
    /// kind for ever. Each worker then has a bell of its own each way, with a [`super::relay::Relay`] at
    /// them, and both are made anew for the worker that replaces it. Only for kinds without descriptors.
    fn fallback(&self) -> Option<&'static dyn Wakeup> {
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
    /// It may return earlier with `false`. Without `patience` it may wait as long as it takes: the supervisor
    /// ends it with its peer, or nudges it ([`Ringer::force_wake`]); kinds that can look around by themselves
    /// without cost do so after about [`LIVENESS_INTERVAL`].
    fn wait(&mut self, ready: &mut dyn FnMut() -> bool, patience: Option<Duration>) -> bool;
}

/// The end that rings.
pub trait Ringer: Send + Sync + fmt::Debug {
    /// Wakes the waiter if it sleeps. Call it after publishing.
    fn ring(&self);

    /// Wakes the waiter unconditionally, also where the words say that it is awake, so that it looks around: a peer that lies may have
    /// written there that it is awake. Nothing, where no words can keep a waiter asleep.
    fn force_wake(&self) {}
}

/// How long a side without a deadline sleeps before it looks around, or is nudged to do so.
pub const LIVENESS_INTERVAL: Duration = Duration::from_millis(200);
