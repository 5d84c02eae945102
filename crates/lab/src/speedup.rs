//! Tasks one after another in the coordinator, against the same tasks through a pool: generations of
//! fresh pools, rounds adjacent in time and in random order, every answer compared with the
//! sequential one.

use std::sync::Arc;

use measure::compare::{self, Pair, SPEEDUP};
use measure::record::{
    Claim, Comparison, CpuNs, Faults, LectureCase, Line, Sequential, Switches, Trial,
};
use measure::run::PairRow;
use measure::{Histogram, now};
use pool::{Call, Data, Job, Pool, PoolError, Value};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use shm::Kind;
use shm::wakeup::Regime;
use transport::Residency;

use crate::book::{Book, Done, Outcome};
use crate::labs::Wish;
use crate::placement::{Placement, pin};
use crate::plan::{Arm, Cell, wakeup_of};
use crate::progress::Progress;
use crate::refusal::Refusal;
use crate::sweep::MOST_WORKERS;
use crate::trial::{middle, steady};

/// A batch lasts at least this long, in nanoseconds, and has at least one round.
const BATCH_NS: u64 = 2_000_000;
const MOST_ROUNDS: u64 = 2000;
/// What a heavy task of the lecture takes in CPython, in nanoseconds.
const CPYTHON_TASK_NS: u64 = 7_000_000;

/// One of the lecture's cases: `tasks` times the same task.
pub struct Case {
    /// As the lecture prints it.
    pub name: &'static str,
    /// What each task computes.
    pub job: &'static dyn Job,
    /// Its argument: small data.
    pub arg: Value,
    /// Its list: large data.
    pub list: Option<Arc<[i64]>>,
    /// Tasks of a round.
    pub tasks: usize,
    /// Times that the job does its exact loop.
    pub repeats: u32,
}

/// How often a job must do its loop to last as long as it does in CPython: found once a run.
pub fn calibrate(job: &dyn Job, arg: &dyn Fn(u32) -> Value, list: &[i64]) -> u32 {
    let mut times: Vec<u64> = (0..9)
        .map(|_| {
            let started = now();
            let _ = std::hint::black_box(job.run(Call { arg: arg(1), list }));
            now() - started
        })
        .collect();
    times.sort_unstable();
    (CPYTHON_TASK_NS / middle(&times).max(1)).clamp(1, 1_000_000) as u32
}

/// Measures all cases and writes them down; `claims` are checked on what was found.
///
/// # Errors
/// Nothing could be measured at all.
pub fn carry_out(
    lab: &'static str,
    cases: &[Case],
    wish: &Wish,
    claims: fn(&[Line], usize, usize) -> Vec<Claim>,
) -> anyhow::Result<Done> {
    if !(1..=MOST_WORKERS).contains(&wish.workers) {
        return Err(Refusal::usage(format!(
            "--workers {} is not possible: give 1 to {MOST_WORKERS}",
            wish.workers
        ))
        .into());
    }
    let names: Vec<&str> = cases.iter().map(|case| case.name).collect();
    let plan = format!(
        "{lab} {} {} workers {}x{} {}",
        wish.scale.name(),
        wish.workers,
        wish.generations,
        wish.pairs,
        names.join(", ")
    );
    let mut book = Book::begin(&wish.common, plan)?;
    let mut random = StdRng::seed_from_u64(book.seed);
    let mut progress = Progress::new(cases.len(), wish.common.quiet);
    for case in cases {
        if is_measured(&book, case) || book.interrupt.signal().is_some() {
            continue;
        }
        progress.begin(case.name);
        measure_case(&mut book, lab, case, wish, &mut random)?;
        progress.finish(case.name);
    }
    drop(progress);
    let cores = book.allowed.len();
    for claim in claims(&book.lines, cores, wish.workers) {
        book.say(Line::Claim(claim))?;
    }
    book.end(Outcome::default())
}

