//! [`Slots`] are rooms for one list each, in one segment; the ledger of who is in which never
//! leaves the coordinator. Only a slot's number and generation travel.

use std::fmt;
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, Weak};

use crate::descriptor::{BadDescriptor, Descriptor};
use crate::layout::{CACHE_LINE_PAIR_BYTES, ITEM_BYTES};
use crate::segment::{Access, Grant, Kind, MappedPages, Pages, Segment, SegmentError};
use crate::watermark::{PartialList, WatermarkReader};

/// The coordinator's rooms: all of one size, in a segment of their own.
///
/// They make their segment, so that no second ledger can lend the same room.
#[derive(Clone, Debug)]
pub struct Slots(Arc<Ledger>);

#[derive(Debug)]
struct Ledger {
    segment: Arc<Segment>,
    room: usize,
    /// Number and generation of each free slot.
    free: Mutex<Vec<(u32, u32)>>,
}

impl Slots {
    /// Makes a segment of `count` slots of `room` items each.
    ///
    /// # Errors
    /// [`SegmentError`], also for more slots or items than a descriptor can name.
    pub fn create(
        kind: Kind,
        count: usize,
        room: usize,
        pages: Pages,
    ) -> Result<Slots, SegmentError> {
        let too_many = || SegmentError::Uncountable { count, room };
        let (bytes, slots) = Slots::segment_bytes(count, room)
            .zip(u32::try_from(count).ok())
            .ok_or_else(too_many)?;
        let segment = Segment::create_of(kind, Access::Lists, bytes, pages)?;
        let free = Mutex::new((0..slots).rev().map(|slot| (slot, 1)).collect());
        Ok(Slots(Arc::new(Ledger { segment, room, free })))
    }

    /// Bytes of a segment for `count` slots of `room` items each; nothing where that has no length.
    pub fn segment_bytes(count: usize, room: usize) -> Option<usize> {
        u32::try_from(room).ok()?;
        count.checked_mul(stride(room).checked_mul(ITEM_BYTES)?)
    }

    /// What a worker needs to open them with [`Lists::open`]; the descriptor travels beside it.
    ///
    /// # Errors
    /// The process has no descriptor left.
    pub fn grant(&self) -> Result<(Grant, Option<OwnedFd>), SegmentError> {
        self.0.segment.grant()
    }

    /// What the kernel says of this mapping.
    pub fn mapped_pages(&self) -> Option<MappedPages> {
        self.0.segment.mapped_pages()
    }

    /// Room for one list of `items` items, or nothing while all slots are taken.
    ///
    /// # Panics
    /// If a slot holds fewer items than that.
    pub fn reserve(&self, items: usize) -> Option<Slot> {
        assert!(items <= self.room(), "{items} items in a slot of {}", self.room());
        let (index, generation) = self.0.free.lock().expect("no panic under this lock").pop()?;
        Some(Slot { ledger: self.0.clone(), index, generation, items })
    }

    /// Items that fit into one slot.
    pub fn room(&self) -> usize {
        self.0.room
    }

    /// Whether that slot is one of these.
    #[inline]
    pub fn own(&self, slot: &Slot) -> bool {
        Arc::ptr_eq(&self.0, &slot.ledger)
    }

    /// Whether that list lies in one of these.
    #[inline]
    pub fn own_resident(&self, list: &Resident) -> bool {
        self.own(&list.0)
    }
}

/// Room for one list. Only its holder may write there.
///
/// Dropping it frees the room under a new generation, so a late reply that names the old one is
/// refused.
pub struct Slot {
    ledger: Arc<Ledger>,
    index: u32,
    generation: u32,
    items: usize,
}

impl Slot {
    /// The list's items, to be filled in place; what an earlier list left is still there.
    #[inline]
    pub fn items_mut(&mut self) -> &mut [i64] {
        let first = self.index as usize * stride(self.ledger.room);
        // SAFETY: `Slots::create` made the segment so long that each slot it counted lies inside.
        let start = unsafe { self.ledger.segment.start().cast::<i64>().add(first) };
        // SAFETY: aligned (a stride is a multiple of 128 bytes), mapped for writing as long as the
        // ledger lives, any bits are an i64, and exclusive: the ledger gives a slot to one holder
        // at a time and is the only one for its segment, workers map the segment read-only, and they look only between the task that
        // names the slot (sending it consumes this value) and their reply or reaping (only then is
        // it freed).
        unsafe { std::slice::from_raw_parts_mut(start.as_ptr(), self.items) }
    }

    /// Items asked for.
    #[inline]
    pub fn items(&self) -> usize {
        self.items
    }

