//! The labs: one file for each, and one line in [`ALL`].

mod copy;
mod crossover;
mod futures;
mod owners;
mod quadrants;
mod tail;
mod wakeup;

use crate::lab::Lab;

/// Every lab, by number.
pub static ALL: &[&dyn Lab] = &[
    &copy::Copy,
    &quadrants::Quadrants,
    &futures::Futures,
    &crossover::Crossover,
    &tail::Tail,
    &wakeup::Wakeup,
    &owners::Owners,
];

/// The lab of that name or number.
pub fn find(text: &str) -> Option<&'static dyn Lab> {
    ALL.iter().copied().find(|lab| lab.name() == text || lab.number() == text)
}
