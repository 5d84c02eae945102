//! `coordinator sweep`: any axes, as a plan.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use harness::UsageError;
use harness::list::List;
use harness::placement::{Placement, allowed_cores};
use harness::plan::{self, Arm, Cell, Plan, Purpose, wakeup_of};
use measure::units::{Rate, Sizes, parse_duration_in};
use pool::MAX_WORKERS;
use record::{Stratum, TrialTable};
use shm::wakeup::WaitStrategy;
use shm::{Kind, Pages};
use transport::{Residency, Transport};

/// Tasks in flight that one worker may have.
const MAX_DEPTH: usize = 1024;

/// The axes.
#[derive(Args, Clone, Debug)]
pub struct Axes {
    /// List sizes, as in 64KiB,400KB or a range 64B..64MiB*4
    #[arg(long, value_name = "SIZES", default_value = "64B..64MiB*4", conflicts_with = "list")]
    pub sizes: Sizes,

    /// Transports; the same name twice, as in pipe,pipe, makes an A/A test
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_value = "pipe,shared")]
    pub transport: Vec<String>,

    /// Where a list is before its task: place (in the coordinator's memory, copied for each task), build
    /// (nowhere, produced in place) or resident (already in the segment)
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_value = "place,resident")]
    pub residency: Vec<Residency>,

    /// How the other side is woken; a transport without that one takes its own of the same wait strategy
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_value = "hybrid")]
    pub wakeup: Vec<String>,

    /// Kind of shared segment: memfd, posix or file
    #[arg(long, value_name = "KIND", default_value_t = Kind::Memfd)]
    pub segment: Kind,

    /// Pages of the segment: ready (mapped before the first task), lazy (mapped at the first touch), huge or
    /// huge-lazy
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_value = "ready")]
    pub pages: Vec<Pages>,

    /// Worker processes
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', default_value = "1")]
    pub workers: Vec<usize>,

    /// Tasks in flight per worker
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', default_value = "1")]
    pub depth: Vec<usize>,

    /// Tasks in a batch [default: as many as fit into 2 ms, at least 3]
    #[arg(long, value_name = "NUMBER")]
    pub tasks: Option<usize>,

    /// Time that each task computes after reading its list, as in 0us,100us,1ms
    #[arg(long, value_name = "TIMES", value_delimiter = ',', default_value = "0us", value_parser = compute)]
    pub compute: Vec<u64>,

    /// Inject an effect into an A/A test (--transport pipe,pipe): tasks of the second arm compute that part of the
    /// round trip longer, as in 10%
    #[arg(long, alias = "plant", value_name = "PART", value_parser = part)]
    pub inject: Option<f64>,

    /// Tasks per second, as in 1000/s or 10k/s: an open loop, whose times count from when each task was due
    /// [default: a closed loop, in which the next task follows an answer]
    #[arg(long, value_name = "RATE", allow_hyphen_values = true)]
    pub rate: Option<Rate>,

    /// CPU affinity: same (one core), spread (over cores), none, or cores as in 0,1; may be repeated
    #[arg(long, value_name = "WHERE", default_value = "spread")]
    pub pin: Vec<Placement>,

    /// Maximum number of generations (sets of fresh workers) per cell; fewer than 6 give no verdict
    #[arg(long, value_name = "NUMBER", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub generations: u32,

    /// Pairs of batches per generation
    #[arg(long, value_name = "NUMBER", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub pairs: u32,

    /// Skip the machine limits and the size sweep (no `× limit` column, less accurate cost models)
    #[arg(long, alias = "no-floor")]
    pub no_limits: bool,

    /// File with the list to use: little-endian 64-bit integers, or a .npy of int64
    #[arg(long, value_name = "FILE")]
    pub list: Option<PathBuf>,
}

impl Axes {
    /// The lists that tasks carry.
    ///
    /// # Errors
    /// The file is no list.
    pub fn list(&self, plan: &Plan) -> Result<List, UsageError> {
        match &self.list {
            Some(path) => List::file(path).map_err(UsageError::new),
            None => Ok(List::range(plan.longest())),
        }
    }

