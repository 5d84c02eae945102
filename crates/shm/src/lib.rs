//! Memory that two processes share, and ways to wake a waiter.
//!
//! This is the only crate of the workspace with `unsafe` code: everything above it is
//! `#![forbid(unsafe_code)]`. It knows nothing of tasks, workers or clocks.
//!
//! | file | its one idea |
//! |---|---|
//! | layout | sizes that every layout is made of |
//! | [`segment`] | a mapping with a length that cannot change under one's feet |
//! | [`slots`] | rooms for one list each, in one segment, with a ledger that never leaves this process |
//! | [`descriptor`] | thirty-two bytes that say which room |
//! | [`ring`] | descriptors in order from one process to one other |
//! | [`payloads`] | what a worker has to say beyond one word |
//! | [`answers`] | a worker's answers that are lists, built in place |
//! | answer_ledger | how their rooms lie, and which of them are whose |
//! | [`answer_list`] | such a list, read where it lies |
//! | [`protocol`] | words and orderings that a ring and a flag are written over |
//! | [`fill`] | a copy into lines that another core holds |
//! | [`watermark`] | how far a list is filled that is read meanwhile |
//! | [`wakeup`] | how the other side learns that there is something to look at |
//! | [`lock`] | locks whose holders die: a lesson, and on no task's way |
//! | [`inherited`] | descriptors that a started process must not inherit |
//! | write_attacks | ways into a list that is lent for reading, for a test that each is closed (feature `attacks`) |
//! | [`list_file`] | a user's own list, mapped and not read |
#![cfg_attr(
    not(test),
    warn(clippy::cast_possible_truncation, clippy::cast_possible_wrap, clippy::cast_sign_loss)
)]

mod answer_ledger;
pub mod answer_list;
pub mod answers;
pub mod descriptor;
pub mod fill;
pub mod inherited;
mod layout;
pub mod list_file;
pub mod lock;
pub mod payloads;
pub mod protocol;
pub mod ring;
pub mod segment;
pub mod slots;
pub mod span;

pub mod wakeup;
pub mod watermark;
#[cfg(any(test, feature = "attacks"))]
pub mod write_attacks;

pub use answer_list::AnswerList;
pub use answers::{AnswerRooms, Answers};
pub use descriptor::{BadDescriptor, Descriptor};
pub use fill::{Filler, Stores};
pub use layout::{CACHE_LINE_PAIR_BYTES, ITEM_BYTES};
pub use segment::{Access, Grant, HugeBy, Kind, MappedPages, Pages, Segment, SegmentError};
pub use slots::{Lists, Resident, Slot, Slots, WeakResident};
pub use span::Span;
pub use watermark::{PartialList, Watermark, WatermarkReader};
