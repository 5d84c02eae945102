//! 26.2: futures, their results in the order in which they come, and errors that cross the process
//! boundary.

use std::collections::HashMap;
use std::time::Duration;

use harness::placement::{Placement, pin};
use harness::speedup::{self, Case, arms, calibrate};
use harness::{LabContext, Scale};
use pool::{Future, Outcome, Pool, TaskError, Value};
use record::{Line, OutcomeError, Record, TaskOutcome};
use stats::paired_ratio::Ratio;
use transport::Residency;
use workload::lecture::{ComputeHash, InvalidRange, pack_repeats};

use crate::lab::{Answer, Lab, MeasuredAnswer, Question};

/// The lab of example 26.2.
pub(super) struct Futures;

/// The lecture's ranges, one of which is invalid.
const WORKLOADS: [i64; 8] = [50_000, 80_000, 30_000, -1, 60_000, 40_000, 90_000, 20_000];
/// What a task of 50,000 takes in CPython.
const CPYTHON_TASK: Duration = Duration::from_millis(5);
/// The ways through a pool: there is no list.
const WAYS: [(&str, Residency); 2] = [("pipe", Residency::Place), ("shared", Residency::Place)];
/// What a task may take before its worker is ended.
const TASK_TIMEOUT: Duration = Duration::from_secs(1);
/// Items that an answer has room for.
const MAX_ANSWER: usize = 1000;

/// What `part` of the record is called: the lecture's own tasks, and faults on purpose.
const WORKLOAD: &str = "workload";
const FAULTS: &str = "faults";

impl Lab for Futures {
    fn name(&self) -> &'static str {
        "futures"
    }
    fn number(&self) -> &'static str {
        "26.2"
    }
    fn question(&self) -> &'static str {
        "in which order do results arrive, and what happens to a task that fails?"
    }
    fn questions(&self) -> &'static [Question] {
        QUESTIONS
    }
    fn measure(&self, context: &mut LabContext<'_>) -> anyhow::Result<()> {
        context.progress.expect(1 + WAYS.len());
        let hash = |range, repeats| match range {
            0.. => pack_repeats(range as u32, repeats),
            _ => Value::Int(range),
        };
        let repeats = match context.options.scale {
            Scale::Lecture => 1,
            Scale::Calibrated => {
                calibrate(&ComputeHash, &|repeats| hash(WORKLOADS[0], repeats), &[], CPYTHON_TASK)
            }
        };
        let args = WORKLOADS.map(|range| hash(range, repeats));
        let case = Case {
            name: "compute_hash of the 7 valid ranges".into(),
            job: &ComputeHash,
            args: args.into_iter().filter(|arg| *arg != Value::Int(-1)).collect(),
            list: None,
            repeats,
            compute_ns: 0,
            only_reads: false,
            mixed: true,
            judge: Ratio::speedup,
            arms: arms(&WAYS, false),
        };
        speedup::measure(context, &case)?;
        let mut seen = Seen::default();
        for (transport, _) in WAYS {
            if context.is_interrupted() {
                return Ok(());
            }
            let name = format!("futures by {transport}");
            context.progress.begin(&name);
            by(context, transport, args, &mut seen)?;
            context.progress.finish(&name);
        }
        claims(context, &seen)
    }
}

/// When the task comes back that takes no time at all.
const PLACES: &[&str] = &["first of the 8", "later than first"];
/// Which error is told.
const ERRORS: &[&str] = &["InvalidRange, the type that was made there", "a general error", "none"];
/// What a worker's death does.
const DEATHS: &[&str] =
    &["one task fails, the pool goes on", "all tasks fail", "the pool waits for ever"];

