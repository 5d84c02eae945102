//! Chapter 6: what does it cost to wake a waiting process, and when may it spin instead?
//!
//! Its cells are a sweep's, with a resident list of one item: nothing but the hand-over is left.

use harness::LabContext;
use harness::execute::measure_in_lab;
use harness::limits;
use harness::placement::Placement;
use harness::plan::{Arm, Cell, Plan};
use measure::units::ratio;
use pool::MAX_WORKERS;
use record::{Record, Stratum, Trial, TrialTable};
use shm::wakeup::WaitStrategy;
use transport::Residency;

use crate::lab::{Answer, Lab, MeasuredAnswer, Question, SCALE, WORKERS};

/// The lab of the sixth chapter.
pub(super) struct Wakeup;

const NAME: &str = "wakeup";
/// Waking an idle core costs at least so many times the rest of the journey.
const MIN_WAKING_RATIO: f64 = 10.0;
/// The hybrid may take so many times as long as the best other wake-up.
const MAX_HYBRID_RATIO: f64 = 1.3;

impl Lab for Wakeup {
    fn name(&self) -> &'static str {
        NAME
    }
    fn number(&self) -> &'static str {
        "6"
    }
    fn question(&self) -> &'static str {
        "what does it cost to wake a waiting process, and when may it spin instead?"
    }
    fn without(&self) -> &'static [&'static str] {
        &[WORKERS, SCALE]
    }
    fn is_in_quick(&self) -> bool {
        false
    }
    fn questions(&self) -> &'static [Question] {
        QUESTIONS
    }
    fn measure(&self, context: &mut LabContext<'_>) -> anyhow::Result<()> {
        if context.run.record.limits.is_empty() {
            limits::measure(context.run)?;
        }
        let cells = cells(&context.run.allowed);
        let (generations, pairs) = (context.options.generations, context.options.pairs);
        let (stops, limits, table) = (false, false, TrialTable::Wakeups);
        measure_in_lab(
            context,
            &Plan { lab: NAME, cells, generations, pairs, stops, limits, table },
        )?;
        if context.is_interrupted() { Ok(()) } else { claims(context) }
    }
}

/// A cell for each placement and wait strategy, with every wake-up of that strategy. No verdict compares
/// two strategies: the reader does, which is what the lab is about.
fn cells(allowed: &[usize]) -> Vec<Cell> {
    let spread = Placement::Spread.on(allowed);
    let mut places = vec![(Placement::Same, 1)];
    if allowed.len() > 1 {
        places.push((spread.clone(), 1));
    }
    places.push((spread, (2 * allowed.len()).min(MAX_WORKERS)));
    let waits = [WaitStrategy::Sleep, WaitStrategy::Spin, WaitStrategy::Hybrid];
    let cell = |(placement, workers): (Placement, usize)| {
        waits.map(|wait| Cell {
            placement: placement.clone(),
            stratum: Stratum { workers, ..Cell::usual(wait) },
            bytes: shm::ITEM_BYTES,
            arms: arms(wait),
            ..Cell::default()
        })
    };
    places.into_iter().flat_map(cell).collect()
}

/// Every wake-up of a shared segment that waits so.
fn arms(wait: WaitStrategy) -> Vec<Arm> {
    let Some(any) = Arm::of("shared", Residency::Resident, wait) else { return Vec::new() };
    let all = any.transport.wakeups().into_iter().filter(|(_, of)| *of == wait);
    all.map(|(wakeup, _)| Arm { wakeup, ..any.clone() }).collect()
}

/// Median of one wake-up's round trips; nothing where there are none.
fn p50(record: &Record, place: Place, wakeup: &str) -> Option<f64> {
    let found = trials(record, place).find(|trial| trial.params.arm.wakeup == wakeup)?;
    Some(found.round_trip_ns.p50 as f64)
}

/// Who runs where.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    /// Both on one core.
    Same,
    /// Each on its own.
    Spread,
    /// More workers than cores.
    Crowded,
}

fn place(trial: &Trial) -> Place {
    let Stratum { workers, placement, .. } = &trial.params.stratum;
    match (workers, placement) {
        (1, record::Placement::Same) => Place::Same,
        (1, _) => Place::Spread,
        _ => Place::Crowded,
    }
}

fn trials(record: &Record, at: Place) -> impl Iterator<Item = &Trial> {
    record.measured(NAME).filter(move |trial| place(trial) == at)
}

/// How many times as long `other` takes as `wakeup`.
fn times(record: &Record, (at, wakeup): (Place, &str), other: (Place, &str)) -> Option<f64> {
    Some(p50(record, other.0, other.1)? / p50(record, at, wakeup)?)
}

/// Median times of the hybrid, and of the best other one, by name.
fn hybrid_and_best(record: &Record, at: Place) -> Option<(f64, f64, &str)> {
    let hybrid = p50(record, at, "hybrid")?;
    let others = trials(record, at).filter(|trial| trial.params.arm.wakeup != "hybrid");
    let best = others.min_by_key(|trial| trial.round_trip_ns.p50)?;
    Some((hybrid, best.round_trip_ns.p50 as f64, &best.params.arm.wakeup))
}

