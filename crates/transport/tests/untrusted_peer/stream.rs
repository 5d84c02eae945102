//! Bytes instead of frames, at either end of a stream; and what the plainest reader makes of them.

use std::fs::File;
use std::os::fd::OwnedFd;

use rustix::io::write;
use rustix::pipe::pipe;
use shm::descriptor::DESCRIPTOR_BYTES;
use shm::{AnswerList, Descriptor, ITEM_BYTES};
use transport::{
    Handover, Hub, HubEvent, List, Received, Reply, Task, Transport, TransportError, Value,
};

use crate::bounds::{ANSWER, DEPTH, KNOCK, MAX_BYTES, ROOM, bounded, descriptor, setup, task};

/// Transports whose frames come through a stream.
pub(crate) const STREAMS: [&str; 5] = ["pipe", "pipe-serde", "socket", "vmsplice", "vm_read"];

/// Those whose lists are not in the stream as plain bytes.
const OTHERWISE: [&str; 2] = ["pipe-serde", "vm_read"];

/// The longest input: it fits into a pipe.
const MAX_INPUT_BYTES: usize = 32 * 1024;

/// A worker of a stream transport, made anew for each input.
pub(crate) struct Worker {
    transport: &'static dyn Transport,
    plan: String,
    /// Where its answers go.
    nowhere: OwnedFd,
}

impl Worker {
    pub(crate) fn new(name: &str) -> Worker {
        let transport = transport::by_name(name).expect("a transport of ours");
        let mut hub = transport.hub(&setup("block")).expect("a hub");
        let plan = hub.attach(0).expect("a link").plan;
        let nowhere = File::options().write(true).open("/dev/null").expect("/dev/null").into();
        Worker { transport, plan, nowhere }
    }

    /// Gives it `bytes` and then the end of file. It takes the frames that are whole, in order, and
    /// ends at the first that cannot be; and it asks for no more memory than a list needs.
    pub(crate) fn take(&self, bytes: &[u8]) {
        let bytes = &bytes[..bytes.len().min(MAX_INPUT_BYTES)];
        let mut wanted = Frames(bytes);
        let whole = !OTHERWISE.contains(&self.transport.name());
        let fds = vec![filled(bytes), self.nowhere.try_clone().expect("a descriptor")];
        let handover = Handover { plan: self.plan.clone(), fds };
        let mut spoke = self.transport.spoke(handover).expect("a spoke");
        let ended = bounded(MAX_BYTES, || {
            loop {
                let (task, items, cut_off) = match spoke.recv() {
                    Ok(Received::Task(incoming)) => {
                        assert!(incoming.list.is_ok() || !whole, "a list that is there");
                        let list = incoming.list.and_then(|mut list| list.whole(&|| true));
                        if whole && list.is_err() {
                            // The end of file came within it.
                            return Err(TransportError::InvalidMessage(
                                "a list that was cut off".into(),
                            ));
                        }
                        let cut_off = list.is_err();
                        let list = list.unwrap_or_default();
                        if whole {
                            let (task, wanted) = wanted.next().expect("a frame where none is");
                            assert_eq!(incoming.task.id, task.id);
                            assert!(wanted == bytemuck::cast_slice::<i64, u8>(list));
                        }
                        (incoming.task.id, incoming.room.len().min(list.len()), cut_off)
                    }
                    Ok(Received::Closed) => return Ok(()),
                    Ok(Received::Idle) => panic!("a stream is never idle"),
                    Err(fault) => return Err(fault),
                };
                let outcome = Ok(Value::Int(0));
                let reply = Reply { task, outcome, list: AnswerList::default(), stamps: None };
                match spoke.reply(reply, items) {
                    // The task says that it has a list, which is not there. No answer is expected.
                    Err(TransportError::Disconnected) if cut_off => return Ok(()),
                    answered => answered.expect("room for any answer"),
                }
            }
        });
        if whole {
            assert!(wanted.next().is_none(), "a frame was not taken");
            assert_eq!(ended.is_ok(), wanted.0.is_empty(), "{ended:?}");
        }
        assert!(matches!(ended, Ok(()) | Err(TransportError::InvalidMessage(_))), "{ended:?}");
    }
}

/// Frames of tasks in a stream. The rest is not a frame, or empty.
struct Frames<'a>(&'a [u8]);

