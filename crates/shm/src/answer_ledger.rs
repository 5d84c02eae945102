//! The rooms of one worker's answers: how they lie in their segment, and which of them are whose.

use std::sync::atomic::{AtomicI64, AtomicU32};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::layout::{CACHE_LINE_PAIR_BYTES, ITEM_BYTES};
use crate::segment::Segment;

/// Rooms for each place: one is read while the other is built in.
const ROOMS_A_PLACE: usize = 2;

/// The rooms, and which of them are whose.
#[derive(Debug)]
pub(crate) struct Rooms {
    pub(crate) segment: Arc<Segment>,
    pub(crate) shape: Shape,
    pub(crate) ledger: Mutex<Ledger>,
}

#[derive(Debug)]
pub(crate) struct Ledger {
    pub(crate) rooms: Vec<Room>,
    /// Rooms that neither have a place nor are lent.
    pub(crate) spare: Vec<u32>,
    pub(crate) lent: usize,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    pub(crate) has_place: bool,
    pub(crate) is_lent: bool,
}

impl Rooms {
    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().expect("no panic under this lock")
    }
}

/// The list in one room, which is not built in again before this is dropped.
#[derive(Debug)]
pub(crate) struct Loan {
    pub(crate) rooms: Arc<Rooms>,
    pub(crate) room: u32,
    pub(crate) items: usize,
}

impl Loan {
    /// Its items, which the worker may still write.
    #[inline]
    pub(crate) fn words(&self) -> &[AtomicI64] {
        let Rooms { segment, shape, .. } = &*self.rooms;
        // SAFETY: `create` made the segment as long as the shape says, and the ledger has its rooms.
        let start = unsafe { shape.start(segment, self.room as usize) };
        // SAFETY: mapped as long as `rooms` lives and aligned (a stride is a multiple of 128 bytes);
        // `collect` checked that a room holds so many items. This process touches these words by
        // atomic loads alone, so nothing that the worker may write meanwhile is a data race here.
        unsafe { std::slice::from_raw_parts(start.cast::<AtomicI64>(), self.items) }
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        let mut ledger = self.rooms.ledger();
        ledger.lent -= 1;
        let room = &mut ledger.rooms[self.room as usize];
        room.is_lent = false;
        if !room.has_place {
            ledger.spare.push(self.room);
        }
    }
}

/// How many places, and for how many items each: first the rooms, then a word for each place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) places: usize,
    pub(crate) items: usize,
}

impl Shape {
    /// All rooms.
    #[inline]
    pub(crate) fn rooms(self) -> usize {
        self.places.saturating_mul(ROOMS_A_PLACE)
    }

    /// Those of them that have no place.
    pub(crate) fn spares(self) -> usize {
        self.rooms() - self.places
    }

    /// Bytes of all rooms, if they can be counted: each begins at a pair of cache lines.
    pub(crate) fn rooms_bytes(self) -> Option<usize> {
        let stride = self.items.checked_next_multiple_of(CACHE_LINE_PAIR_BYTES / ITEM_BYTES)?;
        let rooms =
            self.places.checked_mul(ROOMS_A_PLACE).filter(|rooms| u32::try_from(*rooms).is_ok())?;
        stride.checked_mul(ITEM_BYTES)?.checked_mul(rooms)
    }

    /// Bytes of the segment, if they can be counted.
    pub(crate) fn bytes(self) -> Option<usize> {
        let words = self
            .places
            .checked_mul(size_of::<AtomicU32>())?
            .checked_next_multiple_of(CACHE_LINE_PAIR_BYTES)?;
        self.rooms_bytes()?.checked_add(words)
    }

    /// Where a room begins.
    ///
    /// # Safety
    /// `segment` is [`Shape::bytes`] long, and `room` one of its rooms.
    #[inline]
    pub(crate) unsafe fn start(self, segment: &Segment, room: usize) -> *mut i64 {
        // No overflow: all rooms together have a length in bytes.
        let first = room * self.items.next_multiple_of(CACHE_LINE_PAIR_BYTES / ITEM_BYTES);
        // SAFETY: the room lies inside the segment, as the caller promises.
        unsafe { segment.start().cast::<i64>().add(first) }.as_ptr()
    }

    /// The word that says which room the answers of that place have.
    #[inline]
    pub(crate) fn place(self, segment: &Segment, place: usize) -> &AtomicU32 {
        let first = self.rooms()
            * self.items.next_multiple_of(CACHE_LINE_PAIR_BYTES / ITEM_BYTES)
            * ITEM_BYTES;
        let at = first + place * size_of::<AtomicU32>();
        assert!(place < self.places && at + size_of::<AtomicU32>() <= segment.bytes());
        // SAFETY: inside the segment by the assertion.
        let word = unsafe { segment.start().add(at) }.cast::<AtomicU32>();
        // SAFETY: mapped as long as the segment lives, and aligned (a segment begins at a page, rooms are
        // multiples of 128 bytes). Both sides touch these words by atomic operations alone.
        unsafe { word.as_ref() }
    }
}
