//! Room for answers that are lists: a worker builds one in place, and the hub reads it there.
//!
//! One segment for each worker, which alone writes into its rooms. A room whose list is still
//! being read is not built in again, so there are more rooms than tasks can be in flight, and each answer is
//! told its room: the answer p by place p modulo the number of places, in words at the segment's end that
//! the hub writes before it publishes the task. Where too many lists are kept the next is copied out.

use std::os::fd::OwnedFd;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};

use crate::answer_ledger::{Ledger, Loan, Room, Rooms, Shape};
use crate::answer_list::AnswerList;
use crate::segment::{Access, Grant, Kind, Segment, SegmentError};

/// The hub's end: it says which room is next, reads, and believes no length.
#[derive(Debug)]
pub struct Answers {
    rooms: Arc<Rooms>,
    /// The room of each place, and whether it was lent when its last answer was collected.
    places: Vec<(u32, bool)>,
    /// Place of the next task that is sent, and of the next answer that is collected.
    next: usize,
    answered: usize,
}

impl Answers {
    /// A segment for answers of `items` items each to `places` tasks in flight.
    ///
    /// # Errors
    /// [`SegmentError`], also where either number is 0.
    pub fn create(places: usize, items: usize) -> Result<Answers, SegmentError> {
        let shape = Shape { places, items };
        let uncountable = SegmentError::Uncountable { count: places, room: items };
        let count = u32::try_from(places).ok().zip(u32::try_from(shape.rooms()).ok());
        let bytes = if items == 0 { Some(0) } else { shape.bytes() };
        let ((first_spare, all), bytes) = count.zip(bytes).ok_or(uncountable)?;
        let segment = Segment::create(Kind::Memfd, Access::Answers, bytes)?;
        let room = |room| Room { has_place: room < places, is_lent: false };
        let ledger = Ledger {
            rooms: (0..shape.rooms()).map(room).collect(),
            spare: (first_spare..all).collect(),
            lent: 0,
        };
        let rooms = Arc::new(Rooms { segment, shape, ledger: Mutex::new(ledger) });
        let places: Vec<_> = (0..first_spare).map(|room| (room, false)).collect();
        for (place, (room, _)) in places.iter().enumerate() {
            rooms.shape.place(&rooms.segment, place).store(*room, Relaxed);
        }
        Ok(Answers { rooms, places, next: 0, answered: 0 })
    }

    /// What the worker needs for its end.
    ///
    /// # Errors
    /// The process has no descriptor left.
    pub fn grant(&self) -> Result<(Grant, Option<OwnedFd>), SegmentError> {
        self.rooms.segment.grant()
    }

    /// Gives the next task's answer a room that is not being read. Call it before each task is published,
    /// while fewer than there are places are in flight.
    #[inline]
    pub fn assign(&mut self) {
        if self.places[self.next].1 {
            self.assign_another();
        }
        self.next = following(self.next, self.places.len());
    }

    /// The room of this place was lent: another, unless it was given back.
    #[cold]
    fn assign_another(&mut self) {
        let Rooms { segment, shape, .. } = &*self.rooms;
        let mut ledger = self.rooms.ledger();
        let (room, was_lent) = &mut self.places[self.next];
        *was_lent = false;
        if !ledger.rooms[*room as usize].is_lent {
            return;
        }
        // No more are lent than there are spare ones, and this lent one still has its place.
        let spare = ledger.spare.pop().expect("fewer rooms are lent than there are");
        ledger.rooms[*room as usize].has_place = false;
        ledger.rooms[spare as usize].has_place = true;
        *room = spare;
        // Relaxed: the ring's Release comes after it, and the worker looks after its Acquire.
        shape.place(segment, self.next).store(spare, Relaxed);
    }

    /// The list of the next answer, of `items` items: in its room, which is the worker's again when the
    /// list is dropped; or a copy, while as many as there are spare rooms are kept. Nothing is read, and
    /// nothing given, if a room holds fewer.
    ///
    /// Call it after the answer's descriptor was popped from its ring: that Acquire is what makes
    /// the items seen.
    #[cold]
    pub fn collect(&mut self, items: usize) -> Option<AnswerList> {
        if items > self.rooms.shape.items {
            return None;
        }
        let (room, was_lent) = &mut self.places[self.answered];
        let lent = Loan { rooms: self.rooms.clone(), room: *room, items };
        let mut ledger = self.rooms.ledger();
        let keeps = ledger.lent < self.rooms.shape.spares();
        // A copy's room goes back as if it had been lent.
        ledger.lent += 1;
        ledger.rooms[*room as usize].is_lent = true;
        drop(ledger);
        *was_lent = keeps;
        self.pass();
        let list = AnswerList::lent(lent);
        Some(if keeps { list } else { list.into_vec().into() })
    }

