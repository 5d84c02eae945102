//! Room for answers that are lists: a worker builds one in place, the hub copies it out.
//!
//! One segment for each worker, which alone writes there. Its rooms are used in turn: the answer
//! with the sequence number p has room p modulo their number.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering::Relaxed;

use crate::segment::{Grant, Kind, Segment, SegmentError, Use};
use crate::{APART, ITEM_BYTES};

/// The hub's end: it reads, and believes no length.
#[derive(Debug)]
pub struct Answers {
    segment: Arc<Segment>,
    shape: Shape,
}

impl Answers {
    /// A segment of `rooms` rooms for `items` items each.
    ///
    /// # Errors
    /// [`SegmentError`], also where either number is 0.
    pub fn create(rooms: usize, items: usize) -> Result<Answers, SegmentError> {
        let shape = Shape { rooms, items };
        // What no number can count is more than any machine has.
        let bytes = shape.bytes().unwrap_or(usize::MAX);
        let segment = Segment::create(Kind::Memfd, Use::Answers, bytes)?;
        Ok(Answers { segment, shape })
    }

    /// What the worker needs for its end.
    ///
    /// # Errors
    /// The process has no descriptor left.
    pub fn grant(&self) -> Result<(Grant, Option<OwnedFd>), SegmentError> {
        self.segment.grant()
    }

    /// Copies the first `items` items of the answer with that sequence number out of its room:
    /// whatever the worker does to them now changes nothing. Nothing is read, and nothing given, if
    /// a room holds fewer.
    ///
    /// Call it after the answer's descriptor was popped from its ring: that Acquire is what makes
    /// the items seen.
    pub fn read(&self, sequence: u64, items: usize) -> Option<Vec<i64>> {
        if items > self.shape.items {
            return None;
        }
        // SAFETY: `create` made the segment as long as the shape says.
        let start = unsafe { self.shape.start(&self.segment, sequence) };
        // SAFETY: mapped as long as `segment` lives and aligned (a stride is a multiple of 128
        // bytes); `items` fit by the check above. This process touches these words by atomic loads
        // alone, so nothing that the worker may write meanwhile is a data race here.
        let words = unsafe { std::slice::from_raw_parts(start.cast::<AtomicI64>(), items) };
        // Relaxed: the ring's Acquire came before.
        Some(words.iter().map(|word| word.load(Relaxed)).collect())
    }
}

/// A worker's end: it writes, one room at a time.
#[derive(Debug)]
pub struct AnswerRooms {
    segment: Arc<Segment>,
    shape: Shape,
}

impl AnswerRooms {
    /// Maps what [`Answers::grant`] gave, as `rooms` rooms for `items` items each.
    ///
    /// # Errors
    /// [`SegmentError::NotAsDescribed`] where it is not a segment of that shape for answers.
    pub fn open(
        grant: &Grant,
        fd: Option<OwnedFd>,
        rooms: usize,
        items: usize,
    ) -> Result<AnswerRooms, SegmentError> {
        let shape = Shape { rooms, items };
        if grant.usage != Use::Answers || shape.bytes() != Some(grant.bytes) {
            let what = format!("it has no {rooms} rooms for answers of {items} items");
            return Err(SegmentError::NotAsDescribed { kind: grant.kind, what });
        }
        Ok(AnswerRooms { segment: Segment::open(grant, fd)?, shape })
    }

    /// Items that fit into one room.
    #[inline]
    pub fn items(&self) -> usize {
        self.shape.items
    }

    /// The room of the answer with that sequence number; what an earlier answer left is still there.
    #[inline]
    pub fn room(&mut self, sequence: u64) -> &mut [i64] {
        // SAFETY: `open` checked that the segment is as long as the shape says.
        let start = unsafe { self.shape.start(&self.segment, sequence) };
        // SAFETY: inside the mapping, which lives as long as `segment`, aligned, any bits are an
        // i64. Exclusive in this process: `open` made this mapping for itself alone and `self` is
        // borrowed for as long as the slice lives. The hub reads through a mapping of its own.
        unsafe { std::slice::from_raw_parts_mut(start, self.shape.items) }
    }
}

