//! What a lab can be asked for.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::args::Common;
use crate::size::Sizes;

/// How much a heavy job computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Scale {
    /// The lecture's exact counts
    Lecture,
    /// Heavy jobs repeat their loop until they last as long as in CPython
    Calibrated,
}

impl Scale {
    /// The word in records.
    pub fn name(self) -> &'static str {
        match self {
            Scale::Lecture => "lecture",
            Scale::Calibrated => "calibrated",
        }
    }
}

/// What a lab can be asked for.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Worker processes.
    pub workers: usize,
    /// How much is computed.
    pub scale: Scale,
    /// Nominal durations of a task, where the lab has such an axis.
    pub durations: Option<Durations>,
    /// Bytes of each task's list, 0 for none, where the lab has such an axis.
    pub sizes: Option<Lists>,
    /// Workers to be killed, where the lab kills any.
    pub kills: Option<u32>,
    /// Sets of fresh workers.
    pub generations: u32,
    /// Pairs of batches in each.
    pub pairs: u32,
    /// Options of every run.
    pub common: Common,
}

impl Wish {
    /// Options that were given and that not every lab has.
    pub fn given(&self) -> Vec<&'static str> {
        let durations = self.durations.as_ref().map(|_| DURATIONS);
        let (sizes, kills) = (self.sizes.as_ref().map(|_| SIZES), self.kills.map(|_| KILLS));
        [durations, sizes, kills].into_iter().flatten().collect()
    }

    /// Sizes of lists that were given.
    pub fn sizes(&self) -> Vec<usize> {
        self.sizes.as_ref().map_or(Vec::new(), |sizes| sizes.0.clone())
    }
}

/// The option for [`Wish::durations`].
pub const DURATIONS: &str = "--durations";
/// The option for [`Wish::workers`], which every lab has unless it says otherwise.
pub const WORKERS: &str = "--workers";
/// The option for [`Wish::scale`], likewise.
pub const SCALE: &str = "--scale";
/// The option for [`Wish::sizes`].
pub const SIZES: &str = "--sizes";
/// The option for [`Wish::kills`].
pub const KILLS: &str = "--kills";

impl fmt::Display for Wish {
    /// The wish in words: a run with the same ones is continued.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Wish { workers, scale, durations, sizes, kills, generations, pairs, common: _ } = self;
        write!(f, "{} {workers} workers {generations}x{pairs}", scale.name())?;
        if let Some(durations) = durations {
            write!(f, " {:?}", durations.0)?;
        }
        if let Some(kills) = kills {
            write!(f, " {kills} kills")?;
        }
        sizes.as_ref().map_or(Ok(()), |sizes| write!(f, " {:?} B", sizes.0))
    }
}

/// Sizes of lists, ascending, each once; 0 for none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lists(pub Vec<usize>);

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
pub struct Durations(pub Vec<Duration>);

/// The shortest and the longest duration of a task.
const SHORTEST: Duration = Duration::from_micros(1);
const LONGEST: Duration = Duration::from_secs(60);

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
    let example = "write for example 10us, 1ms or 1s";
    let duration = humantime::parse_duration(text.trim())
        .map_err(|_| format!("`{text}` is no duration: {example}"))?;
    match duration.subsec_nanos() % 1000 {
        0 if (SHORTEST..=LONGEST).contains(&duration) => Ok(duration),
        _ => {
            Err(format!("`{text}` is no duration from 1us to 60s in whole microseconds: {example}"))
        }
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
