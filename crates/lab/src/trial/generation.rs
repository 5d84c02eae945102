//! One generation: fresh workers, warmed up, parked whenever it is not their turn.

use std::time::{Duration, Instant};

use measure::counters::{Io, Usage};
use measure::middle;
use measure::record::{Mapped, PagesGot};
use pool::{PoolError, Report, WorkerGroup, WorkerGroupPlan};
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use shm::{MappedPages, Pages, Resident};
use transport::Residency;

use super::Setting;
use crate::batch::{self, Batch, Load, Rooms};
use crate::placement::{allowed_cores, pin};
use crate::plan::{Arm, Cell};
use crate::source::Windows;

/// A batch lasts at least this long …
const BATCH: Duration = Duration::from_millis(2);
/// A batch of the open loop lasts about so long: a queue needs time to grow.
const OPEN_BATCH: Duration = Duration::from_millis(500);
/// … and has at least so many tasks …
const FEWEST: usize = 3;
/// … and at most so many.
const MOST: usize = 20_000;

/// A batch that lasts ten times as long as it should is cut short.
const LONGEST_NS: u64 = 10 * BATCH.as_nanos() as u64;

/// Tasks of a warm-up's batches, and their number at most.
const WARM_BATCH: usize = 10;
const WARM_BATCHES: usize = 20;
/// A warm-up ends when two medians in a row differ by less than this.
const WARM: f64 = 0.02;
/// Batches of a warm-up that only finds how many tasks fill a batch.
pub(super) const WARM_FEW: usize = 1;
/// Or, where tasks are slow, after this long.
const WARM_TIME: Duration = Duration::from_millis(40);

/// One set of fresh workers for each crew that the cell's arms need.
pub(super) struct Generation {
    crews: Vec<Fresh>,
    /// Which crew each arm uses; none where it could not be started.
    of_arm: Vec<Option<usize>>,
    /// Arms whose crews could not be started here, and why: the others go on without them.
    pub(super) barred: Vec<(usize, PoolError)>,
    /// Round trip of the first task of each arm.
    pub(super) firsts: Vec<Option<u64>>,
    /// Tasks in a batch of each arm.
    counts: Vec<usize>,
    /// Computing of each task of each arm.
    compute_ns: Vec<u64>,
    rooms: Rooms,
    /// What reading this thread's counters itself adds to them.
    reading: Option<Io>,
    /// Core of this thread, then of each worker; empty where nobody is pinned.
    cores: Vec<usize>,
}

/// A parked crew.
struct Fresh {
    crew: WorkerGroup,
    resident: Option<Resident>,
    /// What its workers had counted when they were parked.
    report: Report,
}

/// A batch, and what the kernel counted around it.
pub(super) struct Counted {
    pub(super) batch: Batch,
    /// Of this thread, over the batch's own tasks.
    pub(super) io: Option<Io>,
    pub(super) usage: Usage,
    pub(super) tasks: u64,
    /// Bytes put into rings to workers, over the batch's own tasks.
    pub(super) rung_out: u64,
    /// Of the workers, over all tasks since they were unparked.
    pub(super) workers: Usage,
    pub(super) workers_io: Option<Io>,
    pub(super) rung_back: u64,
    pub(super) tasks_unparked: u64,
    pub(super) overlap: bool,
    pub(super) buffer_bytes: Option<usize>,
    /// Who could run elsewhere than where it was pinned, if anybody.
    pub(super) strayed: Option<String>,
}

impl Generation {
    /// Fresh workers for the arms of `cell` that are in `arms`.
    pub(super) fn begin(
        setting: &Setting<'_>,
        cell: &Cell,
        arms: &[usize],
        windows: &Windows<'_>,
        cores: &[usize],
        random: &mut StdRng,
    ) -> Result<Generation, PoolError> {
        pin(cores.first().map_or(setting.allowed, std::slice::from_ref))?;
        let mut crews: Vec<Fresh> = Vec::new();
        let mut keys = Vec::new();
        let mut of_arm = vec![None; cell.arms.len()];
        let mut barred = Vec::new();
        for &number in arms {
            let arm = &cell.arms[number];
            // A control's arms are the same and share nothing.
            let apart = if cell.control { number } else { 0 };
            let key = (arm.crew(), apart);
            if let Some(at) = keys.iter().position(|known| *known == key) {
                of_arm[number] = Some(at);
                continue;
            }
            match Fresh::start(setting, cell, arm, windows, cores, random) {
                Ok(fresh) => {
                    keys.push(key);
                    crews.push(fresh);
                    of_arm[number] = Some(crews.len() - 1);
                }
                Err(PoolError::Died(death)) => return Err(PoolError::Died(death)),
                Err(error) => barred.push((number, error)),
            }
        }
        let reading = Io::of_this_thread().zip(Io::of_this_thread()).map(|(a, b)| b - a);
        let firsts = vec![None; cell.arms.len()];
        let counts = vec![FEWEST; cell.arms.len()];
        let compute_ns = vec![cell.compute_ns; cell.arms.len()];
        let rooms = Rooms::default();
        let cores = cores.to_vec();
        let mut fresh =
            Generation { crews, of_arm, barred, firsts, counts, compute_ns, rooms, reading, cores };
        for &arm in arms {
            if fresh.of_arm[arm].is_some() {
                fresh.warm(cell, arm, windows, WARM_BATCHES)?;
            }
        }
        Ok(fresh)
    }