    /// The next answer has no list.
    #[inline]
    pub fn pass(&mut self) {
        self.answered = following(self.answered, self.places.len());
    }
}

/// The place after `place`.
#[inline]
fn following(place: usize, places: usize) -> usize {
    if place + 1 == places { 0 } else { place + 1 }
}

/// A worker's end: it writes, one room at a time.
#[derive(Debug)]
pub struct AnswerRooms {
    segment: Arc<Segment>,
    shape: Shape,
    /// Place of the next answer.
    next: usize,
}

impl AnswerRooms {
    /// Maps what [`Answers::grant`] gave, for answers of `items` items each to `places` tasks in flight.
    ///
    /// # Errors
    /// [`SegmentError::NotAsDescribed`] where it is not a segment of that shape for answers.
    pub fn open(
        grant: &Grant,
        fd: Option<OwnedFd>,
        places: usize,
        items: usize,
    ) -> Result<AnswerRooms, SegmentError> {
        let shape = Shape { places, items };
        if grant.access != Access::Answers || places == 0 || shape.bytes() != Some(grant.bytes) {
            let what = format!("it has no rooms for {places} answers of {items} items");
            return Err(SegmentError::NotAsDescribed { kind: grant.kind, what });
        }
        Ok(AnswerRooms { segment: Segment::open(grant, fd)?, shape, next: 0 })
    }

    /// Items that fit into one room.
    #[inline]
    pub fn items(&self) -> usize {
        self.shape.items
    }

    /// The room of the next answer; what an earlier answer left is still there. Nothing, if the hub
    /// names a room that is not there.
    ///
    /// Call it after the task's descriptor was popped from its ring.
    #[inline]
    pub fn room(&mut self) -> Option<&mut [i64]> {
        // Relaxed: the ring's Acquire came before.
        let room = self.shape.place(&self.segment, self.next).load(Relaxed) as usize;
        if room >= self.shape.rooms() {
            return None;
        }
        // SAFETY: `open` checked that the segment is as long as the shape says, and the room is there.
        let start = unsafe { self.shape.start(&self.segment, room) };
        // SAFETY: inside the mapping, which lives as long as `segment`, aligned, any bits are an
        // i64. Exclusive in this process: `open` made this mapping for itself alone and `self` is
        // borrowed for as long as the slice lives. The hub reads through a mapping of its own.
        Some(unsafe { std::slice::from_raw_parts_mut(start, self.shape.items) })
    }

