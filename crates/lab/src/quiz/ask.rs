//! Asking for guesses: question by question on stdin, or all at once from a file.

use std::io::{BufRead, IsTerminal};
use std::path::{Path, PathBuf};

use harness::UsageError;
use record::Guess;

use super::answer::{example, read};
use crate::lab::{Lab, Question};

/// Where guesses come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// Prompts, answered on stdin.
    Prompts {
        /// Whether each comes with its hint.
        hints: bool,
        /// Whether nothing is said on stderr.
        quiet: bool,
    },
    /// A file with a line `key = answer` for each question.
    File(PathBuf),
}

/// Asks for guesses.
///
/// # Errors
/// The lab asks nothing, or an answer is none.
pub fn ask(lab: &dyn Lab, source: &Source) -> Result<Vec<Guess>, UsageError> {
    if lab.questions().is_empty() {
        let name = lab.name();
        return Err(UsageError::new(format!("lab {name} has no questions: leave --predict out")));
    }
    match source {
        Source::Prompts { hints, quiet } => prompts(lab, *hints, *quiet),
        Source::File(path) => file(lab, path),
    }
}

fn prompts(lab: &dyn Lab, hints: bool, quiet: bool) -> Result<Vec<Guess>, UsageError> {
    let (stdin, all) = (std::io::stdin(), lab.questions().len());
    let say = |text: String| {
        if !quiet {
            anstream::eprintln!("{text}")
        }
    };
    say(format!("predict  {all} questions; ? gives a hint, an empty line skips one"));
    let mut guesses = Vec::new();
    for (number, question) in (1..).zip(lab.questions()) {
        say(format!(
            " {number}/{all}     {}\n         {}",
            question.asks,
            example(question.answer)
        ));
        if hints {
            say(format!("         hint: {}", question.hint));
        }
        loop {
            let mut line = String::new();
            let count = stdin.lock().read_line(&mut line).map_err(UsageError::new)?;
            if count == 0 {
                return Err(UsageError::new(format!(
                    "stdin ended before the answer to `{}`, question {number} of {all}: give one line per question, or use --answers FILE",
                    question.key
                )));
            }
            match line.trim() {
                "" => break,
                "?" => say(format!("         hint: {}", question.hint)),
                text => match guess(lab, question, text) {
                    Ok(guess) => {
                        guesses.push(guess);
                        break;
                    }
                    // A person at a terminal can try again.
                    Err(why) if stdin.is_terminal() => say(format!("         {why}")),
                    Err(why) => return Err(UsageError::new(format!("{}: {why}", question.key))),
                },
            }
        }
    }
    Ok(guesses)
}

fn file(lab: &dyn Lab, path: &Path) -> Result<Vec<Guess>, UsageError> {
    let name = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|cause| UsageError::new(format!("--answers {name} cannot be read: {cause}")))?;
    let mut guesses: Vec<Guess> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.split('#').next().unwrap_or("").trim();
        if line.is_empty() {
            continue;
        }
        let refuse = |why: String| UsageError::new(format!("{name}, line {number}: {why}"));
        let (key, answer) = line
            .split_once('=')
            .ok_or_else(|| refuse("write `key = answer`, as in small = 2".into()))?;
        let key = key.trim();
        let known = lab.questions().iter().find(|question| question.key == key);
        let question = known.ok_or_else(|| {
            let keys: Vec<&str> = lab.questions().iter().map(|question| question.key).collect();
            let keys = keys.join(", ");
            refuse(format!("lab {} has no question `{key}`; there are {keys}", lab.name()))
        })?;
        if guesses.iter().any(|guess| guess.question == key) {
            return Err(refuse(format!("`{key}` is answered twice: leave one out")));
        }
        if !answer.trim().is_empty() {
            guesses.push(guess(lab, question, answer).map_err(refuse)?);
        }
    }
    match guesses.is_empty() {
        true => Err(UsageError::new(format!(
            "--answers {name} has no answers: write lines `key = answer`"
        ))),
        false => Ok(guesses),
    }
}

fn guess(lab: &dyn Lab, question: &Question, text: &str) -> Result<Guess, String> {
    let (guess, value) = read(question.answer, text)?;
    let (lab, key, asks) = (lab.name().into(), question.key.into(), question.asks.into());
    Ok(Guess { lab, question: key, asks, guess, value })
}
