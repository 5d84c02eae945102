//! Ends a hub's sleep in poll(2) or read(2).

use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::{read, write};
use shm::Descriptor;
use shm::wakeup::Ringer;

use crate::error::TransportError;
use crate::message::KNOCK;

/// An eventfd that a hub polls together with its workers' descriptors. A hub that blocks in read(2)
/// on a single pipe is woken by a wake-up frame in that pipe instead.
///
/// Polling before each read would add a tenth to a round trip through a pipe. A wake-up frame costs
/// nothing until the alarm is raised: the ringing thread opens the pipe's writing end through
/// /proc/self/fd and writes a frame marked [`KNOCK`], which the hub discards. The frame is shorter
/// than PIPE_BUF, so its write is atomic; it lands between two replies if these are written
/// atomically as well.
#[derive(Clone, Debug)]
pub(crate) struct AlarmEvent(Arc<Ends>);

#[derive(Debug)]
struct Ends {
    counter: OwnedFd,
    /// The pipe in which a hub may block. While this is locked, the hub does not close it.
    pipe: Mutex<Option<RawFd>>,
}

impl AlarmEvent {
    pub(crate) fn new() -> Result<AlarmEvent, TransportError> {
        let counter = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK);
        let counter = counter.map_err(TransportError::system("eventfd"))?;
        Ok(AlarmEvent(Arc::new(Ends { counter, pipe: Mutex::new(None) })))
    }

    /// Readable from the first `ring` until `clear`.
    pub(crate) fn poll_fd(&self) -> PollFd<'_> {
        PollFd::new(&self.0.counter, PollFlags::IN)
    }

    #[cold]
    pub(crate) fn clear(&self) {
        // EAGAIN: the counter is zero already.
        let _ = read(&self.0.counter, &mut [0; size_of::<u64>()]);
    }

    /// From now on `ring` writes a wake-up frame to `pipe`; `None` ends that.
    pub(crate) fn set_pipe(&self, pipe: Option<&OwnedFd>) {
        let pipe = pipe.map(AsRawFd::as_raw_fd);
        *self.0.pipe.lock().unwrap_or_else(PoisonError::into_inner) = pipe;
    }
}

impl Ringer for AlarmEvent {
    fn ring(&self) {
        // EAGAIN: the counter is full, so it is readable already.
        let _ = write(&self.0.counter, &1u64.to_ne_bytes());
        let pipe = self.0.pipe.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(pipe) = *pipe else { return };
        // open(2) fails for a socket, whose reads have a timeout. EAGAIN in the write: the pipe is
        // full, so its reader does not sleep.
        let path = format!("/proc/self/fd/{pipe}");
        let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        if let Ok(end) = open(path, flags, Mode::empty()) {
            let knock = Descriptor { flags: KNOCK, ..Descriptor::default() };
            let _ = write(end, bytemuck::cast_slice(&knock.to_words()));
        }
    }
}
