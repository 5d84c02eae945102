//! Tasks one after another in the coordinator, against the same tasks through a pool: generations of
//! fresh pools, rounds adjacent in time and in random order, every answer compared with the
//! sequential one.

mod rows;
mod through;

use std::sync::Arc;

use measure::now;
use measure::record::{Claim, Line};
use measure::run::PairRow;
use pool::{Call, Job, Value};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use shm::wakeup::Regime;
use transport::Residency;

use self::through::{Batch, Through, alone, batch_alone};
use crate::book::{Book, Done, Outcome};
use crate::placement::{Placement, pin};
use crate::plan::{Arm, Cell};
use crate::progress::Progress;
use crate::refusal::Refusal;
use crate::sweep::MOST_WORKERS;
use crate::trial::middle;
use crate::wish::Wish;

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
    if book.interrupt.signal().is_none() {
        let cores = book.allowed.len();
        for claim in claims(&book.lines, cores, wish.workers) {
            book.say(Line::Claim(claim))?;
        }
    }
    let few = |line: &Line| match line {
        Line::Trial(trial) => trial.generations < wish.generations,
        _ => false,
    };
    let short = book.lines.iter().any(few);
    book.end(Outcome { short, ..Outcome::default() })
}

/// The ways of one case: lists copied, serialised, placed, resident; small data has no list.
fn arms(case: &Case) -> Vec<Arm> {
    let arm = |name, residency| Arm::of(name, residency, Regime::Hybrid);
    [
        arm("pipe", Residency::Place),
        arm("pipe-serde", Residency::Place),
        arm("shared", Residency::Place),
        case.list.as_ref().and(arm("shared", Residency::Resident)),
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
                    case: case.name.into(),
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
    rows::write_down(book, lab, case, wish, &cell, &cores, &sums, generations)
}

/// Tasks in flight per worker: one that runs and one that waits there.
const DEPTH: usize = 2;

impl Sum {
    fn add(&mut self, batch: Batch) {
        self.tasks.extend(batch.tasks);
        self.rounds.extend(batch.rounds);
        self.verified += batch.verified;
        self.failed += batch.failed;
    }
}

/// Whether the record has this case already: its comparisons are the last that is written of it.
fn is_measured(book: &Book, case: &Case) -> bool {
    book.lines.iter().any(|line| match line {
        Line::Comparison(c) => c.lecture.as_ref().is_some_and(|of| of.case == case.name),
        _ => false,
    })
}
