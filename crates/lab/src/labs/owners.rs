//! Owners: what survives of a task, a lock and a segment when whoever holds it is killed?

mod fallen;
mod fates;

use measure::owners::StormLine;
use measure::record::Line;

use super::Lab;
use crate::predict::{Answer, Found, Question};
use crate::session::Session;
use crate::storm::{self, Front, Storm};
use crate::wish::{KILLS, SCALE};

/// The lab of owners and their deaths.
pub(super) struct Owners;

/// Workers killed in the storms of one run, unless the user says otherwise.
const ENOUGH: u32 = 300;

impl Lab for Owners {
    fn name(&self) -> &'static str {
        "owners"
    }
    fn number(&self) -> &'static str {
        "7"
    }
    fn question(&self) -> &'static str {
        "owners: what survives of a task, a lock and a segment when whoever holds it is killed?"
    }
    fn options(&self) -> &'static [&'static str] {
        &[KILLS]
    }
    fn without(&self) -> &'static [&'static str] {
        &[SCALE]
    }
    /// It measures no time.
    fn is_in_quick(&self) -> bool {
        false
    }
    fn questions(&self) -> &'static [Question] {
        QUESTIONS
    }
    fn ask(&self, session: &mut Session<'_>) -> anyhow::Result<()> {
        let fronts = storm::fronts();
        let kills = session.wish.kills.unwrap_or(ENOUGH);
        session.progress.expect(1 + fronts.len());
        session.progress.begin("owners killed one by one");
        fates::ask(session)?;
        session.progress.finish("owners killed one by one");
        for (at, front) in (0..).zip(&fronts) {
            // As even as whole kills can be.
            let share = |end: u32| u64::from(kills) * u64::from(end) / fronts.len() as u64;
            let kills = (share(at + 1) - share(at)) as u32;
            if session.book.is_over() {
                return Ok(());
            }
            if kills > 0 && !is_done(session, front, kills) {
                let name = format!("{} kills by {}", kills, in_words(front));
                session.progress.begin(&name);
                blow(session, front, kills)?;
                session.progress.finish(&name);
            }
        }
        claim(session)
    }
}

static QUESTIONS: &[Question] = &[
    Question {
        key: "lost",
        asks: "hundreds of workers are killed at random instants under load: how many results are lost?",
        answer: Answer::Count,
        hint: "who knows which tasks were sent and not answered?",
        why: "The coordinator alone keeps the ledger, and a worker does its tasks in order: whatever was sent and not answered can be sent again, the first of them because its job may be repeated.",
        found: |lines| Some(Found::exactly(sum(lines, |storm| storm.lost)?)),
    },
    Question {
        key: "left",
        asks: "and how many processes, segments and descriptors do they leave behind?",
        answer: Answer::Count,
        hint: "whose are they: the worker's, or the coordinator's?",
        why: "A worker owns nothing that outlives it: its maps and descriptors end with it, and what it shared belongs to the coordinator, which lives.",
        found: |lines| Some(Found::exactly(sum(lines, StormLine::left)?)),
    },
    Question {
        key: "killed-per-repeat",
        asks: "how many times as many workers were killed as tasks had to be begun again?",
        answer: Answer::Times,
        hint: "what else may a worker be doing when it is hit?",
        why: "Some are hit while they start, or wait for a task: nothing has begun there. The shorter its tasks beside its start, the fewer workers die at work.",
        found: |lines| {
            let (kills, again) =
                (sum(lines, |storm| storm.kills.into())?, sum(lines, |of| of.again)?);
            (again > 0.0).then(|| Found::exactly(kills / again))
        },
    },
];

/// Something of all storms together; nothing where there was none.
fn sum(lines: &[Line], of: fn(&StormLine) -> u64) -> Option<f64> {
    let mut each = storms(lines).map(of).peekable();
    each.peek()?;
    Some(each.sum::<u64>() as f64)
}

fn storms(lines: &[Line]) -> impl Iterator<Item = &StormLine> {
    lines.iter().filter_map(|line| match line {
        Line::Storm(storm) => Some(&**storm),
        _ => None,
    })
}

/// Whether an earlier, interrupted run has had that storm to its end.
fn is_done(session: &Session<'_>, front: &Front, kills: u32) -> bool {
    let same = |storm: &StormLine| {
        (storm.transport.as_str(), storm.wakeup.as_str(), storm.segment.as_deref(), storm.kills)
            == (front.transport, front.wakeup, segment(front), kills)
    };
    storms(&session.book.lines).any(same)
}

fn blow(session: &mut Session<'_>, front: &Front, kills: u32) -> anyhow::Result<()> {
    let storm = Storm {
        launch: session.book.found.launch.clone(),
        front: *front,
        workers: session.wish.workers,
        kills,
        seed: session.book.seed,
    };
    let known = StormLine {
        lab: session.lab.into(),
        transport: front.transport.into(),
        wakeup: front.wakeup.into(),
        segment: segment(front).map(str::to_owned),
        workers: storm.workers,
        ..StormLine::default()
    };
    let book = &session.book;
    let outcome = storm.blow(known.clone(), &|| book.is_over());
    if session.is_interrupted() {
        // It will be had anew when the run is continued.
        return Ok(());
    }
    let line =
        outcome.unwrap_or_else(|fault| StormLine { error: Some(format!("{fault:#}")), ..known });
    session.book.say(Line::Storm(Box::new(line)))
}

fn segment(front: &Front) -> Option<&'static str> {
    front.segment.map(|kind| kind.name())
}

fn in_words(front: &Front) -> String {
    let Front { transport, wakeup, .. } = front;
    segment(front).map_or(format!("{transport}, {wakeup}"), |segment| {
        format!("{transport}, {wakeup}, {segment}")
    })
}

fn claim(session: &mut Session<'_>) -> anyhow::Result<()> {
    let storms: Vec<&StormLine> = storms(&session.book.lines).collect();
    let (kills, tasks, again) = storms.iter().fold((0, 0, 0), |(kills, tasks, again), storm| {
        (kills + storm.kills, tasks + storm.tasks, again + storm.again)
    });
    let well = storms.iter().all(|storm| storm.is_well() && storm.error.is_none());
    let reason = format!("{kills} kills during {tasks} tasks, {again} of them begun again");
    session.claim("a worker's death loses no task and leaves nothing", well, reason)
}
