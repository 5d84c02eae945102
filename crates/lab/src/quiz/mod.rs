//! Predict, run, explain: what a lab asks before it is measured, and how a guess is scored against what was measured.

mod answer;
mod ask;
mod explain;

use harness::RunWriter;
use record::{Guess, Line, Record, Score};

pub use ask::{Source, ask};
pub use explain::{explain, hints};

use crate::lab::{Answer, Lab, MeasuredAnswer};

/// A guess this many times too large or too small has all points, unless the interval is wider.
const MAX_RATIO_FOR_ALL: f64 = 1.25;
/// And this many times, half of them.
const MAX_RATIO_FOR_HALF: f64 = 2.0;

/// What `guess` is worth, of 1; nothing where there is no answer.
fn points(answer: Answer, guess: &Guess, found: &MeasuredAnswer) -> Option<f64> {
    let points = |right: bool| Some(if right { 1.0 } else { 0.0 });
    match (found, guess.value) {
        (MeasuredAnswer::Undecided(_), _) => None,
        (MeasuredAnswer::Choice(words), _) => points(guess.guess == *words),
        (MeasuredAnswer::Number(at, ..), Some(value)) if answer == Answer::Count => {
            points(value == *at)
        }
        (MeasuredAnswer::Number(at, low, high), Some(value)) => {
            let off = (value / at).max(at / value);
            match off {
                _ if (*low..=*high).contains(&value) || off <= MAX_RATIO_FOR_ALL => Some(1.0),
                _ if off <= MAX_RATIO_FOR_HALF => Some(0.5),
                _ => Some(0.0),
            }
        }
        (MeasuredAnswer::Number(..), None) => None,
    }
}

/// Guesses that `record` holds for `lab`.
pub fn guesses<'a>(record: &'a Record, lab: &'a str) -> impl Iterator<Item = &'a Guess> {
    record.guesses.iter().filter(move |guess| guess.lab == lab)
}

/// Each guess of `record` beside what was measured.
fn scores(lab: &dyn Lab, record: &Record) -> Vec<Score> {
    let of = |guess: &Guess| {
        let question = lab.questions().iter().find(|question| question.key == guess.question)?;
        let found = (question.found)(record);
        let found = found.unwrap_or_else(|| MeasuredAnswer::Undecided("not measured".into()));
        let measured = question.answer.show(&found);
        let points = points(question.answer, guess, &found);
        Some(Score { guess: guess.clone(), measured, points })
    };
    guesses(record, lab.name()).filter_map(of).collect()
}

/// Writes the scores, if there were guesses.
///
/// # Errors
/// The disk is full, or stdout is closed.
pub fn score(lab: &dyn Lab, run: &mut RunWriter) -> anyhow::Result<()> {
    for score in scores(lab, &run.record) {
        run.append(Line::Score(score))?;
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
        let points_of =
            |value, found: &MeasuredAnswer| points(Answer::Times, &guess("", Some(value)), found);
        let narrow = MeasuredAnswer::Number(4.0, 3.9, 4.1);
        for (value, worth) in
            [(4.0, 1.0), (5.0, 1.0), (3.2, 1.0), (5.1, 0.5), (2.0, 0.5), (8.1, 0.0), (1.9, 0.0)]
        {
            assert_eq!(points_of(value, &narrow), Some(worth), "{value}");
        }
        assert_eq!(points_of(9.0, &MeasuredAnswer::Number(4.0, 1.0, 9.0)), Some(1.0));
        assert_eq!(points_of(4.0, &MeasuredAnswer::Undecided("too close".into())), None);
        let count = MeasuredAnswer::Number(299.0, 299.0, 299.0);
        assert_eq!(points(Answer::Count, &guess("", Some(300.0)), &count), Some(0.0));
    }

    #[test]
    fn a_choice_is_right_or_wrong() {
        let points = |words: &str| {
            let answer = Answer::Choice(&["faster", "slower"]);
            super::points(answer, &guess(words, None), &MeasuredAnswer::Choice("faster"))
        };
        assert_eq!((points("faster"), points("slower")), (Some(1.0), Some(0.0)));
    }
}
