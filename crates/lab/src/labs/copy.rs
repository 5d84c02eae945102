//! Chapter 1: what does it cost to hand a list to another process: copied, placed, or left there?
//!
//! Its cells are those of `quick`, of fewer sizes.

use harness::LabContext;
use harness::execute::measure_in_lab;
use harness::placement::allowed_cores;
use harness::plan::Plan;
use record::{Comparison, Placement, Record, Residency, Trial};
use stats::paired_ratio::Verdict;
use workload::lecture::LECTURE_BYTES;

use crate::copy_plan;
use crate::lab::{Answer, Lab, MeasuredAnswer, Question, SCALE, WORKERS};

/// The lab of the first chapter.
pub(super) struct Copy;

/// Sizes of lists: what waking costs, what copying costs, the lecture's list, and past all caches.
const SIZES: [usize; 5] = [64, 4 << 10, 64 << 10, LECTURE_BYTES, 64 << 20];

impl Lab for Copy {
    fn name(&self) -> &'static str {
        "copy"
    }
    fn number(&self) -> &'static str {
        "1"
    }
    fn question(&self) -> &'static str {
        "what does a list cost if it is copied through a pipe, placed in a segment, or there already?"
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
        let whole = copy_plan::plan(allowed_cores()?.len());
        let kept = |bytes| SIZES.contains(&bytes);
        let cells =
            whole.cells.into_iter().filter(|of| of.is_aa_test() || kept(of.bytes)).collect();
        let (generations, pairs) = (context.options.generations, context.options.pairs);
        let (lab, limits) = (self.name(), false);
        measure_in_lab(context, &Plan { lab, cells, generations, pairs, limits, ..whole })
    }
}

/// The words for who wins.
const WINS: &[&str] = &["copy wins", "share wins", "no difference"];
const WINNERS: [(Verdict, &str); 3] =
    [(Verdict::Copy, WINS[0]), (Verdict::Share, WINS[1]), (Verdict::Same, WINS[2])];

static QUESTIONS: &[Question] = &[
    Question {
        key: "small-same",
        asks: "64 B, both on one core, sleeping while they wait: pipe or shared place?",
        answer: Answer::Choice(WINS),
        hint: "what must happen with both, even for the shortest list?",
        why: "Two wake-ups are most of such a round trip, and they cost the same with both: the ratio is near 1, on one side of the margin or the other.",
        found: |record| {
            Some(MeasuredAnswer::verdict(
                compared(record, Placement::Same, 64, Residency::Place)?,
                &WINNERS,
            ))
        },
    },
    Question {
        key: "small-spread",
        asks: "64 B, on two cores, polling while they wait: pipe or shared place?",
        answer: Answer::Choice(WINS),
        hint: "neither side sleeps: which of the two still needs the kernel?",
        why: "No process is woken, so the pipe's system calls are the difference. The ring needs none: one cache line carries the descriptor.",
        found: |record| {
            Some(MeasuredAnswer::verdict(
                compared(record, Placement::Spread, 64, Residency::Place)?,
                &WINNERS,
            ))
        },
    },
    Question {
        key: "round-trip",
        asks: "64 B, both on one core, through a pipe: what is the median round trip?",
        answer: Answer::Duration,
        hint: "two system calls on each side, and two context switches",
        why: "Most of it is two context switches: the kernel stops one process and starts the other.",
        found: |record| {
            let trip = &trial(record, Placement::Same, 64, "pipe")?.round_trip_ns;
            Some(MeasuredAnswer::exactly(trip.p50 as f64))
        },
    },
    Question {
        key: "lecture-place",
        asks: "400 kB, both on one core, sleeping: how many times as long as shared place does the pipe take?",
        answer: Answer::Times,
        hint: "the pipe copies twice, in pieces; place copies once",
        why: "The pipe copies twice through the kernel, page by page, and wakes the other side meanwhile. Placing is one copy in user space.",
        found: |record| {
            Some(MeasuredAnswer::ratio(compared(
                record,
                Placement::Same,
                LECTURE_BYTES,
                Residency::Place,
            )?))
        },
    },
    Question {
        key: "lecture-resident",
        asks: "400 kB, both on one core, sleeping: how many times as long as shared resident does the pipe take?",
        answer: Answer::Times,
        hint: "what is left if nothing is copied? the worker still adds up 50,000 numbers",
        why: "A resident list is not copied. What is left is two wake-ups and the addition.",
        found: |record| {
            Some(MeasuredAnswer::ratio(compared(
                record,
                Placement::Same,
                LECTURE_BYTES,
                Residency::Resident,
            )?))
        },
    },
    Question {
        key: "large-place",
        asks: "64 MiB, both on one core, sleeping: how many times as long as shared place does the pipe take?",
        answer: Answer::Times,
        hint: "such a list fits into no cache: what does one copy cost then, and what do two?",
        why: "Beyond the caches, each copied byte comes from memory. That slows place down more than the pipe, so the ratio falls again.",
        found: |record| {
            Some(MeasuredAnswer::ratio(compared(
                record,
                Placement::Same,
                64 << 20,
                Residency::Place,
            )?))
        },
    },
];

/// The comparison of sharing with a pipe.
fn compared(
    record: &Record,
    placement: Placement,
    bytes: usize,
    residency: Residency,
) -> Option<&Comparison> {
    record.compared("copy").find(|of| {
        let params = &of.params;
        (params.stratum.placement, params.bytes, params.arm.residency)
            == (placement, bytes, residency)
    })
}

fn trial<'a>(
    record: &'a Record,
    placement: Placement,
    bytes: usize,
    transport: &str,
) -> Option<&'a Trial> {
    record.measured("copy").find(|trial| {
        let params = &trial.params;
        (params.stratum.placement, params.bytes) == (placement, bytes)
            && params.arm.transport == transport
    })
}
