//! Puts the pages of a list into a pipe, out of which the worker copies them: one copy in the
//! kernel, where `pipe` takes two.
//!
//! Ledger per task: 1 copy (out of the pipe), 1 vmsplice and 1 read at the coordinator, 1 readv and
//! 1 write at the worker, 1 wake-up each way. A list shorter than a page is written as in `pipe`,
//! with 2 copies and 1 writev, since to refer to a page costs more than to copy a part of it. An
//! answer's list: 2 copies as in `pipe`.
//!
//! The pipe refers to the pages until the worker has read them, so the list must not change until
//! then. The hub's ledger ensures it: an answer comes after its worker has read the whole frame,
//! built lists and the heads of frames are kept until then, and [`crate::List::Copy`] requires it
//! of the caller. Pages are not gifted (SPLICE_F_GIFT): the worker copies them in any case, and the
//! list stays usable.

use std::io::IoSlice;

use nix::fcntl::{SpliceFFlags, vmsplice};

use crate::error::TransportError;
use crate::ledger::Ledger;
use crate::pipe::pipe;
use crate::stream::{Body, Channel, PAGE, StreamTransport};

pub(crate) static VMSPLICE: StreamTransport = StreamTransport {
    name: "vmsplice",
    ledger: Ledger { copies: 1, writes: 1, reads: 1 },
    make: pages,
    piece_bytes: PIECE_BYTES,
    min_overlap_bytes: PIECE_BYTES,
    body: Body::Spliced,
};

/// Bytes that are spliced at once for a worker on another core.
const PIECE_BYTES: usize = 64 * 1024;

/// A pipe into which vmsplice is allowed, which is tried.
fn pages() -> Result<Channel, TransportError> {
    let Channel { read, write, capacity } = pipe()?;
    let probe = vmsplice(&write, &[IoSlice::new(&[0])], SpliceFFlags::SPLICE_F_NONBLOCK);
    probe.map_err(|cause| TransportError::Forbidden {
        transport: "vmsplice",
        call: "vmsplice",
        cause: cause.into(),
        hint: "",
    })?;
    rustix::io::read(&read, &mut [0]).map_err(TransportError::system("read"))?;
    // The capacity is in pages: the head takes one, and a list can begin and end within one.
    Ok(Channel { read, write, capacity: capacity - 2 * PAGE })
}
