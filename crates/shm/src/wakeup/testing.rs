//! Doorbells for tests.

use super::doorbell::{DOORBELL_BYTES, Ringer, Waiter, Wakeup};
use crate::segment::{Access, Kind, Segment};
use crate::span::Span;

pub(super) fn doorbell_and_words(wakeup: &dyn Wakeup) -> (Box<dyn Waiter>, Box<dyn Ringer>, Span) {
    let segment = Segment::create(Kind::Memfd, Access::Words, DOORBELL_BYTES).unwrap();
    let words = Span::of(&segment, 0, DOORBELL_BYTES);
    let ends = wakeup.create(&words).unwrap();
    let waiter = wakeup.waiter(words.clone(), ends.wait).unwrap();
    (waiter, wakeup.ringer(words.clone(), ends.ring).unwrap(), words)
}
