//! What a record says of pools, as the few numbers that plans are computed from: enough for a page to
//! do the same arithmetic for any question.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Learnt, Misses, WAYS, cores, light_reads, middle, models};
use crate::model::Model;
use crate::plans::rounds::rounds;
use crate::record::Line;

/// The numbers behind every plan of pools with so many workers; times in nanoseconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Terms {
    /// Worker processes of a pool.
    pub workers: usize,
    /// Cores of the machine.
    pub cores: usize,
    /// Where coordinator and workers run.
    pub placement: String,
    /// What a waiting side does.
    pub regime: String,
    /// How much of its cores a pool gets out of heavy tasks.
    pub efficiency: f64,
    /// The longest task that was measured alone.
    pub heaviest_ns: f64,
    /// How far tasks alone missed what they were asked to compute.
    pub alone_misses: Misses,
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
    pub hands: BTreeMap<usize, f64>,
    /// The same without a list.
    pub none: Option<f64>,
    /// Times what its model says that carrying adds; none where no list was measured.
    pub factor: Option<f64>,
    /// How far these numbers miss the rounds that they come from.
    pub misses: Misses,
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
/// [`crate::model::fit`].
pub fn terms(lines: &[Line], known: &[f64]) -> Vec<Terms> {
    let mut workers: Vec<usize> = lines
        .iter()
        .filter_map(|line| match line {
            Line::Trial(trial) if trial.through == "pool" => Some(trial.cell.workers),
            _ => None,
        })
        .collect();
    workers.sort_unstable();
    workers.dedup();
    workers.into_iter().filter_map(|workers| of(lines, known, workers)).collect()
}

fn of(lines: &[Line], known: &[f64], workers: usize) -> Option<Terms> {
    let rounds = rounds(lines, workers);
    let first = rounds.first()?;
    let (placement, regime) = (first.placement.clone(), first.regime.clone());
    let cores = cores(lines)?;
    let learnt = Learnt { models: models(lines, known, &placement, &regime), rounds, cores };
    let mut sizes: Vec<usize> = learnt.rounds.iter().map(|round| round.bytes).collect();
    sizes.sort_unstable();
    sizes.dedup();
    let reads = sizes.iter().filter_map(|bytes| {
        let mut light = light_reads(&learnt.rounds, *bytes);
        (!light.is_empty()).then(|| (*bytes, middle(&mut light)))
    });
    let way = |name: &&str| Way {
        name: (*name).into(),
        hands: sizes.iter().filter_map(|size| Some((*size, learnt.light(name, *size)?))).collect(),
        none: learnt.none(name),
        factor: learnt.factor(name),
        misses: learnt.misses(name),
    };
    let curves = WAYS.iter().filter_map(|way| Some(((*way).into(), curve(learnt.model(way)?))));
    Some(Terms {
        workers,
        cores,
        placement,
        regime,
        efficiency: learnt.efficiency(),
        heaviest_ns: learnt.heaviest(),
        alone_misses: learnt.alone_misses(),
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