    /// The cells that these axes span.
    ///
    /// # Errors
    /// A name that nothing bears, a number out of range, or a combination without meaning.
    pub fn plan(&self) -> Result<Plan, UsageError> {
        self.check()?;
        let sizes = match &self.list {
            Some(path) => {
                let list = List::file(path).map_err(UsageError::new)?;
                vec![std::mem::size_of_val(list.items())]
            }
            None => self.sizes.0.clone(),
        };
        let mut transports: Vec<&'static dyn Transport> =
            self.transport.iter().map(|name| transport_of(name)).collect::<Result<_, _>>()?;
        if self.transport.len() == 2 {
            transports.dedup_by_key(|transport| transport.name());
        }
        let mut names: Vec<&str> = transports.iter().map(|transport| transport.name()).collect();
        names.sort_unstable();
        if let Some(twice) = names.windows(2).find(|names| names[0] == names[1]) {
            let name = twice[0];
            return Err(UsageError::new(format!(
                "--transport names {name} twice: for an A/A test give `{name},{name}` alone"
            )));
        }
        self.check_pages(&transports)?;
        let allowed = allowed_cores().unwrap_or_default();
        let mut cells = Vec::new();
        for placement in self.pin.iter().map(|placement| placement.on(&allowed)) {
            for wakeup in &self.wakeup {
                let (wait, arms) = self.arms(&transports, wakeup)?;
                for stratum in self.strata(wait) {
                    if stratum.workers > 1 && placement.word() == record::Placement::Same {
                        let several = format!("{} workers", stratum.workers);
                        return Err(UsageError::new(format!(
                            "--pin same is for one worker only, not for {several}: use --pin spread"
                        )));
                    }
                    cells.extend(sizes.iter().map(|&bytes| Cell {
                        placement: placement.clone(),
                        stratum: stratum.clone(),
                        bytes,
                        arms: arms.clone(),
                        tasks: self.tasks,
                        purpose: Purpose::Compare,
                    }));
                }
            }
        }
        let longest = self.list.as_ref().map_or(usize::MAX, |_| sizes[0]);
        let cells = match self.transport.as_slice() {
            [name, again] if name == again => {
                cells.iter().flat_map(|cell| against_itself(cell, self.inject)).collect()
            }
            _ if self.inject.is_some() => {
                return Err(UsageError::new(
                    "--inject needs an A/A test, as in --transport pipe,pipe",
                ));
            }
            _ => plan::with_aa_tests(cells, longest),
        };
        Ok(Plan {
            lab: "sweep",
            cells,
            generations: self.generations,
            pairs: self.pairs,
            stops: true,
            limits: !self.no_limits,
            table: TrialTable::Stratum,
        })
    }

    /// Every combination of the axes that are fields of a stratum: one line for each.
    fn strata(&self, wait: WaitStrategy) -> Vec<Stratum> {
        let rate = self.rate.map(|rate| rate.0);
        let all = vec![Stratum { rate, ..Cell::usual(wait) }];
        let all = each(all, &self.workers, |stratum, workers| stratum.workers = workers);
        let all = each(all, &self.depth, |stratum, depth| stratum.depth = depth);
        each(all, &self.compute, |stratum, compute_ns| stratum.compute_ns = compute_ns)
    }

    fn check(&self) -> Result<(), UsageError> {
        let range = |what: &str, values: &[usize], most: usize| {
            let wrong = values.iter().find(|value| !(1..=most).contains(*value));
            wrong.map_or(Ok(()), |value| {
                Err(UsageError::new(format!("--{what} {value} is not possible: give 1 to {most}")))
            })
        };
        range("workers", &self.workers, MAX_WORKERS)?;
        range("depth", &self.depth, MAX_DEPTH)?;
        range("tasks", self.tasks.as_slice(), 1_000_000)
    }

