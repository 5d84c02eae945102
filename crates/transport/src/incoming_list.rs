//! A task's list in the worker: read in parts as they arrive, or as a whole.

use std::fmt;

use shm::PartialList;
use shm::wakeup::{Backoff, LIVENESS_INTERVAL};

use crate::message::Failure;
use crate::stream::{LeftoverBytes, RemoteList};

/// A task's list in the worker. Every transport gives it in parts as they arrive, so a job can work
/// on the first ones while the others are on their way.
pub struct IncomingList<'a>(Source<'a>);

enum Source<'a> {
    /// It is complete.
    Here(&'a [i64]),
    /// The coordinator is still writing it, in its slot.
    Filling(PartialList<'a>),
    /// A part of it is still in the stream.
    Stream(LeftoverBytes<'a>),
    /// A part of it is still in the coordinator's memory.
    RemoteList(RemoteList<'a>),
}

impl<'a> IncomingList<'a> {
    /// A complete list.
    #[inline]
    pub fn here(list: &'a [i64]) -> IncomingList<'a> {
        IncomingList(Source::Here(list))
    }

    pub(crate) fn filling(list: PartialList<'a>) -> IncomingList<'a> {
        IncomingList(Source::Filling(list))
    }

    pub(crate) fn stream(list: LeftoverBytes<'a>) -> IncomingList<'a> {
        IncomingList(Source::Stream(list))
    }

    pub(crate) fn remote(list: RemoteList<'a>) -> IncomingList<'a> {
        IncomingList(Source::RemoteList(list))
    }

    /// Number of items that were not returned yet.
    #[inline]
    pub fn left(&self) -> usize {
        match &self.0 {
            Source::Here(list) => list.len(),
            Source::Filling(list) => list.left(),
            Source::Stream(list) => list.left(),
            Source::RemoteList(list) => list.left(),
        }
    }

    /// How many of these can be read without waiting.
    pub fn ready(&self) -> usize {
        match &self.0 {
            Source::Here(list) => list.len(),
            Source::Filling(list) => list.ready(),
            Source::Stream(list) => list.ready(),
            Source::RemoteList(list) => list.ready(),
        }
    }

    /// The next part, as long as what is there; `None` at the end. While nothing comes, `alive` is
    /// called now and then: it says whether the coordinator still lives.
    ///
    /// # Errors
    /// The rest will not come.
    #[inline]
    pub fn next_part(
        &mut self,
        alive: &dyn Fn() -> bool,
    ) -> Result<Option<&'a [i64]>, Box<Failure>> {
        if let Source::Here(list) = &mut self.0 {
            let list = std::mem::take(list);
            return Ok((!list.is_empty()).then_some(list));
        }
        if self.left() == 0 {
            return Ok(None);
        }
        match &mut self.0 {
            Source::Here(_) => Ok(None),
            Source::Filling(list) => {
                wait(list, 1, alive)?;
                Ok(Some(list.next_part()))
            }
            Source::Stream(list) => list.next_part().map(Some),
            Source::RemoteList(list) => list.next_part().map(Some),
        }
    }

    /// All items that were not returned yet, in one piece. A second call returns the same.
    ///
    /// # Errors
    /// The rest will not come.
    #[inline]
    pub fn whole(&mut self, alive: &dyn Fn() -> bool) -> Result<&'a [i64], Box<Failure>> {
        let list = match &mut self.0 {
            Source::Here(list) => return Ok(list),
            Source::Filling(list) => {
                wait(list, list.left(), alive)?;
                list.next_part()
            }
            Source::Stream(list) => list.whole()?,
            Source::RemoteList(list) => list.whole()?,
        };
        self.0 = Source::Here(list);
        Ok(list)
    }
}

impl fmt::Debug for IncomingList<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IncomingList({} items left)", self.left())
    }
}

/// Waits until `items` items of `list` are there. The coordinator is writing them on another core:
/// this spins, yields seldom and does not sleep, since a coordinator that died rings no more.
fn wait(
    list: &PartialList<'_>,
    items: usize,
    alive: &dyn Fn() -> bool,
) -> Result<(), Box<Failure>> {
    /// A few hundred microseconds. A piece takes less, unless the writer has lost its core.
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
    fn a_list_whose_coordinator_ends_while_writing_it_is_cut_off_and_its_worker_does_not_hang() {
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
        assert_eq!(
            list.next_part(&alive),
            Ok(Some(&[0; 3][..])),
            "what is there needs no coordinator"
        );
        assert_eq!(asked.get(), 0);
        for whole in [false, true] {
            let cut = match whole {
                false => list.next_part(&alive).map(drop),
                true => list.whole(&alive).map(drop),
            };
            assert_eq!(cut.unwrap_err().kind, FailureKind::Refused);
            assert!(asked.get() >= 3, "it asked whether the writer is alive, and again");
        }
        // The rest came after all.
        watermark.raise(7);
        assert_eq!(list.whole(&alive), Ok(&[0; 7][..]));
        assert_eq!(list.whole(&alive), Ok(&[0; 7][..]));
        assert_eq!(list.next_part(&alive), Ok(Some(&[0; 7][..])));
        assert_eq!(list.next_part(&alive), Ok(None));
    }
}
