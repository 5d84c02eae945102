//! Serialises the list, sends it through a pipe and builds a list of its own from it: what most
//! programs really do.
//!
//! Ledger per task: 4 copies (encode, into the pipe, out of it, decode), calls and wake-ups as
//! `pipe`; the worker allocates a list for each task. The format is postcard's: integers take as
//! many bytes as they need, so small numbers make a short message. An answer's list is not encoded:
//! it travels as in `pipe`.

use crate::error::TransportError;
use crate::ledger::Ledger;
use crate::pipe::{PIECE, pipe};
use crate::stream::{Body, Codec, StreamTransport};

pub(crate) static PIPE_SERDE: StreamTransport = StreamTransport {
    name: "pipe-serde",
    ledger: Ledger { copies: 4, writes: 1, reads: 1 },
    make: pipe,
    piece: PIECE,
    overlap_from: PIECE,
    body: Body::Coded(&Postcard),
};

struct Postcard;

impl Codec for Postcard {
    fn encode(&self, list: &[i64], body: Vec<u8>) -> Vec<u8> {
        postcard::to_extend(list, body).expect("integers are encodable")
    }

    fn decode(&self, body: &[u8]) -> Result<Vec<i64>, TransportError> {
        postcard::from_bytes(body)
            .map_err(|fault| TransportError::InvalidMessage(format!("a serialised list: {fault}")))
    }

    fn longest(&self, items: usize) -> usize {
        // Ten bytes carry any 64-bit integer, and the number of items too.
        (items + 1).saturating_mul(10)
    }
}
