//! The messages: a task and a reply, without their lists, which each transport carries in its own
//! way.

use std::fmt;

use serde::{Deserialize, Serialize};
use shm::{AnswerList, Descriptor};

use crate::error::TransportError;

/// An argument or an answer of one machine word.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Value {
    /// An integer.
    Int(i64),
    /// A floating-point number.
    Float(f64),
}

impl Value {
    fn to_word(self) -> (u64, u8) {
        match self {
            Value::Int(value) => (value.cast_unsigned(), 0),
            Value::Float(value) => (value.to_bits(), FLOAT),
        }
    }

    fn from_word(word: u64, flags: u8) -> Value {
        if flags & FLOAT == 0 {
            Value::Int(word.cast_signed())
        } else {
            Value::Float(f64::from_bits(word))
        }
    }
}

impl fmt::Display for Value {
    /// As CPython prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Int(value) => write!(f, "{value}"),
            Value::Float(value) => write!(f, "{value:?}"),
        }
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Value {
        Value::Int(value)
    }
}

impl From<i32> for Value {
    fn from(value: i32) -> Value {
        Value::Int(value.into())
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Value {
        Value::Int(value.into())
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Value {
        Value::Float(value)
    }
}

/// A task without its list.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Task {
    /// Its number, chosen by the sender.
    pub id: u32,
    /// Number of the job in the worker's registry.
    pub job: u16,
    /// The job's argument.
    pub arg: Value,
    /// Whether it is traced: each of its phases gets a time stamp.
    pub phase: bool,
    /// Whether it only parks the worker: the worker acknowledges it, and sleeps until its control
    /// socket wakes it. No job runs.
    pub park: bool,
}

/// The reply to a task.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// The task's number.
    pub task: u32,
    /// The answer or the failure. A failure is rare and large, so it is boxed.
    pub outcome: Result<Value, Box<Failure>>,
    /// The answer's list, as the hub returns it: empty for most answers, and in the segment for a
    /// transport that has one. Empty in a reply that a spoke sends, whose list is in
    /// [`crate::Incoming::room`].
    pub list: AnswerList,
    /// The stamps received, decoded, computed and replied, of traced tasks only.
    pub stamps: Option<Box<[u64; 4]>>,
}

/// A failure inside a worker that is otherwise well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Its kind.
    pub kind: FailureKind,
    /// A description.
    pub message: String,
}

/// Kinds of failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FailureKind {
    /// The job returned this type of error.
    Error {
        /// The error's name.
        name: String,
        /// The error itself, encoded by its type; may be empty.
        detail: String,
    },
    /// The job panicked.
    Panic,
    /// The worker has no job of that number.
    UnknownJob,
    /// The worker refused the task's list.
    Refused,
    /// The answer cannot be encoded: its list is longer than [`crate::Setup::max_answer_items`].
    Unencodable,
}

const LIST: u8 = 1;
const PHASE: u8 = 2;
const PARK: u8 = 4;
const FLOAT: u8 = 8;
const PAYLOAD: u8 = 16;
/// Marks a wake-up frame, which a hub writes into a pipe that it reads itself. It is no reply.
pub(crate) const KNOCK: u8 = 64;
/// The list is still being written, behind a watermark.
pub(crate) const FILLING: u8 = 32;

/// Longer names and messages are cut, so that every payload fits into its slot.
const MAX_NAME_BYTES: usize = 256;
const MAX_MESSAGE_BYTES: usize = 1024;
/// Bytes of an error's detail. A longer detail is left out.
pub const MAX_DETAIL_BYTES: usize = 1024;

/// The part of a reply that does not fit into a descriptor.
#[derive(Serialize, Deserialize)]
struct Payload {
    failure: Option<Box<Failure>>,
    stamps: Option<Box<[u64; 4]>>,
}

impl Task {
    /// The task as a descriptor. The transport adds where its list is.
    #[inline]
    pub fn describe(&self, has_list: bool) -> Descriptor {
        let (word, float) = self.arg.to_word();
        let mark = |yes: bool, bit: u8| if yes { bit } else { 0 };
        Descriptor {
            task: self.id,
            code: self.job,
            flags: float | mark(has_list, LIST) | mark(self.phase, PHASE) | mark(self.park, PARK),
            word,
            ..Descriptor::default()
        }
    }

    /// Reads a task from its descriptor, and whether it has a list.
    #[inline]
    pub fn from_descriptor(descriptor: &Descriptor) -> (Task, bool) {
        let flags = descriptor.flags;
        let task = Task {
            id: descriptor.task,
            job: descriptor.code,
            arg: Value::from_word(descriptor.word, flags),
            phase: flags & PHASE != 0,
            park: flags & PARK != 0,
        };
        (task, flags & LIST != 0)
    }
}

