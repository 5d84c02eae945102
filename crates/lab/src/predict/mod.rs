//! Predict, run, reveal: what a lab asks before it is measured, and how a guess is scored against the
//! lines that were written.

mod ask;
mod number;
mod tell;

use measure::compare::Verdict;
use measure::prediction::{Guess, Score};
use measure::record::{Comparison, Line};

pub use ask::{Source, ask};
pub use tell::{hints, revealed};

use crate::book::Book;
use crate::labs::Lab;

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
    /// The answer, from the lines of a run; nothing if they have none.
    pub found: fn(&[Line]) -> Option<Found>,
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
pub enum Found {
    /// One of the choices.
    Choice(&'static str),
    /// A number and its interval: a ratio, nanoseconds, or a count.
    Number(f64, f64, f64),
    /// The evidence carries no answer, and why.
    Undecided(String),
}

/// A guess this many times too large or too small has all points, unless the interval is wider.
const NEAR: f64 = 1.25;
/// And this many times, half of them.
const HALF: f64 = 2.0;

impl Found {
    /// A number without an interval.
    pub fn exactly(number: f64) -> Found {
        Found::Number(number, number, number)
    }

    /// A ratio and its interval.
    pub fn ratio(comparison: &Comparison) -> Found {
        Found::Number(comparison.ratio, comparison.low, comparison.high)
    }

    /// The choice that stands for the comparison's verdict; `choices` are its words.
    pub fn verdict(comparison: &Comparison, choices: &[(Verdict, &'static str)]) -> Found {
        let choice = choices.iter().find(|(verdict, _)| *verdict == comparison.verdict);
        match choice {
            Some((_, words)) => Found::Choice(words),
            None => Found::Undecided(format!(
                "{} {}",
                comparison.verdict.name(),
                Answer::Times.show(&Found::ratio(comparison))
            )),
        }
    }
}

impl Answer {
    /// What was found, as people read it.
    pub fn show(self, found: &Found) -> String {
        match found {
            Found::Choice(words) => (*words).to_owned(),
            Found::Undecided(why) => why.clone(),
            Found::Number(at, low, high) if low < high => {
                format!("{} ({} to {})", self.number(*at), self.number(*low), self.number(*high))
            }
            Found::Number(at, ..) => self.number(*at),
        }
    }

    /// A number of its kind, as people read it.
    fn number(self, value: f64) -> String {
        match self {
            Answer::Times => report::ratio(value),
            Answer::Duration => report::time(value.round() as u64),
            Answer::Count | Answer::Choice(_) => format!("{value}"),
        }
    }

    /// What `guess` is worth, of 1; nothing where there is no answer.
    fn points(self, guess: &Guess, found: &Found) -> Option<f64> {
        let points = |right: bool| Some(if right { 1.0 } else { 0.0 });
        match (found, guess.value) {
            (Found::Undecided(_), _) => None,
            (Found::Choice(words), _) => points(guess.guess == *words),
            (Found::Number(at, ..), Some(value)) if self == Answer::Count => points(value == *at),
            (Found::Number(at, low, high), Some(value)) => {
                let off = (value / at).max(at / value);
                match off {
                    _ if (*low..=*high).contains(&value) || off <= NEAR => Some(1.0),
                    _ if off <= HALF => Some(0.5),
                    _ => Some(0.0),
                }
            }
            (Found::Number(..), None) => None,
        }
    }
}

/// Guesses that `lines` hold for `lab`.
pub fn guesses<'a>(lines: &'a [Line], lab: &'a str) -> impl Iterator<Item = &'a Guess> {
    lines.iter().filter_map(move |line| match line {
        Line::Guess(guess) if guess.lab == lab => Some(guess),
        _ => None,
    })
}

/// Each guess of `lines` beside what they say was measured.
pub fn scores(lab: &dyn Lab, lines: &[Line]) -> Vec<Score> {
    let of = |guess: &Guess| {
        let question = lab.questions().iter().find(|question| question.key == guess.question)?;
        let found = (question.found)(lines);
        let found = found.unwrap_or_else(|| Found::Undecided("not measured".into()));
        let measured = question.answer.show(&found);
        let points = question.answer.points(guess, &found);
        Some(Score { guess: guess.clone(), measured, points })
    };
    guesses(lines, lab.name()).filter_map(of).collect()
}

/// Writes the scores down, if there were guesses.
///
/// # Errors
/// The disk is full, or stdout is closed.
pub fn score(lab: &dyn Lab, book: &mut Book) -> anyhow::Result<()> {
    for score in scores(lab, &book.lines) {
        book.say(Line::Score(score))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guess(guess: &str, value: Option<f64>) -> Guess {
        let [lab, question, asks] = ["a", "b", "c"].map(String::from);
        Guess { lab, question, asks, guess: guess.into(), value }
    }

    #[test]
    fn a_number_is_right_within_a_quarter_or_the_interval_and_half_right_within_twice() {
        let points = |value, found: &Found| Answer::Times.points(&guess("", Some(value)), found);
        let narrow = Found::Number(4.0, 3.9, 4.1);
        for (value, worth) in
            [(4.0, 1.0), (5.0, 1.0), (3.2, 1.0), (5.1, 0.5), (2.0, 0.5), (8.1, 0.0), (1.9, 0.0)]
        {
            assert_eq!(points(value, &narrow), Some(worth), "{value}");
        }
        assert_eq!(points(9.0, &Found::Number(4.0, 1.0, 9.0)), Some(1.0));
        assert_eq!(points(4.0, &Found::Undecided("too close".into())), None);
        let count = Found::Number(299.0, 299.0, 299.0);
        assert_eq!(Answer::Count.points(&guess("", Some(300.0)), &count), Some(0.0));
    }

    #[test]
    fn a_choice_is_right_or_wrong() {
        let points = |words: &str| {
            Answer::Choice(&["faster", "slower"])
                .points(&guess(words, None), &Found::Choice("faster"))
        };
        assert_eq!((points("faster"), points("slower")), (Some(1.0), Some(0.0)));
    }
}
