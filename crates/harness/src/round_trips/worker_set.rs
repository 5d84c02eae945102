//! The workers of one generation: fresh, warmed up, parked whenever it is not their turn.

use std::time::{Duration, Instant};

use measure::counters::{Io, Usage};
use pool::{PoolError, Report, WorkerGroup, WorkerGroupPlan};
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use record::{Mapped, PagesGot};
use shm::{MappedPages, Pages, Resident};
use stats::median::median_of_sorted;
use transport::Residency;

use super::batch;
use super::counters::BatchCounters;
use super::exchange::{Batch, Load, StampBuffers};
use crate::context::CellContext;
use crate::list::Windows;
use crate::placement::{migrated, pin};
use crate::plan::{Arm, Cell};

/// A batch lasts at least this long …
const MIN_BATCH: Duration = Duration::from_millis(2);
/// A batch of the open loop lasts about so long: a queue needs time to grow.
const OPEN_LOOP_BATCH: Duration = Duration::from_millis(500);
/// … and has at least so many tasks …
const MIN_TASKS: usize = 3;
/// … and at most so many.
const MAX_TASKS: usize = 20_000;

/// A batch that lasts ten times as long as it should is cut short.
const MAX_BATCH_NS: u64 = 10 * MIN_BATCH.as_nanos() as u64;

/// Tasks of a warm-up's batches, and their number at most.
const WARM_UP_TASKS: usize = 10;
const MAX_WARM_UP_BATCHES: usize = 20;
/// A warm-up ends when two medians in a row differ by less than this.
const MAX_WARM_UP_CHANGE: f64 = 0.02;
/// Batches of a warm-up that only finds how many tasks fill a batch.
pub(crate) const SHORT_WARM_UP: usize = 1;
/// Or, where tasks are slow, after this long.
const MAX_WARM_UP: Duration = Duration::from_millis(40);

/// Fresh workers for one generation: a worker group for each transport and wake-up that the cell's arms need.
pub(crate) struct WorkerSet {
    groups: Vec<Parked>,
    /// Which group each arm uses; none where it could not be started.
    of_arm: Vec<Option<usize>>,
    /// Arms whose groups could not be started here, and why: the others go on without them.
    pub(crate) barred: Vec<(usize, PoolError)>,
    /// Round trip of the first task of each arm.
    pub(crate) firsts: Vec<Option<u64>>,
    /// Tasks in a batch of each arm.
    counts: Vec<usize>,
    /// Computing of each task of each arm.
    compute_ns: Vec<u64>,
    stamps: StampBuffers,
    /// What reading this thread's counters itself adds to them.
    reading: Option<Io>,
    /// Core of this thread, then of each worker; empty where no process is pinned.
    cores: Vec<usize>,
    /// The task that was dropped before the next batch.
    dropped: Option<Dropped>,
}

/// A task that is not measured, and what had been counted before it.
#[derive(Clone, Copy)]
struct Dropped {
    tasks: u64,
    /// Bytes that workers had put into rings.
    rung_back: u64,
}

/// A parked worker group.
struct Parked {
    group: WorkerGroup,
    resident: Option<Resident>,
    /// What its workers had counted when they were parked.
    report: Report,
}

impl WorkerSet {
    /// Fresh workers for the arms of `cell` that are in `arms`.
    pub(crate) fn begin(
        context: &CellContext<'_>,
        cell: &Cell,
        arms: &[usize],
        windows: &Windows<'_>,
        cores: &[usize],
        random: &mut StdRng,
    ) -> Result<WorkerSet, PoolError> {
        pin(cores.first().map_or(context.allowed, std::slice::from_ref))?;
        let mut groups: Vec<Parked> = Vec::new();
        let mut keys = Vec::new();
        let mut of_arm = vec![None; cell.arms.len()];
        let mut barred = Vec::new();
        for &number in arms {
            let arm = &cell.arms[number];
            // The arms of an A/A test are the same and share nothing.
            let apart = if cell.is_aa_test() { number } else { 0 };
            let key = (arm.group(), apart);
            if let Some(at) = keys.iter().position(|known| *known == key) {
                of_arm[number] = Some(at);
                continue;
            }
            match Parked::start(context, cell, arm, windows, cores, random) {
                Ok(fresh) => {
                    keys.push(key);
                    groups.push(fresh);
                    of_arm[number] = Some(groups.len() - 1);
                }
                Err(PoolError::Died(death)) => return Err(PoolError::Died(death)),
                Err(error) => barred.push((number, error)),
            }
        }
        let reading = Io::of_this_thread().zip(Io::of_this_thread()).map(|(a, b)| b - a);
        let firsts = vec![None; cell.arms.len()];
        let counts = vec![MIN_TASKS; cell.arms.len()];
        let compute_ns = vec![cell.stratum.compute_ns; cell.arms.len()];
        let stamps = StampBuffers::default();
        let (cores, dropped) = (cores.to_vec(), None);
        let mut fresh = WorkerSet {
            groups,
            of_arm,
            barred,
            firsts,
            counts,
            compute_ns,
            stamps,
            reading,
            cores,
            dropped,
        };
        for &arm in arms {
            if fresh.of_arm[arm].is_some() {
                fresh.warm(cell, arm, windows, MAX_WARM_UP_BATCHES)?;
            }
        }
        Ok(fresh)
    }