    /// Goes on to the next answer: call it after each.
    #[inline]
    pub fn pass(&mut self) {
        self.next = following(self.next, self.shape.places);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(places: usize, items: usize) -> (Answers, AnswerRooms) {
        let hub = Answers::create(places, items).unwrap();
        let (grant, fd) = hub.grant().unwrap();
        let worker = AnswerRooms::open(&grant, fd, places, items).unwrap();
        (hub, worker)
    }

    /// One task, answered by `items` items that are all `value`.
    fn answer(hub: &mut Answers, worker: &mut AnswerRooms, items: usize, value: i64) -> AnswerList {
        hub.assign();
        worker.room().unwrap()[..items].fill(value);
        worker.pass();
        match items {
            0 => {
                hub.pass();
                AnswerList::default()
            }
            items => hub.collect(items).unwrap(),
        }
    }

    #[test]
    fn an_answer_built_in_its_room_is_read_there_and_stays_until_it_is_dropped() {
        let (mut hub, mut worker) = both(3, 100);
        for round in 0..7 {
            (0..3).for_each(|_| hub.assign());
            for place in 0..3 {
                worker.room().unwrap().fill(round * 3 + place);
                worker.room().unwrap()[99] = -1;
                worker.pass();
            }
            let lists: Vec<AnswerList> = (0..3).map(|_| hub.collect(100).unwrap()).collect();
            for (place, list) in lists.iter().enumerate() {
                let first = round * 3 + place as i64;
                assert!(list.is_in_place());
                assert_eq!(
                    (list.get(0), list.get(98), list.get(99)),
                    (Some(first), Some(first), Some(-1))
                );
                assert_eq!((list.len(), list.get(100)), (100, None));
                assert_eq!(list.iter().sum::<i64>(), 99 * first - 1);
            }
        }
    }

    #[test]
    fn however_many_are_kept_each_stays_as_it_was_and_the_worker_has_a_room() {
        for places in [1, 2, 5] {
            let (mut hub, mut worker) = both(places, 16);
            let mut kept = Vec::new();
            for value in 0..100 {
                // Some answers have no list, some are dropped at once, and one in seven is kept for ever.
                let list =
                    answer(&mut hub, &mut worker, if value % 5 == 0 { 0 } else { 16 }, value);
                if value % 5 != 0 {
                    assert_eq!(list, [value; 16]);
                }
                if value % 7 == 1 {
                    kept.push((value, list));
                }
            }
            for (value, list) in &kept {
                assert!(list.iter().all(|item| item == *value), "{places}: {list:?}");
            }
            let in_place = kept.iter().filter(|(_, list)| list.is_in_place()).count();
            assert_eq!(in_place, places, "as many as there are spare rooms");
            kept.clear();
            let ledger = hub.rooms.ledger();
            assert_eq!((ledger.lent, ledger.spare.len()), (0, places));
        }
    }

    #[test]
    fn a_list_that_was_dropped_before_the_next_task_leaves_the_worker_in_the_same_room() {
        let (mut hub, mut worker) = both(1, 16);
        let rooms: Vec<*mut i64> = (0..4)
            .map(|value| {
                drop(answer(&mut hub, &mut worker, 16, value));
                worker.room().unwrap().as_mut_ptr()
            })
            .collect();
        assert!(rooms.iter().all(|room| *room == rooms[0]));
    }

    #[test]
    fn a_length_past_the_room_is_refused_and_nothing_is_read() {
        // The room is as long as its stride, so the next item would be the next room's.
        let (mut hub, mut worker) = both(2, 16);
        hub.assign();
        worker.room().unwrap().fill(7);
        for items in [17, 32, u32::MAX as usize, usize::MAX] {
            assert_eq!(hub.collect(items), None);
        }
        assert_eq!(hub.collect(16).unwrap(), [7; 16]);
    }

    #[test]
    fn what_a_worker_writes_later_changes_items_that_are_read_in_place_and_no_copy() {
        let (mut hub, mut worker) = both(1, 4);
        hub.assign();
        worker.room().unwrap().fill(1);
        let list = hub.collect(4).unwrap();
        let (copy, clone) = (list.to_vec(), list.clone());
        // No new task was sent: an honest worker would not.
        worker.room().unwrap().fill(2);
        assert_eq!((list.len(), list.iter().sum()), (4, 8));
        assert_eq!((copy, clone), (vec![1; 4], vec![1; 4].into()));
    }

    #[test]
    fn a_list_outlives_the_hub_that_collected_it() {
        let (mut hub, mut worker) = both(1, 4);
        let list = answer(&mut hub, &mut worker, 4, 3);
        drop((hub, worker));
        assert_eq!(list, [3; 4]);
    }

    #[test]
    fn a_place_that_names_no_room_is_refused() {
        let (hub, mut worker) = both(2, 16);
        for lie in [4, u32::MAX] {
            hub.rooms.shape.place(&hub.rooms.segment, 0).store(lie, Relaxed);
            assert_eq!(worker.room(), None);
        }
    }

    #[test]
    fn a_segment_of_another_shape_or_for_something_else_is_not_opened() {
        let hub = Answers::create(2, 16).unwrap();
        for (places, items) in [(3, 16), (2, 17), (usize::MAX, usize::MAX), (0, 16)] {
            let (grant, fd) = hub.grant().unwrap();
            let refused = AnswerRooms::open(&grant, fd, places, items).map(drop);
            assert!(matches!(refused, Err(SegmentError::NotAsDescribed { .. })));
        }
        let words = Segment::create(Kind::Memfd, Access::Words, 128).unwrap();
        let (grant, fd) = words.grant().unwrap();
        assert!(AnswerRooms::open(&grant, fd, 1, 16).is_err());
        assert!(Answers::create(usize::MAX, usize::MAX).is_err());
        assert!(Answers::create(1, 0).is_err());
        assert!(Answers::create(0, 16).is_err());
    }
}