/// The ways of one case: lists copied, serialised, placed, resident; small data has no list.
fn arms(case: &Case) -> Vec<Arm> {
    let arm = |name, residency, segment| {
        let transport = transport::by_name(name)?;
        let wakeup = wakeup_of(transport, Regime::Hybrid)?;
        Some(Arm { transport, residency, wakeup, segment })
    };
    let memfd = Some(Kind::Memfd);
    let resident = case.list.as_ref().and(arm("shared", Residency::Resident, memfd));
    [
        arm("pipe", Residency::Place, None),
        arm("pipe-serde", Residency::Place, None),
        arm("shared", Residency::Place, memfd),
        resident,
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What one way, or doing it alone, has come to.
#[derive(Default)]
struct Sum {
    /// Each task, submit to result.
    tasks: Vec<u64>,
    /// Each round.
    rounds: Vec<u64>,
    /// Generation, pair and median round of each batch.
    batches: Vec<(u32, u32, u64)>,
    verified: u64,
    failed: u64,
    error: Option<String>,
}

fn measure_case(
    book: &mut Book,
    lab: &'static str,
    case: &Case,
    wish: &Wish,
    random: &mut StdRng,
) -> anyhow::Result<()> {
    let arms = arms(case);
    let cell = Cell {
        placement: Placement::Spread.on(&book.allowed),
        regime: Regime::Hybrid,
        workers: wish.workers,
        depth: DEPTH,
        bytes: case.list.as_ref().map_or(0, |list| size_of_val(&list[..])),
        arms: arms.clone(),
        tasks: Some(case.tasks),
    };
    let cores = cell.placement.cores(&book.allowed, wish.workers);
    let want = alone(case).map_err(|error| anyhow::anyhow!("{}: {error}", case.name))?.1;
    // The last one is doing it alone.
    let mut sums: Vec<Sum> = (0..=arms.len()).map(|_| Sum::default()).collect();
    let mut generations = 0;
    'generations: for generation in 0..wish.generations {
        if book.interrupt.signal().is_some() || book.is_over() && generation > 0 {
            break;
        }
        pin(&cores[..1])?;
        let mut pools = Vec::new();
        for arm in &arms {
            match Through::start(book, case, arm, &cell, &cores) {
                Ok(pool) => pools.push(pool),
                Err(error) => {
                    sums.iter_mut().for_each(|sum| sum.error = Some(error.to_string()));
                    break 'generations;
                }
            }
        }
        for pair in 0..wish.pairs {
            let mut order: Vec<usize> = (0..=arms.len()).collect();
            order.shuffle(random);
            let mut rows = Vec::new();
            for (place, &at) in (0..).zip(&order) {
                let time = now();
                let batch = match pools.get(at) {
                    Some(pool) => pool.batch(case, &want),
                    None => Ok(batch_alone(case, &want)),
                };
                let batch = match batch {
                    Ok(batch) => batch,
                    Err(error) => {
                        sums[at].error = Some(error.to_string());
                        break 'generations;
                    }
                };
                let mut rounds = batch.rounds.clone();
                rounds.sort_unstable();
                sums[at].batches.push((generation, pair, middle(&rounds)));
                rows.push(PairRow {
                    run: book.id.clone(),
                    placement: cell.placement.name().into(),
                    regime: cell.regime.name().into(),
                    wakeup: arms.get(at).map_or(String::new(), |arm| arm.wakeup.into()),
                    workers: cell.workers,
                    depth: cell.depth,
                    generation,
                    pair,
                    order: place,
                    arm: arms.get(at).map_or("sequential".into(), Arm::name),
                    size: cell.bytes,
                    compute: 0,
                    median: middle(&rounds),
                    mean: rounds.iter().sum::<u64>() / rounds.len().max(1) as u64,
                    min: rounds.first().copied().unwrap_or(0),
                    n: rounds.len(),
                    time,
                });
                sums[at].add(batch);
            }
            book.write_pairs(&rows)?;
        }
        generations += 1;
    }
    write_down(book, lab, case, wish, &cell, &cores, &sums, generations)
}

/// Tasks in flight per worker: one that runs and one that waits there.
const DEPTH: usize = 2;

/// A parked pool, and where its lists are.
struct Through {
    pool: Pool,
    data: Data,
}

/// Rounds of one way.
#[derive(Default)]
struct Batch {
    tasks: Vec<u64>,
    rounds: Vec<u64>,
    verified: u64,
    failed: u64,
}

impl Sum {
    fn add(&mut self, batch: Batch) {
        self.tasks.extend(batch.tasks);
        self.rounds.extend(batch.rounds);
        self.verified += batch.verified;
        self.failed += batch.failed;
    }
}

impl Through {
    fn start(
        book: &Book,
        case: &Case,
        arm: &Arm,
        cell: &Cell,
        cores: &[usize],
    ) -> Result<Through, PoolError> {
        let pool = Pool::builder(book.found.launch.clone())
            .transport(arm.transport.name())
            .wakeup(arm.wakeup)
            .workers(cell.workers)
            .depth(cell.depth)
            .apart(cores.iter().any(|core| *core != cores[0]))
            .longest_list(cell.items())
            .resident_lists(1)
            .jobs([case.job.name()])
            .cores(cores[1..].to_vec())
            .build()?;
        let data = match (&case.list, arm.residency) {
            (None, _) => Data::None,
            (Some(list), Residency::Resident) => Data::Resident(pool.place(list)?, 0..list.len()),
            (Some(list), _) => Data::Items(list.clone()),
        };
        let through = Through { pool, data };
        // Warm: every worker has had a task, and every slot a list.
        (0..3).try_for_each(|_| through.round(case, None, &mut Batch::default()).map(drop))?;
        through.pool.park()?;
        Ok(through)
    }

    /// Rounds until the batch is long enough.
    fn batch(&self, case: &Case, want: &Value) -> Result<Batch, PoolError> {
        let mut batch = Batch::default();
        self.pool.unpark()?;
        // The first round after a switch finds cold caches: it is not measured.
        self.round(case, None, &mut batch)?;
        let started = now();
        while now() - started < BATCH_NS && (batch.rounds.len() as u64) < MOST_ROUNDS {
            let took = self.round(case, Some(want), &mut batch)?;
            batch.rounds.push(took);
        }
        self.pool.park()?;
        Ok(batch)
    }

    /// All tasks submitted, all results collected as they come.
    fn round(
        &self,
        case: &Case,
        want: Option<&Value>,
        batch: &mut Batch,
    ) -> Result<u64, PoolError> {
        let started = now();
        let mut begun = Vec::with_capacity(case.tasks);
        let mut futures = Vec::with_capacity(case.tasks);
        for _ in 0..case.tasks {
            begun.push(now());
            let submitted = self.pool.submit(case.job.name(), case.arg, self.data.clone());
            futures.push(submitted.map_err(|error| std::io::Error::other(error.to_string()))?);
        }
        let first = futures[0].id();
        for completed in self.pool.as_completed(futures) {
            let (future, outcome) = completed?;
            let Some(want) = want else { continue };
            batch.tasks.push(now() - begun[future.id().wrapping_sub(first) as usize]);
            match outcome {
                Ok(value) => batch.verified += u64::from(same(&value, want)),
                Err(_) => batch.failed += 1,
            }
        }
        Ok(now() - started)
    }
}

/// One round of the case in this process: how long, and one task's answer.
fn alone(case: &Case) -> Result<(u64, Value), pool::JobError> {
    let list = case.list.as_deref().unwrap_or_default();
    let started = now();
    let mut answer = Value::Int(0);
    for _ in 0..case.tasks {
        answer = std::hint::black_box(case.job.run(Call { arg: case.arg, list })?);
    }
    Ok((now() - started, answer))
}

fn batch_alone(case: &Case, want: &Value) -> Batch {
    let mut batch = Batch::default();
    let _ = alone(case);
    let started = now();
    while now() - started < BATCH_NS && (batch.rounds.len() as u64) < MOST_ROUNDS {
        match alone(case) {
            Ok((took, answer)) => {
                batch.rounds.push(took);
                batch.verified += case.tasks as u64 * u64::from(same(&answer, want));
            }
            Err(_) => batch.failed += case.tasks as u64,
        }
    }
    batch
}

/// Equal to the last bit.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => a == b,
        (Value::Float(a), Value::Float(b)) => a.to_bits() == b.to_bits(),
        _ => false,
    }
}

