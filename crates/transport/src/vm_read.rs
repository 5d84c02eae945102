//! Sends only where the list lies, and lets the worker copy it straight from the coordinator's
//! memory into its own.
//!
//! Ledger per task: 1 copy (process_vm_readv, made by the worker), 1 writev and 1 read at the
//! coordinator, 1 read, 1 process_vm_readv and 1 write at the worker, 1 wake-up each way. Thirty-two
//! bytes travel, whatever the list's length. A longer list takes a process_vm_readv for each 128 KiB,
//! so that a job that takes it in parts finds each in its cache. An answer's list: 2 copies as in `pipe`.
//!
//! The list must lie still until its answer, which comes after the worker has copied it: the ledger
//! keeps a built list until then, and [`crate::List::Copy`] asks the same of the caller. A worker
//! believes no length beyond its room. What it cannot read is a refused list, and it lives on.
//!
//! A process may read another's memory only under the rules of ptrace: the same user, a coordinator
//! that can be dumped, and what Yama, seccomp or a container say. Yama's mode 1 lets a process be
//! read by its ancestors alone, so a hub asks it, for this process, to let its own descendants read
//! it too (PR_SET_PTRACER). Each worker tries it when it takes its place: where it is forbidden,
//! that is the answer there, and no task is sent.

use crate::ledger::Ledger;
use crate::pipe::pipe;
use crate::stream::{Body, FETCH_BYTES, StreamTransport};

pub(crate) static VM_READ: StreamTransport = StreamTransport {
    name: "vm_read",
    ledger: Ledger { copies: 1, writes: 1, reads: 1 },
    make: pipe,
    piece: usize::MAX,
    overlap_from: FETCH_BYTES,
    body: Body::Address,
};
