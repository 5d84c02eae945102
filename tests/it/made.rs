//! Records made by hand, line by line, for what shows them.

use measure::Histogram;
use record::Record;
use serde_json::{Value as Json, json};

use crate::tools::root;

/// A run with everything that a page shows: pools and models of a fixed record, round trips in two
/// strata, comparisons, the lecture's cases and crossovers, limits.
pub(crate) fn whole() -> Vec<Json> {
    let fixed = std::fs::read_to_string(root().join("tests/records/advise/run.jsonl")).unwrap();
    let mut lines: Vec<Json> =
        fixed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let end = lines.pop().unwrap();
    // What was made by hand has no histograms.
    for line in &mut lines {
        if line["kind"] == "trial" && line["through"] == "hub" {
            fill(line);
        }
    }
    lines.extend(sweep(
        "same",
        "sleeping",
        &(0..11).map(|step| 64 << (2 * step)).collect::<Vec<_>>(),
    ));
    for mut line in sweep("same", "sleeping", &[4096, 65_536, 1 << 20]) {
        line["compute_ns"] = json!(100_000);
        let id = line["id"].as_u64();
        line["id"] = json!(id.map(|id| id + 5000));
        lines.push(line);
    }
    for (base, other, compute_ns, ratio) in
        [(25, 26, 0, 1.9), (31, 34, 0, 0.4), (28, 30, 16_000, 0.9), (25, 27, 256_000, 1.8)]
    {
        let case = lines.iter().find(|line| line["id"] == base).unwrap()["case"].clone();
        let mut cell = lines.iter().find(|line| line["id"] == other).unwrap().clone();
        cell["compute_ns"] = json!(compute_ns);
        lines.push(comparison(
            &cell,
            base,
            "speedup",
            ratio,
            json!({ "case": case, "scale": "lecture", "repeats": 1 }),
        ));
    }
    let cell = lines.iter().find(|line| line["id"] == 30).unwrap().clone();
    let crossover = json!({ "kind": "crossover", "axis": "compute_ns", "at": 30_000, "low": 20_000,
        "high": 40_000, "from": 1000, "to": 1_000_000, "threshold": 1.2, "confidence": 0.95,
        "sign": "parallel wins above", "pairs": 9, "verdict": "found", "side": null });
    lines.push(merged(&cell, crossover));
    for (what, bytes, ns) in [("pipe_round_trip", 0, 4000), ("copy_in_cache", 65_536, 6000)] {
        lines.push(json!({ "kind": "floor", "what": what, "placement": "same", "bytes": bytes, "ns": distribution(&[ns; 9]) }));
    }
    lines.push(end);
    lines
}

/// Three arms at each of `sizes` under one placement and regime, with their comparisons.
pub(crate) fn sweep(placement: &str, regime: &str, sizes: &[usize]) -> Vec<Json> {
    let mut lines = Vec::new();
    for (at, bytes) in (0..).zip(sizes) {
        let first = 1000 + 10 * at;
        for (arm, (transport, residency, per_byte)) in (0..).zip([
            ("pipe", "place", 0.2),
            ("shared", "place", 0.1),
            ("shared", "resident", 0.02),
        ]) {
            let segment = (transport == "shared").then_some("memfd");
            let mut trial = json!({ "kind": "trial", "id": first + arm, "lab": "sweep", "job": "sum",
                "transport": transport, "residency": residency, "wakeup": "futex", "regime": regime,
                "segment": segment, "workers": 1, "depth": 1, "placement": placement,
                "cores": [0, 0], "bytes": bytes, "items": bytes / 8, "compute_ns": 0,
                "through": "hub", "worker": "sibling", "arrival": "closed", "generations": 6,
                "pairs": 2, "tasks": 400, "ok": 400, "failed": 0, "lost": 0, "verified": 400,
                "wall_ns": 9, "overlap": false, "wire_bytes": null, "syscalls_per_task": null,
                "cpu_ns": { "coordinator": 0, "workers": 0 }, "faults": { "minor": 0, "major": 0 },
                "switches": { "voluntary": 0, "involuntary": 0 }, "steady": true, "warnings": [],
                "round_trip_ns": { "p50": 5000 + (*bytes as f64 * per_byte) as u64 } });
            fill(&mut trial);
            if transport == "shared" {
                let ratio = (5000.0 + *bytes as f64 * 0.2) / (5000.0 + *bytes as f64 * per_byte);
                lines.push(trial.clone());
                lines.push(comparison(&trial, first, "copy÷share", ratio, json!({})));
            } else {
                lines.push(trial);
            }
        }
    }
    lines
}

/// The lines as a record's text.
pub(crate) fn text(lines: &[Json]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// The lines as a reader understands them.
pub(crate) fn parsed(lines: &[Json]) -> Record {
    let stored = record::store::parse(&text(lines), Vec::new());
    assert_eq!((stored.faults.len(), stored.unknown.len()), (0, 0), "{:?}", stored.faults);
    stored.record
}

/// Four hundred round trips about the median that stands there, and phases.
fn fill(trial: &mut Json) {
    let p50 = trial["round_trip_ns"]["p50"].as_u64().unwrap();
    let samples: Vec<u64> = (0..400).map(|at| p50 + p50 * at * at / 40_000).collect();
    trial["round_trip_ns"] = distribution(&samples);
    let phases = ["fill", "encode", "send", "deliver", "decode", "compute", "reply", "collect"];
    trial["phases_ns"] =
        phases.iter().map(|phase| ((*phase).to_owned(), distribution(&[p50 / 8; 20]))).collect();
}

fn distribution(samples: &[u64]) -> Json {
    serde_json::to_value(samples.iter().copied().collect::<Histogram>().distribution()).unwrap()
}

fn comparison(cell: &Json, base: u64, what: &str, ratio: f64, more: Json) -> Json {
    let verdict = match ratio {
        _ if what == "speedup" => {
            if ratio > 1.2 {
                "FASTER"
            } else {
                "SLOWER or no gain"
            }
        }
        ratio if ratio > 1.1 => "SHARE",
        _ => "TOO CLOSE TO CALL",
    };
    let of = json!({ "kind": "comparison", "base": base, "other": cell["id"], "what": what,
        "base_transport": "pipe", "ratio": ratio, "low": ratio * 0.95, "high": ratio * 1.05,
        "confidence": 0.95, "threshold": if what == "speedup" { 1.2 } else { 1.05 }, "pairs": 12,
        "generations": 6, "verdict": verdict });
    merged(&merged(cell, of), more)
}

fn merged(first: &Json, second: Json) -> Json {
    let mut all = first.as_object().unwrap().clone();
    all.extend(second.as_object().unwrap().clone());
    Json::Object(all)
}
