//! `pipe`: a byte through a pipe, for nothing but its arrival.
//!
//! Ledger: 1 write and 1 read for each ring; a waiter with a deadline polls before it reads. Without
//! one it sleeps until a byte or the end of file, which comes when the last ringer is gone.

use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::time::Timespec;

use super::doorbell::{Ends, Ringer, WaitStrategy, Waiter, Wakeup};
use crate::span::Span;

#[derive(Debug)]
pub(super) struct Pipe;

impl Wakeup for Pipe {
    fn name(&self) -> &'static str {
        "pipe"
    }
    fn wait_strategy(&self) -> WaitStrategy {
        WaitStrategy::Sleep
    }
    fn create(&self, _words: &Span) -> io::Result<Ends> {
        let (wait, ring) = nix::unistd::pipe2(OFlag::O_CLOEXEC)?;
        // A full pipe means the waiter has a reason to wake: the ringer need not wait for it.
        fcntl(&ring, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        Ok(Ends { wait: Some(wait), ring: Some(ring) })
    }
    fn waiter(&self, _words: Span, fd: Option<OwnedFd>) -> io::Result<Box<dyn Waiter>> {
        Ok(Box::new(End(fd.ok_or(io::ErrorKind::InvalidInput)?)))
    }
    fn ringer(&self, _words: Span, fd: Option<OwnedFd>) -> io::Result<Box<dyn Ringer>> {
        Ok(Box::new(End(fd.ok_or(io::ErrorKind::InvalidInput)?)))
    }
}

#[derive(Debug)]
struct End(OwnedFd);

impl Waiter for End {
    fn wait(&mut self, ready: &mut dyn FnMut() -> bool, patience: Option<Duration>) -> bool {
        // As many bytes as rings may have gathered meanwhile.
        let mut rings = [0; 64];
        let started = patience.map(|_| Instant::now());
        loop {
            if ready() {
                return true;
            }
            if let (Some(patience), Some(started)) = (patience, started) {
                let left = patience.saturating_sub(started.elapsed());
                if left.is_zero() {
                    return false;
                }
                let timeout = Timespec::try_from(left).ok();
                match poll(&mut [PollFd::new(&self.0, PollFlags::IN)], timeout.as_ref()) {
                    Ok(0) | Err(Errno::INTR) => continue,
                    Ok(_) => {}
                    Err(_) => return ready(),
                }
            }
            match nix::unistd::read(&self.0, &mut rings) {
                Ok(0) => return ready(),
                Ok(_) | Err(nix::errno::Errno::EINTR) => {}
                Err(_) => return ready(),
            }
        }
    }
}

impl Ringer for End {
    fn ring(&self) {
        // EAGAIN: it is full of rings already. EPIPE: the waiter is gone.
        let _ = nix::unistd::write(&self.0, &[1]);
    }
}
