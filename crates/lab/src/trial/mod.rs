//! One cell, measured: generations of fresh workers, and in each of them pairs of batches, the arms
//! in random order and adjacent in time.

mod generation;
mod sum;

use std::time::{Duration, Instant};

use measure::compare::{self, Pair};
use measure::record::{Comparison, Trial};
use measure::run::PairRow;
use measure::{middle, now};
use pool::PoolError;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use self::generation::Generation;
use self::sum::Sum;
pub(crate) use self::sum::steady;
use crate::interrupt::Interrupt;
use crate::launch::Found;
use crate::placement::Placement;
use crate::plan::{Arm, Cell, Plan, Turn};
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
    /// Copy against each sharing arm, by index into `trials`.
    pub comparisons: Vec<(usize, usize, Comparison)>,
    /// Answers that came twice.
    pub duplicated: u64,
    /// Whether it ended early because it was asked to.
    pub interrupted: bool,
    /// Whether a worker died.
    pub worker_lost: bool,
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
    note: &mut dyn FnMut(&[PairRow]) -> anyhow::Result<()>,
) -> anyhow::Result<Measured> {
    let windows = setting.source.windows(cell.items());
    let cores = cell.placement.cores(setting.allowed, cell.workers);
    let mut sums: Vec<Sum> = cell.arms.iter().map(|_| Sum::default()).collect();
    let mut generations = 0;
    let mut interrupted = false;
    let mut worker_lost = false;
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
                sums.iter_mut().for_each(|sum| sum.error = Some(error.to_string()));
                worker_lost |= died(&error);
                break;
            }
        };
        for pair in 0..plan.pairs {
            let mut turns: Vec<usize> = (0..cell.arms.len()).collect();
            turns.shuffle(random);
            let mut rows = Vec::with_capacity(turns.len());
            for (order, &arm) in (0..).zip(&turns) {
                let time = now();
                match fresh.batch(cell, arm, &windows) {
                    Ok(counted) => {
                        let mut round_trips = counted.batch.round_trips.clone();
                        round_trips.sort_unstable();
                        let sum = &mut sums[arm];
                        let middle = middle(&round_trips);
                        sum.batches.push((generation, pair, middle));
                        let turn = Turn { generation, pair, order, time };
                        rows.push(cell.pair_row(setting.run, "", arm, turn, &round_trips));
                        sum.add(counted);
                    }
                    Err(error) => {
                        if died(&error) {
                            sums[arm].lost += fresh.unanswered();
                            worker_lost = true;
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
    let whole = generations == plan.generations || !interrupted;
    let comparisons = if whole { comparisons(plan, cell, &cores, &sums) } else { Vec::new() };
    let duplicated = sums.iter().map(|sum| sum.duplicated).sum();
    let trials = cell.arms.iter().zip(sums).map(|(arm, sum)| {
        let mut trial = sum.trial(setting, plan, cell, arm, &cores, generations);
        if generations < plan.generations {
            let few = format!("{generations} of {} generations", plan.generations);
            match interrupted && trial.error.is_none() {
                true => trial.error = Some(format!("interrupted after {few}")),
                false => trial.warnings.push(few),
            }
        }
        trial
    });
    let trials = trials.collect();
    Ok(Measured { trials, comparisons, duplicated, interrupted, worker_lost })
}

/// Copy (the first copying arm) against each sharing arm.
fn comparisons(
    plan: &Plan,
    cell: &Cell,
    cores: &[usize],
    sums: &[Sum],
) -> Vec<(usize, usize, Comparison)> {
    let others = (0..cell.arms.len()).filter(|arm| !cell.arms[*arm].copies());
    let compared = others.filter_map(|other| {
        // A list that is built is compared with one that is built and copied.
        let copies = || cell.arms.iter().enumerate().filter(|(_, arm)| arm.copies());
        let alike = |arm: &Arm| arm.residency == cell.arms[other].residency;
        let (base, _) = copies().find(|(_, arm)| alike(arm)).or_else(|| copies().next())?;
        let ratio = compare::ratio(&pair_up(&sums[base].batches, &sums[other].batches))?;
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
            lecture: None,
            cell: cell.record(&cell.arms[other], cores),
            ratio: ratio.ratio,
            low: ratio.low,
            high: ratio.high,
            confidence: ratio.confidence,
            threshold: compare::MARGIN,
            pairs: ratio.pairs,
            generations: ratio.generations,
            verdict,
            pairs_to_decide: (verdict == compare::Verdict::TooClose)
                .then(|| ratio.pairs_to_decide(compare::MARGIN))
                .flatten(),
        };
        Some((base, other, comparison))
    });
    compared.collect()
}

/// Batches of two arms that were measured side by side; each is a generation, a pair and a median.
pub(crate) fn pair_up(base: &[(u32, u32, u64)], other: &[(u32, u32, u64)]) -> Vec<Pair> {
    let of = |&(generation, pair, base_ns): &(u32, u32, u64)| {
        let beside = other.iter().find(|(g, p, _)| (*g, *p) == (generation, pair));
        beside.map(|(_, _, other_ns)| Pair { generation, base_ns, other_ns: *other_ns })
    };
    base.iter().filter_map(of).collect()
}

fn died(error: &PoolError) -> bool {
    matches!(error, PoolError::Died(_))
}
