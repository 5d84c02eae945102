//! Lines for tests, of this crate and of those that read records.

use measure::Distribution;

use crate::lines::{AaTest, Comparison, Limit, RunLine, Trial};
use crate::params::{Params, Residency, Segment, Stratum};

/// A list of 4 KiB copied through a pipe, both processes on one core.
pub fn params() -> Params {
    let stratum = Stratum { workers: 1, depth: 1, job: "sum".into(), ..Stratum::default() };
    let mut params = Params { bytes: 4096, stratum, ..Params::default() };
    params.arm.transport = "pipe".into();
    params.arm.wakeup = "block".into();
    params
}

/// A complete trial of [`params`].
pub fn trial(id: u64) -> Trial {
    let text = r#"{"id":1,"lab":"sweep","job":"sum","transport":"pipe","residency":"place","wakeup":"block",
        "wait":"sleep","segment":null,"workers":1,"depth":1,"placement":"same","cores":[0,0],"bytes":8,"compute_ns":0,
        "worker":"self","generations":6,"pairs":4,"tasks":400,"ok":400,"failed":0,"lost":0,"verified":400,
        "wall_ns":1,"round_trip_ns":{"count":400,"min":1,"p50":500000,"p90":800000,"p99":900000,"p999":2000000,
        "max":3000000,"mean":600000,"hdr":""},"phases_ns":{},"overlap":false,"wire_bytes":null,
        "syscalls_per_task":null,"cpu_ns":{"coordinator":0,"workers":0},"faults":{"minor":0,"major":0},
        "switches":{"voluntary":0,"involuntary":0},"steady":true,"warnings":[]}"#;
    let trial: Trial = serde_json::from_str(text).expect("the sample is a trial");
    Trial { id, params: params(), ..trial }
}

/// The same list, placed in a shared segment.
pub fn sharing(mut trial: Trial) -> Trial {
    let arm = &mut trial.params.arm;
    (arm.transport, arm.wakeup) = ("shared".into(), "futex".into());
    (arm.segment, arm.residency) = (Some(Segment::Memfd), Residency::Place);
    trial
}

/// Trial `base` divided by trial `other`, which shares.
pub fn comparison(id: u64, base: u64, other: u64) -> Comparison {
    let text = r#"{"id":1,"lab":"sweep","base":1,"other":2,"what":"copy÷share","base_transport":"pipe","job":"sum",
        "transport":"shared","residency":"place","wakeup":"futex","wait":"sleep","segment":"memfd","workers":1,
        "depth":1,"placement":"same","cores":[0,0],"bytes":4096,"compute_ns":0,"ratio":2.5,"low":2.1,"high":3.0,
        "confidence":0.95,"threshold":1.05,"pairs":24,"generations":6,"verdict":"SHARE"}"#;
    let comparison: Comparison = serde_json::from_str(text).expect("the sample is a comparison");
    let params = sharing(trial(other)).params;
    Comparison { id, base, other, params, ..comparison }
}

/// A limit of one core with that median.
pub fn limit(what: &str, p50: u64) -> Limit {
    let ns = Distribution { count: 9, min: 1, p50, ..Distribution::default() };
    Limit { what: what.into(), placement: crate::params::Placement::Same, bytes: 0, ns }
}

/// The first line of a run with that name.
pub fn run(id: &str) -> RunLine {
    let text = r#"{"schema":2,"id":"","command":["coordinator","sweep"],"version":"0","build":"b","commit":null,
        "seed":1,"plan":"sweep","started":"2026-01-01T00:00:00Z"}"#;
    let run: RunLine = serde_json::from_str(text).expect("the sample is a run line");
    RunLine { id: id.into(), ..run }
}

/// An A/A test of [`params`] that found no difference.
pub fn aa_test(id: u64) -> AaTest {
    let (ratio, low, high) = (Some(1.0), Some(0.99), Some(1.01));
    AaTest {
        id,
        lab: "sweep".into(),
        params: params(),
        cores: vec![0, 0],
        injected: None,
        ratio,
        low,
        high,
        confidence: 0.95,
        threshold: 1.05,
        pairs: 24,
        generations: 6,
        verdict: "SAME".into(),
        stopped: None,
        warnings: Vec::new(),
        error: None,
    }
}
