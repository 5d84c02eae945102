//! Copies a list into a slot for a worker on another core, the way that is best between these two.
//!
//! The lines of the slot are in the other core's cache, from the last list, and plain stores must first
//! take each line from there. Between cores that share a cache that costs some 2 to 4 ns a line.
//! Between two that do not it costs 9 to 18, which no prefetching hides, while AMD's non-temporal
//! stores write past it; on Intel's they lose. Measured on an EPYC, with a worker that polls and sums,
//! plain and non-temporal: 400 kB 15 and 31 µs where a cache is shared, 86 and 28 where none is.
//!
//! Which of the two it is cannot be asked: a virtual machine hides it, and its host moves virtual cores.
//! So [`Filler`] times a few plain stores now and then.

use std::hint::black_box;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use crate::layout::ITEM_BYTES;

/// Which stores a slot is filled with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stores {
    /// As memcpy does.
    Plain,
    /// Past the caches.
    NonTemporal,
}

impl Stores {
    /// Copies `from` to `to`, which is as long. What is published with Release afterwards publishes
    /// the copy too.
    #[inline]
    pub fn copy(self, to: &mut [i64], from: &[i64]) {
        match self {
            Stores::Plain => plain(to, from),
            Stores::NonTemporal => non_temporal(to, from),
        }
    }
}

/// Items at the head of a list whose plain stores are timed, and of a list that non-temporal stores
/// may pay for: 2 KiB.
const PROBE: usize = 2048 / ITEM_BYTES;
/// Stores that take longer than this over so many items, at 7 ns a line and a reading of the clock,
/// fetch their lines from a cache that is not shared.
const MAX_NEAR_LINE: Duration = Duration::from_nanos(32 * 7 + 25);
/// Lists from one probe to the next.
const PROBE_EVERY: u32 = 16;
/// Items of a list that goes past the caches however near the other core is, since it fits into none:
/// plain stores are ahead by a fifth at 8 MB, and behind by a quarter at 16.
const LONG: usize = (12 << 20) / ITEM_BYTES;

/// Fills slots, and learns how.
#[derive(Debug)]
pub struct Filler {
    /// Whether another core reads the lists, and this processor's non-temporal stores are any good.
    chooses: bool,
    /// What the last probe said.
    stores: Stores,
    /// Lists until the next.
    unprobed: u32,
}

impl Filler {
    /// `apart`: another core will read the lists.
    pub fn new(apart: bool) -> Filler {
        static PAST_THE_CACHES: LazyLock<bool> = LazyLock::new(amd);
        Filler { chooses: apart && *PAST_THE_CACHES, stores: Stores::Plain, unprobed: 0 }
    }

    /// Copies the first piece of a list of `items` items, which may be all of it, from `from` to `to`,
    /// and says how to copy the others. As [`Stores::copy`].
    #[inline]
    pub fn begin(&mut self, items: usize, to: &mut [i64], from: &[i64]) -> Stores {
        let mut probed = 0;
        let stores = match items {
            _ if !self.chooses || items < PROBE => Stores::Plain,
            LONG.. => Stores::NonTemporal,
            _ => {
                if self.unprobed == 0 && from.len() >= PROBE {
                    // The list's own lines first: only the slot's are timed.
                    black_box(from[..PROBE].iter().fold(0, |all, item| all ^ item));
                    let started = Instant::now();
                    plain(&mut to[..PROBE], &from[..PROBE]);
                    self.learn(started.elapsed());
                    probed = PROBE;
                }
                self.unprobed = self.unprobed.saturating_sub(1);
                self.stores
            }
        };
        stores.copy(&mut to[probed..], &from[probed..]);
        stores
    }

    /// What a probe says that took so long.
    fn learn(&mut self, took: Duration) {
        self.stores = if took > MAX_NEAR_LINE { Stores::NonTemporal } else { Stores::Plain };
        self.unprobed = PROBE_EVERY;
    }
}

/// From 2 KiB on, memcpy is one string instruction on some processors, and what follows it waits
/// until every line is back from the other core. Up to 8 KiB, pieces that stay below that are faster:
/// 4 KiB placed, across cores and polling, 0.45 instead of 1.29 µs a round trip; from 16 KiB on they
/// lose.
fn plain(to: &mut [i64], from: &[i64]) {
    const PIECE: usize = 1024 / ITEM_BYTES;
    const IN_PIECES: usize = 8 * 1024 / ITEM_BYTES;
    if from.len() > IN_PIECES {
        return to.copy_from_slice(from);
    }
    to.chunks_mut(PIECE).zip(from.chunks(PIECE)).for_each(|(to, from)| to.copy_from_slice(from));
}