/// How many rooms, and for how many items each.
#[derive(Clone, Copy, Debug)]
struct Shape {
    rooms: usize,
    items: usize,
}

impl Shape {
    /// Items from one room's start to the next: whole pairs of cache lines.
    fn stride(self) -> Option<usize> {
        self.items.checked_next_multiple_of(APART / ITEM_BYTES)
    }

    /// Bytes of all rooms, if they can be counted.
    fn bytes(self) -> Option<usize> {
        self.stride()?.checked_mul(ITEM_BYTES)?.checked_mul(self.rooms)
    }

    /// Where the room of that answer begins.
    ///
    /// # Safety
    /// `segment` is [`Shape::bytes`] long, which is not 0.
    #[inline]
    unsafe fn start(self, segment: &Segment, sequence: u64) -> *mut i64 {
        let room = (sequence % self.rooms as u64) as usize;
        // No overflow: all rooms together have a length in bytes.
        let first = room * self.items.next_multiple_of(APART / ITEM_BYTES);
        // SAFETY: room < rooms, so it lies inside the segment, as the caller promises.
        unsafe { segment.start().cast::<i64>().add(first) }.as_ptr()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(rooms: usize, items: usize) -> (Answers, AnswerRooms) {
        let hub = Answers::create(rooms, items).unwrap();
        let (grant, fd) = hub.grant().unwrap();
        let worker = AnswerRooms::open(&grant, fd, rooms, items).unwrap();
        (hub, worker)
    }

    #[test]
    fn an_answer_built_in_its_room_is_copied_out_whole_and_rooms_take_turns() {
        let (hub, mut worker) = both(3, 100);
        for sequence in 0..7 {
            worker.room(sequence).fill(sequence as i64);
            worker.room(sequence)[99] = -1;
            // The two before it are still as they were built.
            for earlier in sequence.saturating_sub(2)..=sequence {
                let got = hub.read(earlier, 100).unwrap();
                assert_eq!((got[0], got[98], got[99]), (earlier as i64, earlier as i64, -1));
            }
        }
        assert_eq!(hub.read(u64::MAX, 0), Some(Vec::new()));
    }

    #[test]
    fn a_length_past_the_room_is_refused_and_nothing_is_read() {
        // The room is as long as its stride, so the next item would be the next room's.
        let (hub, mut worker) = both(2, 16);
        worker.room(1).fill(7);
        for items in [17, 32, u32::MAX as usize, usize::MAX] {
            assert_eq!(hub.read(0, items), None);
            assert_eq!(hub.read(1, items), None);
        }
        assert_eq!(hub.read(1, 16), Some(vec![7; 16]));
    }

    #[test]
    fn what_was_copied_out_stays_as_it_is() {
        let (hub, mut worker) = both(1, 4);
        worker.room(0).fill(1);
        let got = hub.read(0, 4).unwrap();
        worker.room(0).fill(2);
        assert_eq!(got, [1; 4]);
    }

    #[test]
    fn a_segment_of_another_shape_or_for_something_else_is_not_opened() {
        let hub = Answers::create(2, 16).unwrap();
        for (rooms, items) in [(3, 16), (2, 17), (usize::MAX, usize::MAX), (0, 16)] {
            let (grant, fd) = hub.grant().unwrap();
            let refused = AnswerRooms::open(&grant, fd, rooms, items).map(drop);
            assert!(matches!(refused, Err(SegmentError::NotAsDescribed { .. })));
        }
        let words = Segment::create(Kind::Memfd, Use::Words, 128).unwrap();
        let (grant, fd) = words.grant().unwrap();
        assert!(AnswerRooms::open(&grant, fd, 1, 16).is_err());
        assert!(Answers::create(usize::MAX, usize::MAX).is_err());
        assert!(Answers::create(1, 0).is_err());
    }
}
