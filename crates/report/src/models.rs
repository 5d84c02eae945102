//! The cost models of a record: a latency, bandwidths, and how far off they are.

use std::fmt::Write as _;

use measure::model::ModelLine;
use measure::record::Line;

use crate::model::{Cell, Column, Section, Table};
use crate::table::way;
use crate::units::{size, time};

/// One table of all models; nothing where there are none.
pub(crate) fn section(lines: &[Line]) -> Option<Section> {
    let all: Vec<&ModelLine> = latest(lines);
    let columns = ["alpha", "GB/s of each piece", "hinges", "predicts", "left out: mean", "worst"];
    let columns =
        std::iter::once(Column::left("model")).chain(columns.into_iter().map(Column::right));
    let rows = all.iter().map(|model| row(model)).collect();
    let mut notes: Vec<String> = LEGEND.map(String::from).to_vec();
    for model in all.iter().filter(|model| !model.off.is_empty()) {
        let off = model.off.iter().map(|off| {
            let (measured, predicted) = (time(off.measured_ns), time(off.predicted_ns));
            format!("{} {measured}, not {predicted}", size(off.bytes))
        });
        let off: Vec<String> = off.collect();
        notes.push(format!("off by over 20 %  {}: {}", name(model), off.join(" · ")));
    }
    let title = "cost models".into();
    let table = Table { columns: columns.collect(), rows };
    (!all.is_empty()).then(|| Section { title, table, notes, ..Section::default() })
}

fn row(model: &ModelLine) -> Vec<Cell> {
    let rates: Vec<String> = model.beta_ns_per_byte.iter().map(|beta| rate(*beta)).collect();
    let hinges: Vec<String> =
        model.hinges_bytes.iter().map(|bytes| size(bytes.round() as usize)).collect();
    let share = |name, share: f64| Cell::new(percent(share)).with(name, share);
    vec![
        Cell::new(name(model)),
        Cell::new(time(model.alpha_ns.round() as u64)).with("alpha_ns", model.alpha_ns),
        Cell::new(rates.join(", ")),
        Cell::new(hinges.join(", ")),
        Cell::new(model.form.clone()),
        share("loo_mean", model.loo_mean),
        share("loo_worst", model.loo_worst),
    ]
}

const LEGEND: [&str; 2] = [
    "T(n) = alpha + beta·n, bent at hinges · left out: error at each inner size, predicted without it",
    "between points: a smooth curve through the measured sizes, where that predicts better",
];

/// Of two models of one way in one stratum, the later.
fn latest(lines: &[Line]) -> Vec<&ModelLine> {
    let models = lines.iter().filter_map(|line| match line {
        Line::Model(model) => Some(&**model),
        _ => None,
    });
    crate::latest(models, key)
}

fn key(model: &ModelLine) -> [String; 4] {
    let segment = model.segment.clone().unwrap_or_default();
    [name(model), model.wakeup.clone(), segment, model.lab.clone()]
}

fn name(model: &ModelLine) -> String {
    let pages = model.pages.as_deref();
    let arm = way(&model.transport, &model.residency, model.segment.is_some(), pages);
    let mut name = format!("{}, {}: {arm}", model.placement, model.regime);
    if model.workers > 1 || model.depth > 1 {
        let _ = write!(name, ", {} × {} in flight", model.workers, model.depth);
    }
    name
}

/// Bytes a nanosecond are gigabytes a second.
fn rate(beta: f64) -> String {
    match 1.0 / beta {
        rate if !rate.is_finite() || rate > 1000.0 => "> 1000".into(),
        rate if rate < 10.0 => format!("{rate:.2}"),
        rate => format!("{rate:.1}"),
    }
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}
