//! Chapter 1: what does it cost to hand a list to another process: copied, placed, or left there?
//!
//! Its cells are those of `quick`, of fewer sizes.

use measure::compare::Verdict;
use measure::record::{Comparison, Line, Trial};

use super::Lab;
use crate::placement::allowed_cores;
use crate::plan::Plan;
use crate::predict::{Answer, Found, Question};
use crate::session::Session;
use crate::wish::{SCALE, WORKERS};
use crate::{quick, run};

/// The lab of the first chapter.
pub(super) struct Copy;

/// Sizes of lists: what waking costs, what copying costs, the lecture's list, and past all caches.
const SIZES: [usize; 5] = [64, 4 << 10, 64 << 10, quick::LECTURE_BYTES, 64 << 20];

impl Lab for Copy {
    fn name(&self) -> &'static str {
        "copy"
    }
    fn number(&self) -> &'static str {
        "1"
    }
    fn question(&self) -> &'static str {
        "a list copied through a pipe, placed in a segment, or there already: what does it cost?"
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
    fn ask(&self, session: &mut Session<'_>) -> anyhow::Result<()> {
        let whole = quick::plan(allowed_cores()?.len());
        let kept = |bytes| SIZES.contains(&bytes);
        let cells = whole.cells.into_iter().filter(|cell| cell.control || kept(cell.bytes));
        let (generations, pairs) = (session.wish.generations, session.wish.pairs);
        let cells = cells.collect();
        run::ask(
            session,
            &Plan { lab: self.name(), cells, generations, pairs, stops: false, floor: false },
        )
    }
}

/// The words for who wins.
const WINS: &[&str] = &["copy wins", "share wins", "no difference"];
const WINNERS: [(Verdict, &str); 3] =
    [(Verdict::Copy, WINS[0]), (Verdict::Share, WINS[1]), (Verdict::Same, WINS[2])];

static QUESTIONS: &[Question] = &[
    Question {
        key: "small-same",
        asks: "64 B, both on one core, asleep while waiting: pipe against shared place?",
        answer: Answer::Choice(WINS),
        hint: "what has to happen for either, however short the list is?",
        why: "Two wake-ups are nearly all of such a round trip, and cost the same whichever way the list came: the ratio is near 1, on whichever side of the margin.",
        found: |lines| Some(Found::verdict(compared(lines, "same", 64, "place")?, &WINNERS)),
    },
    Question {
        key: "small-spread",
        asks: "64 B, on two cores, polling while waiting: pipe against shared place?",
        answer: Answer::Choice(WINS),
        hint: "nobody sleeps: which of the two still needs the kernel?",
        why: "Nobody is woken, so the pipe's system calls are all of the difference. The ring needs none: one cache line carries the descriptor.",
        found: |lines| Some(Found::verdict(compared(lines, "spread", 64, "place")?, &WINNERS)),
    },
    Question {
        key: "round-trip",
        asks: "64 B, both on one core, through a pipe: median time there and back?",
        answer: Answer::Duration,
        hint: "two system calls on each side, and two switches from one process to the other",
        why: "Most of it is the kernel stopping one process and starting the other, twice.",
        found: |lines| {
            let trip = &trial(lines, "same", 64, "pipe")?.round_trip_ns;
            Some(Found::exactly(trip.p50 as f64))
        },
    },
    Question {
        key: "lecture-place",
        asks: "400 kB, both on one core, asleep: how many times the time of shared place does the pipe take?",
        answer: Answer::Times,
        hint: "the pipe copies twice, in pieces that the kernel hands over; place copies once",
        why: "The pipe's two copies go through the kernel, page by page, and wake the other side on the way. Placing is one copy in user space.",
        found: |lines| Some(Found::ratio(compared(lines, "same", quick::LECTURE_BYTES, "place")?)),
    },
    Question {
        key: "lecture-resident",
        asks: "400 kB, both on one core, asleep: how many times the time of shared resident does the pipe take?",
        answer: Answer::Times,
        hint: "what is left where nothing is copied? the worker still adds up 50,000 numbers",
        why: "A resident list is not copied at all: what is left is two wake-ups and adding it up.",
        found: |lines| {
            Some(Found::ratio(compared(lines, "same", quick::LECTURE_BYTES, "resident")?))
        },
    },
    Question {
        key: "large-place",
        asks: "64 MiB, both on one core, asleep: how many times the time of shared place does the pipe take?",
        answer: Answer::Times,
        hint: "such a list fits no cache: what does one copy cost then, and what do two?",
        why: "Beyond the caches each byte of any copy comes from memory. That makes place dearer by more than it makes the pipe, so the ratio falls again.",
        found: |lines| Some(Found::ratio(compared(lines, "same", 64 << 20, "place")?)),
    },
];

/// The comparison of sharing with a pipe, if it could be decided at all.
fn compared<'a>(
    lines: &'a [Line],
    placement: &str,
    bytes: usize,
    residency: &str,
) -> Option<&'a Comparison> {
    lines.iter().rev().find_map(|line| match line {
        Line::Comparison(c) if c.lab == "copy" => {
            let cell = &c.cell;
            let here = cell.placement == placement && cell.bytes == bytes;
            (here && cell.residency == residency).then_some(&**c)
        }
        _ => None,
    })
}

fn trial<'a>(
    lines: &'a [Line],
    placement: &str,
    bytes: usize,
    transport: &str,
) -> Option<&'a Trial> {
    lines.iter().rev().find_map(|line| match line {
        Line::Trial(trial) if trial.lab == "copy" && trial.error.is_none() => {
            let cell = &trial.cell;
            let here = cell.placement == placement && cell.bytes == bytes;
            (here && cell.transport == transport).then_some(&**trial)
        }
        _ => None,
    })
}
