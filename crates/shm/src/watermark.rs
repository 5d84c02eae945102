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

use crate::layout::CACHE_LINE_PAIR_BYTES;
use crate::span::Span;

/// Bytes of the span that a watermark needs.
pub const WATERMARK_BYTES: usize = CACHE_LINE_PAIR_BYTES;

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
pub struct WatermarkReader {
    span: Span,
    /// Items of all lists so far.
    begun: u64,
}

impl WatermarkReader {
    /// On a word that was zero when the first task was sent.
    pub fn new(span: Span) -> WatermarkReader {
        WatermarkReader { span, begun: 0 }
    }

    /// The next list is not looked at.
    pub(crate) fn pass(&mut self, items: usize) {
        self.begun += items as u64;
    }

    /// The next list, of `items` items from `start` on, of which some may not be there yet.
    ///
    /// # Safety
    /// As long as `'a`, `start` is aligned and the `items` items from there on are mapped, and
    /// those that the watermark has passed are not written any more.
    pub(crate) unsafe fn list<'a>(
        &'a mut self,
        start: NonNull<i64>,
        items: usize,
    ) -> PartialList<'a> {
        let given = self.begun;
        self.pass(items);
        PartialList { span: &self.span, start, given, end: self.begun, list: PhantomData }
    }
}

/// A number of items of one list, which lies in this process's memory.
#[inline]
#[allow(clippy::cast_possible_truncation, reason = "no list is longer than memory")]
fn items(count: u64) -> usize {
    count as usize
}

/// A list that is still being filled: gives what is there, in order.
pub struct PartialList<'a> {
    span: &'a Span,
    /// Where those begin that were not given yet.
    start: NonNull<i64>,
    /// In the watermark's count: items given, and the end of the list.
    given: u64,
    end: u64,
    list: PhantomData<&'a [i64]>,
}

impl<'a> PartialList<'a> {
    /// Items not given yet.
    #[inline]
    pub fn left(&self) -> usize {
        items(self.end - self.given)
    }

    /// How many of those are there by now.
    #[inline]
    pub fn ready(&self) -> usize {
        // Acquire: sees the items that were written before the watermark rose to here; pairs with
        // the Release in `raise`.
        let filled = self.span.word(0).load(Acquire);
        items(filled.min(self.end).saturating_sub(self.given))
    }

    /// The next items, as many as are there.
    #[inline]
    pub fn next_part(&mut self) -> &'a [i64] {
        let items = self.ready();
        let start = self.start;
        // SAFETY: `ready` never says more than are left until the end of the list.
        self.start = unsafe { start.add(items) };
        self.given += items as u64;
        // SAFETY: who made this promised that they are mapped and aligned for 'a and that
        // nothing is written below the watermark; any bits are an i64. Items above it are not looked at.
        unsafe { std::slice::from_raw_parts(start.as_ptr(), items) }
    }
}

impl fmt::Debug for PartialList<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PartialList({} items left, {} there)", self.left(), self.ready())
    }
}