static QUESTIONS: &[Question] = &[
    Question {
        key: "place-of-invalid",
        asks: "8 tasks through a pipe, taken as completed. The fourth is −1, which fails at once: when does it come?",
        answer: Answer::Choice(PLACES),
        hint: "it is the fourth to be sent, and a worker does its tasks in order",
        why: "The first to finish comes first. But a task must also begin, and that depends on when its worker gets a core and what it does before.",
        found: |record| {
            let first = outcomes(record, "pipe", WORKLOAD).next()?;
            Some(MeasuredAnswer::Choice(PLACES[usize::from(first.input >= 0)]))
        },
    },
    Question {
        key: "error-of-invalid",
        asks: "the task −1 fails in another process: which error does result() return?",
        answer: Answer::Choice(ERRORS),
        hint: "the lecture catches ValueError around result()",
        why: "The worker sends the error's type and fields, and the caller rebuilds it. result() returns it as if it had happened here.",
        found: |record| {
            let invalid = outcomes(record, "pipe", WORKLOAD).find(|outcome| outcome.input < 0)?;
            let name = invalid.error.as_ref().map(|error| error.name.as_str());
            let at = name.map_or(2, |name| usize::from(name != "InvalidRange"));
            Some(MeasuredAnswer::Choice(ERRORS[at]))
        },
    },
    Question {
        key: "death-of-a-worker",
        asks: "a worker process dies during a task: what happens to the other tasks?",
        answer: Answer::Choice(DEATHS),
        hint: "what would you want from a pool? CPython's two pools do the other two",
        why: "The supervisor notices the death and starts another worker. Only the task that had begun is lost, and its error says why.",
        found: |record| {
            let faults: Vec<_> = outcomes(record, "pipe", FAULTS).collect();
            let died = |outcome: &&TaskOutcome| {
                outcome.error.as_ref().is_some_and(|error| error.name == "WorkerDied")
            };
            faults.iter().find(|outcome| died(outcome))?;
            // A pool that waited for ever would not have come so far.
            Some(MeasuredAnswer::Choice(DEATHS[usize::from(!faults.last()?.ok)]))
        },
    },
];

/// What became of the tasks of one part, by one transport, as they were completed.
fn outcomes<'a>(
    record: &'a Record,
    transport: &'a str,
    part: &'a str,
) -> impl Iterator<Item = &'a TaskOutcome> {
    let of_lab = record.outcomes.iter().filter(|of| of.lab == "futures");
    of_lab.filter(move |of| of.transport == transport && of.part == part)
}

/// What the claims are about.
#[derive(Default)]
struct Seen {
    /// Of each round the order of completion, as places in [`WORKLOADS`].
    orders: Vec<Vec<usize>>,
    /// Tasks whose error came home as the type that was made in the worker.
    as_its_type: usize,
}

/// The lecture's tasks and faults on purpose through one pool.
fn by(
    context: &mut LabContext<'_>,
    transport: &'static str,
    args: [Value; 8],
    seen: &mut Seen,
) -> anyhow::Result<()> {
    let (workers, allowed) = (context.options.workers, &context.run.allowed);
    let cores = Placement::Spread.on(allowed).cores(allowed, workers);
    pin(&cores[..1])?;
    let pool = Pool::builder()
        .launch(context.run.program.launch.clone())
        .transport(transport)
        .workers(workers)
        .cores(cores[1..].to_vec())
        .longest_answer(MAX_ANSWER)
        .task_timeout(TASK_TIMEOUT)
        .build()?;
    for _ in 0..context.options.generations * context.options.pairs {
        let outcomes = round(&pool, args)?;
        seen.orders.push(outcomes.into_iter().map(|(task, _)| task).collect());
    }
    let mut say = |part: &str, task: usize, job: &str, input: i64, outcome: Outcome| {
        let note = |error: TaskError| OutcomeError {
            name: error.name().to_owned(),
            message: error.to_string(),
            worker: error.place().map(|(worker, _)| worker),
            pid: error.place().and_then(|(_, pid)| pid),
        };
        let (answer, error) = match outcome {
            Ok(answer) => (Some(answer), None),
            Err(error) => (None, Some(note(error))),
        };
        context.run.append(Line::Outcome(Box::new(TaskOutcome {
            lab: context.lab.into(),
            transport: transport.into(),
            part: part.into(),
            job: job.into(),
            task,
            input,
            ok: error.is_none(),
            worker: answer.as_ref().map(|answer| answer.worker),
            pid: answer.as_ref().map(|answer| answer.pid),
            answer: answer.map(|answer| answer.value.to_string()),
            error,
        })))
    };
    for (task, outcome) in round(&pool, args)? {
        let error = outcome.as_ref().err().and_then(TaskError::downcast);
        seen.as_its_type += usize::from(error == Some(InvalidRange { range: -1 }));
        say(WORKLOAD, task, "compute_hash", WORKLOADS[task], outcome)?;
    }
    let cancelled = cancelled(&pool, workers)?;
    say(FAULTS, 0, "cancelled before it began", 20_000, cancelled)?;
    let faults = [("hoard", MAX_ANSWER as i64 + 1), ("panic", 0), ("abort", 0), ("sleep", 60_000)];
    for (task, (job, input)) in (1..).zip(faults) {
        say(FAULTS, task, job, input, pool.submit(job, input, ())?.result())?;
    }
    // None of this has harmed the pool.
    say(FAULTS, 5, "compute_hash", 20_000, pool.submit("compute_hash", 20_000, ())?.result())?;
    Ok(())
}

