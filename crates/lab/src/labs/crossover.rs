//! 26.3: how long must a task compute for a pool to pay?

use std::sync::Arc;
use std::time::Duration;

use harness::plan::Arm;
use harness::speedup::{self, Case, arms, calibrate, pairs_of};
use harness::{LabContext, Scale};
use measure::units::size;
use rand::seq::SliceRandom;
use record::{Comparison, CrossoverLine, Line, Params, Record};
use stats::crossover::{self, Point};
use stats::paired_ratio::{Ratio, SPEEDUP, Verdict};
use transport::Residency;
use workload::lecture::{LECTURE_BYTES, SimulateWork, pack_repeats};

use crate::lab::{Answer, DURATIONS, Lab, MeasuredAnswer, Question, SIZES};

/// The lab of example 26.3.
pub(super) struct Crossover;

/// Tasks of a round.
const TASKS: usize = 8;
/// The lecture's durations, in milliseconds.
const LECTURE_MS: [u64; 6] = [1, 5, 10, 50, 100, 500];
/// Where it happens for compiled code, in microseconds.
const POWERS_OF_TWO_US: [u64; 10] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];
/// From the second size on, durations end here: longer ones would only take long.
const MAX_DURATION_AGAIN: Duration = Duration::from_millis(10);
/// Bytes of each task's list: none, as in the lecture's 26.3, and the list of its 26.1.
const BYTES: [usize; 2] = [0, LECTURE_BYTES];
/// Midpoints that are measured for each way at most.
const MAX_MIDPOINTS: usize = 3;

/// Lists copied, placed, resident.
const WAYS: [(&str, Residency); 3] =
    [("pipe", Residency::Place), ("shared", Residency::Place), ("shared", Residency::Resident)];

impl Lab for Crossover {
    fn name(&self) -> &'static str {
        "crossover"
    }
    fn number(&self) -> &'static str {
        "26.3"
    }
    fn question(&self) -> &'static str {
        "how long must a task compute for a pool to pay?"
    }
    fn options(&self) -> &'static [&'static str] {
        &[DURATIONS, SIZES]
    }
    fn questions(&self) -> &'static [Question] {
        QUESTIONS
    }
    fn measure(&self, context: &mut LabContext<'_>) -> anyhow::Result<()> {
        let repeats = match context.options.scale {
            Scale::Lecture => 1,
            Scale::Calibrated => {
                let millisecond = |repeats| pack_repeats(1000, repeats);
                calibrate(&SimulateWork, &millisecond, &[], Duration::from_millis(1))
            }
        };
        let sizes = context.options.sizes.clone().unwrap_or_else(|| BYTES.to_vec());
        let mut all: Vec<Vec<Case>> = Vec::new();
        for (at, bytes) in sizes.into_iter().enumerate() {
            let list = (bytes > 0).then(|| (0..(bytes / shm::ITEM_BYTES) as i64).collect());
            let durations = durations(context, at == 0).into_iter();
            all.push(durations.map(|duration| case(duration, repeats, list.clone())).collect());
        }
        context.progress.expect(all.iter().map(Vec::len).sum());
        for cases in &mut all {
            one_size(context, cases, repeats)?;
        }
        claim(context)
    }
}

/// Nominal durations for a size of lists.
fn durations(context: &LabContext<'_>, first_size: bool) -> Vec<Duration> {
    if let Some(given) = &context.options.durations {
        return given.clone();
    }
    let powers = POWERS_OF_TWO_US.into_iter().map(Duration::from_micros);
    let lecture = LECTURE_MS.into_iter().map(Duration::from_millis);
    powers.chain(lecture).filter(|duration| first_size || *duration <= MAX_DURATION_AGAIN).collect()
}

fn case(duration: Duration, repeats: u32, list: Option<Arc<[i64]>>) -> Case {
    let us = duration.as_micros() as u32;
    let size = list.as_ref().map(|list| format!(", {}", size(size_of_val(&list[..]))));
    let name = match us.is_multiple_of(1000) {
        true => format!("{} ms{}", us / 1000, size.unwrap_or_default()),
        false => format!("{us} µs{}", size.unwrap_or_default()),
    };
    Case {
        name,
        job: &SimulateWork,
        args: vec![pack_repeats(us, repeats); TASKS],
        arms: arms(&WAYS, list.is_some()),
        list,
        repeats,
        compute_ns: duration.as_nanos() as u64,
        only_reads: false,
        mixed: false,
        judge: Ratio::parallel,
    }
}

