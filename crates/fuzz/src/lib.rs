//! Coverage-guided fuzzing of all input from a peer or a file: one function for each way in, and one
//! binary in src/bin for each function.
//!
//! What takes frames and descriptors is in crates/transport/tests/untrusted_peer, where each run of the tests
//! calls it too. It says what the plainest reader would make of the bytes, and allows so much memory.
#![forbid(unsafe_code)]

#[path = "../../transport/tests/untrusted_peer/bounds.rs"]
mod bounds;
mod control_socket;
mod list_file;
#[allow(dead_code, reason = "what flips bits while another thread looks is for the tests alone")]
#[path = "../../transport/tests/untrusted_peer/shared.rs"]
mod shared;
#[path = "../../transport/tests/untrusted_peer/stream.rs"]
mod stream;

use std::cell::RefCell;

pub use control_socket::control_socket;
pub use list_file::list_file;

/// Descriptors for a worker over shared memory: `Lists::accept`.
pub fn shared_worker(bytes: &[u8]) {
    thread_local!(static WORKER: RefCell<shared::Worker> = shared::Worker::new().into());
    WORKER.with_borrow_mut(|worker| worker.take(bytes));
}

/// What a worker that lies does to a hub of shared memory: rings, rooms, any word.
pub fn shared_hub(bytes: &[u8]) {
    thread_local!(static HUB: RefCell<shared::Coordinator> = shared::Coordinator::new().into());
    HUB.with_borrow_mut(|hub| hub.take(bytes));
}

/// A stream of tasks for a worker; the first byte says of which transport.
pub fn stream_worker(bytes: &[u8]) {
    thread_local!(static WORKERS: Vec<stream::Worker> =
        stream::STREAMS.map(stream::Worker::new).into());
    let Some((which, bytes)) = bytes.split_first() else { return };
    WORKERS.with(|workers| workers[usize::from(*which) % workers.len()].take(bytes));
}

/// A stream of answers for a hub; the first byte says of which transport.
pub fn stream_hub(bytes: &[u8]) {
    thread_local!(static HUBS: RefCell<Vec<stream::Coordinator>> =
        RefCell::new(stream::STREAMS.map(stream::Coordinator::new).into()));
    let Some((which, bytes)) = bytes.split_first() else { return };
    HUBS.with_borrow_mut(|hubs| {
        let which = usize::from(*which) % hubs.len();
        hubs[which].take(bytes);
    });
}
