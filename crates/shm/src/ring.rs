//! A ring of descriptors from one producer to one consumer, in memory that both processes see.
//!
//! Each entry carries its own lap mark (`turn`) in the word that is stored last, so a descriptor
//! and the news of it are one cache line: the consumer looks at the entry itself, not at an index
//! beside it. The consumer's index lies on lines of its own and the producer reads it only when
//! the ring looks full, once in `capacity` pushes.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use crate::descriptor::{DESCRIPTOR_BYTES, Descriptor};
use crate::layout::CACHE_LINE_PAIR_BYTES;
use crate::protocol::{Orders, RealOrderings, Site, Word};
use crate::span::Span;

const ENTRY_WORDS: usize = DESCRIPTOR_BYTES / size_of::<u64>();
const ENTRIES: usize = CACHE_LINE_PAIR_BYTES / size_of::<u64>();
/// The consumer's index is word 0; entries begin one pair of cache lines further on.
const TAKEN: usize = 0;

/// Bytes of a span that holds a ring of `capacity` descriptors.
///
/// # Panics
/// If `capacity` is not a power of two.
pub fn bytes(capacity: usize) -> usize {
    assert!(capacity.is_power_of_two(), "a ring of {capacity} is not a power of two");
    (CACHE_LINE_PAIR_BYTES + capacity * DESCRIPTOR_BYTES).next_multiple_of(CACHE_LINE_PAIR_BYTES)
}

/// Where a ring lies.
pub trait Memory {
    /// A word that carries an ordering.
    type Word: Word<Value = u64>;
    /// How many entries the consumer has taken.
    fn taken(&self) -> &Self::Word;
    /// The first word of an entry, with its lap mark.
    fn mark(&self, entry: usize) -> &Self::Word;
    /// Writes the other words of an entry.
    fn set_rest(&self, entry: usize, rest: [u64; ENTRY_WORDS - 1]);
    /// Reads the other words of an entry.
    fn rest(&self, entry: usize) -> [u64; ENTRY_WORDS - 1];
}

impl Memory for Span {
    type Word = AtomicU64;
    #[inline(always)]
    fn taken(&self) -> &AtomicU64 {
        self.word(TAKEN)
    }
    #[inline(always)]
    fn mark(&self, entry: usize) -> &AtomicU64 {
        self.word(ENTRIES + entry * ENTRY_WORDS)
    }
    #[inline(always)]
    fn set_rest(&self, entry: usize, rest: [u64; ENTRY_WORDS - 1]) {
        for (word, value) in (ENTRIES + entry * ENTRY_WORDS + 1..).zip(rest) {
            // Relaxed: atomic only because a peer that lies may write here at the same time.
            self.word(word).store(value, Relaxed);
        }
    }
    #[inline(always)]
    fn rest(&self, entry: usize) -> [u64; ENTRY_WORDS - 1] {
        let first = ENTRIES + entry * ENTRY_WORDS + 1;
        // Relaxed: as in `set_rest`.
        std::array::from_fn(|index| self.word(first + index).load(Relaxed))
    }
}

/// Which entry the one at `position` is. A division would take longer than the rest of a look.
#[allow(clippy::cast_possible_truncation, reason = "it is below the capacity, which is a usize")]
fn entry(position: u64, capacity: u64) -> usize {
    (position & (capacity - 1)) as usize
}

/// The lap mark of the entry at `position`: never that of the lap before, and never 0 in the first.
#[allow(clippy::cast_possible_truncation, reason = "the mark is the lap modulo 256")]
fn turn(position: u64, capacity: u64) -> u8 {
    ((position >> capacity.trailing_zeros()) + 1) as u8
}

/// The side that publishes.
#[derive(Debug)]
pub struct Producer<M = Span, O = RealOrderings> {
    memory: M,
    orders: O,
    capacity: u64,
    next: u64,
    taken: u64,
}

impl Producer {
    /// Publishes into `span`, which is all zero and as long as [`bytes`] says.
    pub fn new(span: Span, capacity: usize) -> Producer {
        assert!(span.words() * size_of::<u64>() >= bytes(capacity));
        Producer::over(span, RealOrderings, capacity)
    }
}

impl<M: Memory, O: Orders> Producer<M, O> {
    /// Publishes into `memory`, all zero, which has `capacity` entries, a power of two.
    pub fn over(memory: M, orders: O, capacity: usize) -> Self {
        Producer { memory, orders, capacity: capacity as u64, next: 0, taken: 0 }
    }

    /// Publishes one descriptor, or gives it back while the ring is full.
    ///
    /// # Errors
    /// The descriptor itself.
    #[inline(always)]
    pub fn push(&mut self, descriptor: Descriptor) -> Result<(), Descriptor> {
        if self.next.wrapping_sub(self.taken) >= self.capacity {
            // Acquire: the consumer's reads of the entry happened before it said so; pairs with
            // the Release in `pop`.
            self.taken = self.memory.taken().load(self.orders.of(Site::ProducerAcquire));
            if self.next.wrapping_sub(self.taken) >= self.capacity {
                return Err(descriptor);
            }
        }
        let mark = Descriptor { turn: turn(self.next, self.capacity), ..descriptor };
        let [first, rest @ ..] = mark.to_words();
        let entry = entry(self.next, self.capacity);
        self.memory.set_rest(entry, rest);
        // Release: publishes the words above, and the list they name; pairs with pop's Acquire.
        self.memory.mark(entry).store(first, self.orders.of(Site::ProducerPublish));
        self.next += 1;
        Ok(())
    }

