//! What ends a hub's sleep beside its streams.

use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::{read, write};
use shm::Descriptor;
use shm::wakeup::Ringer;

use crate::error::TransportError;
use crate::message::KNOCK;

/// An eventfd that a hub polls together with its streams; and for a hub that blocks in the read of one
/// pipe, a knock in that pipe.
///
/// To poll before each read would cost a tenth of a round trip through a pipe. A knock costs nothing until
/// it is needed: it is a frame without meaning, written through a fresh descriptor of the pipe's other end.
/// It is shorter than PIPE_BUF, so it lies between two frames if those are, too.
#[derive(Clone, Debug)]
pub(crate) struct AlarmEvent(Arc<Ends>);

#[derive(Debug)]
struct Ends {
    counter: OwnedFd,
    /// The pipe that the hub reads, or is about to. Its descriptor stays open while this is locked.
    blocked: Mutex<Option<RawFd>>,
}

impl AlarmEvent {
    pub(crate) fn new() -> Result<AlarmEvent, TransportError> {
        let counter = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK);
        let counter = counter.map_err(TransportError::system("eventfd"))?;
        Ok(AlarmEvent(Arc::new(Ends { counter, blocked: Mutex::new(None) })))
    }

    /// Readable from a ring until it is cleared.
    pub(crate) fn poll_fd(&self) -> PollFd<'_> {
        PollFd::new(&self.0.counter, PollFlags::IN)
    }

    #[cold]
    pub(crate) fn clear(&self) {
        // An error says that there was nothing to read: it is clear.
        let _ = read(&self.0.counter, &mut [0; size_of::<u64>()]);
    }

    /// Whoever rings from here on knocks in `pipe`; nothing, to take that back.
    #[inline]
    pub(crate) fn set_blocked(&self, pipe: Option<&OwnedFd>) {
        let pipe = pipe.map(AsRawFd::as_raw_fd);
        *self.0.blocked.lock().unwrap_or_else(PoisonError::into_inner) = pipe;
    }
}

impl Ringer for AlarmEvent {
    fn ring(&self) {
        // A counter that is full is not zero, which is all that is asked of it.
        let _ = write(&self.0.counter, &1u64.to_ne_bytes());
        let blocked = self.0.blocked.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(pipe) = *blocked else { return };
        // A socket cannot be opened: its reads end by themselves. A pipe that is full wakes its reader.
        let path = format!("/proc/self/fd/{pipe}");
        let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        if let Ok(end) = open(path, flags, Mode::empty()) {
            let knock = Descriptor { flags: KNOCK, ..Descriptor::default() };
            let _ = write(end, bytemuck::cast_slice(&knock.to_words()));
        }
    }
}
