//! The lecture's labs: one file for each, and one line in [`ALL`].

mod copy;
mod crossover;
mod futures;
mod owners;
mod quadrants;
mod tail;
mod wakeup;

use measure::compare::ENOUGH_GENERATIONS;
use measure::record::{Comparison, LectureCase, Line};
use pool::MAX_WORKERS;

use crate::book::{Book, Done, Outcome};
use crate::predict::{self, Question, Source};
use crate::refusal::Refusal;
use crate::session::Session;
use crate::wish::Wish;

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

/// One lab.
pub trait Lab: Sync {
    /// Its name on the command line.
    fn name(&self) -> &'static str;

    /// Its number in the lecture.
    fn number(&self) -> &'static str;

    /// What it asks.
    fn question(&self) -> &'static str;

    /// Options of its own, beside those that every lab has.
    fn options(&self) -> &'static [&'static str] {
        &[]
    }

    /// Options that every other lab has and this one has not.
    fn without(&self) -> &'static [&'static str] {
        &[]
    }

    /// Whether `quick` asks it too; not what its own sweep has measured already.
    fn is_in_quick(&self) -> bool {
        true
    }

    /// What may be guessed before it is measured.
    fn questions(&self) -> &'static [Question];

    /// Asks it, and writes what it found into the session's run.
    ///
    /// # Errors
    /// Nothing could be measured at all.
    fn ask(&self, session: &mut Session<'_>) -> anyhow::Result<()>;
}

/// The lab of that name or number.
pub fn find(text: &str) -> Option<&'static dyn Lab> {
    ALL.iter().copied().find(|lab| lab.name() == text || lab.number() == text)
}

/// Runs one lab as a run of its own; asks for guesses before, if they come from somewhere.
///
/// # Errors
/// Nothing could be measured at all: a [`Refusal`] where the user can mend it.
pub fn carry_out(lab: &dyn Lab, wish: &Wish, guesses: Option<&Source>) -> anyhow::Result<Done> {
    check(lab, wish)?;
    if !wish.common.quiet {
        anstream::eprintln!("lab {}  {}", lab.number(), lab.question());
    }
    let plan = format!("{} {wish}", lab.name());
    let before = Book::before(&wish.common, &plan)?;
    let guessed = predict::guesses(&before.lines, lab.name()).next().is_some();
    let guesses = match guesses {
        // Whoever goes on with a run has seen some of it.
        Some(source) if !guessed => predict::ask(lab, source)?,
        _ => Vec::new(),
    };
    let mut book = Book::begin(&wish.common, plan)?;
    guesses.into_iter().try_for_each(|guess| book.say(Line::Guess(guess)))?;
    let mut outcome = Outcome::default();
    ask(lab, &mut book, wish, &mut outcome)?;
    if book.interrupt.signal().is_none() {
        predict::score(lab, &mut book)?;
    }
    book.end(outcome)
}

/// Asks one lab within a run, and notes in `outcome` what its lines alone do not say.
///
/// # Errors
/// Nothing could be measured at all.
pub fn ask(
    lab: &dyn Lab,
    book: &mut Book,
    wish: &Wish,
    outcome: &mut Outcome,
) -> anyhow::Result<()> {
    let mut session = Session::new(book, wish, lab.name());
    lab.ask(&mut session)?;
    outcome.worker_lost |= session.outcome.worker_lost;
    outcome.duplicated += session.outcome.duplicated;
    outcome.strayed |= session.outcome.strayed;
    outcome.short |= book.lines.iter().any(|line| match line {
        Line::Trial(trial) => trial.lab == lab.name() && trial.generations < wish.generations,
        _ => false,
    });
    Ok(())
}

/// What can be refused before anything is started.
fn check(lab: &dyn Lab, wish: &Wish) -> Result<(), Refusal> {
    if !(1..=MAX_WORKERS).contains(&wish.workers) {
        let workers = wish.workers;
        return Err(Refusal::usage(format!(
            "--workers {workers} is not possible: give 1 to {MAX_WORKERS}"
        )));
    }
    let given = wish.given();
    if let Some(option) = given.iter().find(|option| !lab.options().contains(option)) {
        let name = lab.name();
        return Err(Refusal::usage(format!("lab {name} has no {option}: leave it out")));
    }
    let need: usize = wish
        .sizes()
        .iter()
        .map(|bytes| bytes.saturating_mul(4 * wish.workers + 8))
        .max()
        .unwrap_or(0);
    let free = shm::segment::memory_available().unwrap_or(usize::MAX);
    if need > free / 10 * 9 {
        return Err(Refusal::usage(format!(
            "--sizes {}: lists of that size need about {} of memory, and {} are free",
            report::size(wish.sizes().into_iter().max().unwrap_or(0)),
            report::size(need),
            report::size(free),
        )));
    }
    Ok(())
}

/// Comparisons of one lab, each with its case.
fn comparisons<'a>(
    lines: &'a [Line],
    lab: &'a str,
) -> impl Iterator<Item = (&'a Comparison, &'a LectureCase)> {
    lines.iter().filter_map(move |line| match line {
        Line::Comparison(c) if c.lab == lab => Some((&**c, c.lecture.as_ref()?)),
        _ => None,
    })
}
