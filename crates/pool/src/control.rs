//! The control socket: a few small messages between coordinator and worker, and the descriptors
//! that go with them. Never on a task's path.
//!
//! A worker has it as its stdin. Its end of file is the coordinator's end.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use measure::counters::{Io, Usage};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};
use rustix::time::Timespec;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use shm::MappedPages;
use transport::Value;

/// What the coordinator says.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum CoordinatorMessage {
    /// Take this place. The spoke's descriptors come with it.
    Attach {
        worker: usize,
        transport: String,
        plan: String,
        core: Option<usize>,
        /// A job to be run before any task.
        initialiser: Option<(String, Value)>,
    },
    /// Answer with a [`WorkerMessage::Report`]. Only a parked worker hears it.
    Report,
    /// Answer with a [`WorkerMessage::Pages`]. Only a parked worker hears it.
    Pages,
    /// Stop being parked.
    Go,
}

/// What a worker says.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum WorkerMessage {
    /// The first word: who is there.
    Hello { build: String },
    /// It has taken its place, and these are its jobs, each with whether a task of it may be begun
    /// again: a task says an index into them.
    Ready { jobs: Vec<(String, bool)> },
    /// It could not.
    AttachFailed { message: String },
    /// What the kernel has counted for it so far.
    Report(Report),
    /// What the kernel says of its mapping of the lists.
    Pages(Option<MappedPages>),
}

/// What the kernel has counted for a worker since it began.
///
/// ```
/// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); }
/// # let mut group = example::group();
/// group.park().unwrap();
/// let before = group.report().unwrap();
/// std::thread::sleep(std::time::Duration::from_millis(50));
/// // Parked, it needs next to nothing.
/// let spent = group.report().unwrap().usage - before.usage;
/// assert!(spent.cpu_ns < 25_000_000);
/// ```
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Report {
    /// Of the whole process.
    pub usage: Usage,
    /// Of the thread that serves; nothing where the kernel does not count.
    pub io: Option<Io>,
    /// The only core that its serving thread may run on; nothing where there are several, and in
    /// the sum over workers.
    pub core: Option<usize>,
}

/// Most descriptors in one message.
const MAX_FDS: usize = 8;
/// Longest message.
const MAX_BYTES: usize = 64 * 1024;

/// One end of a control socket.
#[derive(Debug)]
pub(crate) struct Control(OwnedFd);

impl Control {
    /// Both ends; neither is inherited by accident.
    pub(crate) fn pair() -> io::Result<(Control, OwnedFd)> {
        let kind = SocketType::SEQPACKET;
        let (ours, theirs) = socketpair(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None)?;
        Ok((Control(ours), theirs))
    }

    pub(crate) fn from_fd(fd: OwnedFd) -> Control {
        Control(fd)
    }

    /// Whether the other end is closed; looks, and does not wait.
    pub(crate) fn hung_up(&self) -> bool {
        // Asks for nothing: a hang-up is told all the same.
        let mut ends = [PollFd::new(&self.0, PollFlags::empty())];
        poll(&mut ends, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
    }

    /// Sends one message and the descriptors that go with it.
    pub(crate) fn send(&self, message: &impl Serialize, fds: &[OwnedFd]) -> io::Result<()> {
        let bytes = serde_json::to_vec(message)?;
        let fds: Vec<BorrowedFd<'_>> = fds.iter().map(AsFd::as_fd).collect();
        assert!(fds.len() <= MAX_FDS && bytes.len() <= MAX_BYTES);
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !fds.is_empty() {
            control.push(SendAncillaryMessage::ScmRights(&fds));
        }
        sendmsg(&self.0, &[IoSlice::new(&bytes)], &mut control, SendFlags::NOSIGNAL)?;
        Ok(())
    }

    /// The next message; nothing at the end of file.
    ///
    /// # Errors
    /// Among others, `TimedOut` at the end of `patience`.
    pub(crate) fn recv<M: DeserializeOwned>(
        &self,
        patience: Option<Duration>,
    ) -> io::Result<Option<(M, Vec<OwnedFd>)>> {
        let timeout = patience.and_then(|patience| Timespec::try_from(patience).ok());
        let mut ready = [PollFd::new(&self.0, PollFlags::IN)];
        while poll(&mut ready, timeout.as_ref()).or_else(interrupted)? == 0 {
            if patience.is_some() {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
        let mut bytes = vec![0; MAX_BYTES];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut slices = [IoSliceMut::new(&mut bytes)];
        let received = match recvmsg(&self.0, &mut slices, &mut control, RecvFlags::CMSG_CLOEXEC) {
            Ok(received) => received.bytes,
            Err(rustix::io::Errno::CONNRESET) => 0,
            Err(error) => return Err(error.into()),
        };
        if received == 0 {
            return Ok(None);
        }
        let rights = control.drain().filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(fds) => Some(fds),
            _ => None,
        });
        let fds = rights.flatten().collect();
        Ok(Some((serde_json::from_slice(&bytes[..received])?, fds)))
    }
}

fn interrupted(error: rustix::io::Errno) -> rustix::io::Result<usize> {
    if error == rustix::io::Errno::INTR { Ok(0) } else { Err(error) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Whole messages, and any part of one.
    fn messages() -> Vec<Vec<u8>> {
        let plan = r#"{"wait":"block"}"#.to_owned();
        let initialiser = Some(("warm".into(), Value::Int(7)));
        let order = CoordinatorMessage::Attach {
            worker: 3,
            transport: "pipe".into(),
            plan,
            core: Some(1),
            initialiser,
        };
        let word = WorkerMessage::Report(Report::default());
        vec![serde_json::to_vec(&order).unwrap(), serde_json::to_vec(&word).unwrap()]
    }

    proptest! {
        #[test]
        fn any_message_is_understood_or_an_error(
            bytes in prop::collection::vec(any::<u8>(), 1..200),
            which in 0..4_usize,
            at: prop::sample::Index,
            byte: u8,
        ) {
            let mut message = messages().get(which).cloned().unwrap_or(bytes);
            let at = at.index(message.len());
            message[at] = byte;
            for message in [&message[..], &message[..=at]] {
                let (ours, theirs) = Control::pair().unwrap();
                for _ in 0..2 {
                    rustix::io::write(&theirs, message).unwrap();
                }
                let order = ours.recv::<CoordinatorMessage>(None).map(|said| said.unwrap().1.len());
                let word = ours.recv::<WorkerMessage>(None).map(|said| said.unwrap().1.len());
                prop_assert!(order.is_err() || word.is_err(), "nothing is both");
                prop_assert!([order, word].into_iter().flatten().all(|fds| fds == 0));
            }
        }
    }
}
