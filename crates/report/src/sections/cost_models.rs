//! The cost models of a record: a latency, bandwidths, and how far off they are.

use measure::units::{size, time};
use record::Record;

use crate::analysis::cost_models::{CostModel, Misprediction, cost_models, hinges};
use crate::document::{Cell, Column, Section, Table};

/// One table of all models; none where there are none.
pub(crate) fn section(record: &Record) -> Option<Section> {
    let all = cost_models(record, &hinges(record));
    let columns = ["alpha", "GB/s of each piece", "hinges", "predicts", "left out: mean", "worst"];
    let columns =
        std::iter::once(Column::left("model")).chain(columns.into_iter().map(Column::right));
    let rows = all.iter().map(row).collect();
    let mut notes: Vec<String> = LEGEND.map(String::from).to_vec();
    for model in &all {
        let mispredicted = model.mispredicted();
        if !mispredicted.is_empty() {
            let sizes: Vec<String> = mispredicted.iter().map(describe).collect();
            notes.push(format!("off by over 20 %  {}: {}", name(model), sizes.join(" · ")));
        }
    }
    let title = "cost models".into();
    let table = Table { columns: columns.collect(), rows };
    (!all.is_empty()).then(|| Section { title, table, notes, ..Section::default() })
}

fn row(of: &CostModel<'_>) -> Vec<Cell> {
    let line = &of.model.line;
    let rates: Vec<String> = line.beta_ns_per_byte.iter().map(|beta| rate(*beta)).collect();
    let hinges: Vec<String> =
        line.hinges_bytes.iter().map(|bytes| size(bytes.round() as usize)).collect();
    let share = |name, share: f64| Cell::new(percent(share)).with(name, share);
    vec![
        Cell::new(name(of)),
        Cell::new(time(line.alpha_ns.round() as u64)).with("alpha_ns", line.alpha_ns),
        Cell::new(rates.join(", ")),
        Cell::new(hinges.join(", ")),
        Cell::new(of.model.form.name()),
        share("loo_mean", of.model.loo_mean()),
        share("loo_worst", of.model.loo_worst().0),
    ]
}

const LEGEND: [&str; 2] = [
    "T(n) = alpha + beta·n, bent at hinges · left out: error at each inner size, predicted without it",
    "between points: a smooth curve through the measured sizes, where that predicts better",
];

fn describe(size_off: &Misprediction) -> String {
    let Misprediction { bytes, measured_ns, predicted_ns } = *size_off;
    format!("{} {}, predicted {}", size(bytes), time(measured_ns), time(predicted_ns))
}

fn name(of: &CostModel<'_>) -> String {
    let params = &of.trial.params;
    format!("{}: {}", params.stratum.title(), params.arm.name())
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