    /// Where the next descriptor will lie, modulo the ring's capacity.
    #[inline]
    pub fn position(&self) -> usize {
        entry(self.next, self.capacity)
    }
}

/// The side that takes.
#[derive(Debug)]
pub struct Consumer<M = Span, O = RealOrderings> {
    memory: M,
    orders: O,
    capacity: u64,
    next: u64,
}

impl Consumer {
    /// Takes from `span`, as long as [`bytes`] says.
    pub fn new(span: Span, capacity: usize) -> Consumer {
        assert!(span.words() * size_of::<u64>() >= bytes(capacity));
        Consumer::over(span, RealOrderings, capacity)
    }
}

impl<M: Memory, O: Orders> Consumer<M, O> {
    /// Takes from `memory`, which has `capacity` entries, a power of two.
    pub fn over(memory: M, orders: O, capacity: usize) -> Self {
        Consumer { memory, orders, capacity: capacity as u64, next: 0 }
    }

    /// Whether [`Consumer::pop`] would give something.
    #[inline]
    pub fn ready(&self) -> bool {
        // Relaxed: only a hint; `pop` looks again.
        let first = self.memory.mark(entry(self.next, self.capacity)).load(Relaxed);
        Descriptor::from_words([first, 0, 0, 0]).turn == turn(self.next, self.capacity)
    }

    /// Takes the oldest descriptor.
    #[inline]
    pub fn pop(&mut self) -> Option<Descriptor> {
        let entry = entry(self.next, self.capacity);
        // Acquire: sees everything stored before the producer's Release of this word.
        let first = self.memory.mark(entry).load(self.orders.of(Site::ConsumerLoad));
        let mark = Descriptor::from_words([first, 0, 0, 0]);
        if mark.turn != turn(self.next, self.capacity) {
            return None;
        }
        let [second, third, fourth] = self.memory.rest(entry);
        let descriptor = Descriptor::from_words([first, second, third, fourth]);
        self.next += 1;
        // Release: the reads above are done before the producer may write there again.
        self.memory.taken().store(self.next, self.orders.of(Site::ConsumerRelease));
        Some(Descriptor { turn: 0, ..descriptor })
    }

    /// Where the descriptor that `pop` gave last lay, modulo the ring's capacity.
    #[inline]
    pub fn last_position(&self) -> usize {
        entry(self.next.wrapping_sub(1), self.capacity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::{Access, Kind, Segment};

    fn ring(capacity: usize) -> (Producer, Consumer) {
        let segment = Segment::create(Kind::Memfd, Access::Words, bytes(capacity)).unwrap();
        let (grant, fd) = segment.grant().unwrap();
        let seen = Segment::open(&grant, fd).unwrap();
        let span = |segment: &std::sync::Arc<Segment>| Span::of(segment, 0, bytes(capacity));
        (Producer::new(span(&segment), capacity), Consumer::new(span(&seen), capacity))
    }

    fn numbered(task: u32) -> Descriptor {
        Descriptor { task, word: u64::from(task) * 3, ..Descriptor::default() }
    }

    #[test]
    fn a_full_ring_gives_the_descriptor_back_and_nothing_is_overwritten() {
        let (mut producer, mut consumer) = ring(4);
        (0..4).for_each(|task| producer.push(numbered(task)).unwrap());
        assert_eq!(producer.push(numbered(9)), Err(numbered(9)));
        assert_eq!(consumer.pop(), Some(numbered(0)));
        producer.push(numbered(4)).unwrap();
        (1..5).for_each(|task| assert_eq!(consumer.pop(), Some(numbered(task))));
        assert_eq!(consumer.pop(), None);
        assert!(!consumer.ready());
    }

    #[test]
    fn the_lap_mark_may_wrap() {
        let (mut producer, mut consumer) = ring(1);
        for task in 0..1000 {
            assert_eq!(consumer.pop(), None);
            producer.push(numbered(task)).unwrap();
            assert_eq!(consumer.pop(), Some(numbered(task)));
        }
    }

    #[test]
    fn a_million_descriptors_cross_between_threads_in_order_and_whole() {
        let (mut producer, mut consumer) = ring(64);
        let count = 1_000_000;
        let sender = std::thread::spawn(move || {
            for task in 0..count {
                while producer.push(numbered(task)).is_err() {
                    std::thread::yield_now();
                }
            }
        });
        for task in 0..count {
            let got = loop {
                match consumer.pop() {
                    Some(descriptor) => break descriptor,
                    None => std::thread::yield_now(),
                }
            };
            assert_eq!(got, numbered(task));
        }
        sender.join().unwrap();
    }
}
