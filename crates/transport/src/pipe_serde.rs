//! Serialises the list, sends it through a pipe and builds a new list from it: what most programs
//! do.
//!
//! Ledger per task: 4 copies (encode, into the pipe, out of it, decode), calls and wake-ups as
//! `pipe`; the worker allocates a list for each task. The format is postcard's, in which integers
//! take as many bytes as they need: small numbers make a short message. An answer's list is not
//! encoded and goes as in `pipe`.

use crate::error::TransportError;
use crate::ledger::Ledger;
use crate::pipe::{PIECE_BYTES, pipe};
use crate::stream::{Body, Codec, StreamTransport};

pub(crate) static PIPE_SERDE: StreamTransport = StreamTransport {
    name: "pipe-serde",
    ledger: Ledger { copies: 4, writes: 1, reads: 1 },
    make: pipe,
    piece_bytes: PIECE_BYTES,
    min_overlap_bytes: PIECE_BYTES,
    body: Body::Encoded(&Postcard),
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

    fn max_bytes(&self, items: usize) -> usize {
        // A varint of any 64-bit integer has at most ten bytes, and so has the length.
        (items + 1).saturating_mul(10)
    }
}
