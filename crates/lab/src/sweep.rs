//! `coordinator sweep`: any axes, as a plan.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use pool::MAX_WORKERS;
use shm::wakeup::WaitStrategy;
use shm::{Kind, Pages};
use transport::{Residency, Transport};

use crate::placement::{Placement, allowed_cores};
use crate::plan::{self, Arm, Cell, Plan, SUM, wakeup_of};
use crate::refusal::Refusal;
use crate::size::Sizes;
use crate::source::Source;

/// Tasks in flight that one worker may have.
const MOST_DEPTH: usize = 1024;

/// The axes.
#[derive(Args, Clone, Debug)]
pub struct Axes {
    /// Sizes of lists: 64KiB,400KB or a ladder 64B..64MiB*4
    #[arg(long, value_name = "SIZES", default_value = "64B..64MiB*4", conflicts_with = "list")]
    pub sizes: Sizes,

    /// How lists are carried; the same name twice, as in pipe,pipe, sets it against itself
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_value = "pipe,shared")]
    pub transport: Vec<String>,

    /// Where a list is before its task: place, build, resident
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_value = "place,resident")]
    pub residency: Vec<Residency>,

    /// How the other side is woken; a transport without that one takes its own of the same regime
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_value = "hybrid")]
    pub wakeup: Vec<String>,

    /// What holds shared lists: memfd, posix, file
    #[arg(long, value_name = "KIND", default_value_t = Kind::Memfd)]
    pub segment: Kind,

    /// What pages they lie in: ready (mapped before the first task), lazy (at the first touch), huge,
    /// huge-lazy; what the system gave is in the table
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_value = "ready")]
    pub pages: Vec<Pages>,

    /// Worker processes
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', default_value = "1")]
    pub workers: Vec<usize>,

    /// Tasks in flight per worker
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', default_value = "1")]
    pub depth: Vec<usize>,

    /// Tasks in a batch; as many as last 2 ms, at least 3, unless given
    #[arg(long, value_name = "NUMBER")]
    pub tasks: Option<usize>,

    /// Computing that each task adds after its list was read: 0us,100us,1ms
    #[arg(long, value_name = "TIMES", value_delimiter = ',', default_value = "0us", value_parser = compute)]
    pub compute: Vec<u64>,

    /// With a transport against itself: have the second one's tasks compute that much of the round trip
    /// longer, as in 10%, and see whether it is found
    #[arg(long, value_name = "PART", value_parser = part)]
    pub plant: Option<f64>,

    /// Tasks a second on a schedule, as in 1000/s or 10k/s: an open loop, whose times count from when
    /// each task should have been sent; without it the next is sent after an answer
    #[arg(long, value_name = "RATE", allow_hyphen_values = true)]
    pub rate: Option<Rate>,

    /// Which core runs whom: same, spread, none, or cores as in 0,1; may be given more than once
    #[arg(long, value_name = "WHERE", default_value = "spread")]
    pub pin: Vec<Placement>,

    /// Sets of fresh workers for each cell at most; fewer than 6 carry no verdict
    #[arg(long, value_name = "NUMBER", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub generations: u32,

    /// Pairs of batches for each generation
    #[arg(long, value_name = "NUMBER", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub pairs: u32,

    /// Do not measure first what the machine's limits are for these cells, and all sizes beside each
    /// other: without the column × limit, and with cruder cost models
    #[arg(long)]
    pub no_floor: bool,

    /// A list of your own: raw little-endian 64-bit integers, or a .npy of int64
    #[arg(long, value_name = "FILE")]
    pub list: Option<PathBuf>,
}

impl Axes {
    /// The lists that tasks carry.
    ///
    /// # Errors
    /// The file is no list.
    pub fn source(&self, plan: &Plan) -> Result<Source, Refusal> {
        match &self.list {
            Some(path) => Source::file(path).map_err(Refusal::usage),
            None => Ok(Source::range(plan.longest())),
        }
    }