/// The lecture's loop: submit all, and take them as they are completed.
fn round(pool: &Pool, args: [Value; 8]) -> Result<Vec<(usize, Outcome)>, TaskError> {
    let mut inputs = HashMap::new();
    let mut futures = Vec::new();
    for (task, arg) in args.into_iter().enumerate() {
        let future = pool.submit("compute_hash", arg, ())?;
        inputs.insert(future.id(), task);
        futures.push(future);
    }
    let completed = pool.as_completed(futures);
    Ok(completed.map(|future| (inputs[&future.id()], future.result())).collect())
}

/// A task that is cancelled while all workers have as much as they may hold.
fn cancelled(pool: &Pool, workers: usize) -> Result<Outcome, TaskError> {
    let busy = (0..2 * workers).map(|_| pool.submit("sleep", 20, ()));
    let busy: Vec<Future> = busy.collect::<Result<_, _>>()?;
    let future = pool.submit("compute_hash", 20_000, ())?;
    future.cancel();
    let outcome = future.result();
    busy.into_iter().for_each(|sleep| drop(sleep.result()));
    Ok(outcome)
}

/// What the lecture says of 26.2.
fn claims(context: &mut LabContext<'_>, seen: &Seen) -> anyhow::Result<()> {
    let Seen { orders, as_its_type } = seen;
    let mut ascending: Vec<usize> = (0..WORKLOADS.len()).collect();
    ascending.sort_by_key(|task| WORKLOADS[*task]);
    let fastest_first = orders.iter().filter(|order| **order == ascending).count();
    let invalid = WORKLOADS.iter().position(|range| *range < 0).unwrap_or(0);
    let mut places: Vec<usize> =
        orders.iter().filter_map(|order| order.iter().position(|task| *task == invalid)).collect();
    places.sort_unstable();
    let place = |at: usize| places.get(at).map_or(0, |place| place + 1);
    let reason = format!(
        "in {fastest_first} of {} rounds; −1, which takes no time at all, was {}: \
         the first to finish comes first, and when a task begins counts too",
        orders.len(),
        match (place(0), place(places.len().saturating_sub(1))) {
            (first, last) if first == last => format!("{} of the 8 each time", ordinal(first)),
            (first, last) => format!(
                "{} to {} of the 8, in the median {}",
                ordinal(first),
                ordinal(last),
                ordinal(place(places.len() / 2))
            ),
        },
    );
    let seen = fastest_first == orders.len() && !orders.is_empty();
    context.claim("as_completed yields futures as they finish: fastest first", seen, reason)?;
    let reason = format!("{as_its_type} InvalidRange, one over each of {} transports", WAYS.len());
    let text = "result() gives the error that was raised in the worker, as its type";
    context.claim(text, *as_its_type == WAYS.len(), reason)
}

fn ordinal(number: usize) -> String {
    match number {
        1 => "1st".into(),
        2 => "2nd".into(),
        3 => "3rd".into(),
        _ => format!("{number}th"),
    }
}
