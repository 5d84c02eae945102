//! The control socket: a few small messages between coordinator and worker, and the descriptors
//! that go with them. Never on a task's path.
//!
//! A worker has it as its stdin. Its end of file is the coordinator's end.

use std::cell::RefCell;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use measure::counters::{Io, Usage};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{Errno, retry_on_intr};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, Shutdown, SocketFlags, SocketType, recvmsg, sendmsg, shutdown,
    socketpair,
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

/// Descriptors in one message.
const MAX_FDS: usize = 8;
/// Bytes of one packet: what every system's sockets take at once.
const MAX_PACKET_BYTES: usize = 32 * 1024;
/// Bytes of one message, in as many packets as it needs.
const MAX_MESSAGE_BYTES: usize = 16 << 20;

/// First byte of a packet: the message ends with it, or goes on in the next.
const LAST: u8 = 0;
const MORE: u8 = 1;

/// One end of a control socket.
#[derive(Debug)]
pub(crate) struct Control {
    fd: OwnedFd,
    /// What has come of a message of which more is to come.
    begun: RefCell<Packets>,
}

#[derive(Debug, Default)]
struct Packets {
    bytes: Vec<u8>,
    fds: Vec<OwnedFd>,
}

impl Control {
    /// Both ends; neither is inherited by accident.
    pub(crate) fn pair() -> io::Result<(Control, OwnedFd)> {
        let kind = SocketType::SEQPACKET;
        let (ours, theirs) = socketpair(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None)?;
        Ok((Control::from_fd(ours), theirs))
    }

    pub(crate) fn from_fd(fd: OwnedFd) -> Control {
        Control { fd, begun: RefCell::default() }
    }

    /// Whether the other end is closed; looks, and does not wait.
    pub(crate) fn hung_up(&self) -> bool {
        // Asks for nothing: a hang-up is told all the same.
        let mut ends = [PollFd::new(&self.fd, PollFlags::empty())];
        poll(&mut ends, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
    }

    /// Sends one message and the descriptors that go with it.
    ///
    /// # Errors
    /// Among others, `InvalidInput` for more than a message may hold.
    pub(crate) fn send(&self, message: &impl Serialize, fds: &[OwnedFd]) -> io::Result<()> {
        let bytes = serde_json::to_vec(message)?;
        if fds.len() > MAX_FDS || bytes.len() > MAX_MESSAGE_BYTES {
            let (fds, bytes) = (fds.len(), bytes.len());
            let what = format!(
                "a control message of {bytes} bytes and {fds} descriptors, where \
                 {MAX_MESSAGE_BYTES} and {MAX_FDS} are possible"
            );
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        }
        let mut fds: Vec<BorrowedFd<'_>> = fds.iter().map(AsFd::as_fd).collect();
        let mut packets = bytes.chunks(MAX_PACKET_BYTES - 1).peekable();
        while let Some(packet) = packets.next() {
            let mark = [if packets.peek().is_some() { MORE } else { LAST }];
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
            let mut control = SendAncillaryBuffer::new(&mut space);
            if !fds.is_empty() {
                control.push(SendAncillaryMessage::ScmRights(&fds));
            }
            let slices = [IoSlice::new(&mark), IoSlice::new(packet)];
            retry_on_intr(|| sendmsg(&self.fd, &slices, &mut control, SendFlags::NOSIGNAL))?;
            // They went with the first packet.
            fds.clear();
        }
        Ok(())
    }

    /// The next message; nothing at the end of file.
    ///
    /// # Errors
    /// Among others, `TimedOut` after `timeout`. What had come by then is kept for the next call.
    pub(crate) fn recv<M: DeserializeOwned>(
        &self,
        timeout: Option<Duration>,
    ) -> io::Result<Option<(M, Vec<OwnedFd>)>> {
        // A time that no clock reaches is no limit.
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        loop {
            self.wait_until_readable(deadline)?;
            let Some(mark) = self.take_packet()? else { return Ok(None) };
            if mark == LAST {
                let Packets { bytes, fds } = self.begun.take();
                return Ok(Some((serde_json::from_slice(&bytes)?, fds)));
            }
        }
    }

    /// Waits for a packet or the end of file; a signal does not shorten the wait.
    fn wait_until_readable(&self, deadline: Option<Instant>) -> io::Result<()> {
        let mut ready = [PollFd::new(&self.fd, PollFlags::IN)];
        loop {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let timeout = left.and_then(|left| Timespec::try_from(left).ok());
            match poll(&mut ready, timeout.as_ref()) {
                Ok(0) if left.is_some() => return Err(io::ErrorKind::TimedOut.into()),
                Ok(0) | Err(Errno::INTR) => {}
                Ok(_) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Adds the next packet to what has begun, and gives its mark; nothing at the end of file.
    fn take_packet(&self) -> io::Result<Option<u8>> {
        let (mut mark, mut bytes) = ([LAST], vec![0; MAX_PACKET_BYTES - 1]);
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut slices = [IoSliceMut::new(&mut mark), IoSliceMut::new(&mut bytes)];
        let flags = RecvFlags::CMSG_CLOEXEC;
        let received = match retry_on_intr(|| recvmsg(&self.fd, &mut slices, &mut control, flags)) {
            Ok(received) => received.bytes,
            Err(Errno::CONNRESET) => 0,
            Err(error) => return Err(error.into()),
        };
        if received == 0 {
            return Ok(None);
        }
        let mut begun = self.begun.borrow_mut();
        begun.bytes.extend_from_slice(&bytes[..received - 1]);
        let rights = control.drain().filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(fds) => Some(fds),
            _ => None,
        });
        begun.fds.extend(rights.flatten());
        if begun.bytes.len() > MAX_MESSAGE_BYTES || begun.fds.len() > MAX_FDS {
            *begun = Packets::default();
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "a control message without end",
            ));
        }
        Ok(Some(mark[0]))
    }
}

