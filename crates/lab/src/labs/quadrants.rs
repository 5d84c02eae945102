//! 26.1: heavy and light computing, small and large data: where does a pool pay?

use std::sync::Arc;
use std::time::Duration;

use harness::speedup::{self, Case, arms, calibrate};
use harness::{LabContext, Scale};
use pool::{Job, Value};
use record::{Comparison, Record};
use stats::paired_ratio::{MIN_GENERATIONS, Ratio, SPEEDUP, Verdict};
use transport::Residency;
use workload::lecture::{
    HeavyWorkLargeData, HeavyWorkSmallData, LightWorkLargeData, LightWorkSmallData, pack_repeats,
};

use crate::lab::{Answer, Lab, MeasuredAnswer, Question};

/// The lab of example 26.1.
pub(super) struct Quadrants;

/// Tasks of each case.
const TASKS: usize = 8;
/// Square roots of a heavy task with small data.
const ROOTS: u32 = 200_000;
/// What a heavy task takes in CPython.
const CPYTHON_TASK: Duration = Duration::from_millis(7);
/// Items of a large list.
const ITEMS: i64 = 50_000;

impl Lab for Quadrants {
    fn name(&self) -> &'static str {
        "quadrants"
    }
    fn number(&self) -> &'static str {
        "26.1"
    }
    fn question(&self) -> &'static str {
        "heavy or light computing, small or large data: where does a pool pay?"
    }
    fn questions(&self) -> &'static [Question] {
        QUESTIONS
    }
    fn measure(&self, context: &mut LabContext<'_>) -> anyhow::Result<()> {
        let cases = cases(context.options.scale);
        context.progress.expect(cases.len());
        cases.iter().try_for_each(|case| speedup::measure(context, case))?;
        claims(context)
    }
}

/// The four cases, in the lecture's order and words.
fn cases(scale: Scale) -> Vec<Case> {
    let list: Arc<[i64]> = (0..ITEMS).collect();
    let roots = |repeats| pack_repeats(ROOTS, repeats);
    // One number for both heavy jobs, so that they stand to each other as they do in CPython.
    let heavy = match scale {
        Scale::Lecture => 1,
        Scale::Calibrated => calibrate(&HeavyWorkSmallData, &roots, &[], CPYTHON_TASK),
    };
    let case = |name: &str, job: &'static dyn Job, arg, repeats, list: Option<&Arc<[i64]>>| Case {
        name: name.into(),
        job,
        args: vec![arg; TASKS],
        list: list.cloned(),
        repeats,
        compute_ns: 0,
        // The last case, which only adds the list up.
        only_reads: name == EXPECTED[3].0,
        mixed: false,
        judge: Ratio::speedup,
        arms: arms(&WAYS, list.is_some()),
    };
    let one = Value::Int(i64::from(ROOTS));
    vec![
        case(EXPECTED[0].0, &HeavyWorkSmallData, roots(heavy), heavy, None),
        case(EXPECTED[1].0, &LightWorkSmallData, one, 1, None),
        case(EXPECTED[2].0, &HeavyWorkLargeData, pack_repeats(0, heavy), heavy, Some(&list)),
        case(EXPECTED[3].0, &LightWorkLargeData, Value::Int(0), 1, Some(&list)),
    ]
}

/// Lists copied, serialised, placed, resident.
const WAYS: [(&str, Residency); 4] = [
    ("pipe", Residency::Place),
    ("pipe-serde", Residency::Place),
    ("shared", Residency::Place),
    ("shared", Residency::Resident),
];

/// What the lecture expects of each case, and within which speedups.
const EXPECTED: [(&str, &str, f64, f64); 4] = [
    ("Heavy compute, small data", "speedup 3–4× (parallel wins clearly)", 3.0, f64::MAX),
    ("Light compute, small data", "speedup < 1× (IPC overhead dominates)", 0.0, 1.0),
    ("Heavy compute, large data", "speedup 1–2× (marginal)", 1.0, 2.0),
    ("Light compute, large data", "speedup < 1× (IPC cost far exceeds any benefit)", 0.0, 1.0),
];

/// The words for what a pool comes to.
const POOL: &[&str] = &["faster", "slower or no gain"];
const FASTER: [(Verdict, &str); 2] = [(Verdict::Faster, POOL[0]), (Verdict::NoGain, POOL[1])];

