//! Ends a hub's wait from another thread.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Release};

use shm::wakeup::Ringer;

/// Ends a hub's wait from another thread.
///
/// The pool raises it when a worker has died. Shared memory has no end of file, and a stream has
/// none while a child process of the worker holds it open.
#[derive(Debug)]
pub struct Alarm {
    raised: AtomicBool,
    ringer: Option<Box<dyn Ringer>>,
}

impl Alarm {
    /// An alarm that wakes the hub through `ringer`; `None` where no hub sleeps.
    pub fn new(ringer: Option<Box<dyn Ringer>>) -> Arc<Alarm> {
        Arc::new(Alarm { raised: AtomicBool::new(false), ringer })
    }

    /// Ends the hub's current wait, or its next one, with [`crate::HubEvent::Alarm`].
    pub fn raise(&self) {
        // Release: publishes what the raising thread has written before; pairs with the Acquire in
        // `raised` and `take`.
        self.raised.store(true, Release);
        if let Some(ringer) = &self.ringer {
            ringer.ring();
            // A worker can write to the word that says whether the hub sleeps, so `ring` alone is
            // not enough.
            ringer.force_wake();
        }
    }

    /// Wakes a hub that sleeps, without raising the alarm.
    ///
    /// The owner of a hub that waits without a timeout calls it every
    /// [`shm::wakeup::LIVENESS_INTERVAL`]: a faulty worker can overwrite the word that says that
    /// the hub sleeps, and the hub is then not woken otherwise.
    pub fn force_wake(&self) {
        if let Some(ringer) = &self.ringer {
            ringer.force_wake();
        }
    }

    /// Whether it is raised.
    pub fn raised(&self) -> bool {
        self.raised.load(Acquire)
    }

    /// Lowers the alarm, and returns whether it was raised.
    pub fn take(&self) -> bool {
        self.raised.load(Acquire) && self.raised.swap(false, Acquire)
    }
}