    /// The cells that these axes span.
    ///
    /// # Errors
    /// A name that nothing bears, a number out of range, or a combination without meaning.
    pub fn plan(&self) -> Result<Plan, Refusal> {
        self.check()?;
        let sizes = match &self.list {
            Some(path) => {
                let list = Source::file(path).map_err(Refusal::usage)?;
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
            return Err(Refusal::usage(format!(
                "--transport names {name} twice: `{name},{name}` alone sets it against itself"
            )));
        }
        self.check_pages(&transports)?;
        let allowed = allowed_cores().unwrap_or_default();
        let mut cells = Vec::new();
        for placement in self.pin.iter().map(|placement| placement.on(&allowed)) {
            for wakeup in &self.wakeup {
                let (regime, arms) = self.arms(&transports, wakeup)?;
                for &workers in &self.workers {
                    if workers > 1 && placement.name() == "same" {
                        let several = format!("{workers} workers");
                        return Err(Refusal::usage(format!(
                            "--pin same is for one worker only, not for {several}: use --pin spread"
                        )));
                    }
                    let each = |depth| self.compute.iter().map(move |compute| (depth, *compute));
                    for (depth, compute_ns) in self.depth.iter().copied().flat_map(each) {
                        cells.extend(sizes.iter().map(|&bytes| Cell {
                            placement: placement.clone(),
                            regime,
                            workers,
                            depth,
                            job: SUM,
                            bytes,
                            arms: arms.clone(),
                            control: false,
                            compute_ns,
                            planted: None,
                            rate: self.rate.map(|rate| rate.0),
                            tasks: self.tasks,
                        }));
                    }
                }
            }
        }
        let longest = self.list.as_ref().map_or(usize::MAX, |_| sizes[0]);
        let cells = match self.transport.as_slice() {
            [name, again] if name == again => {
                cells.iter().flat_map(|cell| against_itself(cell, self.plant)).collect()
            }
            _ if self.plant.is_some() => {
                return Err(Refusal::usage(
                    "--plant needs a transport against itself, as in --transport pipe,pipe",
                ));
            }
            _ => plan::with_controls(cells, longest),
        };
        let (generations, pairs) = (self.generations, self.pairs);
        Ok(Plan { lab: "sweep", cells, generations, pairs, stops: true, floor: !self.no_floor })
    }

    fn check(&self) -> Result<(), Refusal> {
        let range = |what: &str, values: &[usize], most: usize| {
            let wrong = values.iter().find(|value| !(1..=most).contains(*value));
            wrong.map_or(Ok(()), |value| {
                Err(Refusal::usage(format!("--{what} {value} is not possible: give 1 to {most}")))
            })
        };
        range("workers", &self.workers, MAX_WORKERS)?;
        range("depth", &self.depth, MOST_DEPTH)?;
        range("tasks", self.tasks.as_slice(), 1_000_000)
    }

    /// Refuses pages that are named twice, and others than the usual ones where nothing is shared.
    fn check_pages(&self, transports: &[&'static dyn Transport]) -> Result<(), Refusal> {
        let twice = |(at, pages): (usize, &Pages)| self.pages[..at].contains(pages);
        if self.pages.iter().enumerate().any(twice) {
            return Err(Refusal::usage("--pages names one twice: once is enough"));
        }
        let shares = transports.iter().any(|transport| transport.has_segment());
        match self.pages.iter().find(|pages| **pages != Pages::Ready) {
            Some(pages) if !shares => Err(Refusal::usage(format!(
                "--pages {pages} is for lists that are shared: add --transport shared"
            ))),
            _ => Ok(()),
        }
    }

    /// The arms of one stratum, and its regime.
    fn arms(
        &self,
        transports: &[&'static dyn Transport],
        wakeup: &str,
    ) -> Result<(WaitStrategy, Vec<Arm>), Refusal> {
        let regime = regime_of(wakeup)?;
        let mut arms = Vec::new();
        for &transport in transports {
            let own = transport.wakeups().into_iter().find(|(name, _)| *name == wakeup);
            let chosen = own.map(|(name, _)| name).or_else(|| wakeup_of(transport, regime));
            let Some(chosen) = chosen else {
                return Err(Refusal::usage(format!(
                    "transport `{}` has no wake-up in the {regime} regime",
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
        Ok((regime, arms))
    }
}

/// Tasks a second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate(pub f64);

impl FromStr for Rate {
    type Err = String;
    fn from_str(text: &str) -> Result<Rate, String> {
        let number = text.trim().strip_suffix("/s").unwrap_or(text.trim());
        let (number, times) = match number.strip_suffix(['k', 'M']) {
            Some(rest) if number.ends_with('k') => (rest, 1e3),
            Some(rest) => (rest, 1e6),
            None => (number, 1.0),
        };
        let rate = number.parse::<f64>().map(|number| number * times);
        match rate {
            Ok(rate) if (1.0..=1e8).contains(&rate) => Ok(Rate(rate)),
            _ => Err(format!(
                "`{text}` is no rate from 1/s to 100M/s: write for example 1000/s or 10k/s"
            )),
        }
    }
}

/// Longest computing of a task.
const MOST_COMPUTE: Duration = Duration::from_secs(10);

/// A task's computing, in nanoseconds.
fn compute(text: &str) -> Result<u64, String> {
    match humantime::parse_duration(text.trim()) {
        Ok(length) if length <= MOST_COMPUTE => Ok(length.as_nanos() as u64),
        _ => Err(format!("`{text}` is no time up to 10s: write for example 0us, 100us or 1ms")),
    }
}

/// A part of a round trip.
fn part(text: &str) -> Result<f64, String> {
    let percent = text.trim().strip_suffix('%').and_then(|number| number.parse::<f64>().ok());
    match percent {
        Some(percent) if (1.0..=1000.0).contains(&percent) => Ok(percent / 100.0),
        _ => Err(format!("`{text}` is no part from 1% to 1000%: write for example 10%")),
    }
}

/// A control for each arm of `cell`, with a difference between its two if one is `planted`.
fn against_itself(cell: &Cell, planted: Option<f64>) -> Vec<Cell> {
    let twice =
        |arm: &Arm| Cell { arms: vec![arm.clone(); 2], control: true, planted, ..cell.clone() };
    cell.arms.iter().map(twice).collect()
}

fn transport_of(name: &str) -> Result<&'static dyn Transport, Refusal> {
    transport::by_name(name).ok_or_else(|| {
        let names: Vec<_> = transport::ALL.iter().map(|transport| transport.name()).collect();
        Refusal::usage(format!("there is no transport `{name}`; there are {}", names.join(", ")))
    })
}

fn regime_of(wakeup: &str) -> Result<WaitStrategy, Refusal> {
    let all = transport::ALL.iter().flat_map(|transport| transport.wakeups());
    let mut names: Vec<_> = all.clone().map(|(name, _)| name).collect();
    names.sort_unstable();
    names.dedup();
    let mut found = all.filter(|(name, _)| *name == wakeup);
    found.next().map(|(_, regime)| regime).ok_or_else(|| {
        Refusal::usage(format!("there is no wake-up `{wakeup}`; there are {}", names.join(", ")))
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

    #[test]
    fn rates_are_read_as_people_write_them() {
        let read = |text: &str| text.parse::<Rate>().map(|rate| rate.0);
        assert_eq!([read("1000/s"), read("10k/s"), read("1.5M")], [Ok(1e3), Ok(1e4), Ok(1.5e6)]);
        for wrong in ["", "k/s", "0/s", "-1/s", "fast", "1e9/s", "10/min"] {
            assert!(read(wrong).unwrap_err().contains("10k/s"), "{wrong}");
        }
    }
}
