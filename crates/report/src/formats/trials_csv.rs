//! trials.csv: one row for each trial, for programs that want a table.

use std::collections::BTreeMap;

use record::params::word;
use record::{Mapped, PagesGot, Params, Record, Trial};

/// Every trial as one row of comma-separated values; times in nanoseconds, sizes in bytes. The first columns are the
/// trial's parameters by their names in the record.
pub fn trials_csv(record: &Record) -> String {
    let axes = axes(record);
    let mut writer = csv::Writer::from_writer(Vec::new());
    let columns = COLUMNS.iter().map(|(name, _)| *name);
    let header = ["id", "lab"].into_iter().chain(axes.iter().map(String::as_str)).chain(columns);
    let mut written = writer.write_record(header);
    for trial in &record.trials {
        let values = values(&trial.params);
        let axes = axes.iter().map(|name| values.get(name).cloned().unwrap_or_default());
        let columns = COLUMNS.iter().map(|(_, of)| of(trial));
        let first = [trial.id.to_string(), trial.lab.clone()];
        let row: Vec<String> = first.into_iter().chain(axes).chain(columns).collect();
        written = written.and(writer.write_record(row));
    }
    written.expect("writing to memory does not fail");
    let bytes = writer.into_inner().expect("writing to memory does not fail");
    String::from_utf8(bytes).expect("only text was written")
}

/// Names of the parameters: those that each trial has, and after them those that only some have.
fn axes(record: &Record) -> Vec<String> {
    let every = Params::names();
    let mut names: Vec<String> = every.clone();
    for trial in &record.trials {
        names.extend(trial.params.values().into_iter().map(|(name, _)| name));
    }
    let mut all: Vec<String> = Vec::new();
    names.into_iter().for_each(|name| {
        if !all.contains(&name) {
            all.push(name)
        }
    });
    all
}

fn values(params: &Params) -> BTreeMap<String, String> {
    params.values().iter().map(|(name, value)| (name.clone(), word(value))).collect()
}

/// A column: its name, and what it says of a trial.
type Column = (&'static str, fn(&Trial) -> String);

/// What is said of a trial beside its parameters.
const COLUMNS: [Column; 26] = [
    ("items", |of| of.params.items().to_string()),
    ("generations", |of| of.generations.to_string()),
    ("pairs", |of| of.pairs.to_string()),
    ("tasks", |of| of.tasks.to_string()),
    ("verified", |of| of.verified.to_string()),
    ("lost", |of| of.lost.to_string()),
    ("count", |of| of.round_trip_ns.count.to_string()),
    ("min", |of| of.round_trip_ns.min.to_string()),
    ("p50", |of| of.round_trip_ns.p50.to_string()),
    ("p90", |of| of.round_trip_ns.p90.to_string()),
    ("p99", |of| of.round_trip_ns.p99.to_string()),
    ("p999", |of| of.round_trip_ns.p999.to_string()),
    ("max", |of| of.round_trip_ns.max.to_string()),
    ("mean", |of| of.round_trip_ns.mean.to_string()),
    ("wire_out", |of| or_empty(of.wire_bytes.map(|wire| wire.per_task_out))),
    ("wire_back", |of| or_empty(of.wire_bytes.map(|wire| wire.per_task_back))),
    ("syscalls", |of| or_empty(of.syscalls_per_task)),
    ("steady", |of| of.steady.to_string()),
    ("error", |of| of.error.clone().unwrap_or_default()),
    ("first", |of| or_empty(of.first_ns.as_ref().map(|first| first.p50))),
    ("huge_coordinator", |of| huge(of, |got| got.coordinator)),
    ("huge_worker", |of| huge(of, |got| got.worker)),
    ("huge_by", |of| of.pages_got.as_ref().and_then(|got| got.by.clone()).unwrap_or_default()),
    ("cores", |of| of.cores.iter().map(usize::to_string).collect::<Vec<_>>().join(" ")),
    ("interleaved_p50", |of| or_empty(of.interleaved_p50_ns)),
    ("round_p50", |of| or_empty(of.round_ns.as_ref().map(|rounds| rounds.p50))),
];

fn or_empty<T: ToString>(value: Option<T>) -> String {
    value.map_or(String::new(), |value| value.to_string())
}

/// Bytes that huge pages map on one side; empty where none were asked for.
fn huge(trial: &Trial, side: fn(&PagesGot) -> Mapped) -> String {
    or_empty(trial.pages_got.as_ref().map(|got| side(got).huge))
}
