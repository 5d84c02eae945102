//! Payload slots: what a reply says beyond one word, an error's text or the stamps of a phase task.
//!
//! One room per ring entry. A reply at position p uses room p: it is free again once that reply
//! was collected, since no more tasks are in flight than the ring has entries.

use std::sync::atomic::Ordering::Relaxed;

use crate::span::Span;

/// Bytes of one room; what is longer is cut by the sender, who says so.
pub const ROOM_BYTES: usize = 2560;
const ROOM_WORDS: usize = ROOM_BYTES / size_of::<u64>();

/// Bytes of a span for `rooms` rooms.
pub fn bytes(rooms: usize) -> usize {
    rooms * ROOM_BYTES
}

/// Copies `payload` into room `room`; the ring's Release publishes it.
///
/// # Panics
/// If it is longer than [`ROOM_BYTES`].
pub fn write(span: &Span, room: usize, payload: &[u8]) {
    assert!(payload.len() <= ROOM_BYTES);
    for (index, chunk) in payload.chunks(size_of::<u64>()).enumerate() {
        let mut word = [0; size_of::<u64>()];
        word[..chunk.len()].copy_from_slice(chunk);
        span.word(room * ROOM_WORDS + index).store(u64::from_ne_bytes(word), Relaxed);
    }
}

/// Copies `length` bytes out of room `room`: what the peer writes there later changes nothing.
/// A length past the room is cut to it.
pub fn read(span: &Span, room: usize, length: usize) -> Vec<u8> {
    let length = length.min(ROOM_BYTES);
    let words = length.div_ceil(size_of::<u64>());
    let mut payload: Vec<u8> = (0..words)
        .flat_map(|index| span.word(room * ROOM_WORDS + index).load(Relaxed).to_ne_bytes())
        .collect();
    payload.truncate(length);
    payload
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::{Access, Kind, Segment};

    #[test]
    fn each_room_keeps_its_own_payload_and_a_lying_length_is_cut() {
        let segment = Segment::create(Kind::Memfd, Access::Words, bytes(2)).unwrap();
        let span = Span::of(&segment, 0, bytes(2));
        write(&span, 0, b"first, of an odd length");
        write(&span, 1, &[7; ROOM_BYTES]);
        assert_eq!(read(&span, 0, 23), b"first, of an odd length");
        assert_eq!(read(&span, 1, usize::MAX), [7; ROOM_BYTES]);
    }
}
