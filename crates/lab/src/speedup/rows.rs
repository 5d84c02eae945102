//! What a case comes to in the record.

use measure::Histogram;
use measure::compare::{self, SPEEDUP};
use measure::record::{Comparison, CpuNs, Faults, LectureCase, Line, Sequential, Switches, Trial};

use measure::stopping::Stopped;

use super::through::Alone;
use super::{Case, Measured};
use crate::plan::Arm;
use crate::session::Session;
use crate::trial::{pair_up, steady};

/// The rows of a case: sequential, one trial for each way, and their comparisons.
pub(super) fn write_down(
    session: &mut Session<'_>,
    case: &Case,
    alone: &Alone<'_>,
    measured: Measured,
) -> anyhow::Result<()> {
    let Measured { cell, cores, sums, generations, pairs } = measured;
    let (lab, wish, interrupted) = (session.lab, session.wish, session.is_interrupted());
    let book = &mut *session.book;
    let cut = interrupted && generations < wish.generations;
    let error =
        cut.then(|| format!("interrupted after {generations} of {} generations", wish.generations));
    let stopped = match generations == wish.generations {
        _ if sums.iter().any(|sum| sum.error.is_some()) => None,
        true => Some(Stopped::Cap.name().to_owned()),
        false if interrupted => Some(Stopped::Interrupted.name().to_owned()),
        false => Some(Stopped::Budget.name().to_owned()),
    };
    let lecture = LectureCase {
        case: case.name.clone(),
        scale: wish.scale.name().into(),
        repeats: case.repeats,
    };
    let Some((by_itself, ways)) = sums.split_last() else { return Ok(()) };
    let base = book.next_id();
    book.say(Line::Sequential(Sequential {
        id: base,
        lab: lab.into(),
        lecture: lecture.clone(),
        job: case.job.name().into(),
        tasks: case.args.len(),
        rounds: by_itself.rounds.len() as u64,
        wall_ns: by_itself.rounds.iter().copied().collect::<Histogram>().distribution(),
        answer: alone.answer(),
    }))?;
    let record = |arm: &Arm| measure::record::Cell {
        job: case.job.name().into(),
        ..cell.record(arm, &cores)
    };
    let mut ids = Vec::new();
    for (arm, sum) in cell.arms.iter().zip(ways) {
        let id = book.next_id();
        ids.push(id);
        let tasks = sum.tasks.len() as u64;
        let mut warnings = Vec::new();
        if wish.workers > book.allowed.len() {
            let cores = book.allowed.len();
            warnings.push(format!(
                "{} workers on {cores} cores: the ceiling is {cores}×",
                wish.workers
            ));
        }
        book.say(Line::Trial(Box::new(Trial {
            id,
            lab: lab.into(),
            lecture: Some(lecture.clone()),
            cell: record(arm),
            through: "pool".into(),
            worker: book.found.word.into(),
            arrival: "closed".into(),
            generations,
            pairs,
            tasks,
            ok: tasks,
            failed: 0,
            lost: 0,
            verified: sum.verified,
            wall_ns: sum.rounds.iter().sum(),
            round_trip_ns: sum.tasks.iter().copied().collect::<Histogram>().distribution(),
            first_ns: None,
            pages_got: None,
            beside_ns: None,
            round_ns: Some(sum.rounds.iter().copied().collect::<Histogram>().distribution()),
            phases_ns: Default::default(),
            overlap: false,
            wire_bytes: None,
            buffer_bytes: None,
            syscalls_per_task: None,
            cpu_ns: CpuNs::default(),
            faults: Faults::default(),
            switches: Switches::default(),
            hiccups: Default::default(),
            stopped: stopped.clone(),
            steady: steady(&sum.batches),
            warnings,
            error: sum.error.clone().or_else(|| error.clone()),
        })))?;
    }
    if cut || sums.iter().any(|sum| sum.error.is_some()) {
        // Without comparisons the case is measured anew when the run is continued.
        return Ok(());
    }
    for ((arm, sum), other) in cell.arms.iter().zip(ways).zip(ids) {
        let Some(ratio) = compare::ratio(&pair_up(&by_itself.batches, &sum.batches)) else {
            continue;
        };
        let verdict = (case.judge)(&ratio);
        let undecided = verdict == compare::Verdict::TooClose;
        let id = book.next_id();
        book.say(Line::Comparison(Box::new(Comparison {
            id,
            lab: lab.into(),
            base,
            other,
            what: "speedup".into(),
            base_transport: "sequential".into(),
            lecture: Some(lecture.clone()),
            cell: record(arm),
            ratio: ratio.ratio,
            low: ratio.low,
            high: ratio.high,
            confidence: ratio.confidence,
            threshold: SPEEDUP,
            pairs: ratio.pairs,
            generations: ratio.generations,
            verdict,
            pairs_to_decide: undecided.then(|| ratio.pairs_to_pass(SPEEDUP)).flatten(),
        })))?;
    }
    Ok(())
}