#[cfg(target_arch = "x86_64")]
fn amd() -> bool {
    // No other vendor's cores have it.
    std::arch::is_x86_feature_detected!("sse4a")
}

#[cfg(target_arch = "x86_64")]
fn non_temporal(to: &mut [i64], from: &[i64]) {
    // SAFETY: every x86-64 processor has SSE2.
    unsafe { sse2::non_temporal(to, from) }
}

#[cfg(target_arch = "x86_64")]
mod sse2 {
    use std::arch::x86_64::{__m128i, _mm_set_epi64x, _mm_sfence, _mm_stream_si128};

    #[target_feature(enable = "sse2")]
    pub(super) fn non_temporal(to: &mut [i64], from: &[i64]) {
        assert_eq!(to.len(), from.len());
        // SAFETY: any two words are a vector, and any vector is two words.
        let (first, vectors, last) = unsafe { to.align_to_mut::<__m128i>() };
        let (from_first, from) = from.split_at(first.len());
        let (from_vectors, from_last) = from.split_at(from.len() - last.len());
        first.copy_from_slice(from_first);
        last.copy_from_slice(from_last);
        for (to, from) in vectors.iter_mut().zip(from_vectors.chunks_exact(2)) {
            let vector = _mm_set_epi64x(from[1], from[0]);
            // SAFETY: aligned and ours to write; the fence below comes before it is read.
            unsafe { _mm_stream_si128(to, vector) }
        }
        // Nothing else orders non-temporal stores: not even a Release store waits for them.
        _mm_sfence();
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn amd() -> bool {
    false
}

#[cfg(not(target_arch = "x86_64"))]
fn non_temporal(to: &mut [i64], from: &[i64]) {
    plain(to, from);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filler_stores_as_its_last_probe_says_and_asks_again_after_some_lists() {
        let mut filler = Filler { chooses: true, ..Filler::new(true) };
        let from: Vec<i64> = (0..2 * PROBE as i64).collect();
        let mut to = vec![0; from.len()];
        for (took, stores) in
            [(2 * MAX_NEAR_LINE, Stores::NonTemporal), (MAX_NEAR_LINE / 2, Stores::Plain)]
        {
            filler.learn(took);
            for _ in 0..PROBE_EVERY {
                assert_eq!(filler.begin(from.len(), &mut to, &from), stores);
            }
            assert_eq!(filler.unprobed, 0);
        }
        filler.learn(2 * MAX_NEAR_LINE);
        let short = &from[..PROBE - 1];
        assert_eq!(filler.begin(short.len(), &mut to[..short.len()], short), Stores::Plain);
        filler.learn(MAX_NEAR_LINE / 2);
        assert_eq!(filler.begin(LONG, &mut to, &from), Stores::NonTemporal);
        assert_eq!(filler.unprobed, PROBE_EVERY, "neither is one of those that a probe is for");
        let mut one_core = Filler::new(false);
        assert_eq!(one_core.begin(LONG, &mut to, &from), Stores::Plain);
    }

    #[test]
    fn a_filler_copies_every_item_whether_it_probes_or_not() {
        let from: Vec<i64> = (1..5000).collect();
        let mut filler = Filler { chooses: true, ..Filler::new(true) };
        for length in [0, 1, PROBE - 1, PROBE, PROBE + 1, 4999] {
            for unprobed in [0, 1] {
                filler.unprobed = unprobed;
                let mut to = vec![0; length];
                filler.begin(length, &mut to, &from[..length]);
                assert_eq!(to, from[..length], "{length} {unprobed}");
            }
        }
    }

    #[test]
    fn every_way_copies_every_item_whatever_the_length_and_the_alignment() {
        let from: Vec<i64> = (1..5000).map(|i| i * i).collect();
        for stores in [Stores::Plain, Stores::NonTemporal] {
            for length in [0, 1, 2, 3, 127, 1023, 1024, 1025, 4001] {
                for (to_at, from_at) in [(0, 0), (1, 0), (0, 1), (3, 2)] {
                    let mut to = vec![0; length + 8];
                    stores.copy(&mut to[to_at..to_at + length], &from[from_at..from_at + length]);
                    let name = format!("{stores:?} {length} {to_at} {from_at}");
                    assert_eq!(to[to_at..to_at + length], from[from_at..][..length], "{name}");
                    assert!(to[..to_at].iter().chain(&to[to_at + length..]).all(|word| *word == 0));
                }
            }
        }
    }
}
