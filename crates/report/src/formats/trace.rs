//! Stamped tasks on one time line, as Chrome's trace events, which Perfetto and speedscope open.

use std::collections::BTreeMap;

use measure::Phase;
use record::{Record, TaskTimeline, Trial};
use serde_json::{Value, json};

/// The stamped tasks of all trials; nothing where the record has none.
///
/// A trial is a process, with a row for the coordinator, another for each further task in flight, and
/// one for each worker. Times are true but for one thing: stretches of more than 20 µs in which
/// nothing was stamped are cut to that, since they would be nearly all of the picture. When a task really
/// began is said in its `reserved_ns`.
pub fn trace(record: &Record) -> Option<String> {
    let mut tasks = tasks(record);
    tasks.sort_by_key(|(_, task)| task.reserved_ns);
    let mut events = Vec::new();
    let mut rows: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    let (mut cut, mut done) = (tasks.first()?.1.reserved_ns, 0);
    for (number, (trial, task)) in (1..).zip(&tasks) {
        // Where the time line is up to, and what was cut of it so far.
        let begins = task.reserved_ns - cut;
        if begins > done + GAP_NS {
            cut += begins - done - GAP_NS;
        }
        let begins = task.reserved_ns - cut;
        let ends = begins + task.phases_ns.iter().sum::<u64>();
        done = done.max(ends);
        let known = rows.contains_key(&trial.id);
        let rows = rows.entry(trial.id).or_default();
        if !known {
            events.push(named(
                "process_name",
                trial.id,
                0,
                &trial.params.title().replace(char::is_control, " "),
            ));
        }
        // The first row in which nothing is going on.
        let free = rows.iter().position(|until| *until <= begins);
        let row = free.unwrap_or(rows.len());
        if free.is_none() {
            rows.push(0);
            let flight = if row == 0 { String::new() } else { format!(", in flight {}", row + 1) };
            events.push(named("thread_name", trial.id, row, &format!("coordinator{flight}")));
        }
        rows[row] = ends;
        of_task(&mut events, number, trial, task, begins, row);
    }
    let mut workers: Vec<(u64, usize)> =
        tasks.iter().map(|(trial, task)| (trial.id, task.worker)).collect();
    workers.sort_unstable();
    workers.dedup();
    for (trial, worker) in workers {
        events.push(named("thread_name", trial, WORKERS + worker, &format!("worker {worker}")));
    }
    Some(json!({ "displayTimeUnit": "ns", "traceEvents": events }).to_string())
}

/// Longest stretch in which nothing is shown.
const GAP_NS: u64 = 20_000;
/// Row of the first worker, below every row of the coordinator.
const WORKERS: usize = 10_000;

/// The tasks with their trials.
fn tasks<'a>(record: &'a Record) -> Vec<(&'a Trial, &'a TaskTimeline)> {
    let of_trial =
        |trial: &'a Trial| record.timelines_of(trial.id).iter().map(move |task| (trial, task));
    let all = record.trials.iter().flat_map(of_trial);
    // No clock has run for centuries: sums of such times would not fit.
    let sound = |task: &TaskTimeline| {
        task.reserved_ns < u64::MAX / 4 && task.phases_ns.iter().all(|ns| *ns < u64::MAX / 64)
    };
    all.filter(|(_, task)| sound(task)).collect()
}

/// A task on the coordinator's row from end to end, its phases inside; and on its worker's row what
/// the worker did. Arrows lead there and back.
fn of_task(
    events: &mut Vec<Value>,
    number: u64,
    trial: &Trial,
    task: &TaskTimeline,
    begins: u64,
    row: usize,
) {
    let worker = WORKERS + task.worker;
    let mut slice = |name: &str, row: usize, at: u64, ns: u64, args: Value| {
        events.push(json!({ "name": name, "cat": "task", "ph": "X", "pid": trial.id, "tid": row,
            "ts": us(at), "dur": us(ns), "args": args }));
    };
    let of = |phases: &[Phase]| -> u64 { phases.iter().map(|p| task.phases_ns[*p as usize]).sum() };
    let name = format!("task {}", task.task);
    let args = json!({ "generation": task.generation, "worker": task.worker,
        "reserved_ns": task.reserved_ns, "overlap": trial.overlap });
    slice(&name, row, begins, of(&Phase::ALL), args);
    let there = begins + of(&[Phase::Fill, Phase::Encode, Phase::Send, Phase::Deliver]);
    slice(&name, worker, there, of(&[Phase::Decode, Phase::Compute, Phase::Reply]), json!({}));
    let mut at = begins;
    for phase in Phase::ALL {
        let ns = task.phases_ns[phase as usize];
        let theirs = matches!(phase, Phase::Decode | Phase::Compute | Phase::Reply);
        if ns > 0 {
            slice(phase.name(), if theirs { worker } else { row }, at, ns, json!({}));
        }
        at += ns;
    }
    let sent = begins + of(&[Phase::Fill, Phase::Encode, Phase::Send]);
    let back = there + of(&[Phase::Decode, Phase::Compute, Phase::Reply]);
    let mut arrow = |name: &str, id: u64, from: (usize, u64), to: (usize, u64)| {
        for (ph, (row, at)) in [("s", from), ("f", to)] {
            events.push(json!({ "name": name, "cat": "way", "ph": ph, "bp": "e", "id": id,
                "pid": trial.id, "tid": row, "ts": us(at) }));
        }
    };
    arrow("deliver", 2 * number, (row, sent), (worker, there));
    arrow("collect", 2 * number + 1, (worker, back), (row, back));
}

fn named(what: &str, pid: u64, tid: usize, name: &str) -> Value {
    json!({ "name": what, "ph": "M", "ts": 0, "pid": pid, "tid": tid, "args": { "name": name } })
}

/// The format's unit.
fn us(ns: u64) -> f64 {
    ns as f64 / 1000.0
}
