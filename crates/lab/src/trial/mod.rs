//! One cell, measured: generations of fresh workers, and in each of them pairs of batches, the arms
//! in random order and adjacent in time.

mod generation;
mod judged;
pub(crate) mod ladder;
mod sum;

use std::time::{Duration, Instant};

use measure::bystanders::Bystanders;
use measure::compare::ENOUGH_GENERATIONS;
use measure::record::{Comparison, Control, Trial};
use measure::run::PairRow;
use measure::stopping::{self, Stopped};
use measure::timeline::TaskTimeline;
use measure::{middle, now};
use pool::PoolError;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use self::generation::Generation;
pub(crate) use self::judged::pair_up;
use self::sum::Sum;
pub(crate) use self::sum::steady;
use crate::interrupt::Interrupt;
use crate::launch::Found;
use crate::plan::{Cell, Plan, Turn};
use crate::source::Source;

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
    /// For each of them, when what happened to some of its tasks.
    pub timelines: Vec<Vec<TaskTimeline>>,
    /// Copy against each sharing arm, by index into `trials`.
    pub comparisons: Vec<(usize, usize, Comparison)>,
    /// Of a control, in the place of both.
    pub control: Option<Control>,
    /// Whether somebody was moved from its core.
    pub strayed: bool,
    /// Answers that came twice.
    pub duplicated: u64,
    /// Whether it ended early because it was asked to.
    pub interrupted: bool,
    /// Whether a worker died.
    pub worker_lost: bool,
}

/// What pairs.csv adds to the name of a control's second arm.
const AGAIN: &str = " again";

