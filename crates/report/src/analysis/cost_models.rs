//! The models of a record: one for each way in each stratum that has sizes enough.

use std::cmp::Ordering;

use record::{Layer, Record, Stratum, Trial};
use stats::cost_model::{Model, Point, fit};

/// The cost model of one way in one stratum.
#[derive(Clone, Debug, PartialEq)]
pub struct CostModel<'a> {
    /// A trial that it was made from: its parameters but for the size, and its lab.
    pub trial: &'a Trial,
    /// The fitted model.
    pub model: Model,
}

/// A size that a model mispredicts, in bytes and nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Misprediction {
    /// Bytes of the list.
    pub bytes: usize,
    /// Median that was measured.
    pub measured_ns: u64,
    /// What is predicted without it.
    pub predicted_ns: u64,
}

/// An error from which a size counts as mispredicted.
const MAX_ERROR: f64 = 0.2;

impl CostModel<'_> {
    /// Sizes that are predicted with an error of more than 20 % without themselves.
    pub fn mispredicted(&self) -> Vec<Misprediction> {
        let all = self.model.off_by_more_than(MAX_ERROR).into_iter();
        all.map(|(bytes, measured, predicted)| Misprediction {
            bytes: bytes as usize,
            measured_ns: measured as u64,
            predicted_ns: predicted as u64,
        })
        .collect()
    }
}

/// Models of all trials of transports, in the order of the axes; `known` as in [`fit`].
///
/// Trials through pools, of open loops, of tasks that compute, and such as failed are left out.
pub fn cost_models<'a>(record: &'a Record, known: &[f64]) -> Vec<CostModel<'a>> {
    let mut groups: Vec<(&Trial, Vec<Point>)> = Vec::new();
    for trial in record.trials.iter().filter(|trial| has_cost_model(trial)) {
        let ns = trial.interleaved_p50_ns.unwrap_or(trial.round_trip_ns.p50);
        let point = (trial.params.bytes as f64, ns as f64);
        match groups.iter_mut().find(|(first, _)| first.params.same_except_size(&trial.params)) {
            Some((_, points)) => points.push(point),
            None => groups.push((trial, vec![point])),
        }
    }
    let fitted = |(trial, points): (&'a Trial, Vec<Point>)| {
        Some(CostModel { trial, model: fit(&points, known)? })
    };
    let mut models: Vec<CostModel<'_>> = groups.into_iter().filter_map(fitted).collect();
    let order = |a: &CostModel<'_>, b: &CostModel<'_>| {
        let key =
            |of: &CostModel<'_>| (of.trial.params.stratum.clone(), of.trial.params.arm.clone());
        key(a).partial_cmp(&key(b)).unwrap_or(Ordering::Equal)
    };
    models.sort_by(order);
    models
}

/// Sizes, in bytes, at which a hand-over may change its bandwidth: the pieces in which a list is
/// written, a pipe's capacity as made and as grown, and the caches of the machine in the record.
pub fn hinges(record: &Record) -> Vec<f64> {
    let caches = record.machine().map_or(&[][..], |machine| &machine.cache_bytes);
    let caches = caches.iter().map(|bytes| *bytes as f64);
    [8192.0, 65_536.0, 1_048_576.0].into_iter().chain(caches).collect()
}

fn has_cost_model(trial: &Trial) -> bool {
    let Stratum { layer, compute_ns, rate, .. } = &trial.params.stratum;
    trial.error.is_none()
        && trial.round_trip_ns.count > 0
        && (*layer, *compute_ns, *rate) == (Layer::Transport, 0, None)
}
