//! The cost models of a record: a latency, bandwidths, and how far off they are.

use std::fmt::Write as _;

use comfy_table::{CellAlignment, Table};
use measure::model::ModelLine;
use measure::record::Line;

use crate::units::{size, time};

/// One table of all models; nothing where there are none.
pub(crate) fn table(lines: &[Line]) -> String {
    let all: Vec<&ModelLine> = latest(lines);
    if all.is_empty() {
        return String::new();
    }
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_header([
        "model",
        "alpha",
        "GB/s of each piece",
        "hinges",
        "predicts",
        "left out: mean",
        "worst",
    ]);
    for model in &all {
        let rates: Vec<String> = model.beta_ns_per_byte.iter().map(|beta| rate(*beta)).collect();
        let hinges: Vec<String> =
            model.hinges_bytes.iter().map(|bytes| size(bytes.round() as usize)).collect();
        table.add_row([
            name(model),
            time(model.alpha_ns.round() as u64),
            rates.join(", "),
            hinges.join(", "),
            model.form.clone(),
            percent(model.loo_mean),
            percent(model.loo_worst),
        ]);
    }
    table
        .column_iter_mut()
        .skip(1)
        .for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    let mut text = format!("\n{table}\n{LEGEND}");
    for model in &all {
        for off in &model.off {
            let _ = writeln!(
                text,
                " off      {}, {}: measured {}, predicted without it {}",
                name(model),
                size(off.bytes),
                time(off.measured_ns),
                time(off.predicted_ns)
            );
        }
    }
    text
}

const LEGEND: &str = " \
 T(n) = alpha + beta·n, bent at hinges · left out: error at each inner size, predicted without it
 between points: straight from one measured size to the next, where that predicts better
";

/// Of two models of one way in one stratum, the later.
fn latest(lines: &[Line]) -> Vec<&ModelLine> {
    let models: Vec<&ModelLine> = lines
        .iter()
        .filter_map(|line| match line {
            Line::Model(model) => Some(&**model),
            _ => None,
        })
        .collect();
    let again = |at: usize| models[at + 1..].iter().any(|later| key(later) == key(models[at]));
    (0..models.len()).filter(|at| !again(*at)).map(|at| models[at]).collect()
}

fn key(model: &ModelLine) -> [String; 4] {
    let segment = model.segment.clone().unwrap_or_default();
    [name(model), model.wakeup.clone(), segment, model.lab.clone()]
}

fn name(model: &ModelLine) -> String {
    let arm = match (model.segment.is_some(), model.residency.as_str()) {
        (false, "place") => model.transport.clone(),
        (_, residency) => format!("{} {residency}", model.transport),
    };
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
