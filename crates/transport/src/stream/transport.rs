//! The implementation of `Transport` for all streams: one hub and one spoke.

use shm::wakeup::WaitStrategy;

use super::channel::StreamTransport;
use super::hub::StreamHub;
use super::spoke::StreamSpoke;
use super::wait::WAITS;
use crate::contract::Transport;
use crate::error::TransportError;
use crate::hub::Hub;
use crate::ledger::Ledger;
use crate::residency::Residency;
use crate::setup::{Handover, Setup};
use crate::spoke::Spoke;

impl Transport for StreamTransport {
    fn name(&self) -> &'static str {
        self.name
    }
    fn ledger(&self) -> Ledger {
        self.ledger
    }
    fn residencies(&self) -> &'static [Residency] {
        &[Residency::Place, Residency::Build]
    }
    fn wakeups(&self) -> Vec<(&'static str, WaitStrategy)> {
        WAITS.to_vec()
    }
    fn has_segment(&self) -> bool {
        false
    }
    fn hub(&'static self, setup: &Setup) -> Result<Box<dyn Hub>, TransportError> {
        Ok(Box::new(StreamHub::new(self, setup)?))
    }
    fn spoke(&self, handover: Handover) -> Result<Box<dyn Spoke>, TransportError> {
        Ok(Box::new(StreamSpoke::new(self, handover)?))
    }
}
