//! Answers as people write them, and numbers as they are shown to them.

use measure::units::parse_duration;

use crate::lab::Answer;

/// Reads `text` as an answer: as it will be shown, and its number if it is one.
///
/// # Errors
/// It is none, in words that say what one is.
pub(super) fn read(answer: Answer, text: &str) -> Result<(String, Option<f64>), String> {
    let text = text.trim();
    if let Answer::Choice(choices) = answer {
        return choice(choices, text).map(|words| (words.to_owned(), None));
    }
    let read = match answer {
        Answer::Times => text.trim_end_matches(['x', '×']).trim().parse().ok(),
        Answer::Duration => duration(text),
        _ => text.parse::<u32>().ok().map(f64::from),
    };
    match read {
        Some(value) if f64::is_finite(value) && value > 0.0 || answer == Answer::Count => {
            Ok((answer.number(value), Some(value)))
        }
        _ => Err(format!("`{text}` is not an answer: write {}", example(answer))),
    }
}

/// What an answer looks like, in words.
pub(super) fn example(answer: Answer) -> String {
    match answer {
        Answer::Choice(choices) => {
            let numbered = (1..).zip(choices).map(|(at, words)| format!("{at} {words}"));
            numbered.collect::<Vec<_>>().join(" · ")
        }
        Answer::Times => "how many times, as in 3x or 0.5x".into(),
        Answer::Duration => "how long, as in 800ns, 5us or 1.5ms".into(),
        Answer::Count => "a whole number, as in 100".into(),
    }
}

/// By its number, or by how it begins, as far as that is clear.
fn choice(choices: &'static [&'static str], text: &str) -> Result<&'static str, String> {
    if let Some(words) = text.parse::<usize>().ok().and_then(|at| choices.get(at.wrapping_sub(1))) {
        return Ok(words);
    }
    let lower = text.to_lowercase();
    if let Some(words) = choices.iter().find(|words| words.to_lowercase() == lower) {
        return Ok(words);
    }
    let mut begin = choices.iter().filter(|words| words.to_lowercase().starts_with(&lower));
    match (begin.next(), begin.next()) {
        (Some(words), None) if !lower.is_empty() => Ok(words),
        _ => Err(format!("`{text}` is not an answer: write {}", example(Answer::Choice(choices)))),
    }
}

/// Nanoseconds of a duration.
fn duration(text: &str) -> Option<f64> {
    parse_duration(text).map(|duration| duration.as_nanos() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_as_people_write_them_and_refused_with_an_example() {
        let value = |answer, text: &str| read(answer, text).map(|(_, value)| value.unwrap());
        for text in ["3", "3x", " 3.0 × ", "3×"] {
            assert_eq!(value(Answer::Times, text), Ok(3.0), "{text}");
        }
        for (text, ns) in [("1.5ms", 1.5e6), ("5 us", 5e3), ("5.00 µs", 5e3), ("800ns", 800.0)] {
            assert_eq!(value(Answer::Duration, text), Ok(ns), "{text}");
        }
        assert_eq!(["299", "0"].map(|text| value(Answer::Count, text)), [Ok(299.0), Ok(0.0)]);
        for (answer, wrong) in [
            (Answer::Times, "many"),
            (Answer::Times, "-1"),
            (Answer::Times, "inf"),
            (Answer::Duration, "5"),
            (Answer::Duration, "0us"),
            (Answer::Count, "2.5"),
        ] {
            assert!(read(answer, wrong).unwrap_err().contains("as in"), "{wrong}");
        }
        let words = Answer::Choice(&["copy wins", "share wins", "no difference"]);
        for text in ["2", "share wins", "SHARE", "s"] {
            assert_eq!(read(words, text), Ok(("share wins".into(), None)), "{text}");
        }
        for wrong in ["0", "4", "tea", ""] {
            assert!(read(words, wrong).unwrap_err().contains("2 share wins"), "{wrong}");
        }
    }
}