    /// Whether the crew of `arm` could be started.
    pub(super) fn has(&self, arm: usize) -> bool {
        self.of_arm[arm].is_some()
    }

    /// Runs one arm until it is as fast as it will be, for `batches` at most, and finds how many tasks
    /// fill a batch.
    pub(super) fn warm(
        &mut self,
        cell: &Cell,
        arm: usize,
        windows: &Windows<'_>,
        batches: usize,
    ) -> Result<(), PoolError> {
        let at = self.crew_of(arm);
        self.crews[at].crew.unpark()?;
        let started = Instant::now();
        let mut before = 0;
        // The quickest task and round: where somebody else had the core they last as long as he likes.
        let (mut quickest, mut shortest) = (u64::MAX, u64::MAX);
        for round in 0..=batches {
            let count = if round == 0 { FEWEST } else { WARM_BATCH };
            let mut round_trips = self.tasks(cell, arm, windows, count, None)?.round_trips;
            if self.firsts[arm].is_none() {
                self.firsts[arm] = round_trips.first().copied();
            }
            round_trips.sort_unstable();
            let took = middle(&round_trips);
            quickest = quickest.min(took);
            shortest = shortest.min(round_trips.first().copied().unwrap_or(took));
            let same = took.abs_diff(before) as f64 <= WARM * took as f64;
            // The next round must fit into the time too.
            let next = Duration::from_nanos(shortest * WARM_BATCH as u64);
            if (round > 1 && same) || started.elapsed() + next > WARM_TIME {
                break;
            }
            before = took;
        }
        // As many tasks as are in flight come back in one round trip.
        let in_flight = cell.workers * cell.depth;
        let scheduled =
            cell.rate.map(|rate| ((rate * OPEN_BATCH.as_secs_f64()) as usize).max(FEWEST));
        let fill = (BATCH.as_nanos() as u64).div_ceil(quickest.max(1)) as usize * in_flight;
        self.counts[arm] = cell
            .tasks
            .or(scheduled)
            .unwrap_or_else(|| fill.clamp(FEWEST, MOST).next_multiple_of(in_flight));
        let fresh = &mut self.crews[at];
        fresh.crew.park()?;
        fresh.report = fresh.crew.report()?;
        Ok(())
    }

    /// Has each task of `arm` compute so long from now on.
    pub(super) fn compute(&mut self, arm: usize, ns: u64) {
        self.compute_ns[arm] = ns;
    }

