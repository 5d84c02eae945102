//! Sizes that every layout of shared memory is made of.

/// Bytes of one item of a list: all lists are of `i64`.
pub const ITEM_BYTES: usize = size_of::<i64>();

/// Two cache lines: the adjacent-line prefetcher fetches lines in pairs, so what two processes
/// write lies this far apart.
pub const CACHE_LINE_PAIR_BYTES: usize = 128;
