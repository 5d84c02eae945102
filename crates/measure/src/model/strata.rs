//! The models of a record: one for each way in each stratum that has sizes enough.

use serde::{Deserialize, Serialize};

use super::{Model, Point, fit};
use crate::record::{Cell, Line, Trial};

/// The cost model of one way in one stratum. Of two lines for the same, the later counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelLine {
    /// Which lab asked.
    pub lab: String,
    /// Name of the transport.
    pub transport: String,
    /// place, build or resident.
    pub residency: String,
    /// How the other side was woken.
    pub wakeup: String,
    /// sleeping, polling or hybrid.
    pub regime: String,
    /// Kind of segment; null where nothing is shared.
    pub segment: Option<String>,
    /// What pages it was asked to be made of, where not of the usual ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pages: Option<String>,
    /// Worker processes.
    pub workers: usize,
    /// Tasks in flight per worker.
    pub depth: usize,
    /// same, spread or unpinned.
    pub placement: String,
    /// Smallest size that it was made from, in bytes.
    pub from: usize,
    /// Largest size.
    pub to: usize,
    /// Sizes that it was made from.
    pub sizes: usize,
    /// Time for no bytes at all.
    pub alpha_ns: f64,
    /// Time for each further byte, one for each piece.
    pub beta_ns_per_byte: Vec<f64>,
    /// Where the slope changes: one fewer than there are pieces.
    pub hinges_bytes: Vec<f64>,
    /// What predicts: `hinged`, or `between points`.
    pub form: String,
    /// Mean relative error of the inner sizes, each predicted without itself.
    pub loo_mean: f64,
    /// The worst of them.
    pub loo_worst: f64,
    /// Sizes that are predicted with an error of more than 20 % without themselves.
    pub off: Vec<Off>,
}

/// A size that the model would miss.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Off {
    /// Bytes of the list.
    pub bytes: usize,
    /// Median that was measured.
    pub measured_ns: u64,
    /// What would have been predicted.
    pub predicted_ns: u64,
}

/// An error from which a size is named.
const FAR: f64 = 0.2;

/// Models of all trials of transports in `lines`, with their lines; `known` as in [`fit`].
///
/// Of a size that was measured twice the last trial counts. Trials through pools and such as failed
/// are left out.
pub fn of_record(lines: &[Line], known: &[f64]) -> Vec<(ModelLine, Model)> {
    let mut strata: Vec<(&Trial, Vec<Point>)> = Vec::new();
    for trial in lines.iter().rev().filter_map(of_transport) {
        let ns = trial.beside_ns.unwrap_or(trial.round_trip_ns.p50);
        let point = (trial.cell.bytes as f64, ns as f64);
        match strata.iter_mut().find(|(first, _)| alike(&first.cell, &trial.cell)) {
            Some((_, points)) if points.iter().any(|(bytes, _)| *bytes == point.0) => {}
            Some((_, points)) => points.push(point),
            None => strata.push((trial, vec![point])),
        }
    }
    let mut models: Vec<_> = strata
        .into_iter()
        .filter_map(|(trial, points)| {
            let model = fit(&points, known)?;
            Some((line(trial, &model), model))
        })
        .collect();
    let order = |line: &ModelLine| {
        let shares = line.segment.is_some();
        let place = (line.placement.clone(), line.regime != "sleeping", line.workers, line.depth);
        (place, shares, line.transport.clone(), line.residency.clone(), line.pages.clone())
    };
    models.sort_by_key(|(line, _)| order(line));
    models
}

/// Sizes, in bytes, at which a hand-over may change its bandwidth: the pieces in which a list is
/// written, a pipe's capacity as made and as grown, and the caches of the machine in the record.
pub fn hinges(lines: &[Line]) -> Vec<f64> {
    let machine = lines.iter().rev().find_map(|line| match line {
        Line::Machine(machine) => Some(machine),
        _ => None,
    });
    let caches = machine.map_or(&[][..], |machine| &machine.cache_bytes);
    let caches = caches.iter().map(|bytes| *bytes as f64);
    [8192.0, 65_536.0, 1_048_576.0].into_iter().chain(caches).collect()
}

fn of_transport(line: &Line) -> Option<&Trial> {
    match line {
        Line::Trial(trial)
            if trial.error.is_none()
                && trial.through == "hub"
                && trial.arrival == "closed"
                && trial.cell.compute_ns == 0
                && trial.round_trip_ns.count > 0 =>
        {
            Some(trial)
        }
        _ => None,
    }
}

/// Whether two cells differ by nothing but their size.
fn alike(a: &Cell, b: &Cell) -> bool {
    let size = (a.bytes, a.items);
    let b = Cell { bytes: size.0, items: size.1, ..b.clone() };
    *a == b
}

fn line(trial: &Trial, model: &Model) -> ModelLine {
    let cell = &trial.cell;
    let off = model.off_by_more_than(FAR).into_iter();
    ModelLine {
        lab: trial.lab.clone(),
        transport: cell.transport.clone(),
        residency: cell.residency.clone(),
        wakeup: cell.wakeup.clone(),
        regime: cell.regime.clone(),
        segment: cell.segment.clone(),
        pages: cell.pages.clone(),
        workers: cell.workers,
        depth: cell.depth,
        placement: cell.placement.clone(),
        from: model.points[0].0 as usize,
        to: model.points[model.points.len() - 1].0 as usize,
        sizes: model.points.len(),
        alpha_ns: model.line.alpha_ns,
        beta_ns_per_byte: model.line.beta_ns_per_byte.clone(),
        hinges_bytes: model.line.hinges_bytes.clone(),
        form: model.form.name().into(),
        loo_mean: model.loo_mean(),
        loo_worst: model.loo_worst().0,
        off: off
            .map(|(bytes, measured, predicted)| Off {
                bytes: bytes as usize,
                measured_ns: measured as u64,
                predicted_ns: predicted as u64,
            })
            .collect(),
    }
}