/// Measures the cases of one size, then closer and closer to where each way crosses, and says where.
fn one_size(
    context: &mut LabContext<'_>,
    cases: &mut Vec<Case>,
    repeats: u32,
) -> anyhow::Result<()> {
    let mut order: Vec<usize> = (0..cases.len()).collect();
    order.shuffle(&mut context.random);
    order.into_iter().try_for_each(|at| speedup::measure(context, &cases[at]))?;
    let Some(first) = cases.first() else { return Ok(()) };
    let ways = first.arms.clone();
    for arm in &ways {
        for _ in 0..MAX_MIDPOINTS {
            if context.run.is_over() {
                break;
            }
            let Some(next) = between(context, cases, arm, repeats) else { break };
            context.progress.expect(1);
            speedup::measure(context, &next)?;
            cases.push(next);
        }
    }
    if context.is_interrupted() {
        return Ok(());
    }
    ways.iter().try_for_each(|arm| announce(context, cases, arm))
}

/// The case in the middle of the two between which `arm` crosses; nothing if they are near enough.
fn between(context: &LabContext<'_>, cases: &[Case], arm: &Arm, repeats: u32) -> Option<Case> {
    let middle = crossover::midpoint(&points(context, cases, arm), SPEEDUP)?;
    let at = |case: &Case| pairs_of(context, case, arm).1;
    let below =
        cases.iter().filter(|case| at(case) < middle).max_by(|a, b| at(a).total_cmp(&at(b)))?;
    let above =
        cases.iter().filter(|case| at(case) > middle).min_by(|a, b| at(a).total_cmp(&at(b)))?;
    let nominal = (below.compute_ns as f64 * above.compute_ns as f64).sqrt();
    let us = (nominal / 1000.0).round() as u64;
    let known = cases.iter().any(|case| case.compute_ns == us * 1000);
    (!known && us > 0).then(|| case(Duration::from_micros(us), repeats, below.list.clone()))
}

/// What was measured of `arm`, by how long a task takes alone.
fn points(context: &LabContext<'_>, cases: &[Case], arm: &Arm) -> Vec<Point> {
    let of = |case: &Case| {
        let (pairs, at) = pairs_of(context, case, arm);
        (at > 0.0 && !pairs.is_empty()).then_some(Point { at, pairs })
    };
    cases.iter().filter_map(of).collect()
}

/// Writes down where `arm` crosses.
fn announce(context: &mut LabContext<'_>, cases: &[Case], arm: &Arm) -> anyhow::Result<()> {
    let points = points(context, cases, arm);
    let Some(found) = crossover::crossover(&points, SPEEDUP, context.run.seed) else {
        return Ok(());
    };
    let mut params = Params { case: None, ..cases[0].params(context, arm) };
    params.stratum.compute_ns = 0;
    let cell = cases[0].cell(context);
    let cores = cell.placement.cores(&context.run.allowed, cell.stratum.workers);
    let side = match found.verdict {
        crossover::Verdict::None(side) => Some(side.name().to_owned()),
        crossover::Verdict::Found | crossover::Verdict::TooFew => None,
    };
    let whole = |at: f64| at.round() as u64;
    let id = context.run.next_id();
    context.run.append(Line::Crossover(Box::new(CrossoverLine {
        id,
        lab: context.lab.into(),
        axis: "compute_ns".into(),
        scale: context.options.scale.name().into(),
        params,
        cores,
        at: found.at.map(whole),
        low: found.low.map(whole),
        high: found.high.map(whole),
        from: whole(found.from),
        to: whole(found.to),
        threshold: SPEEDUP,
        confidence: found.confidence,
        sign: "parallel wins above".into(),
        pairs: found.pairs,
        generations: found.generations,
        verdict: found.name(),
        side,
    })))
}

