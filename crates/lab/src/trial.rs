//! One cell, measured: generations of fresh workers, and in each of them pairs of batches, the arms
//! in random order and adjacent in time.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use measure::compare::{self, Pair, median};
use measure::counters::{Io, Usage};
use measure::histogram::SAMPLES_FOR_P99;
use measure::record::{Comparison, CpuNs, Faults, Switches, Trial, WireBytes};
use measure::run::PairRow;
use measure::{Histogram, Phase, Timeline, now};
use pool::crew::Report;
use pool::{Crew, CrewPlan, PoolError};
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use shm::Resident;
use transport::Residency;

use crate::batch::{self, Batch, Load, Rooms};
use crate::interrupt::Interrupt;
use crate::launch::Found;
use crate::placement::{Placement, pin};
use crate::plan::{Arm, Cell, Plan};
use crate::source::{Source, Windows};

/// A batch lasts at least this long …
const BATCH: Duration = Duration::from_millis(2);
/// … and has at least so many tasks …
const FEWEST: usize = 3;
/// … and at most so many.
const MOST: usize = 20_000;

/// Tasks of a warm-up's batches, and their number at most.
const WARM_BATCH: usize = 10;
const WARM_BATCHES: usize = 20;
/// A warm-up ends when two medians in a row differ by less than this.
const WARM: f64 = 0.02;
/// Or, where tasks are slow, after this long.
const WARM_TIME: Duration = Duration::from_millis(40);

/// What every cell of a run shares.
pub struct Setting<'a> {
    /// The worker's program.
    pub found: &'a Found,
    /// The list.
    pub source: &'a Source,
    /// Cores that may be used.
    pub allowed: &'a [usize],
    /// Whether somebody asked to end.
    pub interrupt: &'a Interrupt,
    /// Name of the run.
    pub run: &'a str,
}

/// What came of a cell.
pub struct Measured {
    /// One row an arm, ids not yet given.
    pub trials: Vec<Trial>,
    /// Copy against each sharing arm, by index into `trials`.
    pub comparisons: Vec<(usize, usize, Comparison)>,
    /// Answers that came twice.
    pub duplicated: u64,
    /// Whether it ended early because it was asked to.
    pub interrupted: bool,
}