    /// Refuses pages that are named twice, and others than the usual ones where nothing is shared.
    fn check_pages(&self, transports: &[&'static dyn Transport]) -> Result<(), UsageError> {
        let twice = |(at, pages): (usize, &Pages)| self.pages[..at].contains(pages);
        if self.pages.iter().enumerate().any(twice) {
            return Err(UsageError::new("--pages names one twice: name it once"));
        }
        let shares = transports.iter().any(|transport| transport.has_segment());
        match self.pages.iter().find(|pages| **pages != Pages::Ready) {
            Some(pages) if !shares => Err(UsageError::new(format!(
                "--pages {pages} is for shared lists: add --transport shared"
            ))),
            _ => Ok(()),
        }
    }

    /// The arms of one wake-up, and how it waits.
    fn arms(
        &self,
        transports: &[&'static dyn Transport],
        wakeup: &str,
    ) -> Result<(WaitStrategy, Vec<Arm>), UsageError> {
        let wait = wait_of(wakeup)?;
        let mut arms = Vec::new();
        for &transport in transports {
            let own = transport.wakeups().into_iter().find(|(name, _)| *name == wakeup);
            let chosen = own.map(|(name, _)| name).or_else(|| wakeup_of(transport, wait));
            let Some(chosen) = chosen else {
                return Err(UsageError::new(format!(
                    "transport `{}` has no wake-up with the wait strategy {wait}",
                    transport.name()
                )));
            };
            let has = |residency: &&Residency| transport.residencies().contains(residency);
            let mut residencies: Vec<Residency> =
                self.residency.iter().filter(has).copied().collect();
            if residencies.is_empty() && !transport.has_segment() {
                // A list that is resident for one must still be carried by the other.
                residencies.push(Residency::Place);
            }
            let segment = transport.has_segment().then_some(self.segment);
            let all = if segment.is_some() { &self.pages[..] } else { &[Pages::Ready] };
            arms.extend(residencies.into_iter().flat_map(|residency| {
                let wakeup = chosen;
                let of = move |&pages| Arm { transport, residency, wakeup, segment, pages };
                all.iter().map(of)
            }));
        }
        Ok((wait, arms))
    }
}

/// Each of `strata` with each of `values`.
fn each<T: Copy>(strata: Vec<Stratum>, values: &[T], set: fn(&mut Stratum, T)) -> Vec<Stratum> {
    let with = |stratum: &Stratum, value: &T| {
        let mut stratum = stratum.clone();
        set(&mut stratum, *value);
        stratum
    };
    strata.iter().flat_map(|of| values.iter().map(move |value| with(of, value))).collect()
}

/// A task's computing, in nanoseconds.
fn compute(text: &str) -> Result<u64, String> {
    const MAX_COMPUTE: Duration = Duration::from_secs(10);
    let computing = parse_duration_in(text, Duration::ZERO..=MAX_COMPUTE, "0us, 100us or 1ms")?;
    Ok(computing.as_nanos() as u64)
}

/// A part of a round trip.
fn part(text: &str) -> Result<f64, String> {
    let percent = text.trim().strip_suffix('%').and_then(|number| number.parse::<f64>().ok());
    match percent {
        Some(percent) if (1.0..=1000.0).contains(&percent) => Ok(percent / 100.0),
        _ => Err(format!("`{text}` is not a part from 1% to 1000%: write for example 10%")),
    }
}

/// An A/A test for each arm of `cell`, with an effect in it if one is `injected`.
fn against_itself(cell: &Cell, injected: Option<f64>) -> Vec<Cell> {
    let purpose = Purpose::AaTest { injected };
    let twice = |arm: &Arm| Cell { arms: vec![arm.clone(); 2], purpose, ..cell.clone() };
    cell.arms.iter().map(twice).collect()
}

fn transport_of(name: &str) -> Result<&'static dyn Transport, UsageError> {
    transport::by_name(name).ok_or_else(|| {
        let names: Vec<_> = transport::ALL.iter().map(|transport| transport.name()).collect();
        UsageError::new(format!("there is no transport `{name}`; there are {}", names.join(", ")))
    })
}

fn wait_of(wakeup: &str) -> Result<WaitStrategy, UsageError> {
    let all = transport::ALL.iter().flat_map(|transport| transport.wakeups());
    let mut names: Vec<_> = all.clone().map(|(name, _)| name).collect();
    names.sort_unstable();
    names.dedup();
    let mut found = all.filter(|(name, _)| *name == wakeup);
    found.next().map(|(_, wait)| wait).ok_or_else(|| {
        UsageError::new(format!("there is no wake-up `{wakeup}`; there are {}", names.join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn computing_and_parts_are_read_as_people_write_them() {
        let read = ["0us", "100us", "1ms", "10s"].map(compute);
        assert_eq!(read, [Ok(0), Ok(100_000), Ok(1_000_000), Ok(10_000_000_000)]);
        for wrong in ["", "11s", "100", "-1ms", "soon"] {
            assert!(compute(wrong).unwrap_err().contains("100us"), "{wrong}");
        }
        assert_eq!([part("10%"), part(" 2.5% ")], [Ok(0.1), Ok(0.025)]);
        for wrong in ["", "10", "0%", "-5%", "NaN%", "2000%"] {
            assert!(part(wrong).unwrap_err().contains("10%"), "{wrong}");
        }
    }
}
