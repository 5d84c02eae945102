//! Leaves the list in a shared segment and sends only which slot: thirty-two bytes, whatever the
//! list's length.
//!
//! Ledger per task: place 1 copy (into the segment), resident 0; no read or write with futex,
//! event, spin or hybrid; 1 write and 1 read at each side with the pipe wake-up, 1 write with
//! eventfd. Each direction has a Lamport SPSC queue of descriptors and a doorbell. An answer's
//! list: no copy, it is read in the segment in which its worker built it; 1 if the caller takes it
//! out, or keeps more lists than there are spare slots.
//!
//! On another core a list of 32 KiB or more is placed in pieces: its task is sent after the first
//! piece, and the worker reads behind a watermark while the others are being written.

mod doorbells;
mod hub;
mod link;
mod plan;
mod spoke;

use shm::wakeup::{self, WaitStrategy};

use crate::contract::Transport;
use crate::error::TransportError;
use crate::hub::Hub;
use crate::ledger::Ledger;
use crate::residency::Residency;
use crate::setup::{Handover, Setup};
use crate::spoke::Spoke;

pub(crate) struct Shared;

impl Transport for Shared {
    fn name(&self) -> &'static str {
        "shared"
    }
    fn ledger(&self) -> Ledger {
        Ledger { copies: 1, writes: 0, reads: 0 }
    }
    fn residencies(&self) -> &'static [Residency] {
        Residency::ALL
    }
    fn wakeups(&self) -> Vec<(&'static str, WaitStrategy)> {
        wakeup::ALL.iter().map(|wakeup| (wakeup.name(), wakeup.wait_strategy())).collect()
    }
    fn has_segment(&self) -> bool {
        true
    }
    fn hub(&'static self, setup: &Setup) -> Result<Box<dyn Hub>, TransportError> {
        Ok(Box::new(hub::SharedHub::new(setup)?))
    }
    fn spoke(&self, handover: Handover) -> Result<Box<dyn Spoke>, TransportError> {
        Ok(Box::new(spoke::SharedSpoke::new(handover)?))
    }
}