    /// Runs one arm until it is as fast as it will be, for `batches` at most, and finds how many tasks
    /// fill a batch.
    pub(crate) fn warm(
        &mut self,
        cell: &Cell,
        arm: usize,
        windows: &Windows<'_>,
        batches: usize,
    ) -> Result<(), PoolError> {
        let at = self.group_of(arm);
        self.groups[at].group.unpark()?;
        let started = Instant::now();
        let mut before = 0;
        // The quickest task and round: while another process has the core they last as long as that runs.
        let (mut quickest, mut shortest) = (u64::MAX, u64::MAX);
        for round in 0..=batches {
            let count = if round == 0 { MIN_TASKS } else { WARM_UP_TASKS };
            let mut round_trips = self.tasks(cell, arm, windows, count, None)?.round_trips;
            if self.firsts[arm].is_none() {
                self.firsts[arm] = round_trips.first().copied();
            }
            round_trips.sort_unstable();
            let took = median_of_sorted(&round_trips);
            quickest = quickest.min(took);
            shortest = shortest.min(round_trips.first().copied().unwrap_or(took));
            let same = took.abs_diff(before) as f64 <= MAX_WARM_UP_CHANGE * took as f64;
            // The next round must fit into the time too.
            let next = Duration::from_nanos(shortest * WARM_UP_TASKS as u64);
            if (round > 1 && same) || started.elapsed() + next > MAX_WARM_UP {
                break;
            }
            before = took;
        }
        // As many tasks as are in flight come back in one round trip.
        let in_flight = cell.stratum.workers * cell.stratum.depth;
        let scheduled = cell
            .stratum
            .rate
            .map(|rate| ((rate * OPEN_LOOP_BATCH.as_secs_f64()) as usize).max(MIN_TASKS));
        let fill = (MIN_BATCH.as_nanos() as u64).div_ceil(quickest.max(1)) as usize * in_flight;
        self.counts[arm] = cell
            .tasks
            .or(scheduled)
            .unwrap_or_else(|| fill.clamp(MIN_TASKS, MAX_TASKS).next_multiple_of(in_flight));
        let fresh = &mut self.groups[at];
        fresh.group.park()?;
        fresh.report = fresh.group.report()?;
        Ok(())
    }

    /// Has each task of `arm` compute so long from now on.
    pub(crate) fn compute(&mut self, arm: usize, ns: u64) {
        self.compute_ns[arm] = ns;
    }

    /// Wakes the workers of one arm and has them do one task, which is not measured.
    pub(crate) fn drop_cold(
        &mut self,
        cell: &Cell,
        arm: usize,
        windows: &Windows<'_>,
    ) -> Result<(), PoolError> {
        let at = self.group_of(arm);
        let (_, rung_back) = self.groups[at].group.hub().uncounted_bytes();
        self.groups[at].group.unpark()?;
        let tasks = self.tasks(cell, arm, windows, 1, None)?.ok;
        self.dropped = Some(Dropped { tasks, rung_back });
        Ok(())
    }

