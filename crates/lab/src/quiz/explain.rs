//! Hints before, explanations after.

use std::fmt::Write as _;

use record::Record;

use super::answer::example;
use super::guesses;
use crate::lab::{Lab, MeasuredAnswer, Question};

/// Every question of `lab`, its key in a file of answers, and what helps to find its answer.
pub fn hints(lab: &dyn Lab) -> String {
    let of = |question: &Question| {
        let Question { key, asks, answer, hint, .. } = question;
        format!("{key}\n    {asks}\n    {}\n    hint: {hint}\n", example(*answer))
    };
    lab.questions().iter().map(of).collect::<Vec<_>>().join("\n")
}

/// What `record` answers to every question of `lab`, beside what was guessed, and why it is so.
pub fn explain(lab: &dyn Lab, record: &Record) -> String {
    let mut text = String::new();
    for question in lab.questions() {
        let guess = guesses(record, lab.name()).find(|guess| guess.question == question.key);
        let found = (question.found)(record);
        let found = found.unwrap_or_else(|| MeasuredAnswer::Undecided("not measured".into()));
        let guess = guess.map_or("none", |guess| &guess.guess);
        let measured = question.answer.show(&found);
        let Question { asks, why, .. } = question;
        let _ = writeln!(text, "{asks}\n    guess: {guess} · measured: {measured}\n    {why}\n");
    }
    text.trim_end().to_owned()
}
