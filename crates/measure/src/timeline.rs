//! A [`Timeline`] is one task's row of stamps; what lies between two of them is a [`Phase`].
//!
//! Only phase tasks, one in many and marked as such, carry a timeline: nine readings of the clock
//! cost as much as a whole journey.

use serde::{Deserialize, Serialize};

/// Moments of one task's journey, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stamp {
    /// The coordinator turns to this task.
    Reserved,
    /// The list lies where the transport takes it from.
    Filled,
    /// It has the form in which it travels.
    Encoded,
    /// Just before it is published, or its first byte written.
    Sent,
    /// The worker has all of it.
    Received,
    /// The worker has a list again.
    Decoded,
    /// The answer is known.
    Computed,
    /// Just before the reply is written.
    Replied,
    /// The coordinator has the answer.
    Collected,
}

/// Stamps in a timeline.
pub const STAMPS: usize = Stamp::Collected as usize + 1;

/// What happens between one stamp and the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Copying or producing the list where the transport takes it from.
    Fill,
    /// Serialising it.
    Encode,
    /// Getting ready to write: frame heads, descriptors.
    Send,
    /// Writing, waking and reading.
    Deliver,
    /// Deserialising.
    Decode,
    /// The job.
    Compute,
    /// Getting ready to answer.
    Reply,
    /// The way back.
    Collect,
}

impl Phase {
    /// All of them, in order: phase i lies between stamps i and i + 1.
    pub const ALL: [Phase; STAMPS - 1] = [
        Phase::Fill,
        Phase::Encode,
        Phase::Send,
        Phase::Deliver,
        Phase::Decode,
        Phase::Compute,
        Phase::Reply,
        Phase::Collect,
    ];

    /// The word in records and tables.
    pub fn name(self) -> &'static str {
        match self {
            Phase::Fill => "fill",
            Phase::Encode => "encode",
            Phase::Send => "send",
            Phase::Deliver => "deliver",
            Phase::Decode => "decode",
            Phase::Compute => "compute",
            Phase::Reply => "reply",
            Phase::Collect => "collect",
        }
    }
}

/// One task's stamps, in nanoseconds of [`crate::now`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timeline([u64; STAMPS]);

impl Timeline {
    /// Notes that `stamp` is now.
    #[inline]
    pub fn mark(&mut self, stamp: Stamp) {
        self.set(stamp, crate::now());
    }

    /// Notes when `stamp` was.
    #[inline]
    pub fn set(&mut self, stamp: Stamp, at_ns: u64) {
        self.0[stamp as usize] = at_ns;
    }

    /// When `stamp` was; 0 if it was not noted.
    pub fn at(&self, stamp: Stamp) -> u64 {
        self.0[stamp as usize]
    }

    /// How long each phase took. A stamp that a transport does not have counts as the one before:
    /// its phase took no time.
    pub fn phases_ns(&self) -> [(Phase, u64); STAMPS - 1] {
        let mut before = self.0[0];
        let mut index = 0;
        Phase::ALL.map(|phase| {
            index += 1;
            let at = self.0[index].max(before);
            let took = at - before;
            before = at;
            (phase, took)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_lie_between_neighbours_and_add_up_to_the_round_trip() {
        let mut timeline = Timeline::default();
        let stamps = [Stamp::Reserved, Stamp::Sent, Stamp::Received, Stamp::Collected];
        stamps.iter().zip([100, 130, 200, 1000]).for_each(|(stamp, at)| timeline.set(*stamp, at));
        let phases = timeline.phases_ns();
        assert_eq!(phases[Phase::Send as usize], (Phase::Send, 30));
        assert_eq!(phases[Phase::Deliver as usize], (Phase::Deliver, 70));
        assert_eq!(phases[Phase::Encode as usize], (Phase::Encode, 0));
        assert_eq!(phases.iter().map(|(_, ns)| ns).sum::<u64>(), 900);
    }
}
