//! Messages of the control socket, with any number of descriptors.

use std::fs::File;
use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use serde::{Serialize, de::DeserializeOwned};

use crate::bounds::bounded;
use control::{Control, CoordinatorMessage, WorkerMessage};

/// The pool's own code; it is private there.
#[allow(dead_code, missing_docs, unreachable_pub, reason = "only the receiving half is asked here")]
#[path = "../../pool/src/control.rs"]
mod control;

/// Descriptors that are sent at most: twice as many as a message may have.
const MAX_SENT: usize = 16;
/// Memory for one message: its room, and what it says.
const MAX_BYTES: u64 = 256 * 1024;

/// Sends one message with as many descriptors as the first byte says, to a worker and to a
/// coordinator. Either understands it, or calls it an error, and no descriptor is left open.
pub fn control_socket(bytes: &[u8]) {
    let Some((count, message)) = bytes.split_first() else { return };
    // Whether a further packet is announced, which does not come.
    let message = [&[count >> 7], message].concat();
    let count = usize::from(*count) % (MAX_SENT + 1);
    receive::<CoordinatorMessage>(&message, count);
    receive::<WorkerMessage>(&message, count);
}

fn receive<M: DeserializeOwned + Serialize>(message: &[u8], count: usize) {
    let nowhere = OwnedFd::from(File::open("/dev/null").expect("/dev/null"));
    let before = lowest_free(&nowhere);
    let (ours, theirs) = Control::pair().expect("a pair of sockets");
    let fds: Vec<BorrowedFd<'_>> = vec![nowhere.as_fd(); count];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_SENT))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if count > 0 {
        ancillary.push(SendAncillaryMessage::ScmRights(&fds));
    }
    sendmsg(&theirs, &[IoSlice::new(message)], &mut ancillary, SendFlags::NOSIGNAL)
        .expect("room for one message");
    drop(theirs);
    let received = bounded(MAX_BYTES, || ours.recv::<M>(None));
    if let Ok(Some((said, fds))) = received {
        assert!(fds.len() <= count);
        let text = serde_json::to_string(&said).expect("it came as JSON");
        let again: M = serde_json::from_str(&text).expect("it was said by us");
        assert_eq!(serde_json::to_string(&again).expect("as before"), text);
    }
    drop(ours);
    assert_eq!(lowest_free(&nowhere), before, "a descriptor stayed open");
}

/// The number that the next descriptor gets.
fn lowest_free(fd: &OwnedFd) -> i32 {
    fd.try_clone().expect("a free descriptor").as_raw_fd()
}
