//! The flag "I sleep": a waiter sets it before it sleeps, and a ringer calls the kernel only where it is set
//! (a Dekker-style handshake).
//!
//! The danger is the lost wake-up: the waiter looks, finds nothing, and falls asleep after the ringer
//! has found it awake. Both sides therefore write, then fence, then read what the other wrote: the
//! waiter the flag and then the news, the ringer the news and then the flag. Sequentially consistent
//! fences forbid that both miss.

use std::sync::atomic::Ordering::Relaxed;

use crate::protocol::{Orders, Site, Word};

/// No waiter sleeps.
pub const AWAKE: u32 = 0;
/// The waiter sleeps, or is about to.
pub const ASLEEP: u32 = 1;

/// Says "I sleep", looks once more, and then `sleep`s for as long as the flag says so; true if it
/// looked and there was something. Look again, for whatever reason the sleep ended.
#[inline]
pub fn sleep_unless_ready<W: Word<Value = u32>>(
    flag: &W,
    orders: &impl Orders,
    ready: &mut (impl FnMut() -> bool + ?Sized),
    sleep: impl FnOnce(&W),
) -> bool {
    // Relaxed: the fence orders it.
    flag.store(ASLEEP, Relaxed);
    // SeqCst: the flag before the look; pairs with the one in `wake_if_asleep`.
    orders.fence(Site::WaiterFence);
    if ready() {
        return true;
    }
    sleep(flag);
    false
}

/// Takes the flag down: no ringer needs to call the kernel.
#[inline]
pub fn clear<W: Word<Value = u32>>(flag: &W) {
    // Relaxed: a ringer that still sees it set rings for nothing.
    flag.store(AWAKE, Relaxed);
}

/// Wakes the waiter if it sleeps, by `wake`; of several ringers one alone does. Call it after publishing.
#[inline]
pub fn wake_if_asleep<W: Word<Value = u32>>(flag: &W, orders: &impl Orders, wake: impl FnOnce(&W)) {
    // SeqCst: the news before the look at the flag; pairs with the one in `sleep_unless_ready`.
    orders.fence(Site::RingerFence);
    // Relaxed: the flag carries no data; the kernel compares it once more under its own lock.
    if flag.load(Relaxed) == ASLEEP && flag.swap(AWAKE, Relaxed) == ASLEEP {
        wake(flag);
    }
}
