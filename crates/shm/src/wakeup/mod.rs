//! How a waiting side learns that there is something to look at: one file for each kind of wake-up.
//!
//! A bell has one waiter and any number of ringers. It carries no data: the waiter says what it
//! waits for as a question (`ready`), the ringer rings after publishing. A bell may ring for
//! nothing; it must never stay silent for something.
//!
//! To add a way: one file here, and one line in [`ALL`].

mod doorbell;
mod event;
mod eventfd;
pub mod flag;
mod futex;
mod hybrid;
mod pipe;
mod poll;
pub mod relay;
mod spin;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use self::doorbell::{
    DOORBELL_BYTES, Ends, LIVENESS_INTERVAL, Ringer, WaitStrategy, Waiter, Wakeup,
};
pub use self::poll::{Backoff, MIN_SPINS, POLL_BUDGET, poll_spinning};

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
