//! A [`Span`] is a part of a segment that both sides write, and only through atomic words.

use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64};

use crate::layout::CACHE_LINE_PAIR_BYTES;
use crate::segment::{Access, Segment};

/// Words that two processes share. Keeps its segment mapped.
///
/// A span is read as 64-bit words or as 32-bit halves, never both: each user of one says which.
#[derive(Clone, Debug)]
pub struct Span {
    start: NonNull<u8>,
    bytes: usize,
    _segment: Arc<Segment>,
}

// SAFETY: a span gives out only references to atomics in memory that its Arc keeps mapped.
unsafe impl Send for Span {}
// SAFETY: as above; atomics may be shared between threads.
unsafe impl Sync for Span {}

impl Span {
    /// The `bytes` bytes from `offset` of a [`Access::Words`] segment.
    ///
    /// # Panics
    /// If they are not inside the segment, `offset` is not a multiple of [`CACHE_LINE_PAIR_BYTES`], or the segment
    /// is not one of words: layouts are computed by the caller, never taken from a peer.
    pub fn of(segment: &Arc<Segment>, offset: usize, bytes: usize) -> Span {
        assert_eq!(segment.access(), Access::Words, "only a segment of words has words");
        assert!(offset.is_multiple_of(CACHE_LINE_PAIR_BYTES), "offset {offset} is not aligned");
        assert!(offset + bytes <= segment.bytes(), "{offset}+{bytes} is past its end");
        // SAFETY: the assertion above keeps `offset` inside the mapping.
        let start = unsafe { segment.start().add(offset) };
        Span { start, bytes, _segment: segment.clone() }
    }

    /// Length in 64-bit words.
    pub fn words(&self) -> usize {
        self.bytes / size_of::<u64>()
    }

    /// The 64-bit word number `index`.
    ///
    /// # Panics
    /// If it lies past the end of the span.
    #[inline]
    pub fn word(&self, index: usize) -> &AtomicU64 {
        assert!(index < self.words());
        // SAFETY: inside the span by the assertion.
        let word = unsafe { self.start.cast::<AtomicU64>().add(index) };
        // SAFETY: mapped as long as `_segment` lives, aligned since a span starts at a multiple
        // of 128, and every process touches these words by atomic instructions alone.
        unsafe { word.as_ref() }
    }

    /// The 32-bit word number `index`.
    ///
    /// # Panics
    /// If it lies past the end of the span.
    #[inline]
    pub fn word32(&self, index: usize) -> &AtomicU32 {
        assert!(index < self.bytes / size_of::<u32>());
        // SAFETY: inside the span by the assertion.
        let word = unsafe { self.start.cast::<AtomicU32>().add(index) };
        // SAFETY: as in `word`.
        unsafe { word.as_ref() }
    }

    /// The bytes from `offset`, for a library that lays its own object there.
    pub(crate) fn address(&self) -> *mut u8 {
        self.start.as_ptr()
    }
}
