//! Serialises the list, sends it through a pipe and builds a list of its own from it: what most
//! programs really do.
//!
//! Ledger per task: 4 copies (encode, into the pipe, out of it, decode), calls and wake-ups as
//! `pipe`; the worker allocates a list for each task. The format is postcard's: integers take as
//! many bytes as they need, so small numbers make a short message.

use shm::wakeup::Regime;

use crate::pipe::{PIECE, pipe};
use crate::stream::{Codec, Streams};
use crate::{Handover, Hub, Ledger, Residency, Setup, Spoke, Transport, TransportError, stream};

pub(crate) struct PipeSerde;

impl Transport for PipeSerde {
    fn name(&self) -> &'static str {
        "pipe-serde"
    }
    fn about(&self) -> &'static str {
        "the list serialised, through a pipe, and built anew"
    }
    fn ledger(&self) -> Ledger {
        Ledger { copies: 4, writes: 1, reads: 1 }
    }
    fn residencies(&self) -> &'static [Residency] {
        &[Residency::Place, Residency::Build]
    }
    fn wakeups(&self) -> Vec<(&'static str, Regime)> {
        stream::WAITS.to_vec()
    }
    fn has_segment(&self) -> bool {
        false
    }
    fn hub(&self, setup: &Setup) -> Result<Box<dyn Hub>, TransportError> {
        stream::hub(PIPES, setup)
    }
    fn spoke(&self, handover: Handover) -> Result<Box<dyn Spoke>, TransportError> {
        stream::spoke(PIPES, handover)
    }
}

const PIPES: Streams =
    Streams { transport: "pipe-serde", make: pipe, piece: PIECE, codec: Some(&Postcard) };

struct Postcard;

impl Codec for Postcard {
    fn encode(&self, list: &[i64], body: Vec<u8>) -> Vec<u8> {
        postcard::to_extend(list, body).expect("integers are encodable")
    }

    fn decode(&self, body: &[u8]) -> Result<Vec<i64>, TransportError> {
        postcard::from_bytes(body)
            .map_err(|fault| TransportError::Nonsense(format!("a serialised list: {fault}")))
    }

    fn longest(&self, items: usize) -> usize {
        // Ten bytes carry any 64-bit integer, and the number of items too.
        (items + 1).saturating_mul(10)
    }
}
