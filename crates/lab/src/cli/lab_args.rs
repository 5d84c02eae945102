//! Axes of a lab, as the command line has them.

use std::str::FromStr;
use std::time::Duration;

use measure::units::{Sizes, parse_duration_in};

/// Sizes of lists, ascending, each once; 0 for none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lists(pub Vec<usize>);

impl FromStr for Lists {
    type Err = String;

    fn from_str(text: &str) -> Result<Lists, String> {
        let mut sizes = Vec::new();
        for part in text.split(',') {
            match part.trim() {
                "none" => sizes.push(0),
                part => {
                    let read = part.parse::<Sizes>();
                    sizes.extend(read.map_err(|why| format!("{why}, or none for no list"))?.0);
                }
            }
        }
        sizes.sort_unstable();
        sizes.dedup();
        Ok(Lists(sizes))
    }
}

/// Nominal durations of a task: ascending, each once, whole microseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Durations(pub Vec<Duration>);

/// The shortest and the longest duration of a task.
const MIN_DURATION: Duration = Duration::from_micros(1);
const MAX_DURATION: Duration = Duration::from_secs(60);
const EXAMPLES: &str = "10us, 1ms or 1s";

impl FromStr for Durations {
    type Err = String;

    fn from_str(text: &str) -> Result<Durations, String> {
        let mut durations = text.split(',').map(duration).collect::<Result<Vec<_>, _>>()?;
        durations.sort_unstable();
        durations.dedup();
        Ok(Durations(durations))
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let duration = parse_duration_in(text, MIN_DURATION..=MAX_DURATION, EXAMPLES)?;
    match duration.subsec_nanos() % 1000 {
        0 => Ok(duration),
        _ => Err(format!(
            "`{text}` is not a whole number of microseconds: write for example {EXAMPLES}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_sizes_or_none() {
        assert_eq!("400KB,none,8B".parse(), Ok(Lists(vec![0, 8, 400_000])));
        assert!("nothing".parse::<Lists>().is_err());
    }

    #[test]
    fn durations_are_read_as_people_write_them_and_refused_with_an_example() {
        let Durations(read) = "5ms, 1us,5ms".parse().unwrap();
        assert_eq!(read, [Duration::from_micros(1), Duration::from_millis(5)]);
        for wrong in ["", "-1ms", "0ms", "61s", "1500ns", "soon", "1ms,,2ms"] {
            let refused = wrong.parse::<Durations>().unwrap_err();
            assert!(refused.contains("10us, 1ms or 1s"), "{refused}");
        }
    }
}