/// Measures `cell` in `plan`'s generations and pairs, or as many as begin before `deadline`; each
/// pair is told to `note` as soon as it is known.
///
/// # Errors
/// Only `note`'s: what goes wrong with the cell itself is in its rows.
pub fn measure(
    setting: &Setting<'_>,
    plan: &Plan,
    cell: &Cell,
    deadline: Option<Instant>,
    random: &mut StdRng,
    note: &mut dyn FnMut(&[PairRow]) -> std::io::Result<()>,
) -> std::io::Result<Measured> {
    let windows = setting.source.windows(cell.items());
    let cores = cell.placement.cores(setting.allowed, cell.workers);
    let mut sums: Vec<Sum> = cell.arms.iter().map(|_| Sum::default()).collect();
    let mut generations = 0;
    let mut interrupted = false;
    let mut slowest = Duration::ZERO;
    for generation in 0..plan.generations {
        interrupted = setting.interrupt.signal().is_some();
        let no_time = deadline.is_some_and(|deadline| Instant::now() + slowest > deadline);
        if interrupted || (no_time && generation > 0) {
            break;
        }
        let started = Instant::now();
        let fresh = Generation::begin(setting, cell, &windows, &cores, random);
        let mut fresh = match fresh {
            Ok(fresh) => fresh,
            Err(error) => {
                sums.iter_mut().for_each(|sum| sum.error = Some(format!("{error:#}")));
                break;
            }
        };
        for pair in 0..plan.pairs {
            let mut order: Vec<usize> = (0..cell.arms.len()).collect();
            order.shuffle(random);
            let mut rows = Vec::with_capacity(order.len());
            for (place, &arm) in (0..).zip(&order) {
                let time = now();
                match fresh.batch(cell, arm, &windows) {
                    Ok(counted) => {
                        let mut round_trips = counted.batch.round_trips.clone();
                        round_trips.sort_unstable();
                        let sum = &mut sums[arm];
                        let middle = middle(&round_trips);
                        sum.batches.push((generation, pair, middle));
                        rows.push(PairRow {
                            run: setting.run.into(),
                            placement: cell.placement.name().into(),
                            regime: cell.regime.name().into(),
                            generation,
                            pair,
                            order: place,
                            arm: cell.arms[arm].name(),
                            size: cell.bytes,
                            compute: 0,
                            median: middle,
                            mean: round_trips.iter().sum::<u64>() / round_trips.len().max(1) as u64,
                            min: round_trips.first().copied().unwrap_or(0),
                            n: round_trips.len(),
                            time,
                        });
                        sum.add(counted);
                    }
                    Err(error) => {
                        if let PoolError::Died(_) = error {
                            sums[arm].lost += (cell.workers * cell.depth) as u64;
                        }
                        sums[arm].error = Some(error.to_string());
                    }
                }
            }
            note(&rows)?;
            if sums.iter().any(|sum| sum.error.is_some()) || setting.interrupt.signal().is_some() {
                break;
            }
        }
        generations += 1;
        slowest = slowest.max(started.elapsed());
        if sums.iter().any(|sum| sum.error.is_some()) {
            break;
        }
    }
    interrupted |= setting.interrupt.signal().is_some();
    let comparisons = comparisons(plan, cell, &cores, &sums);
    let duplicated = sums.iter().map(|sum| sum.duplicated).sum();
    let trials = cell.arms.iter().zip(sums).map(|(arm, sum)| {
        let mut trial = sum.trial(setting, plan, cell, arm, &cores, generations);
        if generations < plan.generations {
            trial.warnings.push(format!("{generations} of {} generations", plan.generations));
        }
        trial
    });
    Ok(Measured { trials: trials.collect(), comparisons, duplicated, interrupted })
}

/// One set of fresh workers for each crew that the cell's arms need.
struct Generation {
    crews: Vec<Fresh>,
    /// Which crew each arm uses.
    of_arm: Vec<usize>,
    /// Tasks in a batch of each arm.
    counts: Vec<usize>,
    rooms: Rooms,
    /// What reading this thread's counters itself adds to them.
    reading: Option<Io>,
}

/// A parked crew.
struct Fresh {
    crew: Crew,
    resident: Option<Resident>,
    /// What its workers had counted when they were parked.
    report: Report,
}

/// A batch, and what the kernel counted around it.
struct Counted {
    batch: Batch,
    /// Of this thread, over the batch's own tasks.
    io: Option<Io>,
    usage: Usage,
    tasks: u64,
    /// Bytes put into rings to workers, over the batch's own tasks.
    rung_out: u64,
    /// Of the workers, over all tasks since they were unparked.
    workers: Report,
    workers_io: Option<Io>,
    rung_back: u64,
    tasks_unparked: u64,
    overlap: bool,
}

impl Generation {
    fn begin(
        setting: &Setting<'_>,
        cell: &Cell,
        windows: &Windows<'_>,
        cores: &[usize],
        random: &mut StdRng,
    ) -> anyhow::Result<Generation> {
        pin(cores.first().map_or(setting.allowed, std::slice::from_ref))?;
        let mut crews: Vec<Fresh> = Vec::new();
        let mut keys = Vec::new();
        let mut of_arm = Vec::new();
        for arm in &cell.arms {
            let key = (arm.transport.name(), arm.wakeup, arm.segment);
            let at = match keys.iter().position(|known| *known == key) {
                Some(at) => at,
                None => {
                    keys.push(key);
                    crews.push(Fresh::start(setting, cell, arm, windows, cores, random)?);
                    keys.len() - 1
                }
            };
            of_arm.push(at);
        }
        let reading = Io::of_this_thread().zip(Io::of_this_thread()).map(|(a, b)| b - a);
        let counts = vec![FEWEST; cell.arms.len()];
        let mut fresh = Generation { crews, of_arm, counts, rooms: Rooms::default(), reading };
        for arm in 0..cell.arms.len() {
            fresh.warm(cell, arm, windows).context("warming up")?;
        }
        Ok(fresh)
    }

