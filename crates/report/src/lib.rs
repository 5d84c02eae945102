//! Recorded runs as tables, CSV and verdicts in words: a pure function of the record's lines.
#![forbid(unsafe_code)]

mod advice;
mod lecture;
mod model;
mod summary;
mod table;
mod units;

use std::path::Path;

use measure::machine::Machine;
use measure::record::Line;

pub use advice::advice;
pub use table::csv;
pub use units::{size, time};

/// Name of the table of trials in a run's folder.
pub const TRIALS: &str = "trials.csv";

/// One line about the machine.
pub fn machine(machine: &Machine) -> String {
    let shm = machine.shm_free_bytes.map_or("unknown".into(), |bytes| size(bytes as usize));
    let kind = if machine.r#virtual { " (VM)" } else { "" };
    let mut line = format!(
        "machine  {}, {} cores · Linux {}{kind} · /dev/shm {shm} free · load {:.1}",
        machine.cpu,
        machine.cores,
        machine.kernel,
        machine.load1.unwrap_or(0.0)
    );
    match machine.warnings.is_empty() {
        true => line.push_str("   ok"),
        false => machine.warnings.iter().for_each(|warning| {
            line.push_str("\n         warning: ");
            line.push_str(warning);
        }),
    }
    line
}

/// Everything that a run's end prints: tables, verdicts, what to do next, where the record is.
pub fn terminal(lines: &[Line], folder: &Path) -> String {
    let tables = table::strata(lines);
    let models = model::table(lines);
    let lecture = lecture::labs(lines);
    let summary = summary::of(lines, folder);
    format!("{tables}{models}{lecture}{summary}")
}
