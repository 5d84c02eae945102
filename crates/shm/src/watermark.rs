//! A [`Watermark`] says how far lists have been filled, so that a worker reads one while the rest of
//! it is still being written.
//!
//! One word for each worker, which only rises: the items of all lists that were ever filled behind
//! it. Both sides add up the lengths of those lists, in the order of their tasks, so each knows where
//! in the count a list begins, and the word is never taken back.

use std::fmt;
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::atomic::Ordering::{Acquire, Release};

use crate::APART;
use crate::span::Span;

/// Bytes of the span that a watermark needs.
pub const WATERMARK_BYTES: usize = APART;

/// The coordinator's end: it fills.
#[derive(Debug)]
pub struct Watermark {
    span: Span,
    filled: u64,
}

impl Watermark {
    /// On a word that is zero.
    pub fn new(span: Span) -> Watermark {
        Watermark { span, filled: 0 }
    }

    /// Says that the next `items` items are there.
    #[inline]
    pub fn raise(&mut self, items: usize) {
        self.filled += items as u64;
        // Release: publishes the items that were written before; pairs with the Acquire in `ready`.
        self.span.word(0).store(self.filled, Release);
    }
}

/// A worker's end: it reads behind.
#[derive(Debug)]
pub struct Behind {
    span: Span,
    /// Items of all lists so far.
    begun: u64,
}

impl Behind {
    /// On a word that was zero when the first task was sent.
    pub fn new(span: Span) -> Behind {
        Behind { span, begun: 0 }
    }

    /// The next list is not looked at.
    pub(crate) fn pass(&mut self, items: usize) {
        self.begun += items as u64;
    }

    /// The next list, of `items` items from `start` on, of which some may not be there yet.
    ///
    /// # Safety
    /// As long as `'a`, `start` is aligned and the `items` items from there on are mapped, and
    /// nobody writes to those that the watermark has passed.
    pub(crate) unsafe fn list<'a>(&'a mut self, start: NonNull<i64>, items: usize) -> Filling<'a> {
        let given = self.begun;
        self.pass(items);
        Filling { span: &self.span, start, given, end: self.begun, list: PhantomData }
    }
}

/// A list that is still being filled: gives what is there, in order.
pub struct Filling<'a> {
    span: &'a Span,
    /// Where those begin that were not given yet.
    start: NonNull<i64>,
    /// In the watermark's count: items given, and the end of the list.
    given: u64,
    end: u64,
    list: PhantomData<&'a [i64]>,
}

impl<'a> Filling<'a> {
    /// Items not given yet.
    #[inline]
    pub fn left(&self) -> usize {
        (self.end - self.given) as usize
    }

    /// How many of those are there by now.
    #[inline]
    pub fn ready(&self) -> usize {
        // Acquire: sees the items that were written before the watermark rose to here; pairs with
        // the Release in `raise`.
        let filled = self.span.word(0).load(Acquire);
        filled.min(self.end).saturating_sub(self.given) as usize
    }

    /// The next items, as many as are there.
    #[inline]
    pub fn next_part(&mut self) -> &'a [i64] {
        let items = self.ready();
        let start = self.start;
        // SAFETY: `ready` never says more than are left until the end of the list.
        self.start = unsafe { start.add(items) };
        self.given += items as u64;
        // SAFETY: who made this promised that they are mapped and aligned for 'a and that nobody
        // writes below the watermark; any bits are an i64. Items above it are not looked at.
        unsafe { std::slice::from_raw_parts(start.as_ptr(), items) }
    }
}

impl fmt::Debug for Filling<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Filling({} items left, {} there)", self.left(), self.ready())
    }
}

#[cfg(test)]
mod tests {
    use crate::segment::{Kind, Segment, Use};
    use crate::slots::{Lists, Slots, USE};
    use crate::{Descriptor, Span};

    use super::*;

    const ROOM: usize = 1000;

    fn both() -> (Slots, Watermark, Lists, Behind) {
        let words = Segment::create(Kind::Memfd, Use::Words, WATERMARK_BYTES).unwrap();
        let bytes = Slots::segment_bytes(2, ROOM).unwrap();
        let segment = Segment::create(Kind::Memfd, USE, bytes).unwrap();
        let (grant, fd) = segment.grant().unwrap();
        let lists = Lists::new(Segment::open(&grant, fd).unwrap(), ROOM);
        let span = || Span::of(&words, 0, WATERMARK_BYTES);
        (Slots::new(segment, ROOM), Watermark::new(span()), lists, Behind::new(span()))
    }

    #[test]
    fn only_what_was_filled_is_given_and_the_next_list_begins_at_its_own_start() {
        let (slots, mut watermark, lists, mut behind) = both();
        for length in [10, 1, 1000] {
            let mut slot = slots.reserve(length).unwrap();
            let mut descriptor = Descriptor::default();
            slot.describe(0..length, &mut descriptor);
            let mut filling = lists.accept_filling(&descriptor, &mut behind).unwrap();
            assert_eq!((filling.left(), filling.ready()), (length, 0));
            assert!(filling.next_part().is_empty());
            slot.items_mut()[0] = length as i64;
            watermark.raise(1);
            assert_eq!(filling.next_part(), [length as i64]);
            slot.items_mut()[1..].fill(7);
            watermark.raise(length - 1);
            assert_eq!(filling.next_part(), vec![7; length - 1]);
            assert_eq!(filling.left(), 0);
        }
    }

    #[test]
    fn a_list_that_was_not_read_to_its_end_is_passed_over() {
        let (slots, mut watermark, lists, mut behind) = both();
        let mut slot = slots.reserve(100).unwrap();
        let mut descriptor = Descriptor::default();
        slot.describe(0..100, &mut descriptor);
        assert_eq!(lists.accept_filling(&descriptor, &mut behind).unwrap().left(), 100);
        let mut filling = lists.accept_filling(&descriptor, &mut behind).unwrap();
        watermark.raise(100);
        assert_eq!(filling.ready(), 0, "that was the first list");
        slot.items_mut()[..60].fill(3);
        watermark.raise(60);
        assert_eq!(filling.next_part(), [3; 60]);
    }

    #[test]
    fn a_thread_that_reads_behind_another_sees_every_item_as_it_was_written() {
        let (slots, mut watermark, lists, mut behind) = both();
        let mut slot = slots.reserve(ROOM).unwrap();
        let mut descriptor = Descriptor::default();
        slot.describe(0..ROOM, &mut descriptor);
        let rounds = 2000;
        let (done, is_done) = std::sync::mpsc::channel();
        let reader = std::thread::spawn(move || {
            for round in 0..rounds {
                let mut filling = lists.accept_filling(&descriptor, &mut behind).unwrap();
                let mut at = 0;
                while filling.left() > 0 {
                    let part = filling.next_part();
                    for item in part {
                        assert_eq!(*item, round * 10_000 + at);
                        at += 1;
                    }
                    if part.is_empty() {
                        std::thread::yield_now();
                    }
                }
                assert_eq!(at, ROOM as i64);
                done.send(()).unwrap();
            }
        });
        for round in 0..rounds {
            for (part, first) in slot.items_mut().chunks_mut(37).zip((0..).step_by(37)) {
                part.iter_mut().zip(first..).for_each(|(item, at)| *item = round * 10_000 + at);
                watermark.raise(part.len());
            }
            // The slot is filled again only after its reader is done, as the ledger has it.
            is_done.recv().unwrap();
        }
        reader.join().unwrap();
    }
}