    /// Writes which list this is into `descriptor`: `part` counts from the start of the slot.
    #[inline]
    pub fn describe(&self, part: Range<usize>, descriptor: &mut Descriptor) {
        assert!(part.start <= part.end && part.end <= self.items, "{part:?} of {}", self.items);
        descriptor.slot = self.index;
        descriptor.generation = self.generation;
        descriptor.offset = word(part.start);
        descriptor.length = word(part.len());
    }

    /// Ends writing: from now on the list can be lent to any number of tasks at once.
    pub fn freeze(self) -> Resident {
        Resident(Arc::new(self))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let freed = (self.index, self.generation.wrapping_add(1));
        self.ledger.free.lock().expect("no panic under this lock").push(freed);
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Slot({}.{}, {} items)", self.index, self.generation, self.items)
    }
}

/// A list that was placed once and that many tasks name; its room is freed with the last of them.
#[derive(Clone, Debug)]
pub struct Resident(Arc<Slot>);

/// A resident list that may be gone: for counting, without keeping it.
#[derive(Clone, Debug)]
pub struct WeakResident(Weak<Slot>);

impl WeakResident {
    /// Whether its room was freed.
    pub fn is_gone(&self) -> bool {
        self.0.strong_count() == 0
    }
}

impl Resident {
    /// To see later whether it is still there.
    pub fn downgrade(&self) -> WeakResident {
        WeakResident(Arc::downgrade(&self.0))
    }

    /// Items of the list.
    pub fn items(&self) -> usize {
        self.0.items
    }

    /// Writes which part of the list is meant into `descriptor`.
    #[inline]
    pub fn describe(&self, part: Range<usize>, descriptor: &mut Descriptor) {
        self.0.describe(part, descriptor);
    }
}

/// A worker's view of the coordinator's slots: it reads, and trusts no descriptor.
#[derive(Debug)]
pub struct Lists {
    segment: Arc<Segment>,
    room: usize,
    count: u32,
}

impl Lists {
    /// Maps what [`Slots::grant`] gave, as slots of `room` items.
    ///
    /// # Errors
    /// [`SegmentError::NotAsDescribed`] where it is not a segment of lists, or holds none of that length.
    pub fn open(grant: &Grant, fd: Option<OwnedFd>, room: usize) -> Result<Lists, SegmentError> {
        let slot = Slots::segment_bytes(1, room);
        let count = slot.map_or(0, |slot| grant.bytes / slot);
        match u32::try_from(count) {
            Ok(count) if count > 0 && grant.access == Access::Lists => {
                Ok(Lists { segment: Segment::open(grant, fd)?, room, count })
            }
            _ => {
                let what = format!("it has no slots for lists of {room} items");
                Err(SegmentError::NotAsDescribed { kind: grant.kind, what })
            }
        }
    }

    /// What the kernel says of this mapping, as [`Segment::mapped_pages`].
    pub fn mapped_pages(&self) -> Option<MappedPages> {
        self.segment.mapped_pages()
    }

    /// The list that `descriptor` names, if there can be such a list.
    ///
    /// # Errors
    /// [`BadDescriptor`]: it names a slot that is not there or reaches past its end.
    #[inline]
    pub fn accept(&self, descriptor: &Descriptor) -> Result<&[i64], BadDescriptor> {
        let start = self.locate(descriptor)?;
        // SAFETY: `locate` says that they are mapped, as long as `self` lives, and aligned; any bits
        // are an i64. The coordinator is the only writer (the segment is sealed) and its ledger
        // keeps the slot still until this worker's reply; the slice ends before that, since replying
        // borrows the spoke mutably.
        Ok(unsafe { std::slice::from_raw_parts(start.as_ptr(), descriptor.length as usize) })
    }

    /// The list that `descriptor` names, of which some is still being written behind `behind`'s
    /// watermark.
    ///
    /// # Errors
    /// As [`Lists::accept`].
    #[inline]
    pub fn accept_partial<'a>(
        &'a self,
        descriptor: &Descriptor,
        behind: &'a mut WatermarkReader,
    ) -> Result<PartialList<'a>, BadDescriptor> {
        let items = descriptor.length as usize;
        let start = match self.locate(descriptor) {
            Ok(start) => start,
            Err(fault) => {
                behind.pass(items);
                return Err(fault);
            }
        };
        // SAFETY: as in `accept`, but that the coordinator still writes to the slot: above the
        // watermark, which it raises over what it has written for good.
        Ok(unsafe { behind.list(start, items) })
    }

    /// Where the list begins that `descriptor` names; all of it lies in its slot.
    #[inline]
    fn locate(&self, descriptor: &Descriptor) -> Result<NonNull<i64>, BadDescriptor> {
        let Descriptor { slot, offset, length, .. } = *descriptor;
        if slot >= self.count {
            return Err(BadDescriptor::Slot { slot, slots: self.count });
        }
        if offset as usize + length as usize > self.room {
            return Err(BadDescriptor::Range { offset, length, room: self.room });
        }
        let first = slot as usize * stride(self.room) + offset as usize;
        // SAFETY: the two checks above keep first + length inside the segment.
        Ok(unsafe { self.segment.start().cast::<i64>().add(first) })
    }
}