impl Drop for Control {
    /// The other end sees the end of file at once, also while another part of this process watches a
    /// duplicate of the descriptor.
    fn drop(&mut self) {
        let _ = shutdown(&self.fd, Shutdown::Both);
    }
}

impl AsFd for Control {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
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
                    rustix::io::write(&theirs, &[&[LAST], message].concat()).unwrap();
                }
                let order = ours.recv::<CoordinatorMessage>(None).map(|said| said.unwrap().1.len());
                let word = ours.recv::<WorkerMessage>(None).map(|said| said.unwrap().1.len());
                prop_assert!(order.is_err() || word.is_err(), "nothing is both");
                prop_assert!([order, word].into_iter().flatten().all(|fds| fds == 0));
            }
        }
    }

    #[test]
    fn a_message_of_many_packets_comes_whole_and_its_descriptors_once() {
        let (ours, theirs) = Control::pair().unwrap();
        let theirs = Control::from_fd(theirs);
        let text = "x".repeat(5 * MAX_PACKET_BYTES + 7);
        let fd = OwnedFd::from(std::fs::File::open("/dev/null").unwrap());
        let sender = std::thread::spawn({
            let text = text.clone();
            move || theirs.send(&text, &[fd]).unwrap()
        });
        let (came, fds) = ours.recv::<String>(None).unwrap().unwrap();
        sender.join().unwrap();
        assert!(came == text && fds.len() == 1);
    }

    #[test]
    fn what_is_too_long_is_refused_by_name_and_what_never_ends_is_given_up() {
        let (ours, theirs) = Control::pair().unwrap();
        let refused = ours.send(&"x".repeat(MAX_MESSAGE_BYTES), &[]).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
        let endless = std::thread::spawn(move || {
            let packet = vec![MORE; MAX_PACKET_BYTES];
            while rustix::io::write(&theirs, &packet).is_ok() {}
        });
        let refused = ours.recv::<String>(None).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::InvalidData);
        drop(ours);
        endless.join().unwrap();
    }

    #[test]
    fn half_a_message_is_kept_until_the_rest_comes() {
        let (ours, theirs) = Control::pair().unwrap();
        rustix::io::write(&theirs, &[&[MORE], &b"\"ha"[..]].concat()).unwrap();
        let early = ours.recv::<String>(Some(Duration::from_millis(1))).unwrap_err();
        assert_eq!(early.kind(), io::ErrorKind::TimedOut);
        rustix::io::write(&theirs, &[&[LAST], &b"lf\""[..]].concat()).unwrap();
        assert_eq!(ours.recv::<String>(None).unwrap().unwrap().0, "half");
    }
}
