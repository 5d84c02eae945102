//! The lecture's labs: one file for each, and one line in [`ALL`].

mod quadrants;

use crate::book::Done;
use crate::wish::Wish;

/// Every lab, by number.
pub static ALL: &[&dyn Lab] = &[&quadrants::Quadrants];

/// One lab.
pub trait Lab: Sync {
    /// Its name on the command line.
    fn name(&self) -> &'static str;

    /// Its number in the lecture.
    fn number(&self) -> &'static str;

    /// What it asks.
    fn question(&self) -> &'static str;

    /// Asks it.
    ///
    /// # Errors
    /// Nothing could be measured at all.
    fn run(&self, wish: &Wish) -> anyhow::Result<Done>;
}

/// The lab of that name or number.
pub fn find(text: &str) -> Option<&'static dyn Lab> {
    ALL.iter().copied().find(|lab| lab.name() == text || lab.number() == text)
}
