//! trials.csv: one row for each trial, for programs that want a table.

use measure::record::{Line, Mapped, PagesGot, Trial};

/// Every trial as one row of comma-separated values; times in nanoseconds, sizes in bytes.
pub fn trials(lines: &[Line]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let header = [
        "id",
        "lab",
        "job",
        "transport",
        "residency",
        "wakeup",
        "regime",
        "segment",
        "workers",
        "depth",
        "placement",
        "bytes",
        "items",
        "generations",
        "pairs",
        "tasks",
        "verified",
        "lost",
        "count",
        "min",
        "p50",
        "p90",
        "p99",
        "p999",
        "max",
        "mean",
        "wire_out",
        "wire_back",
        "syscalls",
        "steady",
        "error",
        "pages",
        "first",
        "huge_coordinator",
        "huge_worker",
        "huge_by",
    ];
    let written = writer.write_record(header);
    let trials = lines.iter().filter_map(|line| match line {
        Line::Trial(trial) => Some(trial),
        _ => None,
    });
    let written = trials.fold(written, |written, trial| {
        let Trial { cell, round_trip_ns: rt, .. } = &**trial;
        let or_empty = |value: Option<f64>| value.map_or(String::new(), |value| value.to_string());
        written.and(writer.write_record([
            trial.id.to_string(),
            trial.lab.clone(),
            cell.job.clone(),
            cell.transport.clone(),
            cell.residency.clone(),
            cell.wakeup.clone(),
            cell.regime.clone(),
            cell.segment.clone().unwrap_or_default(),
            cell.workers.to_string(),
            cell.depth.to_string(),
            cell.placement.clone(),
            cell.bytes.to_string(),
            cell.items.to_string(),
            trial.generations.to_string(),
            trial.pairs.to_string(),
            trial.tasks.to_string(),
            trial.verified.to_string(),
            trial.lost.to_string(),
            rt.count.to_string(),
            rt.min.to_string(),
            rt.p50.to_string(),
            rt.p90.to_string(),
            rt.p99.to_string(),
            rt.p999.to_string(),
            rt.max.to_string(),
            rt.mean.to_string(),
            or_empty(trial.wire_bytes.map(|wire| wire.per_task_out)),
            or_empty(trial.wire_bytes.map(|wire| wire.per_task_back)),
            or_empty(trial.syscalls_per_task),
            trial.steady.to_string(),
            trial.error.clone().unwrap_or_default(),
            cell.pages.clone().unwrap_or_default(),
            trial.first_ns.as_ref().map_or(String::new(), |first| first.p50.to_string()),
            huge(trial, |got| got.coordinator),
            huge(trial, |got| got.worker),
            trial.pages_got.as_ref().and_then(|got| got.by.clone()).unwrap_or_default(),
        ]))
    });
    written.expect("writing to memory does not fail");
    let bytes = writer.into_inner().expect("writing to memory does not fail");
    String::from_utf8(bytes).expect("only text was written")
}

/// Bytes that huge pages map on one side; nothing where nobody asked.
fn huge(trial: &Trial, side: fn(&PagesGot) -> Mapped) -> String {
    trial.pages_got.as_ref().map_or(String::new(), |got| side(got).huge.to_string())
}