/// As CPython prints it.
fn python(value: &Value) -> String {
    match value {
        Value::Int(value) => value.to_string(),
        Value::Float(value) => format!("{value:?}"),
    }
}

/// Whether the record has this case already: its comparisons are the last that is written of it.
fn is_measured(book: &Book, case: &Case) -> bool {
    book.lines.iter().any(|line| match line {
        Line::Comparison(c) => c.lecture.as_ref().is_some_and(|of| of.case == case.name),
        _ => false,
    })
}

/// The rows of a case: sequential, one trial for each way, and their comparisons.
#[expect(clippy::too_many_arguments, reason = "one case's facts, used once")]
fn write_down(
    book: &mut Book,
    lab: &'static str,
    case: &Case,
    wish: &Wish,
    cell: &Cell,
    cores: &[usize],
    sums: &[Sum],
    generations: u32,
) -> anyhow::Result<()> {
    let lecture = LectureCase {
        case: case.name.into(),
        scale: wish.scale.name().into(),
        repeats: case.repeats,
    };
    let Some((alone, ways)) = sums.split_last() else { return Ok(()) };
    let base = book.next_id();
    book.say(Line::Sequential(Sequential {
        id: base,
        lab: lab.into(),
        lecture: lecture.clone(),
        job: case.job.name().into(),
        tasks: case.tasks,
        rounds: alone.rounds.len() as u64,
        wall_ns: alone.rounds.iter().copied().collect::<Histogram>().distribution(),
        answer: answer(case),
    }))?;
    let record = |arm: &Arm| measure::record::Cell {
        job: case.job.name().into(),
        ..cell.record(arm, cores)
    };
    let mut ids = Vec::new();
    for (arm, sum) in cell.arms.iter().zip(ways) {
        let id = book.next_id();
        ids.push(id);
        let tasks = sum.tasks.len() as u64;
        let mut warnings = Vec::new();
        if wish.workers > book.allowed.len() {
            let cores = book.allowed.len();
            warnings.push(format!(
                "{} workers on {cores} cores: the ceiling is {cores}×",
                wish.workers
            ));
        }
        book.say(Line::Trial(Box::new(Trial {
            id,
            lab: lab.into(),
            lecture: Some(lecture.clone()),
            cell: record(arm),
            through: "pool".into(),
            worker: book.found.word.into(),
            arrival: "closed".into(),
            generations,
            pairs: wish.pairs,
            tasks,
            ok: tasks - sum.failed,
            failed: sum.failed,
            lost: 0,
            verified: sum.verified,
            wall_ns: sum.rounds.iter().sum(),
            round_trip_ns: sum.tasks.iter().copied().collect::<Histogram>().distribution(),
            phases_ns: Default::default(),
            overlap: false,
            wire_bytes: None,
            syscalls_per_task: None,
            cpu_ns: CpuNs::default(),
            faults: Faults::default(),
            switches: Switches::default(),
            steady: steady(&sum.batches),
            warnings,
            error: sum.error.clone(),
        })))?;
    }
    for ((arm, sum), other) in cell.arms.iter().zip(ways).zip(ids) {
        let Some(ratio) = compare::ratio(&pairs(alone, sum)) else { continue };
        let id = book.next_id();
        book.say(Line::Comparison(Box::new(Comparison {
            id,
            lab: lab.into(),
            base,
            other,
            what: "speedup".into(),
            base_transport: "sequential".into(),
            lecture: Some(lecture.clone()),
            cell: record(arm),
            ratio: ratio.ratio,
            low: ratio.low,
            high: ratio.high,
            confidence: ratio.confidence,
            threshold: SPEEDUP,
            pairs: ratio.pairs,
            generations: ratio.generations,
            verdict: ratio.speedup(),
        })))?;
    }
    Ok(())
}

/// Batches of two ways that were measured side by side.
fn pairs(base: &Sum, other: &Sum) -> Vec<Pair> {
    let find = |key: (u32, u32)| other.batches.iter().find(|(g, p, _)| (*g, *p) == key);
    let of = |(generation, pair, base_ns): &(u32, u32, u64)| {
        let (_, _, other_ns) = find((*generation, *pair))?;
        Some(Pair { generation: *generation, base_ns: *base_ns, other_ns: *other_ns })
    };
    base.batches.iter().filter_map(of).collect()
}

fn answer(case: &Case) -> String {
    alone(case).map_or_else(|error| error.to_string(), |(_, answer)| python(&answer))
}