impl<'a> Iterator for Frames<'a> {
    type Item = (Task, &'a [u8]);

    fn next(&mut self) -> Option<(Task, &'a [u8])> {
        let (head, rest) = head_of(self.0)?;
        let (padding, bytes) = (head.offset as usize, head.length as usize * ITEM_BYTES);
        if padding >= 64 || padding % 8 != 0 || bytes > ROOM * ITEM_BYTES {
            return None;
        }
        let list = rest.get(padding..padding + bytes)?;
        self.0 = &rest[padding + bytes..];
        Some((Task::from_descriptor(&head).0, list))
    }
}

/// A hub of a stream transport, whose worker is made anew for each input.
pub(crate) struct Coordinator(Box<dyn Hub>);

impl Coordinator {
    pub(crate) fn new(name: &str) -> Coordinator {
        let transport = transport::by_name(name).expect("a transport of ours");
        Coordinator(transport.hub(&setup("block")).expect("a hub"))
    }

    /// Gives it `bytes` as answers to as many tasks as can be in flight, and then end of file. It
    /// returns those that are complete, in order, and calls everything else a protocol violation;
    /// the other tasks come back, and it allocates no more than answers need.
    pub(crate) fn take(&mut self, bytes: &[u8]) {
        let bytes = &bytes[..bytes.len().min(MAX_INPUT_BYTES)];
        let hub = &mut self.0;
        let mut fds = hub.attach(0).expect("a link").fds;
        let back = fds.pop().expect("the worker's writing end");
        for id in 0..DEPTH as u32 {
            hub.send(0, &task(id), List::None, None).expect("room for a task");
        }
        let mut sent = 0;
        while sent < bytes.len() {
            sent += write(&back, &bytes[sent..]).expect("room for an input");
        }
        drop((fds, back));
        let (wanted, lies) = replies(bytes);
        let mut told = Vec::with_capacity(DEPTH);
        let lie = bounded(MAX_BYTES, || {
            // Each look reads something, until the end.
            for _ in 0..=MAX_INPUT_BYTES {
                match hub.recv(Some(std::time::Duration::ZERO)).expect("a hub that is well") {
                    HubEvent::Reply { worker: 0, reply } => told.push(reply),
                    HubEvent::ProtocolViolation { worker: 0, what } => return Some(what),
                    HubEvent::Disconnected { worker: 0 } => return None,
                    HubEvent::TimedOut => {}
                    other => panic!("{other:?}"),
                }
            }
            panic!("it goes on for ever");
        });
        // As text: a NaN is not equal to itself.
        assert_eq!(format!("{told:?}"), format!("{wanted:?}"));
        assert_eq!(lie.is_some(), lies, "{lie:?}");
        let left: Vec<u32> = hub.detach(0).iter().map(|task| task.task).collect();
        assert_eq!(left, (told.len() as u32..DEPTH as u32).collect::<Vec<_>>());
    }
}

/// The answers that `bytes` contain, and whether something invalid follows them.
fn replies(mut bytes: &[u8]) -> (Vec<Reply>, bool) {
    let mut replies = Vec::new();
    while let Some((head, rest)) = head_of(bytes) {
        if head.flags & KNOCK != 0 {
            bytes = rest;
            continue;
        }
        let (length, items) = (head.length as usize, head.offset as usize);
        if length > shm::payloads::ROOM_BYTES || items > ANSWER {
            return (replies, true);
        }
        let Some((payload, rest)) = rest.split_at_checked(length) else { break };
        let Ok(mut reply) = Reply::from_descriptor(&head, payload) else { return (replies, true) };
        if reply.task != replies.len() as u32 || replies.len() == DEPTH {
            return (replies, true);
        }
        let Some((list, rest)) = rest.split_at_checked(items * ITEM_BYTES) else { break };
        let items = list.as_chunks().0.iter().map(|item| i64::from_le_bytes(*item));
        reply.list = items.collect();
        replies.push(reply);
        bytes = rest;
    }
    (replies, false)
}

fn head_of(bytes: &[u8]) -> Option<(Descriptor, &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<DESCRIPTOR_BYTES>()?;
    Some((descriptor(head), rest))
}

/// The reading end of a pipe that holds `bytes` and is closed behind them.
fn filled(bytes: &[u8]) -> OwnedFd {
    let (read, to) = pipe().expect("a pipe");
    assert_eq!(write(&to, bytes).expect("room for an input"), bytes.len());
    read
}