/// A number below 2^32 as a descriptor has it: no slot holds more items.
#[inline]
fn word(items: usize) -> u32 {
    u32::try_from(items).expect("`Slots::create` counts a slot's items in 32 bits")
}

/// Items from one slot's start to the next: whole pairs of cache lines.
fn stride(room: usize) -> usize {
    room.max(1).next_multiple_of(CACHE_LINE_PAIR_BYTES / ITEM_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(kind: Kind, count: usize, room: usize) -> (Slots, Lists) {
        let slots = Slots::create(kind, count, room, Pages::Ready).unwrap();
        let (grant, fd) = slots.grant().unwrap();
        let lists = Lists::open(&grant, fd, room).unwrap();
        (slots, lists)
    }

    #[test]
    fn a_list_filled_in_its_slot_is_read_through_another_mapping_of_every_kind() {
        for &kind in Kind::ALL {
            let (slots, lists) = slots(kind, 2, 100);
            let mut slot = slots.reserve(100).unwrap();
            slot.items_mut().iter_mut().zip(0..).for_each(|(item, value)| *item = value);
            let mut descriptor = Descriptor::default();
            slot.describe(40..60, &mut descriptor);
            assert_eq!(lists.accept(&descriptor).unwrap(), (40..60).collect::<Vec<i64>>());
        }
    }

    #[test]
    fn two_slots_never_overlap_and_a_freed_one_comes_back_under_a_new_generation() {
        let (slots, _lists) = slots(Kind::Memfd, 2, 3);
        let mut first = slots.reserve(3).unwrap();
        let mut second = slots.reserve(3).unwrap();
        assert!(slots.reserve(1).is_none());
        first.items_mut().fill(1);
        second.items_mut().fill(2);
        assert_eq!(first.items_mut(), [1, 1, 1]);
        let before = (first.index, first.generation);
        drop(first);
        let again = slots.reserve(1).unwrap();
        assert_eq!(again.index, before.0);
        assert_ne!(again.generation, before.1);
    }

    #[test]
    fn a_descriptor_that_lies_is_refused_by_name() {
        let (_slots, lists) = slots(Kind::Memfd, 2, 16);
        let slot = Descriptor { slot: 2, ..Descriptor::default() };
        assert_eq!(lists.accept(&slot), Err(BadDescriptor::Slot { slot: 2, slots: 2 }));
        for (offset, length) in [(u32::MAX, u32::MAX), (10, 7), (17, 0), (0, 17)] {
            let range = Descriptor { offset, length, ..Descriptor::default() };
            assert!(matches!(lists.accept(&range), Err(BadDescriptor::Range { .. })));
        }
        assert!(
            lists.accept(&Descriptor { offset: 10, length: 6, ..Descriptor::default() }).is_ok()
        );
    }

    #[test]
    fn slots_know_their_own_and_no_others() {
        let ((ours, _), (theirs, _)) = (slots(Kind::Memfd, 1, 3), slots(Kind::Memfd, 1, 3));
        let (slot, other) = (ours.reserve(3).unwrap(), theirs.reserve(3).unwrap());
        assert!(ours.own(&slot) && !ours.own(&other));
        let (list, other) = (slot.freeze(), other.freeze());
        assert!(ours.own_resident(&list) && !ours.own_resident(&other));
    }

    #[test]
    fn what_has_no_such_slots_is_neither_made_nor_opened() {
        for (count, room) in [(usize::MAX, 1), (1, usize::MAX), (1, 1 << 32), (1 << 33, 0)] {
            let refused = Slots::create(Kind::Memfd, count, room, Pages::Lazy).map(drop);
            let uncountable = matches!(refused, Err(SegmentError::Uncountable { .. }));
            assert!(uncountable, "{count}, {room}: {refused:?}");
        }
        assert!(Slots::create(Kind::Memfd, 0, 1, Pages::Lazy).is_err());
        let slots = Slots::create(Kind::Memfd, 1, 100, Pages::Lazy).unwrap();
        for room in [113, 1 << 32, usize::MAX] {
            let (grant, fd) = slots.grant().unwrap();
            let refused = Lists::open(&grant, fd, room).map(drop);
            assert!(matches!(refused, Err(SegmentError::NotAsDescribed { .. })), "{room}");
        }
        let words = Segment::create(Kind::Memfd, Access::Words, 4096).unwrap();
        let (grant, fd) = words.grant().unwrap();
        assert!(Lists::open(&grant, fd, 1).is_err());
    }
}
