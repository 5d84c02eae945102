//! Chapter 5: how long do the slowest tasks take, and which measuring loop sees them?
//!
//! The same tasks with and without a worker that pauses now and then, each in a closed loop and in an
//! open one. Its cells are those of a sweep, with `--rate`.

use harness::LabContext;
use harness::execute::measure_in_lab;
use harness::placement::Placement;
use harness::plan::{self, Arm, Cell, Plan, SUM};
use measure::histogram::SAMPLES_FOR_P99;
use measure::units::time;
use record::{Record, Stratum, Trial, TrialTable};
use shm::wakeup::WaitStrategy;
use transport::Residency;
use workload::pauses::{PAUSE, SumWithPauses};

use crate::lab::{Answer, Lab, MeasuredAnswer, Question, SCALE, WORKERS};

/// The lab of the chapter about the tail.
pub(super) struct Tail;

/// Bytes of each list.
const BYTES: usize = 4096;
/// Tasks a second in the open loop: often enough that a hybrid wait never sleeps.
const RATE: f64 = 10_000.0;
/// Tasks of a batch: two pauses' worth of an open loop, and enough for a closed one.
const OPEN_TASKS: usize = 2000;
const CLOSED_TASKS: usize = 20_000;
/// A p99 from this part of a pause on shows the pause.
const PAUSE_PARTS: u64 = 4;

impl Lab for Tail {
    fn name(&self) -> &'static str {
        "tail"
    }
    fn number(&self) -> &'static str {
        "5"
    }
    fn question(&self) -> &'static str {
        "how long do the slowest tasks take, and which measuring loop sees them?"
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
        let (generations, pairs) = (context.options.generations, context.options.pairs);
        let cells = plan::with_aa_tests(cells(context.run.allowed.len()), usize::MAX);
        let (lab, stops, limits, table) = (self.name(), false, false, TrialTable::Stratum);
        measure_in_lab(context, &Plan { lab, cells, generations, pairs, stops, limits, table })?;
        match context.is_interrupted() {
            true => Ok(()),
            false => claims(context),
        }
    }
}

/// Closed and open, without pauses and with them, on a machine with `cores` cores.
fn cells(cores: usize) -> Vec<Cell> {
    let (placement, wait) = match cores {
        0 | 1 => (Placement::Same, WaitStrategy::Sleep),
        _ => (Placement::Spread, WaitStrategy::Hybrid),
    };
    let arms = ["pipe", "shared"].map(|name| Arm::of(name, Residency::Place, wait));
    let cell = |job: &str, rate: Option<f64>| Cell {
        placement: placement.clone(),
        stratum: Stratum { job: job.into(), rate, ..Cell::usual(wait) },
        bytes: BYTES,
        arms: arms.clone().into_iter().flatten().collect(),
        tasks: Some(if rate.is_some() { OPEN_TASKS } else { CLOSED_TASKS }),
        ..Cell::default()
    };
    [SUM, SumWithPauses::NAME]
        .into_iter()
        .flat_map(|job| [None, Some(RATE)].map(|rate| cell(job, rate)))
        .collect()
}

/// The words for where a pause is seen.
const P99S: &[&str] = &["microseconds, as without pauses", "milliseconds, as long as a pause"];

