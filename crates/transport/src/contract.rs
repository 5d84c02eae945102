//! What each transport says of itself, and that it makes both halves.

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

    /// Its costs, as it states them; the conformance suite holds the kernel's counts against it.
    fn ledger(&self) -> Ledger;

    /// Where lists can be.
    fn residencies(&self) -> &'static [Residency];

    /// How a waiting side can be woken: names and regimes, the default first.
    fn wakeups(&self) -> Vec<(&'static str, WaitStrategy)>;

    /// Whether lists lie in a segment, so that its kind is an axis.
    fn has_segment(&self) -> bool;

    /// The coordinator's half.
    ///
    /// # Errors
    /// The system refused, or `setup` names an axis that this transport does not have.
    fn hub(&'static self, setup: &Setup) -> Result<Box<dyn Hub>, TransportError>;

    /// A worker's half, from what [`Hub::attach`] gave.
    ///
    /// # Errors
    /// What came is not what this transport hands over.
    fn spoke(&self, handover: Handover) -> Result<Box<dyn Spoke>, TransportError>;
}
