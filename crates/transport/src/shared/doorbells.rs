//! The doorbells of a hub and of its workers.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use shm::wakeup::relay::{Relay, RelayEnds};
use shm::wakeup::{DOORBELL_BYTES, Ends, Ringer, Waiter, Wakeup};
use shm::{Access, Grant, Kind, Segment, Span};

use crate::error::TransportError;

/// The hub's doorbell, which all workers ring, and the wake-up that makes theirs.
pub(super) struct Doorbells {
    wakeup: &'static dyn Wakeup,
    segment: Arc<Segment>,
    ring_fd: Option<OwnedFd>,
    /// The waiting end of the hub's doorbell.
    pub(super) waiter: Box<dyn Waiter>,
}

/// A segment's grant and its descriptor.
type Granted = (Grant, Option<OwnedFd>);
/// A new doorbell: its waiting end, a ringing end, and the descriptor for further ringing ends.
type NewDoorbell = (Box<dyn Waiter>, Box<dyn Ringer>, Option<OwnedFd>);

impl Doorbells {
    /// Makes the hub's doorbell, and returns a ringing end of it too.
    pub(super) fn new(
        wakeup: &'static dyn Wakeup,
    ) -> Result<(Doorbells, Box<dyn Ringer>), TransportError> {
        let segment = Segment::create(Kind::Memfd, Access::Words, DOORBELL_BYTES)?;
        let words = Span::of(&segment, 0, DOORBELL_BYTES);
        let ends = || -> io::Result<NewDoorbell> {
            let own = wakeup.fallback().unwrap_or(wakeup);
            let Ends { wait, ring } = own.create(&words)?;
            let copy = ring.as_ref().map(OwnedFd::try_clone).transpose()?;
            Ok((own.waiter(words.clone(), wait)?, own.ringer(words.clone(), copy)?, ring))
        };
        let (waiter, ringer, ring_fd) = ends().map_err(TransportError::system("a doorbell"))?;
        Ok((Doorbells { wakeup, segment, ring_fd, waiter }, ringer))
    }

    /// What a worker needs to ring the hub: the segment, and a descriptor if the wake-up has one.
    pub(super) fn grant(&self) -> Result<(Granted, Option<OwnedFd>), TransportError> {
        let ring_fd = self.ring_fd.as_ref().map(OwnedFd::try_clone).transpose();
        Ok((self.segment.grant()?, ring_fd.map_err(TransportError::system("dup of a doorbell"))?))
    }

    /// Makes a worker's doorbell at `bell`, and returns the coordinator's end of it and the
    /// descriptor for the worker's end. If the wake-up has a fallback, the worker rings the hub
    /// through a second doorbell at `back`.
    pub(super) fn for_worker(
        &self,
        bell: Span,
        back: Span,
    ) -> Result<(Box<dyn Ringer>, Option<OwnedFd>), TransportError> {
        self.make(bell, back).map_err(TransportError::system("a doorbell"))
    }

    fn make(&self, bell: Span, back: Span) -> io::Result<(Box<dyn Ringer>, Option<OwnedFd>)> {
        let Ends { wait, ring } = self.wakeup.create(&bell)?;
        let worker = self.wakeup.ringer(bell, ring)?;
        let Some(own) = self.wakeup.fallback() else { return Ok((worker, wait)) };
        let heard = self.wakeup.create(&back)?;
        let ends = RelayEnds {
            worker,
            heard: self.wakeup.waiter(back.clone(), heard.wait)?,
            end: self.wakeup.ringer(back, heard.ring)?,
            coordinator: own.ringer(Span::of(&self.segment, 0, DOORBELL_BYTES), None)?,
        };
        Ok((Box::new(Relay::start(ends)?), wait))
    }
}