    /// One batch of one arm, its workers parked before and after.
    pub(super) fn batch(
        &mut self,
        cell: &Cell,
        arm: usize,
        windows: &Windows<'_>,
    ) -> Result<Counted, PoolError> {
        let at = self.crew_of(arm);
        let count = self.counts[arm];
        let (_, rung_before) = self.crews[at].crew.hub().uncounted_bytes();
        self.crews[at].crew.unpark()?;
        // The first task after a switch of arms finds cold caches: it is not measured.
        let dropped = self.tasks(cell, arm, windows, 1, None)?.ok;
        let (rung_out, _) = self.crews[at].crew.hub().uncounted_bytes();
        let usage = Usage::of_this_thread();
        let io = Io::of_this_thread();
        let batch = self.tasks(cell, arm, windows, count, cell.rate)?;
        let io = Io::of_this_thread().zip(io).map(|(after, before)| after - before);
        let io = io.zip(self.reading).map(|(io, reading)| io - reading);
        let usage = Usage::of_this_thread() - usage;
        let fresh = &mut self.crews[at];
        let (rung_out, _) = subtract(fresh.crew.hub().uncounted_bytes(), (rung_out, 0));
        fresh.crew.park()?;
        let (_, rung_back) = subtract(fresh.crew.hub().uncounted_bytes(), (0, rung_before));
        let before = std::mem::replace(&mut fresh.report, fresh.crew.report()?);
        let strayed = strayed(&self.cores, &fresh.crew);
        let workers = fresh.report.usage - before.usage;
        let workers_io = fresh.report.io.zip(before.io).map(|(after, before)| after - before);
        let workers_io = workers_io.zip(self.reading).map(|(mut io, reading)| {
            // Each worker's report is a reading too.
            io.reads = io.reads.saturating_sub(reading.reads * cell.workers as u64);
            io
        });
        let tasks = batch.ok + batch.failed;
        let overlap = fresh.crew.hub().overlaps(cell.bytes, cell.arms[arm].residency);
        let buffer_bytes = fresh.crew.hub().buffer_bytes();
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
            buffer_bytes,
            strayed,
        })
    }

    /// What the kernel says of the parked crew's mappings, where other pages than the usual ones were
    /// asked for.
    pub(super) fn pages(&mut self, cell: &Cell, arm: usize) -> Option<PagesGot> {
        if cell.arms[arm].pages == Pages::Ready {
            return None;
        }
        let at = self.crew_of(arm);
        let (Some(ours), Some(theirs)) = self.crews[at].crew.pages().ok()? else { return None };
        let mapped = |got: &MappedPages| Mapped { mapped: got.mapped, huge: got.huge };
        Some(PagesGot {
            bytes: ours.bytes,
            coordinator: mapped(&ours),
            worker: mapped(&theirs),
            why: ours.why.or(theirs.why),
            by: ours.by.map(|by| by.name().to_owned()),
            not_reserved: ours.not_reserved,
        })
    }

    /// Tasks of the last batch that were sent and never answered.
    pub(super) fn unanswered(&self) -> u64 {
        self.rooms.unanswered()
    }

    fn crew_of(&self, arm: usize) -> usize {
        self.of_arm[arm].expect("an arm that is measured has a crew")
    }

    fn tasks(
        &mut self,
        cell: &Cell,
        arm: usize,
        windows: &Windows<'_>,
        count: usize,
        rate: Option<f64>,
    ) -> Result<Batch, PoolError> {
        let at = self.crew_of(arm);
        let fresh = &mut self.crews[at];
        let load = Load {
            job: cell.job,
            windows,
            residency: cell.arms[arm].residency,
            resident: fresh.resident.as_ref(),
            workers: cell.workers,
            depth: cell.depth,
            longest_ns: if cell.tasks.is_some() { u64::MAX } else { LONGEST_NS },
            fewest: FEWEST,
            compute_ns: self.compute_ns[arm],
            rate,
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
    ) -> Result<Fresh, PoolError> {
        let mut order: Vec<usize> = (0..cell.workers).collect();
        order.shuffle(random);
        let plan = WorkerGroupPlan {
            launch: setting.found.launch.clone(),
            transport: arm.transport,
            setup: cell.setup(arm, windows.all.len()),
            initialiser: None,
            cores: cores.get(1..).unwrap_or_default().to_vec(),
            // Where a stack begins decides what else shares its cache lines: chance, so varied.
            padding: random.random_range(0..4096),
            order,
        };
        let mut crew = WorkerGroup::start(&plan)?;
        let mut arms = cell.arms.iter().filter(|other| other.crew() == arm.crew());
        let resident = match arms.any(|arm| arm.residency == Residency::Resident) {
            true => Some(crew.hub().place(windows.all)?),
            false => None,
        };
        crew.park()?;
        let report = crew.report()?;
        Ok(Fresh { crew, resident, report })
    }
}

/// Who could run elsewhere than on its core of `cores`, if anybody, in words.
fn strayed(cores: &[usize], crew: &WorkerGroup) -> Option<String> {
    let ours = *cores.first()?;
    let (who, core) = match crew.migrated_worker() {
        Some(worker) => (format!("worker {worker}"), cores[1 + worker]),
        None if allowed_cores().is_ok_and(|allowed| allowed != [ours]) => {
            ("the coordinator".into(), ours)
        }
        None => return None,
    };
    Some(format!("{who} was moved from core {core}, where it was pinned"))
}

fn subtract(a: (u64, u64), b: (u64, u64)) -> (u64, u64) {
    (a.0 - b.0, a.1 - b.1)
}