static QUESTIONS: &[Question] = &[
    Question {
        key: "heavy-small",
        asks: "heavy compute, small data, through pipe-serde: what is the speedup of the pool?",
        answer: Answer::Times,
        hint: "a speedup cannot exceed the number of cores: how many does this machine have?",
        why: "Little is handed over, so the workers compute at once, and the cores set the limit.",
        found: |record| {
            Some(MeasuredAnswer::ratio(compared(
                record,
                0,
                "pipe-serde",
                record::Residency::Place,
            )?))
        },
    },
    Question {
        key: "light-small",
        asks: "light compute, small data, through pipe-serde: is the pool at least 1.2 times as fast as one process?",
        answer: Answer::Choice(POOL),
        hint: "one multiplication takes a nanosecond: how long does handing it over take?",
        why: "Handing over one task costs microseconds. A multiplication is too short to win them back with any number of cores.",
        found: |record| {
            Some(MeasuredAnswer::verdict(
                compared(record, 1, "pipe-serde", record::Residency::Place)?,
                &FASTER,
            ))
        },
    },
    Question {
        key: "heavy-large",
        asks: "heavy compute, large data, through pipe-serde: is the pool at least 1.2 times as fast as one process?",
        answer: Answer::Choice(POOL),
        hint: "compare: square roots for as long as in CPython, and serialising 50,000 numbers",
        why: "The task computes for longer than it takes to serialise, send and rebuild its list.",
        found: |record| {
            Some(MeasuredAnswer::verdict(
                compared(record, 2, "pipe-serde", record::Residency::Place)?,
                &FASTER,
            ))
        },
    },
    Question {
        key: "light-large",
        asks: "light compute, large data, through pipe-serde: is the pool at least 1.2 times as fast as one process?",
        answer: Answer::Choice(POOL),
        hint: "adding up reads each number once: how often does sending touch each?",
        why: "Sending a list touches each number several times, adding up only once. One process is done before the list is sent.",
        found: |record| {
            Some(MeasuredAnswer::verdict(
                compared(record, 3, "pipe-serde", record::Residency::Place)?,
                &FASTER,
            ))
        },
    },
    Question {
        key: "light-large-resident",
        asks: "light compute, large data, lists in the segment already: is the pool at least 1.2 times as fast as one process?",
        answer: Answer::Choice(POOL),
        hint: "what is handed over now? and how long does adding up 50,000 numbers take, compared with that?",
        why: "Only a descriptor travels, and adding up 50,000 numbers takes longer. The lecture's loss came from copying.",
        found: |record| {
            Some(MeasuredAnswer::verdict(
                compared(record, 3, "shared", record::Residency::Resident)?,
                &FASTER,
            ))
        },
    },
];

/// What was measured of case number `case` in one way through a pool.
fn compared<'a>(
    record: &'a Record,
    case: usize,
    transport: &str,
    residency: record::Residency,
) -> Option<&'a Comparison> {
    record.compared("quadrants").find(|of| {
        let arm = &of.params.arm;
        arm.transport == transport
            && arm.residency == residency
            && of.params.case.as_ref().is_some_and(|of| of.case == EXPECTED[case].0)
    })
}

/// Checks the lecture's expectations on what comes nearest to its pool: serialised lists in pipes.
fn claims(context: &mut LabContext<'_>) -> anyhow::Result<()> {
    let (cores, workers) = (context.run.allowed.len(), context.options.workers);
    for (at, (case, words, low, high)) in EXPECTED.into_iter().enumerate() {
        let place = record::Residency::Place;
        let Some(found) = compared(&context.run.record, at, "pipe-serde", place) else { continue };
        let enough = found.generations >= MIN_GENERATIONS;
        let seen = enough && found.low >= low && found.high <= high;
        let reason = reason(found, low, cores, workers);
        context.claim(format!("{case}: {words}"), seen, reason)?;
    }
    Ok(())
}

fn reason(found: &Comparison, low: f64, cores: usize, workers: usize) -> String {
    let Comparison { ratio, low: from, high: to, .. } = found;
    let measured = format!("pipe-serde {ratio:.2}× ({from:.2}–{to:.2})");
    let ceiling = cores.min(workers) as f64;
    if found.generations < MIN_GENERATIONS {
        format!("{measured}; {} generations are too few", found.generations)
    } else if low > ceiling {
        format!("{measured}; {cores} cores: the ceiling is {ceiling}×")
    } else if found.verdict == Verdict::Faster && found.ratio > SPEEDUP && low == 0.0 {
        format!("{measured}; handing over costs less here than in CPython")
    } else {
        measured
    }
}