    /// Runs one arm until it is as fast as it will be, and finds how many tasks fill a batch.
    fn warm(&mut self, cell: &Cell, arm: usize, windows: &Windows<'_>) -> Result<(), PoolError> {
        let at = self.of_arm[arm];
        self.crews[at].crew.unpark()?;
        let started = Instant::now();
        let mut before = 0;
        let mut took = 0;
        for round in 0..=WARM_BATCHES {
            let count = if round == 0 { FEWEST } else { WARM_BATCH };
            let mut round_trips = self.tasks(cell, arm, windows, count)?.round_trips;
            round_trips.sort_unstable();
            took = middle(&round_trips);
            let same = took.abs_diff(before) as f64 <= WARM * took as f64;
            // The next round must fit into the time too.
            let next = Duration::from_nanos(took * WARM_BATCH as u64);
            if (round > 1 && same) || started.elapsed() + next > WARM_TIME {
                break;
            }
            before = took;
        }
        let fill = (BATCH.as_nanos() as u64).div_ceil(took.max(1)) as usize;
        let in_flight = cell.workers * cell.depth;
        self.counts[arm] =
            cell.tasks.unwrap_or_else(|| fill.clamp(FEWEST, MOST).next_multiple_of(in_flight));
        let fresh = &mut self.crews[at];
        fresh.crew.park()?;
        fresh.report = fresh.crew.report()?;
        Ok(())
    }

    /// One batch of one arm, its workers parked before and after.
    fn batch(
        &mut self,
        cell: &Cell,
        arm: usize,
        windows: &Windows<'_>,
    ) -> Result<Counted, PoolError> {
        let at = self.of_arm[arm];
        let count = self.counts[arm];
        let (_, rung_before) = self.crews[at].crew.hub().ring_bytes();
        self.crews[at].crew.unpark()?;
        // The first task after a switch of arms finds cold caches: it is not measured.
        let dropped = self.tasks(cell, arm, windows, 1)?.ok;
        let (rung_out, _) = self.crews[at].crew.hub().ring_bytes();
        let usage = Usage::of_this_thread();
        let io = Io::of_this_thread();
        let batch = self.tasks(cell, arm, windows, count)?;
        let io = Io::of_this_thread().zip(io).map(|(after, before)| after - before);
        let io = io.zip(self.reading).map(|(io, reading)| io - reading);
        let usage = Usage::of_this_thread() - usage;
        let fresh = &mut self.crews[at];
        let (rung_out, _) = subtract(fresh.crew.hub().ring_bytes(), (rung_out, 0));
        fresh.crew.park()?;
        let (_, rung_back) = subtract(fresh.crew.hub().ring_bytes(), (0, rung_before));
        let before = std::mem::replace(&mut fresh.report, fresh.crew.report()?);
        let workers = Report { usage: fresh.report.usage - before.usage, io: None };
        let workers_io = fresh.report.io.zip(before.io).map(|(after, before)| after - before);
        let tasks = batch.ok + batch.failed;
        let overlap = fresh.crew.hub().overlaps(cell.bytes);
        let tasks_unparked = tasks + dropped + cell.workers as u64;
        Ok(Counted {
            batch,
            io,
            usage,
            tasks,
            rung_out,
            workers,
            workers_io,
            rung_back,
            tasks_unparked,
            overlap,
        })
    }

    fn tasks(
        &mut self,
        cell: &Cell,
        arm: usize,
        windows: &Windows<'_>,
        count: usize,
    ) -> Result<Batch, PoolError> {
        let fresh = &mut self.crews[self.of_arm[arm]];
        let load = Load {
            windows,
            residency: cell.arms[arm].residency,
            resident: fresh.resident.as_ref(),
            workers: cell.workers,
            depth: cell.depth,
        };
        batch::run(&mut fresh.crew, &load, count, &mut self.rooms)
    }
}

