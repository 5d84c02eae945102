//! The trace of a run: stamped tasks of coordinator and workers on one time line.

use std::collections::BTreeMap;

use record::Record;
use serde_json::Value as Json;

use crate::tools::{coordinator, recorded};

/// The trace of a sweep with these options, and its record.
fn traced(more: &[&str]) -> (Vec<Json>, Record) {
    let folder = tempfile::tempdir().unwrap();
    let at = |args: &[&str]| coordinator(args).current_dir(folder.path()).output().unwrap();
    let few = ["--sizes", "4KiB", "--generations", "1", "--pairs", "1", "--quiet"];
    let run = at(&[&["sweep", "--out", "run"], &few[..], more].concat());
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let trace = at(&["report", "run", "--format", "trace"]);
    let text = String::from_utf8(trace.stdout).unwrap();
    let trace: Json = serde_json::from_str(&text).unwrap();
    let record = recorded(&folder.path().join("run"));
    (trace["traceEvents"].as_array().unwrap().clone(), record)
}

/// A time of an event, in nanoseconds; nought where it has none.
fn ns(event: &Json, name: &str) -> i64 {
    (event[name].as_f64().unwrap_or(0.0) * 1000.0).round() as i64
}

/// Begin and end of a slice, in nanoseconds.
fn span(slice: &Json) -> (i64, i64) {
    (ns(slice, "ts"), ns(slice, "ts") + ns(slice, "dur"))
}

#[test]
fn a_trace_has_each_recorded_task_with_its_phases_on_the_rows_of_who_did_them() {
    let (events, record) = traced(&["--pin", "same", "--tasks", "40"]);
    let named = |ph: &str, name: &str| -> Vec<&Json> {
        events
            .iter()
            .filter(|e| e["ph"] == ph && e["name"].as_str().unwrap().starts_with(name))
            .collect()
    };
    let mut tasks = 0;
    for timelines in &record.timelines {
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
    let trials = record.trials.len();
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

/// What the Trace Event Format asks of each event, as far as its readers depend on it.
fn faults(events: &[Json]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut arrows: BTreeMap<String, Vec<&Json>> = BTreeMap::new();
    let row = |event: &Json| (event["pid"].as_u64(), event["tid"].as_u64());
    let slices = || events.iter().filter(|event| event["ph"] == "X");
    for event in events {
        let mut must = |holds: bool, what: &str| {
            if !holds {
                faults.push(format!("{what}: {event}"));
            }
        };
        must(event["name"].as_str().is_some_and(|name| !name.is_empty()), "a name");
        must(event["pid"].is_u64() && event["tid"].is_u64(), "whole pid and tid");
        must(event["ts"].as_f64().is_some_and(|ts| ts >= 0.0 && ts.is_finite()), "a time");
        match event["ph"].as_str() {
            Some("X") => {
                let lasts = event["dur"].as_f64();
                must(lasts.is_some_and(|dur| dur >= 0.0 && dur.is_finite()), "how long it lasts");
            }
            Some("M") => {
                let what = ["process_name", "thread_name"].map(Json::from);
                must(what.contains(&event["name"]), "metadata that readers know");
                let name = event["args"]["name"].as_str();
                must(name.is_some_and(|name| !name.is_empty()), "what it is called");
                let again = |other: &&Json| {
                    (row(other), &other["name"], &other["ph"])
                        == (row(event), &event["name"], &event["ph"])
                };
                must(events.iter().filter(again).count() == 1, "named once");
            }
            Some("s" | "f") => {
                must(event["id"].is_u64() || event["id"].is_string(), "an arrow's id");
                must(event["bp"] == "e", "an arrow that ends at the slice around it");
                let around = |slice: &&Json| {
                    let ((from, to), at) = (span(slice), ns(event, "ts"));
                    row(slice) == row(event) && from <= at + 1 && at <= to + 1
                };
                must(slices().any(|slice| around(&slice)), "a slice around an arrow's end");
                let key = format!("{} {} {}", event["cat"], event["name"], event["id"]);
                arrows.entry(key).or_default().push(event);
            }
            _ => must(false, "a kind of event that all readers know"),
        }
    }
    for (key, ends) in arrows {
        let kinds: Vec<&Json> = ends.iter().map(|end| &end["ph"]).collect();
        let forward = ends.len() == 2 && ns(ends[0], "ts") <= ns(ends[1], "ts");
        if kinds != ["s", "f"] || !forward {
            faults.push(format!("an arrow from one place to a later one: {key}"));
        }
    }
    let mut rows: Vec<_> = slices().map(row).collect();
    rows.sort_unstable();
    rows.dedup();
    for of_slices in rows {
        let names = |what: &str, event: &Json| {
            event["ph"] == "M" && event["name"] == what && event["pid"].as_u64() == of_slices.0
        };
        let named = events.iter().any(|e| names("thread_name", e) && row(e) == of_slices);
        if !named || !events.iter().any(|event| names("process_name", event)) {
            faults.push(format!("a row without a name: {of_slices:?}"));
        }
    }
    faults
}

#[test]
fn each_event_is_as_the_format_asks() {
    let (events, _) = traced(&["--pin", "spread", "--depth", "4", "--tasks", "60"]);
    assert_eq!(faults(&events), Vec::<String>::new());
    assert!(events.len() > 100, "{}", events.len());
    // What is broken on purpose is found.
    let of = |ph: &str| events.iter().position(|event| event["ph"] == ph).unwrap();
    let removed = |ph: &str| {
        let mut events = events.clone();
        events.remove(of(ph));
        events
    };
    let changed = |ph: &str, name: &str, value: Json| {
        let mut events = events.clone();
        events[of(ph)][name] = value;
        events
    };
    for broken in [
        removed("M"),
        removed("s"),
        removed("f"),
        changed("X", "dur", (-1).into()),
        changed("X", "tid", Json::Null),
        changed("X", "ts", "0".into()),
        changed("M", "args", Json::Null),
        changed("f", "ts", 1e9.into()),
        changed("s", "id", 123_456.into()),
        changed("X", "ph", "Z".into()),
    ] {
        assert!(!faults(&broken).is_empty());
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
    assert!(String::from_utf8(output.stderr).unwrap().contains("has no timelines"));
}
