//! Ends a hub's wait from outside.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Release};

use shm::wakeup::Ringer;

/// Ends a hub's wait from outside, as a worker's death must: shared memory has no end of file, and a stream
/// has none while a child of the worker's holds it open.
#[derive(Debug)]
pub struct Alarm {
    raised: AtomicBool,
    ringer: Option<Box<dyn Ringer>>,
}

impl Alarm {
    /// An alarm that rings `ringer`; none where no hub sleeps.
    pub fn new(ringer: Option<Box<dyn Ringer>>) -> Arc<Alarm> {
        Arc::new(Alarm { raised: AtomicBool::new(false), ringer })
    }

    /// The hub's wait, this one or the next, ends with [`HubEvent::Alarm`].
    pub fn raise(&self) {
        // Release: what the raiser noted down before is seen by whoever finds the alarm raised.
        self.raised.store(true, Release);
        if let Some(ringer) = &self.ringer {
            ringer.ring();
            // Where a worker can write into the words by which the hub says that it sleeps, these are a hint.
            ringer.force_wake();
        }
    }

    /// Has a hub that sleeps look around, though nothing may have come: whoever owns a hub that waits
    /// without patience does this now and then ([`shm::wakeup::LIVENESS_INTERVAL`]), since a worker that lies
    /// can make its hub sleep on.
    pub fn force_wake(&self) {
        if let Some(ringer) = &self.ringer {
            ringer.force_wake();
        }
    }

    /// Whether it is raised.
    pub fn raised(&self) -> bool {
        self.raised.load(Acquire)
    }

    /// Takes it down; says whether it was raised.
    pub fn take(&self) -> bool {
        self.raised.load(Acquire) && self.raised.swap(false, Acquire)
    }
}
