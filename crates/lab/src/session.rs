//! One lab at work: the run that it writes, what it was asked for, and how far it is.

use measure::record::{Claim, Line};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::book::{Book, Outcome};
use crate::progress::Progress;
use crate::wish::Wish;

/// One lab at work.
pub struct Session<'a> {
    /// The run so far.
    pub book: &'a mut Book,
    /// What was asked for.
    pub wish: &'a Wish,
    /// Name of the lab.
    pub lab: &'static str,
    /// Decides every order.
    pub random: StdRng,
    /// How far it is.
    pub progress: Progress,
    /// What its lines alone do not say of it.
    pub outcome: Outcome,
}

impl<'a> Session<'a> {
    /// `lab` at work in `book`.
    pub fn new(book: &'a mut Book, wish: &'a Wish, lab: &'static str) -> Session<'a> {
        let random = StdRng::seed_from_u64(book.seed);
        let progress = Progress::new(0, wish.common.quiet);
        Session { book, wish, lab, random, progress, outcome: Outcome::default() }
    }

    /// Writes down whether something that the lecture says was seen.
    ///
    /// # Errors
    /// The disk is full, or stdout is closed.
    pub fn claim(
        &mut self,
        text: impl Into<String>,
        seen: bool,
        reason: String,
    ) -> anyhow::Result<()> {
        let claim = Claim { lab: self.lab.into(), text: text.into(), seen, reason };
        // A run that is continued may have said so already.
        let said = |line: &Line| matches!(line, Line::Claim(before) if before.text == claim.text);
        self.book.lines.retain(|line| !said(line));
        self.book.say(Line::Claim(claim))
    }

    /// Whether somebody asked to end.
    pub fn is_interrupted(&self) -> bool {
        self.book.interrupt.signal().is_some()
    }
}
