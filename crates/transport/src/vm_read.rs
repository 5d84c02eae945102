//! Sends only the address of the list; the worker copies the list from the coordinator's memory
//! into its own.
//!
//! Ledger per task: 1 copy (process_vm_readv, called by the worker), 1 writev and 1 read at the
//! coordinator, 1 read, 1 process_vm_readv and 1 write at the worker, 1 wake-up each way.
//! Thirty-two bytes are sent, whatever the list's length. A longer list takes one process_vm_readv
//! for each 128 KiB, so that a job that reads it in parts finds each part in its cache. An answer's
//! list: 2 copies as in `pipe`.
//!
//! The list must not change or move until its answer, which comes after the worker has copied it:
//! the ledger of the hub keeps a built list until then, and [`crate::List::Copy`] requires it of
//! the caller. A worker accepts no length above its limit. If it cannot read a list, it refuses
//! that list and lives on.
//!
//! A process may read another's memory only under the rules of ptrace: the same user, a coordinator
//! that is dumpable, and what Yama, seccomp or a container allow. Under Yama's mode 1 a process can
//! be read by its ancestors alone, so a hub permits its own descendants to read it
//! (PR_SET_PTRACER). Each worker tries a read when it starts. Where that is forbidden, the worker
//! is refused before any task is sent.

use crate::ledger::Ledger;
use crate::pipe::pipe;
use crate::stream::{Body, REMOTE_READ_BYTES, StreamTransport};

pub(crate) static VM_READ: StreamTransport = StreamTransport {
    name: "vm_read",
    ledger: Ledger { copies: 1, writes: 1, reads: 1 },
    make: pipe,
    piece_bytes: usize::MAX,
    min_overlap_bytes: REMOTE_READ_BYTES,
    body: Body::RemoteAddress,
};
