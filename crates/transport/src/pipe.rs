//! Sends every byte of a list through a pipe, from the coordinator's list into the worker's.
//!
//! Ledger per task: 2 copies (into the pipe, out of it), 1 writev and 1 read at the coordinator, 1
//! readv and 1 write at the worker, 1 wake-up each way. A list longer than the pipe's capacity
//! takes more calls, and its two copies overlap. An answer's list: 2 copies as well.

use std::os::fd::OwnedFd;

use rustix::pipe::{PipeFlags, fcntl_getpipe_size, fcntl_setpipe_size, pipe_with};

use crate::error::TransportError;
use crate::ledger::Ledger;
use crate::stream::{Body, Channel, StreamTransport};

pub(crate) static PIPE: StreamTransport = StreamTransport {
    name: "pipe",
    ledger: Ledger { copies: 2, writes: 1, reads: 1 },
    make: pipe,
    piece_bytes: PIECE_BYTES,
    min_overlap_bytes: PIECE_BYTES,
    body: Body::Bytes,
};

/// Two pages, which the kernel keeps for each pipe instead of allocating new ones. At 400 kB with
/// polling, pieces of this size take half the time of a single write; 4 and 16 KiB take longer.
pub(crate) const PIECE_BYTES: usize = 8 * 1024;

/// Makes a pipe with the largest buffer that this user may have.
pub(crate) fn pipe() -> Result<Channel, TransportError> {
    let (read, write) = pipe_with(PipeFlags::CLOEXEC).map_err(TransportError::system("pipe2"))?;
    let capacity = enlarge(&write);
    Ok(Channel { read, write, capacity })
}

/// Sets the largest buffer size that the system allows, halving it while it is refused (the pipes
/// of a user share a limit), and returns the size in bytes.
fn enlarge(pipe: &OwnedFd) -> usize {
    let largest = std::fs::read_to_string("/proc/sys/fs/pipe-max-size");
    let mut ask = largest.ok().and_then(|text| text.trim().parse().ok()).unwrap_or(1 << 20);
    loop {
        let got = fcntl_getpipe_size(pipe).unwrap_or(4096);
        if ask <= got {
            return got;
        }
        if let Ok(got) = fcntl_setpipe_size(pipe, ask) {
            return got;
        }
        ask /= 2;
    }
}
