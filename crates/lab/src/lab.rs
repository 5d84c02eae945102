//! What a lab is: a question, its cells, the claims that it checks, and what may be guessed before.

use harness::LabContext;
use measure::units::{ratio, time};
use record::{Comparison, Record};
use stats::paired_ratio::Verdict;

/// The option for nominal durations of a task.
pub const DURATIONS: &str = "--durations";
/// The option for the number of workers, which every lab has unless it says otherwise.
pub const WORKERS: &str = "--workers";
/// The option for how much a heavy job computes, likewise.
pub const SCALE: &str = "--scale";
/// The option for sizes of lists.
pub const SIZES: &str = "--sizes";
/// The option for the number of workers that are killed.
pub const KILLS: &str = "--kills";

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

    /// Measures it, and writes what was found into the run.
    ///
    /// # Errors
    /// Nothing could be measured at all.
    fn measure(&self, context: &mut LabContext<'_>) -> anyhow::Result<()>;
}

/// One question.
pub struct Question {
    /// Its name in a file of answers, unique in its lab.
    pub key: &'static str,
    /// What is asked.
    pub asks: &'static str,
    /// What an answer looks like.
    pub answer: Answer,
    /// What helps to find it.
    pub hint: &'static str,
    /// Why it is so.
    pub why: &'static str,
    /// The answer, from the record of a run; none if it has none.
    pub found: fn(&Record) -> Option<MeasuredAnswer>,
}

/// What an answer looks like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Answer {
    /// One of these.
    Choice(&'static [&'static str]),
    /// How many times, as in 3x.
    Times,
    /// How long, as in 5us.
    Duration,
    /// How many.
    Count,
}

/// What was measured.
#[derive(Clone, Debug, PartialEq)]
pub enum MeasuredAnswer {
    /// One of the choices.
    Choice(&'static str),
    /// A number and its interval: a ratio, nanoseconds, or a count.
    Number(f64, f64, f64),
    /// The evidence carries no answer, and why.
    Undecided(String),
}

impl MeasuredAnswer {
    /// A number without an interval.
    pub fn exactly(number: f64) -> MeasuredAnswer {
        MeasuredAnswer::Number(number, number, number)
    }

    /// A ratio and its interval.
    pub fn ratio(comparison: &Comparison) -> MeasuredAnswer {
        MeasuredAnswer::Number(comparison.ratio, comparison.low, comparison.high)
    }

    /// The choice that stands for the comparison's verdict; `choices` are its words.
    pub fn verdict(comparison: &Comparison, choices: &[(Verdict, &'static str)]) -> MeasuredAnswer {
        let choice = choices.iter().find(|(verdict, _)| *verdict == comparison.verdict);
        match choice {
            Some((_, words)) => MeasuredAnswer::Choice(words),
            None => MeasuredAnswer::Undecided(format!(
                "{} {}",
                comparison.verdict.name(),
                Answer::Times.show(&MeasuredAnswer::ratio(comparison))
            )),
        }
    }
}

impl Answer {
    /// What was found, as people read it.
    pub fn show(self, found: &MeasuredAnswer) -> String {
        match found {
            MeasuredAnswer::Choice(words) => (*words).to_owned(),
            MeasuredAnswer::Undecided(why) => why.clone(),
            MeasuredAnswer::Number(at, low, high) if low < high => {
                format!("{} ({} to {})", self.number(*at), self.number(*low), self.number(*high))
            }
            MeasuredAnswer::Number(at, ..) => self.number(*at),
        }
    }

    /// A number of its kind, as people read it.
    pub(crate) fn number(self, value: f64) -> String {
        match self {
            Answer::Times => ratio(value),
            Answer::Duration => time(value.round() as u64),
            Answer::Count | Answer::Choice(_) => format!("{value}"),
        }
    }
}
