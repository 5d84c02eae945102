//! Owners: what survives of a task, a lock and a segment when the process that holds it is killed?

mod chaos;
mod coordinator_kill;
mod observe;
mod worker_kills;

use harness::LabContext;
use record::{Chaos, Line, Record};

use self::chaos::{ChaosTest, TransportConfig};
use crate::lab::{Answer, KILLS, Lab, MeasuredAnswer, Question, SCALE};

/// The lab of owners and their deaths.
pub(super) struct Owners;

/// Workers killed in the chaos tests of one run, unless the user says otherwise.
const USUAL_KILLS: u32 = 300;

impl Lab for Owners {
    fn name(&self) -> &'static str {
        "owners"
    }
    fn number(&self) -> &'static str {
        "7"
    }
    fn question(&self) -> &'static str {
        "what survives of a task, a lock and a segment if the process that holds it is killed?"
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
    fn measure(&self, context: &mut LabContext<'_>) -> anyhow::Result<()> {
        let configs = chaos::configs();
        let kills = context.options.kills.unwrap_or(USUAL_KILLS);
        context.progress.expect(1 + configs.len());
        context.progress.begin("owners killed one by one");
        worker_kills::measure(context)?;
        context.progress.finish("owners killed one by one");
        for (at, config) in (0..).zip(&configs) {
            // As even as whole kills can be.
            let share = |end: u32| u64::from(kills) * u64::from(end) / configs.len() as u64;
            let kills = (share(at + 1) - share(at)) as u32;
            if context.run.is_over() {
                return Ok(());
            }
            if kills > 0 && !is_done(context, config, kills) {
                let name = format!("{} kills by {}", kills, in_words(config));
                context.progress.begin(&name);
                run(context, config, kills)?;
                context.progress.finish(&name);
            }
        }
        claim(context)
    }
}

static QUESTIONS: &[Question] = &[
    Question {
        key: "lost",
        asks: "hundreds of workers are killed at random instants under load: how many results are lost?",
        answer: Answer::Count,
        hint: "which process knows the tasks that were sent and not answered?",
        why: "Only the coordinator has the ledger, and a worker does its tasks in order. Tasks without an answer can be sent again; the first of them because its job is repeatable.",
        found: |record| Some(MeasuredAnswer::exactly(sum(record, |test| test.lost)?)),
    },
    Question {
        key: "left",
        asks: "how many processes, segments and descriptors do they leave behind?",
        answer: Answer::Count,
        hint: "which process owns them: the worker, or the coordinator?",
        why: "A worker owns nothing that outlives it. Its maps and descriptors end with it. What it shared belongs to the coordinator.",
        found: |record| Some(MeasuredAnswer::exactly(sum(record, Chaos::left)?)),
    },
    Question {
        key: "killed-per-repeat",
        asks: "how many workers were killed for each task that had to be begun again?",
        answer: Answer::Times,
        hint: "what else can a worker be doing when it is killed?",
        why: "Some are killed while they start or wait for a task: nothing has begun then. The shorter the tasks compared with the start of a process, the fewer workers die at work.",
        found: |record| {
            let (kills, again) =
                (sum(record, |test| test.kills.into())?, sum(record, |of| of.again)?);
            (again > 0.0).then(|| MeasuredAnswer::exactly(kills / again))
        },
    },
];

/// Something of all chaos tests together; none where there was none.
fn sum(record: &Record, of: fn(&Chaos) -> u64) -> Option<f64> {
    let all = &record.chaos;
    (!all.is_empty()).then(|| all.iter().map(of).sum::<u64>() as f64)
}

/// Whether an earlier, interrupted run has had that test to its end.
fn is_done(context: &LabContext<'_>, config: &TransportConfig, kills: u32) -> bool {
    let same = |test: &Chaos| {
        (test.transport.as_str(), test.wakeup.as_str(), test.segment.as_deref(), test.kills)
            == (config.transport, config.wakeup, segment(config), kills)
    };
    context.run.record.chaos.iter().any(same)
}

fn run(context: &mut LabContext<'_>, config: &TransportConfig, kills: u32) -> anyhow::Result<()> {
    let test = ChaosTest {
        launch: context.run.program.launch.clone(),
        config: *config,
        workers: context.options.workers,
        kills,
        seed: context.run.seed,
    };
    let known = Chaos {
        lab: context.lab.into(),
        transport: config.transport.into(),
        wakeup: config.wakeup.into(),
        segment: segment(config).map(str::to_owned),
        workers: test.workers,
        ..Chaos::default()
    };
    let outcome = test.run(known.clone(), &|| context.run.is_over());
    if context.is_interrupted() {
        // It will be had anew when the run is continued.
        return Ok(());
    }
    let line = outcome.unwrap_or_else(|fault| Chaos { error: Some(format!("{fault:#}")), ..known });
    context.run.append(Line::Chaos(Box::new(line)))
}

fn segment(config: &TransportConfig) -> Option<&'static str> {
    config.segment.map(|kind| kind.name())
}

fn in_words(config: &TransportConfig) -> String {
    let TransportConfig { transport, wakeup, .. } = config;
    segment(config).map_or(format!("{transport}, {wakeup}"), |segment| {
        format!("{transport}, {wakeup}, {segment}")
    })
}

fn claim(context: &mut LabContext<'_>) -> anyhow::Result<()> {
    let tests = &context.run.record.chaos;
    let (kills, tasks, again) = tests.iter().fold((0, 0, 0), |(kills, tasks, again), test| {
        (kills + test.kills, tasks + test.tasks, again + test.again)
    });
    let clean = tests.iter().all(|test| test.is_clean() && test.error.is_none());
    let reason = format!("{kills} kills during {tasks} tasks, {again} of them started again");
    context.claim("a worker's death loses no task and leaves nothing", clean, reason)
}