impl Reply {
    /// The reply as a descriptor and its payload, which is empty for a plain answer.
    ///
    /// In the descriptor `length` is the length of the payload in bytes, and `offset` is `items`,
    /// the length of the answer's list, which the transport carries.
    #[inline]
    pub fn describe(self, items: usize) -> (Descriptor, Vec<u8>) {
        let offset = u32::try_from(items).expect("`Setup::check` let no longer answer in");
        let mut descriptor = Descriptor { task: self.task, offset, ..Descriptor::default() };
        let failure = match self.outcome {
            Ok(value) => {
                (descriptor.word, descriptor.flags) = value.to_word();
                None
            }
            Err(failure) => Some(failure),
        };
        if failure.is_none() && self.stamps.is_none() {
            return (descriptor, Vec::new());
        }
        let payload = Payload { failure: failure.map(Failure::cut), stamps: self.stamps };
        let bytes = postcard::to_stdvec(&payload).expect("a payload of plain data is encodable");
        descriptor.flags |= PAYLOAD;
        descriptor.length = u32::try_from(bytes.len()).expect("`Failure::cut` limits it");
        (descriptor, bytes)
    }

    /// Reads a reply from its descriptor and its payload, without its list.
    ///
    /// # Errors
    /// The payload cannot be decoded.
    #[inline]
    pub fn from_descriptor(
        descriptor: &Descriptor,
        payload: &[u8],
    ) -> Result<Reply, TransportError> {
        let value = Value::from_word(descriptor.word, descriptor.flags);
        if descriptor.flags & PAYLOAD == 0 {
            let (task, list) = (descriptor.task, AnswerList::default());
            return Ok(Reply { task, outcome: Ok(value), list, stamps: None });
        }
        let payload: Payload = postcard::from_bytes(payload).map_err(|fault| {
            TransportError::InvalidMessage(format!("a reply's payload: {fault}"))
        })?;
        let outcome = payload.failure.map_or(Ok(value), Err);
        Ok(Reply {
            task: descriptor.task,
            outcome,
            list: AnswerList::default(),
            stamps: payload.stamps,
        })
    }
}

impl Failure {
    /// A failure of that kind.
    pub fn new(kind: FailureKind, message: String) -> Box<Failure> {
        Box::new(Failure { kind, message })
    }

    /// The failure of a task whose list will not arrive completely.
    pub(crate) fn cut_off(why: &str) -> Box<Failure> {
        Failure::new(FailureKind::Refused, format!("a list that was cut off: {why}"))
    }

    /// Cuts names and messages to the length that fits into any payload.
    fn cut(mut self: Box<Failure>) -> Box<Failure> {
        let cut = |text: &mut String, max: usize| {
            if text.len() > max {
                text.truncate(text.floor_char_boundary(max - '…'.len_utf8()));
                text.push('…');
            }
        };
        cut(&mut self.message, MAX_MESSAGE_BYTES);
        if let FailureKind::Error { name, detail } = &mut self.kind {
            cut(name, MAX_NAME_BYTES);
            // Half an encoding cannot be decoded.
            if detail.len() > MAX_DETAIL_BYTES {
                detail.clear();
            }
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_and_replies_survive_their_descriptors() {
        for arg in [Value::Int(-1), Value::Float(-0.5), Value::Int(i64::MIN)] {
            for (phase, park) in [(false, false), (true, false), (false, true)] {
                let task = Task { id: 7, job: 9, arg, phase, park };
                assert_eq!(Task::from_descriptor(&task.describe(true)), (task, true));
            }
            let stamps = Some(Box::new([1, 2, 3, u64::MAX]));
            let failure = Failure {
                kind: FailureKind::Error { name: "InvalidRange".into(), detail: "{}".into() },
                message: "-1".into(),
            };
            for outcome in [Ok(arg), Err(Box::new(failure))] {
                for stamps in [None, stamps.clone()] {
                    let list = AnswerList::default();
                    let reply = Reply { task: 7, outcome: outcome.clone(), list, stamps };
                    let (descriptor, payload) = reply.clone().describe(9);
                    assert_eq!(descriptor.offset, 9);
                    assert_eq!(Reply::from_descriptor(&descriptor, &payload).unwrap(), reply);
                }
            }
        }
    }

    #[test]
    fn the_payload_of_any_error_fits_into_its_slot() {
        for length in [1, 100, 255, 256, 511, 512, 1023, 1024, 10_000] {
            for letter in ["x", "ä"] {
                let text = letter.repeat(length / letter.len());
                let kind = FailureKind::Error { name: text.clone(), detail: text.clone() };
                let outcome = Err(Box::new(Failure { kind, message: text }));
                let (list, stamps) = (AnswerList::default(), Some(Box::new([u64::MAX; 4])));
                let (_, payload) = Reply { task: 1, outcome, list, stamps }.describe(0);
                assert!(payload.len() <= shm::payloads::ROOM_BYTES, "{length}: {}", payload.len());
            }
        }
    }
}