static QUESTIONS: &[Question] = &[
    Question {
        key: "closed-p99",
        asks: "a worker pauses for 5 ms ten times a second, and the next task is sent after an answer: where is p99?",
        answer: Answer::Choice(P99S),
        hint: "how many tasks are answered between two pauses, and how many of them does one pause delay?",
        why: "Nothing is sent while the worker pauses, so a pause delays one task in many thousands. The maximum sees it, p99 does not (coordinated omission).",
        found: |record| {
            let p99 = trial(record, SumWithPauses::NAME, "shared", false)?.round_trip_ns.p99;
            Some(MeasuredAnswer::Choice(P99S[usize::from(shows(p99))]))
        },
    },
    Question {
        key: "open-p99",
        asks: "the same worker, but 10,000 tasks a second are due on a schedule, and times count from when each is due: what is p99?",
        answer: Answer::Duration,
        hint: "fifty tasks are due while it pauses: how long has each waited when it goes on?",
        why: "Of a thousand tasks in 100 ms, fifty are due during the pause and wait for the rest of it. The slowest fifth of those are the slowest hundredth of all.",
        found: |record| {
            let trial = trial(record, SumWithPauses::NAME, "shared", true)?;
            Some(MeasuredAnswer::exactly(trial.round_trip_ns.p99 as f64))
        },
    },
    Question {
        key: "tail-ratio",
        asks: "the same open loop: how many times the p99 of shared place is the p99 of the pipe?",
        answer: Answer::Times,
        hint: "what is most of the p99: handing over, or waiting?",
        why: "The p99 is the pause, not the transport: the list waits as long with both.",
        found: |record| {
            let p99 = |transport| {
                Some(trial(record, SumWithPauses::NAME, transport, true)?.round_trip_ns.p99 as f64)
            };
            Some(MeasuredAnswer::exactly(p99("pipe")? / p99("shared")?))
        },
    },
    Question {
        key: "samples",
        asks: "how many samples are needed for the largest to be above p99 with 95 % confidence?",
        answer: Answer::Count,
        hint: "each sample is below p99 with a probability of 0.99: for which n are all below it in 5 % of cases?",
        why: "All n samples are below p99 with a probability of 0.99 to the power n. That is 5 % at n = 299.",
        found: |record| {
            trial(record, SUM, "shared", false)?;
            Some(MeasuredAnswer::exactly(SAMPLES_FOR_P99 as f64))
        },
    },
];

/// Whether a p99 shows the pauses.
fn shows(p99: u64) -> bool {
    p99 >= PAUSE.as_nanos() as u64 / PAUSE_PARTS
}

/// The trial of one job by one transport, in an open loop or a closed one.
fn trial<'a>(record: &'a Record, job: &str, transport: &str, open: bool) -> Option<&'a Trial> {
    record.measured("tail").find(|trial| {
        let (stratum, arm) = (&trial.params.stratum, &trial.params.arm);
        stratum.job == job && arm.transport == transport && stratum.rate.is_some() == open
    })
}

/// What the chapter says of pauses, checked on both transports.
fn claims(context: &mut LabContext<'_>) -> anyhow::Result<()> {
    let of = |open| {
        let both = ["pipe", "shared"].map(|transport| {
            Some(&trial(&context.run.record, SumWithPauses::NAME, transport, open)?.round_trip_ns)
        });
        both.into_iter().collect::<Option<Vec<_>>>()
    };
    let (Some(closed), Some(open)) = (of(false), of(true)) else { return Ok(()) };
    let p99s: Vec<[u64; 2]> = [&closed, &open].map(|loops| [loops[0].p99, loops[1].p99]).to_vec();
    let most = closed.iter().map(|times| times.max).min().unwrap_or(0);
    let words = |[pipe, shared]: [u64; 2]| {
        format!("p99 by pipe {}, by shared {}", time(pipe), time(shared))
    };
    let hidden = !p99s[0].iter().any(|p99| shows(*p99));
    let reason = format!("{}; the slowest took at least {}", words(p99s[0]), time(most));
    let in_maximum = most >= PAUSE.as_nanos() as u64;
    context.claim(
        "a closed loop hides pauses: its maximum shows them, its p99 does not",
        hidden && in_maximum,
        reason,
    )?;
    let seen = p99s[1].iter().all(|p99| shows(*p99));
    context.claim("the open loop's p99 shows the same pauses", seen, words(p99s[1]))?;
    let ratio = p99s[1][0] as f64 / p99s[1][1].max(1) as f64;
    context.claim(
        "that p99 comes from the pause, not from the transport: copying or sharing makes no difference",
        seen && (0.8..=1.25).contains(&ratio),
        format!("pipe ÷ shared {ratio:.2}×"),
    )
}
