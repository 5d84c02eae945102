//! A tap: every pipe and socket between a hub and its worker goes through the test, which may change what
//! passes. What is left is passed on as it is, descriptors in messages included.

use std::collections::VecDeque;
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{FileType, OFlags, fcntl_getfl, fstat};
use rustix::net::sockopt::socket_type;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, recvmsg, sendmsg, socketpair,
};
use rustix::time::Timespec;
use transport::Handover;

/// More than any message of the tests.
const MAX_BYTES: usize = 256 * 1024;
const MAX_FDS: usize = 8;

/// The ways between a hub and one worker.
pub(crate) struct Tap {
    to_worker: Vec<Way>,
    to_hub: Vec<Way>,
}

/// One direction of a pipe or socket.
struct Way {
    from: OwnedFd,
    to: OwnedFd,
    is_socket: bool,
}

impl Tap {
    /// Puts itself between the hub that gave `handover` and the worker that takes the one given back.
    pub(crate) fn between(handover: Handover) -> (Handover, Tap) {
        let mut tap = Tap { to_worker: Vec::new(), to_hub: Vec::new() };
        let fds = handover.fds.into_iter().map(|fd| tap.take(fd)).collect();
        (Handover { plan: handover.plan, fds }, tap)
    }

    /// Whether tasks and answers pass here. tests/untrusted_peer covers shared memory.
    pub(crate) fn has_both_ways(&self) -> bool {
        !self.to_worker.is_empty() && !self.to_hub.is_empty()
    }

    /// Passes on what was sent to the worker, changed by `change`.
    pub(crate) fn pass_to_worker(&self, mut change: impl FnMut(&mut Vec<u8>)) {
        self.to_worker.iter().for_each(|way| way.pass(&mut change));
    }

    /// Passes on what was sent to the hub, changed by `change`.
    pub(crate) fn pass_to_hub(&self, mut change: impl FnMut(&mut Vec<u8>)) {
        self.to_hub.iter().for_each(|way| way.pass(&mut change));
    }

    /// Takes the hub's descriptor for the worker, and gives what the worker gets instead.
    fn take(&mut self, fd: OwnedFd) -> OwnedFd {
        let kind = FileType::from_raw_mode(fstat(&fd).unwrap().st_mode);
        match kind {
            FileType::Fifo => {
                let (read, write) = rustix::pipe::pipe().unwrap();
                let reads = !fcntl_getfl(&fd).unwrap().contains(OFlags::WRONLY);
                if reads {
                    self.to_worker.push(Way { from: fd, to: write, is_socket: false });
                    read
                } else {
                    self.to_hub.push(Way { from: read, to: fd, is_socket: false });
                    write
                }
            }
            FileType::Socket => {
                let flags = SocketFlags::CLOEXEC;
                let kind = socket_type(&fd).unwrap();
                let (ours, theirs) = socketpair(AddressFamily::UNIX, kind, flags, None).unwrap();
                let way = |from: &OwnedFd, to: &OwnedFd| Way {
                    from: from.try_clone().unwrap(),
                    to: to.try_clone().unwrap(),
                    is_socket: true,
                };
                self.to_worker.push(way(&fd, &ours));
                self.to_hub.push(way(&ours, &fd));
                theirs
            }
            _ => fd,
        }
    }
}

impl Way {
    /// Passes on what is there: messages one by one, or bytes.
    fn pass(&self, change: &mut dyn FnMut(&mut Vec<u8>)) {
        while self.is_readable() {
            let mut bytes = vec![0; MAX_BYTES];
            let (count, fds) = self.receive(&mut bytes);
            if count == 0 {
                return;
            }
            bytes.truncate(count);
            change(&mut bytes);
            if !bytes.is_empty() {
                self.send(&bytes, &fds);
            }
        }
    }

    fn is_readable(&self) -> bool {
        let mut fds = [PollFd::new(&self.from, PollFlags::IN)];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut fds, Some(&now)).unwrap();
        fds[0].revents().contains(PollFlags::IN)
    }

    fn receive(&self, bytes: &mut [u8]) -> (usize, Vec<OwnedFd>) {
        if !self.is_socket {
            return (rustix::io::read(&self.from, bytes).unwrap(), Vec::new());
        }
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut slices = [IoSliceMut::new(bytes)];
        let flags = RecvFlags::CMSG_CLOEXEC;
        let got = recvmsg(&self.from, &mut slices, &mut control, flags).unwrap();
        let fds = control.drain().filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(fds) => Some(fds),
            _ => None,
        });
        (got.bytes, fds.flatten().collect())
    }

    fn send(&self, mut bytes: &[u8], fds: &[OwnedFd]) {
        let mut fds: VecDeque<_> = fds.iter().map(AsFd::as_fd).collect();
        while !bytes.is_empty() {
            let count = if self.is_socket {
                let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
                let mut control = SendAncillaryBuffer::new(&mut space);
                let passed: Vec<_> = fds.drain(..).collect();
                if !passed.is_empty() {
                    assert!(control.push(SendAncillaryMessage::ScmRights(&passed)));
                }
                let slices = [IoSlice::new(bytes)];
                sendmsg(&self.to, &slices, &mut control, SendFlags::NOSIGNAL).unwrap()
            } else {
                rustix::io::write(&self.to, bytes).unwrap()
            };
            bytes = &bytes[count..];
        }
    }
}