static QUESTIONS: &[Question] = &[
    Question {
        key: "pipe",
        asks: "no list, through a pipe: how long must a task take for a pool to be 1.2 times as fast as one process?",
        answer: Answer::Duration,
        hint: "the lecture says 5 to 10 ms for CPython; what does handing a task over cost here?",
        why: "A pool wins if the other cores save more time than handing over costs. Compiled code hands over in microseconds.",
        found: |record| found(record, "pipe", record::Residency::Place, 0),
    },
    Question {
        key: "shared",
        asks: "no list, through a shared ring: how long must a task take for a pool to be 1.2 times as fast?",
        answer: Answer::Duration,
        hint: "while the other side polls, no system call is needed",
        why: "While the other side polls, handing over is one cache line. So a pool pays for much shorter tasks.",
        found: |record| found(record, "shared", record::Residency::Place, 0),
    },
    Question {
        key: "pipe-large",
        asks: "a list of 400 kB for each task, through a pipe: how long must a task take?",
        answer: Answer::Duration,
        hint: "what does copying 400 kB twice cost? and reading the list is part of the task",
        why: "The time saved must first pay for copying the list.",
        found: |record| found(record, "pipe", record::Residency::Place, BYTES[1]),
    },
    Question {
        key: "resident-large",
        asks: "a list of 400 kB for each task, in the segment already: how long must a task take?",
        answer: Answer::Duration,
        hint: "the list does not travel: which earlier answer does this one resemble?",
        why: "A list that does not travel costs nothing to hand over, so its size hardly matters.",
        found: |record| found(record, "shared", record::Residency::Resident, BYTES[1]),
    },
];

/// Where one way crosses, if it does.
fn found(
    record: &Record,
    transport: &str,
    residency: record::Residency,
    bytes: usize,
) -> Option<MeasuredAnswer> {
    let line = record.crossovers.iter().find(|line| {
        let arm = &line.params.arm;
        line.lab == "crossover"
            && arm.transport == transport
            && (line.params.bytes, arm.residency) == (bytes, residency)
    })?;
    Some(match (line.at, line.low, line.high) {
        (Some(at), Some(low), Some(high)) => {
            MeasuredAnswer::Number(at as f64, low as f64, high as f64)
        }
        _ => MeasuredAnswer::Undecided(match &line.side {
            Some(side) => format!("none in the measured range: {side}"),
            None => line.verdict.clone(),
        }),
    })
}

/// What the lecture says of 26.3, checked on tasks without a list through a pipe.
fn claim(context: &mut LabContext<'_>) -> anyhow::Result<()> {
    let ms = |ms: u64| ms * 1_000_000;
    let compute_ns = |of: &Comparison| of.params.stratum.compute_ns;
    let of_pipe = || {
        let all = context.run.record.compared("crossover");
        all.filter(|of| of.params.arm.transport == "pipe" && of.params.bytes == 0)
            .filter(|of| LECTURE_MS.map(ms).contains(&compute_ns(of)))
    };
    if of_pipe().count() < LECTURE_MS.len() {
        return Ok(());
    }
    let as_said = |c: &Comparison| match compute_ns(c) < ms(10) {
        true => c.verdict == Verdict::Sequential,
        false => c.verdict == Verdict::Parallel,
    };
    let mut measured: Vec<&Comparison> = of_pipe().collect();
    measured.sort_by_key(|c| compute_ns(c));
    let seen = measured.iter().all(|c| as_said(c));
    let words = |c: &&Comparison| {
        format!("{} ms {:.2}× {}", compute_ns(c) / ms(1), c.ratio, c.verdict.name())
    };
    let others: Vec<String> = measured.iter().filter(|c| !as_said(c)).map(words).collect();
    let early = |c: &&Comparison| compute_ns(c) < ms(10) && c.verdict == Verdict::Parallel;
    let reason = match seen {
        true => "by pipe, at all six durations".into(),
        false if measured.iter().any(early) => {
            let others = others.join(", ");
            format!("by pipe {others}: handing over costs less here than in CPython")
        }
        false => format!("by pipe {}", others.join(", ")),
    };
    context.claim("a pool loses at 1 and 5 ms a task, and wins from 10 ms", seen, reason)
}
