//! Which core runs which process. No other axis has as large an effect, so every figure names it.

use std::fmt;
use std::io;
use std::str::FromStr;

use anyhow::Context;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

/// Where coordinator and workers run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Placement {
    /// All on the first allowed core.
    #[default]
    Same,
    /// The coordinator on the first allowed core, worker i on the (i + 1)th, around.
    Spread,
    /// Wherever the scheduler puts them: a mixture, which carries no verdict.
    Unpinned,
    /// The coordinator on the first of these, worker i on the (i + 1)th, around.
    Cores(Vec<usize>),
}

impl Placement {
    /// The word in records; listed cores are `same` or `spread` by what they are.
    pub fn word(&self) -> record::Placement {
        match self {
            Placement::Same => record::Placement::Same,
            Placement::Spread => record::Placement::Spread,
            Placement::Unpinned => record::Placement::Unpinned,
            Placement::Cores(cores) if cores.iter().all(|core| *core == cores[0]) => {
                record::Placement::Same
            }
            Placement::Cores(_) => record::Placement::Spread,
        }
    }

    /// What this is on a machine with these allowed cores: nothing can be spread over one.
    pub fn on(&self, allowed: &[usize]) -> Placement {
        match (self, allowed) {
            (Placement::Spread, [only]) => Placement::Cores(vec![*only]),
            _ => self.clone(),
        }
    }

    /// Core of the coordinator, then of each worker; empty where no process is pinned.
    pub fn cores(&self, allowed: &[usize], workers: usize) -> Vec<usize> {
        let around = |cores: &[usize]| (0..=workers).map(|i| cores[i % cores.len()]).collect();
        match self {
            Placement::Same => vec![allowed[0]; workers + 1],
            Placement::Spread => around(allowed),
            Placement::Unpinned => Vec::new(),
            Placement::Cores(cores) => around(cores),
        }
    }
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.word().fmt(f)
    }
}

impl FromStr for Placement {
    type Err = String;
    fn from_str(text: &str) -> Result<Placement, String> {
        match text {
            "same" => Ok(Placement::Same),
            "spread" => Ok(Placement::Spread),
            "none" => Ok(Placement::Unpinned),
            _ => {
                let cores: Result<Vec<usize>, _> = text.split(',').map(str::parse).collect();
                cores.map(Placement::Cores).map_err(|_| {
                    format!(
                        "`{text}` is not a placement: write same, spread, none or cores as in 0,1"
                    )
                })
            }
        }
    }
}

/// Cores that this process may use, before any process is pinned.
///
/// # Errors
/// The system refused.
pub fn allowed_cores() -> anyhow::Result<Vec<usize>> {
    let set = sched_getaffinity(Pid::from_raw(0)).context("asking for the allowed cores")?;
    Ok((0..CpuSet::count()).filter(|core| set.is_set(*core).unwrap_or(false)).collect())
}

/// Which of the processes `pids` may run elsewhere than on its core of `cores`, in words; this thread is on the first
/// core, and each process on the next. None if all are where they were pinned, or none is pinned.
pub(crate) fn migrated(cores: &[usize], pids: &[u32]) -> Option<String> {
    let (ours, theirs) = cores.split_first()?;
    let moved =
        |what: &str, core| Some(format!("{what} was moved from core {core}, where it was pinned"));
    if allowed_cores().is_ok_and(|allowed| allowed != [*ours]) {
        return moved("the coordinator", *ours);
    }
    for (worker, (pid, core)) in pids.iter().zip(theirs).enumerate() {
        // A worker that is gone is told of elsewhere.
        let Ok(set) = sched_getaffinity(Pid::from_raw(*pid as i32)) else { continue };
        let is_only = |at: usize| set.is_set(at).unwrap_or(false) == (at == *core);
        if !(0..CpuSet::count()).all(is_only) {
            return moved(&format!("worker {worker}"), *core);
        }
    }
    None
}

/// Pins the calling thread to `cores`.
///
/// # Errors
/// None of them is allowed.
pub fn pin(cores: &[usize]) -> io::Result<()> {
    let mut set = CpuSet::new();
    cores.iter().try_for_each(|core| set.set(*core))?;
    Ok(sched_setaffinity(Pid::from_raw(0), &set)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_go_around_the_allowed_cores() {
        assert_eq!(Placement::Spread.cores(&[2, 5], 3), [2, 5, 2, 5]);
        assert_eq!(Placement::Same.cores(&[2, 5], 1), [2, 2]);
        assert_eq!(Placement::Spread.on(&[3]).word(), record::Placement::Same);
        assert_eq!("0,0".parse::<Placement>().unwrap().word(), record::Placement::Same);
        assert_eq!("0,1".parse::<Placement>().unwrap().cores(&[0, 1], 2), [0, 1, 0]);
        assert!("left".parse::<Placement>().unwrap_err().contains("same, spread"));
    }
}
