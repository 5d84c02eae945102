//! What travels: a task's words, and a reply's. Lists are the transports' business.

use std::fmt;

use serde::{Deserialize, Serialize};
use shm::{AnswerList, Descriptor};

use crate::error::TransportError;

/// One word of argument or answer.
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
            Value::Int(value) => (value as u64, 0),
            Value::Float(value) => (value.to_bits(), FLOAT),
        }
    }

    fn from_word(word: u64, flags: u8) -> Value {
        if flags & FLOAT == 0 {
            Value::Int(word as i64)
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

/// What a worker is asked, without its list.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Task {
    /// The sender's number for it.
    pub id: u32,
    /// Number of the job in the worker's registry.
    pub job: u16,
    /// The job's argument.
    pub arg: Value,
    /// Whether each phase is stamped.
    pub phase: bool,
    /// Not a job at all: the worker acknowledges and sleeps until its control socket wakes it.
    pub park: bool,
}

/// What a worker answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// The task's number.
    pub task: u32,
    /// The answer, or what went wrong; that is rare and long, so it is not moved along with answers.
    pub outcome: Result<Value, Box<Failure>>,
    /// The answer's list, as the hub has it: empty for most, and of a hub with a segment where the
    /// worker built it. A spoke's is empty, since its list is what was built in [`crate::Incoming::room`].
    pub list: AnswerList,
    /// received, decoded, computed, replied: of phase tasks only.
    pub stamps: Option<Box<[u64; 4]>>,
}

/// What went wrong inside the worker, which itself is well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Which kind of failure.
    pub kind: FailureKind,
    /// In words.
    pub message: String,
}

/// Kinds of failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FailureKind {
    /// The job returned this type of error.
    Error {
        /// The error's name.
        name: String,
        /// The error itself, in a form that its type knows; may be empty.
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
/// No reply at all: the hub is to look around. A hub writes it to itself.
pub(crate) const KNOCK: u8 = 64;
/// The list is still being filled, behind a watermark.
pub(crate) const FILLING: u8 = 32;

/// A longer name or message is cut, so that every payload fits into its room.
const MAX_NAME_BYTES: usize = 256;
const MAX_MESSAGE_BYTES: usize = 1024;
/// Bytes of an error's detail; a longer one is left out.
pub const MAX_DETAIL_BYTES: usize = 1024;

/// What a reply says beyond one word.
#[derive(Serialize, Deserialize)]
struct Payload {
    failure: Option<Box<Failure>>,
    stamps: Option<Box<[u64; 4]>>,
}

impl Task {
    /// The task's words as a descriptor; the transport adds which list.
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

    /// The task that `descriptor` describes, and whether it has a list.
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
    /// The reply as a descriptor, and the payload that goes with it: empty for a plain answer.
    ///
    /// The descriptor's `length` is the payload's, in bytes; its `offset` is `items`, the items of
    /// the answer's list, which the transport carries.
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
        descriptor.length = bytes.len() as u32;
        (descriptor, bytes)
    }

    /// The reply that `descriptor` and its `payload` describe, without its list.
    ///
    /// # Errors
    /// The payload makes no sense.
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
    /// That went wrong, in these words.
    pub fn new(kind: FailureKind, message: String) -> Box<Failure> {
        Box::new(Failure { kind, message })
    }

    /// Why the rest of a list will not come.
    pub(crate) fn cut_off(why: &str) -> Box<Failure> {
        Failure::new(FailureKind::Refused, format!("a list that was cut off: {why}"))
    }

    /// With names and messages short enough for any payload.
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
            // Half of it would be none.
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
    fn whatever_an_error_says_its_payload_fits_into_its_room() {
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
