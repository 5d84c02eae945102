//! Sends every byte of a list through a Unix stream socket; each direction has a pair of sockets.
//!
//! Ledger per task: 2 copies (into the socket's buffers, out of them), 1 writev and 1 read at the
//! coordinator, 1 readv and 1 write at the worker, 1 wake-up each way. The kernel queues a long
//! write in pieces, so the worker reads the first while the rest is being written. An answer's
//! list: 2 copies as well.

use nix::sys::socket::{getsockopt, setsockopt, sockopt};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

use crate::error::TransportError;
use crate::ledger::Ledger;
use crate::stream::{Body, Channel, StreamTransport};

pub(crate) static SOCKET: StreamTransport = StreamTransport {
    name: "socket",
    ledger: Ledger { copies: 2, writes: 1, reads: 1 },
    make: sockets,
    piece_bytes: usize::MAX,
    min_overlap_bytes: QUEUED_BYTES,
    body: Body::Bytes,
};

/// The kernel queues longer writes in pieces of this size.
const QUEUED_BYTES: usize = 32 * 1024;

/// The size that is asked for; the system may give less.
const BUFFER_BYTES: usize = 1 << 20;

fn sockets() -> Result<Channel, TransportError> {
    let (read, write) =
        socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)
            .map_err(TransportError::system("socketpair"))?;
    let _ = setsockopt(&write, sockopt::SndBuf, &BUFFER_BYTES);
    let capacity = getsockopt(&write, sockopt::SndBuf).unwrap_or(4096);
    Ok(Channel { read, write, capacity })
}
