//! A task's list as its worker gets it: part by part while it arrives, or as a whole.

use std::fmt;

use shm::PartialList;
use shm::wakeup::{Backoff, LIVENESS_INTERVAL};

use crate::message::Failure;
use crate::stream::{Fetching, LeftoverBytes};

/// A task's list as its worker gets it. Every transport gives it in parts as they arrive, so a job
/// that begins with the first overlaps its work with the journey of the others.
pub struct IncomingList<'a>(Way<'a>);

enum Way<'a> {
    /// All of it is there.
    Here(&'a [i64]),
    /// The coordinator still writes it, in its slot.
    Filling(PartialList<'a>),
    /// Some of it is still in the stream.
    Stream(LeftoverBytes<'a>),
    /// Some of it is still in the coordinator's memory.
    Fetching(Fetching<'a>),
}

impl<'a> IncomingList<'a> {
    /// A list that is there.
    #[inline]
    pub fn here(list: &'a [i64]) -> IncomingList<'a> {
        IncomingList(Way::Here(list))
    }

    pub(crate) fn filling(list: PartialList<'a>) -> IncomingList<'a> {
        IncomingList(Way::Filling(list))
    }

    pub(crate) fn stream(list: LeftoverBytes<'a>) -> IncomingList<'a> {
        IncomingList(Way::Stream(list))
    }

    pub(crate) fn fetching(list: Fetching<'a>) -> IncomingList<'a> {
        IncomingList(Way::Fetching(list))
    }

    /// Items that were not given yet.
    #[inline]
    pub fn left(&self) -> usize {
        match &self.0 {
            Way::Here(list) => list.len(),
            Way::Filling(list) => list.left(),
            Way::Stream(list) => list.left(),
            Way::Fetching(list) => list.left(),
        }
    }

    /// How many of those can be had without waiting.
    pub fn ready(&self) -> usize {
        match &self.0 {
            Way::Here(list) => list.len(),
            Way::Filling(list) => list.ready(),
            Way::Stream(list) => list.ready(),
            Way::Fetching(list) => list.ready(),
        }
    }

    /// The next part, as large as is there; nothing at the end. `alive` is asked now and then while
    /// nothing comes: whether there is still a coordinator.
    ///
    /// # Errors
    /// The rest will not come.
    #[inline]
    pub fn next_part(
        &mut self,
        alive: &dyn Fn() -> bool,
    ) -> Result<Option<&'a [i64]>, Box<Failure>> {
        if let Way::Here(list) = &mut self.0 {
            let list = std::mem::take(list);
            return Ok((!list.is_empty()).then_some(list));
        }
        if self.left() == 0 {
            return Ok(None);
        }
        match &mut self.0 {
            Way::Here(_) => Ok(None),
            Way::Filling(list) => {
                wait(list, 1, alive)?;
                Ok(Some(list.next_part()))
            }
            Way::Stream(list) => list.next_part().map(Some),
            Way::Fetching(list) => list.next_part().map(Some),
        }
    }

    /// All that was not given yet, in one piece; asked again, the same.
    ///
    /// # Errors
    /// The rest will not come.
    #[inline]
    pub fn whole(&mut self, alive: &dyn Fn() -> bool) -> Result<&'a [i64], Box<Failure>> {
        let list = match &mut self.0 {
            Way::Here(list) => return Ok(list),
            Way::Filling(list) => {
                wait(list, list.left(), alive)?;
                list.next_part()
            }
            Way::Stream(list) => list.whole()?,
            Way::Fetching(list) => list.whole()?,
        };
        self.0 = Way::Here(list);
        Ok(list)
    }
}

impl fmt::Debug for IncomingList<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IncomingList({} items left)", self.left())
    }
}

/// Waits until `items` items of `list` are there. The coordinator is writing them on another core, so it
/// looks, seldom yields, and does not sleep; what has ended it would not wake anybody.
fn wait(
    list: &PartialList<'_>,
    items: usize,
    alive: &dyn Fn() -> bool,
) -> Result<(), Box<Failure>> {
    /// Some hundred microseconds: a piece is there sooner, unless somebody took the writer's core.
    const PER_YIELD: usize = 4096;
    while !Backoff::every(PER_YIELD).poll(&mut || list.ready() >= items, LIVENESS_INTERVAL) {
        if !alive() {
            return Err(Failure::cut_off("its coordinator has ended"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use shm::watermark::WATERMARK_BYTES;
    use shm::{
        Access, Descriptor, Kind, Lists, Pages, Segment, Slots, Span, Watermark, WatermarkReader,
    };

    use super::*;
    use crate::message::FailureKind;

    #[test]
    fn a_list_whose_coordinator_ends_while_it_fills_it_is_cut_off_and_nobody_hangs() {
        let words = Segment::create(Kind::Memfd, Access::Words, WATERMARK_BYTES).unwrap();
        let (grant, fd) = Slots::create(Kind::Memfd, 1, 10, Pages::Ready).unwrap().grant().unwrap();
        let span = || Span::of(&words, 0, WATERMARK_BYTES);
        let (mut watermark, mut behind) = (Watermark::new(span()), WatermarkReader::new(span()));
        let lists = Lists::open(&grant, fd, 10).unwrap();
        let descriptor = Descriptor { length: 10, ..Descriptor::default() };
        watermark.raise(3);
        let asked = std::cell::Cell::new(0);
        let alive = || {
            asked.set(asked.get() + 1);
            asked.get() < 3
        };
        let mut list =
            IncomingList::filling(lists.accept_partial(&descriptor, &mut behind).unwrap());
        assert_eq!(list.next_part(&alive), Ok(Some(&[0; 3][..])), "what is there needs nobody");
        assert_eq!(asked.get(), 0);
        for whole in [false, true] {
            let cut = match whole {
                false => list.next_part(&alive).map(drop),
                true => list.whole(&alive).map(drop),
            };
            assert_eq!(cut.unwrap_err().kind, FailureKind::Refused);
            assert!(asked.get() >= 3, "it asked whether anybody is there, and again");
        }
        // The rest came after all.
        watermark.raise(7);
        assert_eq!(list.whole(&alive), Ok(&[0; 7][..]));
        assert_eq!(list.whole(&alive), Ok(&[0; 7][..]));
        assert_eq!(list.next_part(&alive), Ok(Some(&[0; 7][..])));
        assert_eq!(list.next_part(&alive), Ok(None));
    }
}