impl Fresh {
    fn start(
        setting: &Setting<'_>,
        cell: &Cell,
        arm: &Arm,
        windows: &Windows<'_>,
        cores: &[usize],
        random: &mut StdRng,
    ) -> anyhow::Result<Fresh> {
        let mut order: Vec<usize> = (0..cell.workers).collect();
        order.shuffle(random);
        let plan = CrewPlan {
            launch: setting.found.launch.clone(),
            transport: arm.transport,
            setup: cell.setup(arm, windows.all.len()),
            jobs: vec!["sum".into()],
            cores: cores.get(1..).unwrap_or_default().to_vec(),
            // Where a stack begins decides what else shares its cache lines: chance, so varied.
            padding: random.random_range(0..4096),
            order,
        };
        let mut crew = Crew::start(&plan)?;
        let of_this_crew = |other: &&Arm| {
            (other.transport.name(), other.wakeup) == (arm.transport.name(), arm.wakeup)
        };
        let mut arms = cell.arms.iter().filter(of_this_crew);
        let resident = match arms.any(|arm| arm.residency == Residency::Resident) {
            true => Some(crew.hub().place(windows.all)?),
            false => None,
        };
        crew.park()?;
        let report = crew.report()?;
        Ok(Fresh { crew, resident, report })
    }
}

/// Sums over all batches of one arm.
#[derive(Default)]
struct Sum {
    round_trips: Vec<u64>,
    timelines: Vec<Timeline>,
    /// Generation, pair and median of each batch.
    batches: Vec<(u32, u32, u64)>,
    wall_ns: u64,
    tasks: u64,
    ok: u64,
    failed: u64,
    lost: u64,
    verified: u64,
    duplicated: u64,
    io: Option<Io>,
    workers_io: Option<Io>,
    rung_out: u64,
    rung_back: u64,
    tasks_unparked: u64,
    usage: Usage,
    workers: Usage,
    overlap: bool,
    error: Option<String>,
}

impl Sum {
    fn add(&mut self, counted: Counted) {
        let Counted { batch, .. } = counted;
        self.round_trips.extend(batch.round_trips);
        self.timelines.extend(batch.timelines);
        self.wall_ns += batch.wall_ns;
        self.tasks += counted.tasks;
        self.ok += batch.ok;
        self.failed += batch.failed;
        self.verified += batch.verified;
        self.duplicated += batch.duplicated;
        self.io = add_io(self.io, counted.io);
        self.workers_io = add_io(self.workers_io, counted.workers_io);
        self.rung_out += counted.rung_out;
        self.rung_back += counted.rung_back;
        self.tasks_unparked += counted.tasks_unparked;
        self.usage += counted.usage;
        self.workers += counted.workers.usage;
        self.overlap |= counted.overlap;
    }

