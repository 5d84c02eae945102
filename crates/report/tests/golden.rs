//! Every form of a recorded run, as it was reviewed, and its numbers against the record's. The record in
//! tests/records/quick has a cell that was measured again, one that failed, hiccups, and an unsteady row.
//!
//! After a change that is meant: `INSTA_UPDATE=always cargo test -p report --test golden`, and read the difference.

use std::path::{Path, PathBuf};

use record::store::read;
use record::{Comparison, Record};
use report::{Report, Side};
use serde_json::Value as Json;
use stats::median;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/records").join(name)
}

fn recorded(name: &str) -> Record {
    let stored = read(&folder(name)).unwrap();
    assert!(stored.faults.is_empty() && stored.unknown.is_empty(), "{:?}", stored.faults);
    stored.record
}

fn reported() -> Report {
    report::report(&recorded("quick"), Path::new("runs/quick"))
}

#[test]
fn a_run_as_a_terminal_shows_it() {
    let report = reported();
    insta::assert_snapshot!(format!("{}{}", report::head(&report), report::terminal(&report)));
}

#[test]
fn a_run_as_markdown() {
    insta::assert_snapshot!(report::markdown(&reported()));
}

#[test]
fn a_run_as_comma_separated_values() {
    insta::assert_snapshot!(report::csv(&reported()));
}

#[test]
fn a_run_as_json() {
    let json: Json = serde_json::from_str(&report::json(&reported())).unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(&json).unwrap());
}

#[test]
fn the_trials_of_a_run_as_a_table() {
    insta::assert_snapshot!(report::trials_csv(&recorded("quick")));
}

#[test]
fn two_runs_of_the_lab_of_the_tail_side_by_side() {
    insta::assert_snapshot!(report::terminal(&tails()));
}

fn tails() -> Report {
    let (before, after) = (recorded("tail-before"), recorded("tail-after"));
    let side = |name, record| Side { name, record };
    report::run_diff(side("before", &before), side("after", &after))
}

/// The numbers of each cell of a report that has any, by name.
fn numbers(report: &Report) -> Vec<Json> {
    let json = serde_json::to_value(report).unwrap();
    let rows = |section: &Json| section["table"]["rows"].as_array().unwrap().clone();
    let sections = json["sections"].as_array().unwrap();
    let cells = sections.iter().flat_map(rows).flat_map(|row| row.as_array().unwrap().clone());
    cells.map(|cell| cell["numbers"].clone()).collect()
}

#[test]
fn each_ratio_of_a_report_is_the_record_s_with_its_ends_in_their_order() {
    let (record, numbers) = (recorded("quick"), numbers(&reported()));
    let is_shown = |of: &Comparison| {
        numbers.iter().any(|cell| {
            let is = |name: &str, value: f64| cell[name].as_f64() == Some(value);
            is("ratio", of.ratio) && is("low", of.low) && is("high", of.high)
        })
    };
    assert!(record.comparisons.len() > 30);
    for comparison in &record.comparisons {
        assert!(comparison.low <= comparison.ratio && comparison.ratio <= comparison.high);
        assert!(is_shown(comparison), "{comparison:?}");
    }
    let ratios = numbers.iter().filter(|cell| !cell["ratio"].is_null());
    for cell in ratios.clone() {
        assert!(cell["low"].as_f64() <= cell["high"].as_f64(), "{cell}");
    }
    assert_eq!(ratios.count(), record.comparisons.len() + record.aa_tests.len());
}

#[test]
fn each_median_of_a_report_is_that_of_the_last_measurement_of_its_cell() {
    let (record, numbers) = (recorded("quick"), numbers(&reported()));
    let shown = |p50: u64| numbers.iter().any(|cell| cell["p50_ns"].as_u64() == Some(p50));
    for trial in record.trials.iter().filter(|trial| trial.params.case.is_none()) {
        assert_eq!(shown(trial.round_trip_ns.p50), trial.error.is_none(), "trial {}", trial.id);
    }
    // Trial 9001 was measured again.
    let text = std::fs::read_to_string(folder("quick").join("run.jsonl")).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Json>(line).unwrap());
    let first = lines.into_iter().find(|line| line["id"] == 9001).unwrap();
    assert!(record.trial(9001).is_none());
    assert!(!shown(first["round_trip_ns"]["p50"].as_u64().unwrap()));
}

