//! The contract of a transport: what it states about itself, and how its two halves are made.

use shm::wakeup::WaitStrategy;

use crate::error::TransportError;
use crate::hub::Hub;
use crate::ledger::Ledger;
use crate::residency::Residency;
use crate::setup::{Handover, Setup};
use crate::spoke::Spoke;

/// One way of carrying tasks.
pub trait Transport: Sync {
    /// The name on the command line and in records.
    fn name(&self) -> &'static str;

    /// Its costs per task. The conformance suite compares them with the kernel's counts.
    fn ledger(&self) -> Ledger;

    /// The residencies that it supports.
    fn residencies(&self) -> &'static [Residency];

    /// Its wake-ups: name and wait strategy, the default first.
    fn wakeups(&self) -> Vec<(&'static str, WaitStrategy)>;

    /// Whether its lists lie in a shared segment, whose kind and pages can be chosen.
    fn has_segment(&self) -> bool;

    /// Makes the coordinator's half.
    ///
    /// # Errors
    /// A system call failed, or `setup` asks for something that this transport does not have.
    fn hub(&'static self, setup: &Setup) -> Result<Box<dyn Hub>, TransportError>;

    /// Makes a worker's half from the result of [`Hub::attach`].
    ///
    /// # Errors
    /// The handover is not one of this transport, or a system call failed.
    fn spoke(&self, handover: Handover) -> Result<Box<dyn Spoke>, TransportError>;
}