/// Pairs of a generation, however short the time is.
const FEWEST_PAIRS: u32 = 2;

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
    note: &mut dyn FnMut(&[PairRow]) -> anyhow::Result<()>,
) -> anyhow::Result<Measured> {
    let windows = setting.source.windows(cell.items());
    let cores = cell.placement.cores(setting.allowed, cell.workers);
    let mut sums: Vec<Sum> = cell.arms.iter().map(|_| Sum::default()).collect();
    // What is measured: a transport that cannot be had here is a row that says so, and no more.
    let mut arms: Vec<usize> = (0..cell.arms.len()).collect();
    let mut failed = false;
    let mut generations = 0;
    let mut interrupted = false;
    let mut worker_lost = false;
    let mut slowest = Duration::ZERO;
    let mut strayed = None;
    let mut stopped = None;
    let looks = plan.looks();
    let confidence = stopping::confidence(looks.len());
    let before = Bystanders::now(setting.allowed);
    for generation in 0..plan.generations {
        interrupted = setting.interrupt.signal().is_some();
        let no_time = deadline.is_some_and(|deadline| Instant::now() + slowest > deadline);
        if interrupted || (no_time && generation > 0) {
            stopped = Some(if interrupted { Stopped::Interrupted } else { Stopped::Budget });
            break;
        }
        let started = Instant::now();
        let end = deadline.map(|deadline| end_of_generation(generation, started, deadline));
        let fresh = Generation::begin(setting, cell, &arms, &windows, &cores, random);
        let mut fresh = match fresh {
            Ok(fresh) => fresh,
            Err(error) => {
                arms.iter().for_each(|arm| sums[*arm].error = Some(error.to_string()));
                worker_lost |= died(&error);
                failed = true;
                break;
            }
        };
        for (arm, error) in std::mem::take(&mut fresh.barred) {
            sums[arm].error = Some(error.to_string());
            arms.retain(|other| *other != arm);
        }
        if arms.is_empty() {
            failed = true;
            break;
        }
        for pair in 0..plan.pairs {
            let mut turns = arms.clone();
            turns.shuffle(random);
            if cell.planted.is_some() && sums[0].batches.is_empty() {
                turns.sort_unstable();
            }
            let mut rows = Vec::with_capacity(turns.len());
            for (order, &arm) in (0..).zip(&turns) {
                if let (Some(part), 1) = (cell.planted, arm) {
                    fresh.compute(arm, cell.compute_ns + sums[0].part(part));
                }
                let time = now();
                match fresh.batch(cell, arm, &windows) {
                    Ok(counted) => {
                        let mut round_trips = counted.batch.round_trips.clone();
                        round_trips.sort_unstable();
                        let sum = &mut sums[arm];
                        let middle = middle(&round_trips);
                        sum.batches.push((generation, pair, middle));
                        let turn = Turn { generation, pair, order, time };
                        let mut row =
                            cell.pair_row(setting.run, cell.case(), arm, turn, &round_trips);
                        row.arm += if cell.control && arm > 0 { AGAIN } else { "" };
                        rows.push(row);
                        strayed = strayed.or(counted.strayed.clone());
                        sum.add(generation, counted);
                    }
                    Err(error) => {
                        if died(&error) {
                            sums[arm].lost += fresh.unanswered();
                            worker_lost = true;
                        }
                        sums[arm].error = Some(error.to_string());
                        failed = true;
                    }
                }
            }
            note(&rows)?;
            let over = pair + 1 >= FEWEST_PAIRS && end.is_some_and(|end| Instant::now() > end);
            if failed || over || strayed.is_some() || setting.interrupt.signal().is_some() {
                break;
            }
        }
        for &arm in &arms {
            sums[arm].firsts.extend(fresh.firsts[arm]);
            if !failed {
                sums[arm].pages = fresh.pages(cell, arm);
            }
        }
        generations += 1;
        slowest = slowest.max(started.elapsed());
        if let Some(who) = &strayed {
            arms.iter().for_each(|arm| sums[*arm].error = Some(who.clone()));
            failed = true;
        }
        if failed {
            break;
        }
        if looks.contains(&generations) {
            let judged = judged::all(cell, &sums, confidence);
            let ratios: Vec<_> = judged.iter().map(|judged| judged.ratio).collect();
            stopped = stopping::settled(&ratios).filter(|_| plan.stops);
            if stopped.is_some() {
                break;
            }
        }
    }
    interrupted |= setting.interrupt.signal().is_some();
    let stopped = match stopped {
        _ if failed => None,
        Some(why) => Some(why),
        None if interrupted && generations < plan.generations => Some(Stopped::Interrupted),
        None => Some(Stopped::Cap),
    };
    let after = Bystanders::now(setting.allowed);
    let taken = after.zip(before).and_then(|(after, before)| after.since(&before));
    let mut warnings = taken.map_or(Vec::new(), |taken| taken.warnings());
    let duplicated = sums.iter().map(|sum| sum.duplicated).sum();
    let few = format!("{generations} of {} generations", plan.generations);
    let mut cut = None;
    match stopped {
        Some(Stopped::Interrupted) => cut = Some(format!("interrupted after {few}")),
        Some(Stopped::Budget) => warnings.push(few),
        _ => {}
    }
    let judged = match cut {
        Some(_) => Vec::new(),
        None => judged::all(cell, &sums, confidence),
    };
    let mut measured = Measured {
        trials: Vec::new(),
        timelines: sums.iter_mut().map(|sum| std::mem::take(&mut sum.kept)).collect(),
        comparisons: Vec::new(),
        control: None,
        strayed: strayed.is_some(),
        duplicated,
        interrupted,
        worker_lost,
    };
    if cell.control {
        let error = sums.iter().find_map(|sum| sum.error.clone()).or(cut);
        let found = judged.first();
        let control = judged::control(plan, cell, &cores, found, stopped, generations, warnings);
        measured.control = Some(Control { error, ..control });
        return Ok(measured);
    }
    measured.comparisons = judged.iter().map(|judged| judged.line(plan, cell, &cores)).collect();
    let trials = cell.arms.iter().zip(sums).map(|(arm, sum)| {
        let mut trial = sum.trial(setting, plan, cell, arm, &cores, generations);
        trial.stopped = stopped.map(|why| why.name().into());
        trial.error = trial.error.or_else(|| cut.clone());
        trial.warnings.extend(warnings.iter().cloned());
        trial
    });
    measured.trials = trials.collect();
    Ok(measured)
}

/// When a generation takes no further pairs: what time there is until `deadline` is for as many
/// generations as a verdict needs, since more pairs of fewer generations would carry none.
fn end_of_generation(generation: u32, now: Instant, deadline: Instant) -> Instant {
    let needed = (ENOUGH_GENERATIONS as u32).saturating_sub(generation).max(1);
    now + deadline.saturating_duration_since(now) / needed
}

fn died(error: &PoolError) -> bool {
    matches!(error, PoolError::Died(_))
}
