//! Doorbells for tests.

use super::doorbell::{BELL_BYTES, Ringer, Waiter, Wakeup};
use crate::segment::{Kind, Segment, Use};
use crate::span::Span;

pub(super) fn bell_and_words(wakeup: &dyn Wakeup) -> (Box<dyn Waiter>, Box<dyn Ringer>, Span) {
    let segment = Segment::create(Kind::Memfd, Use::Words, BELL_BYTES).unwrap();
    let words = Span::of(&segment, 0, BELL_BYTES);
    let ends = wakeup.create(&words).unwrap();
    let waiter = wakeup.waiter(words.clone(), ends.wait).unwrap();
    (waiter, wakeup.ringer(words.clone(), ends.ring).unwrap(), words)
}
