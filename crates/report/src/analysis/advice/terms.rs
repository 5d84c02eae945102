//! What a record says of pools, as the few numbers that plans are computed from: enough for a page to
//! do the same arithmetic for any question.

use std::collections::BTreeMap;

use record::{Layer, Placement, Record, Wait};
use serde::Serialize;
use stats::cost_model::Model;
use stats::median;

use super::rounds::rounds;
use super::{PoolFit, Residuals, WAYS, light_reads, models};

/// The numbers behind every plan of pools with so many workers; times in nanoseconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Terms {
    /// Worker processes of a pool.
    pub workers: usize,
    /// Cores of the machine.
    pub cores: usize,
    /// Where coordinator and workers run.
    pub placement: Placement,
    /// What a process does while it waits.
    pub wait: Wait,
    /// How much of its cores a pool gets out of heavy tasks.
    pub efficiency: f64,
    /// The longest task that was measured alone.
    pub heaviest_ns: f64,
    /// How far tasks alone missed what they were asked to compute.
    pub alone_residuals: Residuals,
    /// Time to read a list once, by its size, where it was measured.
    pub reads: BTreeMap<usize, f64>,
    /// The ways through a pool.
    pub ways: Vec<Way>,
    /// The transports' models, by way.
    pub models: BTreeMap<String, Curve>,
}

/// One way through a pool.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Way {
    /// `pipe`, `shared place` or `shared resident`.
    pub name: String,
    /// The coordinator's time for each task, by size of list, where light tasks were measured.
    pub handovers: BTreeMap<usize, f64>,
    /// The same without a list.
    pub empty: Option<f64>,
    /// Times what its model says that carrying adds; none where no list was measured.
    pub carry_scale: Option<f64>,
    /// How far these numbers miss the rounds that they come from.
    pub residuals: Residuals,
}

/// A transport's cost model.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Curve {
    /// `hinged` or `between points`.
    pub form: String,
    /// Sizes measured.
    pub bytes: Vec<f64>,
    /// Times there, never falling.
    pub ns: Vec<f64>,
    /// How steep the curve through them is at each, both axes logarithmic.
    pub slopes: Vec<f64>,
    /// Relative error of each when it is left out.
    pub errors: Vec<f64>,
    /// The hinged line.
    pub alpha_ns: f64,
    /// Its slopes.
    pub beta_ns_per_byte: Vec<f64>,
    /// Where it bends.
    pub hinges_bytes: Vec<f64>,
}

/// The terms of `lines` for each number of workers that pools had there; `known` as in
/// [`stats::cost_model::fit`].
pub fn terms(record: &Record, known: &[f64]) -> Vec<Terms> {
    let strata = record.trials.iter().map(|trial| &trial.params.stratum);
    let pools = strata.filter(|stratum| stratum.layer == Layer::Pool);
    let mut workers: Vec<usize> = pools.map(|stratum| stratum.workers).collect();
    workers.sort_unstable();
    workers.dedup();
    workers.into_iter().filter_map(|workers| of_workers(record, known, workers)).collect()
}

fn of_workers(record: &Record, known: &[f64], workers: usize) -> Option<Terms> {
    let rounds = rounds(record, workers);
    let first = rounds.first()?;
    let (placement, wait) = (first.placement, first.wait);
    let cores = record.machine()?.cores;
    let learnt = PoolFit { models: models(record, known, placement, wait), rounds, cores };
    let mut sizes: Vec<usize> = learnt.rounds.iter().map(|round| round.bytes).collect();
    sizes.sort_unstable();
    sizes.dedup();
    let reads = sizes.iter().filter_map(|bytes| {
        let mut light = light_reads(&learnt.rounds, *bytes);
        (!light.is_empty()).then(|| (*bytes, median(&mut light)))
    });
    let way = |name: &&str| Way {
        name: (*name).into(),
        handovers: sizes
            .iter()
            .filter_map(|size| Some((*size, learnt.light_rounds(name, *size)?)))
            .collect(),
        empty: learnt.empty_task_ns(name),
        carry_scale: learnt.carry_scale(name),
        residuals: learnt.residuals(name),
    };
    let curves = WAYS.iter().filter_map(|way| Some(((*way).into(), curve(learnt.model(way)?))));
    Some(Terms {
        workers,
        cores,
        placement,
        wait,
        efficiency: learnt.efficiency(),
        heaviest_ns: learnt.heaviest(),
        alone_residuals: learnt.alone_residuals(),
        reads: reads.collect(),
        ways: WAYS.iter().map(way).collect(),
        models: curves.collect(),
    })
}

fn curve(model: &Model) -> Curve {
    let (bytes, ns) = model.rising().iter().copied().unzip();
    Curve {
        form: model.form.name().into(),
        bytes,
        ns,
        slopes: model.smooth().slopes().to_vec(),
        errors: model.errors(),
        alpha_ns: model.line.alpha_ns,
        beta_ns_per_byte: model.line.beta_ns_per_byte.clone(),
        hinges_bytes: model.line.hinges_bytes.clone(),
    }
}