#[test]
fn each_row_of_a_difference_has_its_own_trials_medians_of_both_runs() {
    let (before, after) = (recorded("tail-before"), recorded("tail-after"));
    let report = tails();
    let mut shown = Vec::new();
    for section in &report.sections {
        assert_eq!(section.table.rows.len(), 2, "{}", section.title);
        for row in &section.table.rows {
            let p50 =
                |at: usize| serde_json::to_value(&row[at]).unwrap()["numbers"]["p50_ns"].as_u64();
            shown.push((
                section.title.clone(),
                row[1].text.clone(),
                p50(3).unwrap(),
                p50(4).unwrap(),
            ));
        }
    }
    assert_eq!((report.sections.len(), shown.len()), (4, 8));
    for trial in &before.trials {
        let other = after.trials.iter().find(|of| of.params == trial.params).unwrap();
        let of = |record: &Record, id| median(&mut record.generation_medians(id)) as u64;
        let want = (of(&before, trial.id), of(&after, other.id));
        let rows: Vec<_> = shown
            .iter()
            .filter(|(_, way, a, b)| *way == trial.params.way() && (*a, *b) == want)
            .collect();
        assert_eq!(rows.len(), 1, "{:?}: {want:?} in {shown:?}", trial.params);
        // What the run's own table says is near: the median of all samples, not of batches.
        let own = trial.round_trip_ns.p50 as f64;
        assert!((want.0 as f64 / own - 1.0).abs() < 0.01, "{want:?} and {own}");
    }
}

#[test]
fn the_table_of_trials_tells_every_trial_from_every_other() {
    for name in ["quick", "tail-before"] {
        let table = report::trials_csv(&recorded(name));
        let mut reader = csv::Reader::from_reader(table.as_bytes());
        let header = reader.headers().unwrap().clone();
        let has = |name: &str| header.iter().any(|of| of == name);
        for column in ["case", "scale", "compute_ns", "rate", "layer", "p50", "p99", "max"] {
            assert!(has(column), "{column}");
        }
        let of_params = record::Params::names();
        let identity = |row: &csv::StringRecord| -> Vec<String> {
            let all = header.iter().zip(row).filter(|(name, _)| {
                of_params.contains(&(*name).to_owned()) || *name == "cores" || *name == "lab"
            });
            all.map(|(name, value)| format!("{name}={value}")).collect()
        };
        let rows: Vec<Vec<String>> = reader.records().map(|row| identity(&row.unwrap())).collect();
        let mut once = rows.clone();
        once.sort();
        once.dedup();
        assert_eq!(once.len(), rows.len(), "{name}");
        assert!(rows.len() >= 8);
    }
}

#[test]
fn a_record_of_schema_1_is_shown_by_today_s_names_and_its_batches_are_joined_where_they_tell() {
    let record = recorded("schema-1");
    assert_eq!(record.run.as_ref().unwrap().schema, 1);
    let report = report::report(&record, Path::new("runs/schema-1"));
    insta::assert_snapshot!(report::terminal(&report));
    for trial in &record.trials {
        // Two cells have the same pipe, and nothing in its rows says to which of them they belong.
        let batches = record.batches_of(trial.id).len();
        assert_eq!(batches, if trial.params.arm.shares() { 12 } else { 0 }, "{:?}", trial.params);
    }
    let side = Side { name: "old", record: &record };
    let difference = report::terminal(&report::run_diff(side, side));
    assert!(difference.contains("of 8 common cells 4 without change"), "{difference}");
}

#[test]
fn a_record_of_schema_1_that_was_made_by_hand_still_tells_its_labs_and_models() {
    let record = recorded("advise");
    let report = report::report(&record, Path::new("runs/by-hand"));
    insta::assert_snapshot!(report::terminal(&report));
}
