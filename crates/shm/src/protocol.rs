//! What two sides write for each other, apart from where it lies: words, orderings and fences.
//!
//! [`crate::ring`] and [`crate::wakeup::flag`] are written once over these, and run over words of a
//! mapping or over words that a model checker watches (tests/loom.rs).

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

/// A word that both sides read and write.
pub trait Word {
    /// What it holds.
    type Value;
    /// Reads it.
    fn load(&self, order: Ordering) -> Self::Value;
    /// Writes it.
    fn store(&self, value: Self::Value, order: Ordering);
    /// Writes it, and says what was there.
    fn swap(&self, value: Self::Value, order: Ordering) -> Self::Value;
}

macro_rules! word {
    ($atomic:ty, $value:ty) => {
        impl Word for $atomic {
            type Value = $value;
            #[inline(always)]
            fn load(&self, order: Ordering) -> $value {
                self.load(order)
            }
            #[inline(always)]
            fn store(&self, value: $value, order: Ordering) {
                self.store(value, order);
            }
            #[inline(always)]
            fn swap(&self, value: $value, order: Ordering) -> $value {
                self.swap(value, order)
            }
        }
    };
}
word!(AtomicU64, u64);
word!(AtomicU32, u32);

/// A place whose ordering something depends on. Each is argued where it is used, and a model that
/// weakens it must fail (tests/loom.rs).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Site {
    /// A ring's producer stores an entry's mark.
    ProducerPublish,
    /// A ring's consumer loads an entry's mark.
    ConsumerLoad,
    /// A ring's consumer says how many entries it has taken.
    ConsumerRelease,
    /// A ring's producer reads how many entries were taken.
    ProducerAcquire,
    /// The waiter: between "I sleep" and its last look.
    WaiterFence,
    /// The ringer: between what it published and its look at the flag.
    RingerFence,
}

impl Site {
    /// All of them.
    pub const ALL: [Site; 6] = [
        Site::ProducerPublish,
        Site::ConsumerLoad,
        Site::ConsumerRelease,
        Site::ProducerAcquire,
        Site::WaiterFence,
        Site::RingerFence,
    ];
}

/// The orderings in force.
pub trait Orders {
    /// Of the atomic at `site`.
    fn of(&self, site: Site) -> Ordering;
    /// The fence at `site`.
    fn fence(&self, site: Site);
}

/// The orderings that are argued where they are used.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealOrderings;

impl Orders for RealOrderings {
    #[inline(always)]
    fn of(&self, site: Site) -> Ordering {
        match site {
            Site::ProducerPublish | Site::ConsumerRelease => Ordering::Release,
            Site::ConsumerLoad | Site::ProducerAcquire => Ordering::Acquire,
            Site::WaiterFence | Site::RingerFence => Ordering::SeqCst,
        }
    }
    #[inline(always)]
    fn fence(&self, site: Site) {
        fence(self.of(site));
    }
}