/// What the chapter says, checked on the lines that were written.
fn claims(context: &mut LabContext<'_>) -> anyhow::Result<()> {
    let record = &context.run.record;
    let mut all = Vec::new();
    if let Some(times) = times(record, (Place::Spread, "spin"), (Place::Spread, "futex")) {
        let reason = format!("across two cores a futex takes {} of spin", ratio(times));
        let text = "waking a sleeping core costs at least 10 times the rest of the round trip";
        all.push((text, times >= MIN_WAKING_RATIO, reason));
    }
    if let Some(times) = times(record, (Place::Same, "futex"), (Place::Same, "spin")) {
        let reason = format!("on one core spin takes {} of a futex", ratio(times));
        let text = "a process that spins on its peer's core waits for the scheduler";
        all.push((text, times >= MIN_WAKING_RATIO, reason));
    }
    let places =
        [(Place::Same, "one core"), (Place::Spread, "two cores"), (Place::Crowded, "crowded")];
    let beside: Vec<_> = places
        .into_iter()
        .filter_map(|(at, name)| Some((name, hybrid_and_best(record, at)?)))
        .collect();
    if !beside.is_empty() {
        let near = beside.iter().all(|(_, (hybrid, best, _))| *hybrid <= MAX_HYBRID_RATIO * best);
        let words = beside.iter().map(|(name, (hybrid, best, other))| {
            format!("{name} {} of {other}", ratio(hybrid / best))
        });
        let reason = words.collect::<Vec<_>>().join(", ");
        all.push((
            "the hybrid takes at most 1.3 times as long as the best other wake-up, on one core and on two",
            near,
            reason,
        ));
    }
    all.into_iter().try_for_each(|(text, seen, reason)| context.claim(text, seen, reason))
}

/// Which is fastest on one core.
const WAYS: &[&str] = &["looking without a pause", "looking and yielding", "sleeping on a futex"];

static QUESTIONS: &[Question] = &[
    Question {
        key: "sleep-same",
        asks: "both on one core, sleeping on a futex: what is the median round trip?",
        answer: Answer::Duration,
        hint: "two system calls and one context switch, each way",
        why: "Each side wakes the other and then sleeps: two context switches, and no idle core has to be woken.",
        found: |record| Some(MeasuredAnswer::exactly(p50(record, Place::Same, "futex")?)),
    },
    Question {
        key: "sleep-spread",
        asks: "sleeping on a futex, each on its own core: how many times as long as on one core?",
        answer: Answer::Times,
        hint: "what must happen on an idle core before it runs a process?",
        why: "An idle core has to be woken by an interrupt. On a virtual machine the host has to bring it back first.",
        found: |record| {
            let times = times(record, (Place::Same, "futex"), (Place::Spread, "futex"))?;
            Some(MeasuredAnswer::exactly(times))
        },
    },
    Question {
        key: "spin-spread",
        asks: "each on its own core: how many times as long as spin does a futex take?",
        answer: Answer::Times,
        hint: "without sleeping, a round trip is mostly the transfer of cache lines",
        why: "What is left with spin is cache lines that move between cores. The rest was waking.",
        found: |record| {
            let times = times(record, (Place::Spread, "spin"), (Place::Spread, "futex"))?;
            Some(MeasuredAnswer::exactly(times))
        },
    },
    Question {
        key: "best-same",
        asks: "both on one core: which is fastest?",
        answer: Answer::Choice(WAYS),
        hint: "which process runs while the other one polls?",
        why: "Yielding hands the core over with one cheap system call, and no process is put to sleep or woken. Spinning holds the core that the peer needs.",
        found: |record| {
            let names = ["spin", "hybrid", "futex"];
            let times = names.map(|name| p50(record, Place::Same, name));
            let all = times.into_iter().zip(WAYS).map(|(time, way)| Some((time?, *way)));
            let all: Option<Vec<(f64, &'static str)>> = all.collect();
            let best = all?.into_iter().min_by(|a, b| a.0.total_cmp(&b.0))?;
            Some(MeasuredAnswer::Choice(best.1))
        },
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wake_up_stands_in_every_placement_once() {
        for allowed in [vec![0, 1], vec![3]] {
            let cells = cells(&allowed);
            let mut count = std::collections::BTreeMap::new();
            for cell in &cells {
                for arm in &cell.arms {
                    let place = (cell.placement.word(), cell.stratum.workers);
                    *count.entry((place, arm.wakeup)).or_insert(0) += 1;
                }
            }
            let places = if allowed.len() > 1 { 3 } else { 2 };
            assert_eq!(count.len(), places * shm::wakeup::ALL.len());
            assert!(count.values().all(|times| *times == 1));
        }
    }
}
