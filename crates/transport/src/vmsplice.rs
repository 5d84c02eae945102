//! Puts the pages of a list itself into a pipe, from where the worker copies them: the kernel copies
//! once where `pipe` lets it copy twice.
//!
//! Ledger per task: 1 copy (out of the pipe), 1 vmsplice and 1 read at the coordinator, 1 readv and 1
//! write at the worker, 1 wake-up each way. A list shorter than a page is written as in `pipe`: 2
//! copies and 1 writev, since referring to a page costs more than copying a part of it. An answer's
//! list: 2 copies as in `pipe`.
//!
//! The pipe refers to the pages until the worker has read them, so a list must lie still for so long.
//! The ledger sees to it: an answer comes after its worker has read the whole frame, a built list and
//! a frame's head are kept until then, and [`crate::List::Copy`] asks the same of the caller. Pages
//! are not gifted (SPLICE_F_GIFT): a worker copies them in any case, and the list stays ours.

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
    piece: PIECE,
    overlap_from: PIECE,
    body: Body::Pages,
};

/// Pages that go into the pipe at once for a worker on another core.
const PIECE: usize = 64 * 1024;

/// A pipe that is known to take pages.
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
    // It counts pages: the head is one, and a list may begin and end within one.
    Ok(Channel { read, write, capacity: capacity - 2 * PAGE })
}