    fn trial(
        self,
        setting: &Setting<'_>,
        plan: &Plan,
        cell: &Cell,
        arm: &Arm,
        cores: &[usize],
        generations: u32,
    ) -> Trial {
        let per =
            |amount: u64, tasks: u64| (amount as f64 / tasks.max(1) as f64 * 10.0).round() / 10.0;
        let wire_bytes = self.io.zip(self.workers_io).map(|(out, back)| WireBytes {
            per_task_out: per(out.written_bytes + self.rung_out, self.tasks),
            per_task_back: per(back.written_bytes + self.rung_back, self.tasks_unparked),
        });
        let syscalls_per_task = self.io.zip(self.workers_io).map(|(ours, theirs)| {
            per(ours.reads + ours.writes, self.tasks)
                + per(theirs.reads + theirs.writes, self.tasks_unparked)
        });
        let phases_ns = Phase::ALL
            .into_iter()
            .filter(|_| !self.timelines.is_empty())
            .map(|phase| {
                let of = |timeline: &Timeline| timeline.phases_ns()[phase as usize].1;
                (phase, self.timelines.iter().map(of).collect::<Histogram>().distribution())
            })
            .collect();
        let round_trips = self.round_trips.iter().copied().collect::<Histogram>().distribution();
        let steady = steady(&self.batches);
        let mut warnings = Vec::new();
        if round_trips.count < SAMPLES_FOR_P99 {
            warnings.push(format!("p99 stands on {} samples", round_trips.count));
        }
        if cell.placement == Placement::Unpinned {
            warnings.push("unpinned: a mixture of regimes, which carries no verdict".into());
        }
        Trial {
            id: 0,
            lab: plan.lab.into(),
            cell: cell.record(arm, cores),
            through: "hub".into(),
            worker: setting.found.word.into(),
            arrival: "closed".into(),
            generations,
            pairs: plan.pairs,
            tasks: self.tasks + self.lost,
            ok: self.ok,
            failed: self.failed,
            lost: self.lost,
            verified: self.verified,
            wall_ns: self.wall_ns,
            round_trip_ns: round_trips,
            phases_ns,
            overlap: self.overlap,
            wire_bytes,
            syscalls_per_task,
            cpu_ns: CpuNs { coordinator: self.usage.cpu_ns, workers: self.workers.cpu_ns },
            faults: Faults {
                minor: self.usage.minor_faults + self.workers.minor_faults,
                major: self.usage.major_faults + self.workers.major_faults,
            },
            switches: Switches {
                voluntary: self.usage.voluntary_switches + self.workers.voluntary_switches,
                involuntary: self.usage.involuntary_switches + self.workers.involuntary_switches,
            },
            steady,
            warnings,
            error: self.error,
        }
    }
}

/// Copy (the first copying arm) against each sharing arm.
fn comparisons(
    plan: &Plan,
    cell: &Cell,
    cores: &[usize],
    sums: &[Sum],
) -> Vec<(usize, usize, Comparison)> {
    let Some(base) = cell.arms.iter().position(Arm::copies) else {
        return Vec::new();
    };
    let others = (0..cell.arms.len()).filter(|arm| !cell.arms[*arm].copies());
    let compared = others.filter_map(|other| {
        let of_other = |key| sums[other].batches.iter().find(|(g, p, _)| (*g, *p) == key);
        let pairs: Vec<Pair> = sums[base]
            .batches
            .iter()
            .filter_map(|(generation, pair, base_ns)| {
                let (_, _, other_ns) = of_other((*generation, *pair))?;
                Some(Pair { generation: *generation, base_ns: *base_ns, other_ns: *other_ns })
            })
            .collect();
        let ratio = compare::ratio(&pairs)?;
        let verdict = match cell.placement {
            Placement::Unpinned => compare::Verdict::TooClose,
            _ => ratio.verdict(),
        };
        let comparison = Comparison {
            id: 0,
            lab: plan.lab.into(),
            base: 0,
            other: 0,
            what: "copy÷share".into(),
            base_transport: cell.arms[base].transport.name().into(),
            cell: cell.record(&cell.arms[other], cores),
            ratio: ratio.ratio,
            low: ratio.low,
            high: ratio.high,
            confidence: ratio.confidence,
            threshold: compare::MARGIN,
            pairs: ratio.pairs,
            generations: ratio.generations,
            verdict,
        };
        Some((base, other, comparison))
    });
    compared.collect()
}

/// Whether half of the batches lie within a tenth of the median of all.
fn steady(batches: &[(u32, u32, u64)]) -> bool {
    let mut medians: Vec<f64> = batches.iter().map(|(_, _, median)| *median as f64).collect();
    let middle = median(&mut medians);
    let quarter = medians.len() / 4;
    !medians.is_empty() && medians[medians.len() - 1 - quarter] - medians[quarter] <= 0.1 * middle
}

/// The median of sorted samples; 0 of none.
fn middle(sorted: &[u64]) -> u64 {
    sorted.get(sorted.len() / 2).copied().unwrap_or(0)
}

fn subtract(a: (u64, u64), b: (u64, u64)) -> (u64, u64) {
    (a.0 - b.0, a.1 - b.1)
}

fn add_io(sum: Option<Io>, more: Option<Io>) -> Option<Io> {
    let mut more = more?;
    more += sum.unwrap_or_default();
    Some(more)
}
