//! A [`Descriptor`] is thirty-two bytes that stand for a list or an answer of any size.
//!
//! The same words travel through a ring and, as the head of a frame, through a pipe. From a peer
//! they are untrusted: what they name is checked where it is used ([`crate::Lists::accept`],
//! the hub's ledger), once, on a copy.

/// Two to a cache line.
pub const DESCRIPTOR_BYTES: usize = 32;

/// Which list, whose task, and one word of argument or answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Descriptor {
    /// Number of the task, the same in its reply.
    pub task: u32,
    /// In a task: the job's number. In a reply: how it ended.
    pub code: u16,
    /// Bits that the transport defines.
    pub flags: u8,
    /// The ring's own lap mark; zero outside a ring.
    pub turn: u8,
    /// The slot that holds the list.
    pub slot: u32,
    /// The slot's generation: an older one names a list that is gone.
    pub generation: u32,
    /// First item of the list, counted from the start of the slot; in a reply, items of its list.
    pub offset: u32,
    /// Items of the list; in a reply, bytes of its payload.
    pub length: u32,
    /// The argument, or the answer.
    pub word: u64,
}

/// Why a descriptor was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadDescriptor {
    /// There is no such slot.
    #[error("slot {slot} of {slots}")]
    Slot {
        /// What it said.
        slot: u32,
        /// How many there are.
        slots: u32,
    },
    /// The list would reach past the end of its slot.
    #[error("{length} items from item {offset} in a slot of {room}")]
    Range {
        /// First item alleged.
        offset: u32,
        /// Items alleged.
        length: u32,
        /// Items that fit.
        room: usize,
    },
}

impl Descriptor {
    /// As four words; the first one holds `turn`, so the publishing side stores it last.
    #[inline]
    pub fn to_words(self) -> [u64; 4] {
        [
            u64::from(self.task)
                | u64::from(self.code) << 32
                | u64::from(self.flags) << 48
                | u64::from(self.turn) << 56,
            u64::from(self.slot) | u64::from(self.generation) << 32,
            u64::from(self.offset) | u64::from(self.length) << 32,
            self.word,
        ]
    }

    /// From four words: every pattern of bits is a descriptor, though perhaps a false one.
    #[inline]
    #[allow(clippy::cast_possible_truncation, reason = "each field is cut out of its word")]
    pub fn from_words(words: [u64; 4]) -> Descriptor {
        Descriptor {
            task: words[0] as u32,
            code: (words[0] >> 32) as u16,
            flags: (words[0] >> 48) as u8,
            turn: (words[0] >> 56) as u8,
            slot: words[1] as u32,
            generation: (words[1] >> 32) as u32,
            offset: words[2] as u32,
            length: (words[2] >> 32) as u32,
            word: words[3],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_four_words_survive_the_round_trip(words: [u64; 4]) {
            prop_assert_eq!(Descriptor::from_words(words).to_words(), words);
        }
    }
}
