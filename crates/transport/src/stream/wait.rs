//! How the two ends of a stream wait.

use std::cell::RefCell;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::time::Timespec;
use shm::wakeup::{Backoff, MIN_SPINS, POLL_BUDGET, WaitStrategy, poll_spinning};

use crate::error::TransportError;

/// The wake-ups of stream transports.
pub(super) const WAITS: &[(&str, WaitStrategy)] = &[
    ("block", WaitStrategy::Sleep),
    ("hybrid", WaitStrategy::Hybrid),
    ("spin", WaitStrategy::Spin),
];

/// Polls before the core is yielded. Each is a system call; on the same core one is enough, since
/// nothing can come until the other side has run.
pub(super) fn spins(cross_core: bool) -> usize {
    if cross_core { MIN_SPINS } else { 1 }
}

pub(super) fn wait_strategy(
    transport: &'static str,
    wait: &str,
) -> Result<WaitStrategy, TransportError> {
    let found = WAITS.iter().find(|(name, _)| *name == wait);
    found.map(|(_, wait)| *wait).ok_or_else(|| TransportError::Unsupported {
        transport,
        what: format!("wake-up `{wait}`"),
        has: WAITS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", "),
    })
}

/// A worker's reading end, and how it waits there.
pub(super) struct ReadEnd {
    pub(super) fd: OwnedFd,
    pub(super) wait: WaitStrategy,
    pub(super) poll: RefCell<Backoff>,
}

impl ReadEnd {
    /// Waits until there is something to read, and reads it; 0 is end of file.
    pub(super) fn when_ready(
        &self,
        mut read: impl FnMut(&OwnedFd) -> Result<usize, Errno>,
    ) -> Result<usize, TransportError> {
        loop {
            let mut result = Err(Errno::AGAIN);
            let mut ready = || {
                result = read(&self.fd);
                !matches!(result, Err(Errno::AGAIN | Errno::INTR))
            };
            let found = match self.wait {
                WaitStrategy::Sleep => ready(),
                WaitStrategy::Spin => poll_spinning(&mut ready, Duration::MAX),
                WaitStrategy::Hybrid => self.poll.borrow_mut().poll(&mut ready, POLL_BUDGET),
            };
            match result {
                _ if !found => {}
                Ok(count) => return Ok(count),
                Err(Errno::CONNRESET) => return Ok(0),
                Err(error) => return Err(TransportError::system("read")(error)),
            }
            if self.wait == WaitStrategy::Hybrid {
                poll_fds(&mut [PollFd::new(&self.fd, PollFlags::IN)], None)?;
            }
        }
    }
}

/// Sleeps until one of `fds` is ready, or `timeout` has passed.
pub(super) fn poll_fds(
    fds: &mut [PollFd<'_>],
    timeout: Option<Duration>,
) -> Result<(), TransportError> {
    let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
    match poll(fds, timeout.as_ref()) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(TransportError::system("poll")(error)),
    }
}
