//! The trace of a run: stamped tasks of coordinator and workers on one time line.

use std::collections::BTreeMap;

use measure::record::Line;
use serde_json::Value as Json;

use crate::tools::coordinator;

/// The trace of a sweep with these options, and its record.
fn traced(more: &[&str]) -> (Vec<Json>, Vec<Line>) {
    let folder = tempfile::tempdir().unwrap();
    let at = |args: &[&str]| coordinator(args).current_dir(folder.path()).output().unwrap();
    let few = ["--sizes", "4KiB", "--generations", "1", "--pairs", "1", "--quiet"];
    let run = at(&[&["sweep", "--out", "run"], &few[..], more].concat());
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let trace = at(&["report", "run", "--format", "trace"]);
    let text = String::from_utf8(trace.stdout).unwrap();
    let trace: Json = serde_json::from_str(&text).unwrap();
    let lines = measure::run::read(&folder.path().join("run")).unwrap().lines;
    (trace["traceEvents"].as_array().unwrap().clone(), lines)
}

/// Begin and end of a slice, in nanoseconds.
fn span(slice: &Json) -> (i64, i64) {
    let ns = |name: &str| (slice[name].as_f64().unwrap() * 1000.0).round() as i64;
    (ns("ts"), ns("ts") + ns("dur"))
}

#[test]
fn a_trace_has_each_recorded_task_with_its_phases_on_the_rows_of_who_did_them() {
    let (events, lines) = traced(&["--pin", "same", "--tasks", "40"]);
    let named = |ph: &str, name: &str| -> Vec<&Json> {
        events
            .iter()
            .filter(|e| e["ph"] == ph && e["name"].as_str().unwrap().starts_with(name))
            .collect()
    };
    let mut tasks = 0;
    for line in &lines {
        let Line::Timelines(timelines) = line else { continue };
        assert!(timelines.tasks.len() <= 24);
        for task in &timelines.tasks {
            let whole = named("X", "task ").into_iter().find(|e| {
                e["pid"] == timelines.trial && e["args"]["reserved_ns"] == task.reserved_ns
            });
            let (begins, ends) = span(whole.expect("a slice for each task"));
            assert_eq!((ends - begins) as u64, task.phases_ns.iter().sum::<u64>());
            let computing = named("X", "compute").into_iter().find(|e| {
                let (from, to) = span(e);
                e["pid"] == timelines.trial && begins <= from && to <= ends
            });
            let computing = computing.expect("it computed");
            assert_ne!(computing["tid"], whole.unwrap()["tid"], "not on the coordinator's row");
            tasks += 1;
        }
    }
    let trials = lines.iter().filter(|line| matches!(line, Line::Trial(_))).count();
    assert!(trials == 3 && tasks >= trials, "{tasks} tasks of {trials} trials");
    assert_eq!(named("M", "process_name").len(), trials);
    assert_eq!((named("s", "").len(), named("f", "").len()), (2 * tasks, 2 * tasks));
}

#[test]
fn slices_of_one_row_lie_inside_each_other_or_apart_also_with_several_tasks_in_flight() {
    let (events, _) = traced(&["--pin", "spread", "--depth", "8", "--tasks", "120"]);
    let mut rows: BTreeMap<String, Vec<(i64, i64)>> = BTreeMap::new();
    for slice in events.iter().filter(|event| event["ph"] == "X") {
        rows.entry(format!("{} {}", slice["pid"], slice["tid"])).or_default().push(span(slice));
    }
    assert!(rows.len() >= 6, "{:?}", rows.keys());
    for (row, slices) in &mut rows {
        // Of slices that begin together the longest is outside.
        slices.sort_by_key(|(from, to)| (*from, -*to));
        let mut open: Vec<i64> = Vec::new();
        for (from, to) in slices {
            open.retain(|until| *until > *from);
            // Times are rounded to whole nanoseconds.
            assert!(
                open.iter().all(|until| *to <= *until + 1),
                "{row}: {from} to {to} in {open:?}"
            );
            open.push(*to);
        }
    }
}

#[test]
fn a_run_without_stamps_is_refused_in_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let record = crate::made::text(&crate::made::whole());
    std::fs::write(folder.path().join("run.jsonl"), record).unwrap();
    let output =
        coordinator(&["report", folder.path().to_str().unwrap(), "--format", "trace"]).output();
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("no task has a time line"));
}