    /// One batch of one arm, whose workers are awake; they are parked afterwards.
    pub(crate) fn batch(
        &mut self,
        cell: &Cell,
        arm: usize,
        windows: &Windows<'_>,
    ) -> Result<BatchCounters, PoolError> {
        let at = self.group_of(arm);
        let count = self.counts[arm];
        let dropped = self.dropped.take().expect("a cold task is dropped before each batch");
        let (rung_out, _) = self.groups[at].group.hub().uncounted_bytes();
        let usage = Usage::of_this_thread();
        let io = Io::of_this_thread();
        let batch = self.tasks(cell, arm, windows, count, cell.stratum.rate)?;
        let io = Io::of_this_thread().zip(io).map(|(after, before)| after - before);
        let io = io.zip(self.reading).map(|(io, reading)| io - reading);
        let usage = Usage::of_this_thread() - usage;
        let fresh = &mut self.groups[at];
        let (rung_out, _) = subtract(fresh.group.hub().uncounted_bytes(), (rung_out, 0));
        fresh.group.park()?;
        let (_, rung_back) = subtract(fresh.group.hub().uncounted_bytes(), (0, dropped.rung_back));
        let before = std::mem::replace(&mut fresh.report, fresh.group.report()?);
        let migrated = migrated(&self.cores, &fresh.group.pids());
        let workers = fresh.report.usage - before.usage;
        let workers_io = fresh.report.io.zip(before.io).map(|(after, before)| after - before);
        let workers_io = workers_io.zip(self.reading).map(|(mut io, reading)| {
            // Each worker's report is a reading too.
            io.reads = io.reads.saturating_sub(reading.reads * cell.stratum.workers as u64);
            io
        });
        let tasks = batch.ok + batch.failed;
        let overlap = fresh.group.hub().overlaps(cell.bytes, cell.arms[arm].residency);
        let buffer_bytes = fresh.group.hub().buffer_bytes();
        let tasks_unparked = tasks + dropped.tasks + cell.stratum.workers as u64;
        Ok(BatchCounters {
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
            migrated,
        })
    }

    /// What the kernel says of the parked group's mappings, where other pages than the usual ones were
    /// asked for.
    pub(crate) fn pages(&mut self, cell: &Cell, arm: usize) -> Option<PagesGot> {
        if cell.arms[arm].pages == Pages::Ready {
            return None;
        }
        let at = self.group_of(arm);
        let (Some(ours), Some(theirs)) = self.groups[at].group.pages().ok()? else { return None };
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
    pub(crate) fn unanswered(&self) -> u64 {
        self.stamps.unanswered()
    }

    fn group_of(&self, arm: usize) -> usize {
        self.of_arm[arm].expect("an arm that is measured has a worker group")
    }

    fn tasks(
        &mut self,
        cell: &Cell,
        arm: usize,
        windows: &Windows<'_>,
        count: usize,
        rate: Option<f64>,
    ) -> Result<Batch, PoolError> {
        let at = self.group_of(arm);
        let fresh = &mut self.groups[at];
        let load = Load {
            job: &cell.stratum.job,
            windows,
            residency: cell.arms[arm].residency,
            resident: fresh.resident.as_ref(),
            workers: cell.stratum.workers,
            depth: cell.stratum.depth,
            max_ns: if cell.tasks.is_some() { u64::MAX } else { MAX_BATCH_NS },
            min_answers: MIN_TASKS,
            compute_ns: self.compute_ns[arm],
            rate,
        };
        batch::run(&mut fresh.group, &load, count, &mut self.stamps)
    }
}

impl Parked {
    fn start(
        context: &CellContext<'_>,
        cell: &Cell,
        arm: &Arm,
        windows: &Windows<'_>,
        cores: &[usize],
        random: &mut StdRng,
    ) -> Result<Parked, PoolError> {
        let mut order: Vec<usize> = (0..cell.stratum.workers).collect();
        order.shuffle(random);
        let plan = WorkerGroupPlan {
            launch: context.program.launch.clone(),
            transport: arm.transport,
            setup: cell.setup(arm, windows.all.len()),
            initialiser: None,
            cores: cores.get(1..).unwrap_or_default().to_vec(),
            // Where a stack begins decides what else shares its cache lines: chance, so varied.
            padding: random.random_range(0..4096),
            order,
        };
        let mut group = WorkerGroup::start(&plan)?;
        let mut arms = cell.arms.iter().filter(|other| other.group() == arm.group());
        let resident = match arms.any(|arm| arm.residency == Residency::Resident) {
            true => Some(group.hub().place(windows.all)?),
            false => None,
        };
        group.park()?;
        let report = group.report()?;
        Ok(Parked { group, resident, report })
    }
}

fn subtract(a: (u64, u64), b: (u64, u64)) -> (u64, u64) {
    (a.0 - b.0, a.1 - b.1)
}
