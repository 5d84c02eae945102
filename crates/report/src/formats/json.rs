//! A report as JSON: the model as it is, texts and the numbers behind them.

use crate::document::Report;

/// The report as JSON.
pub fn json(report: &Report) -> String {
    serde_json::to_string_pretty(report).expect("a report is texts and finite numbers")
}
