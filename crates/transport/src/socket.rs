//! Sends every byte of a list through a Unix stream socket, one pair of sockets for each direction.
//!
//! Ledger per task: 2 copies (into the socket's buffers, out of them), 1 writev and 1 read at the
//! coordinator, 1 readv and 1 write at the worker, 1 wake-up each way. The kernel queues a long
//! write in pieces by itself, so the worker reads the first while the rest is still written.

use nix::sys::socket::{getsockopt, setsockopt, sockopt};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use shm::wakeup::Regime;

use crate::stream::{Streams, Way};
use crate::{Handover, Hub, Ledger, Residency, Setup, Spoke, Transport, TransportError, stream};

pub(crate) struct Socket;

impl Transport for Socket {
    fn name(&self) -> &'static str {
        "socket"
    }
    fn about(&self) -> &'static str {
        "every byte of the list through a Unix stream socket"
    }
    fn ledger(&self) -> Ledger {
        Ledger { copies: 2, writes: 1, reads: 1 }
    }
    fn residencies(&self) -> &'static [Residency] {
        &[Residency::Place, Residency::Build]
    }
    fn wakeups(&self) -> Vec<(&'static str, Regime)> {
        stream::WAITS.to_vec()
    }
    fn has_segment(&self) -> bool {
        false
    }
    fn hub(&self, setup: &Setup) -> Result<Box<dyn Hub>, TransportError> {
        stream::hub(SOCKETS, setup)
    }
    fn spoke(&self, handover: Handover) -> Result<Box<dyn Spoke>, TransportError> {
        stream::spoke(SOCKETS, handover)
    }
}

const SOCKETS: Streams =
    Streams { transport: "socket", make: sockets, piece: usize::MAX, codec: None };

/// Asked for; the system gives what it allows.
const BUFFER: usize = 1 << 20;

fn sockets() -> Result<Way, TransportError> {
    let (read, write) =
        socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)
            .map_err(TransportError::system("socketpair"))?;
    let _ = setsockopt(&write, sockopt::SndBuf, &BUFFER);
    let capacity = getsockopt(&write, sockopt::SndBuf).unwrap_or(4096);
    Ok(Way { read, write, capacity })
}
