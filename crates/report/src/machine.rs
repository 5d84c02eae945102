//! The machine that a run was measured on, in a line.

use measure::machine::Machine;
use measure::record::Line;

use crate::units::size;

/// One line about the machine, and one for each of its warnings.
pub fn machine(machine: &Machine) -> String {
    said(machine).join("\n")
}

/// The same of the machine in a record; of a record that was continued, each machine once.
pub(crate) fn head(lines: &[Line]) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for line in lines {
        if let Line::Machine(machine) = line {
            let new: Vec<String> =
                said(machine).into_iter().filter(|said| !all.contains(said)).collect();
            all.extend(new);
        }
    }
    all
}

fn said(machine: &Machine) -> Vec<String> {
    let shm = machine.shm_free_bytes.map_or("unknown".into(), |bytes| size(bytes as usize));
    let kind = if machine.r#virtual { " (VM)" } else { "" };
    let ok = if machine.warnings.is_empty() { "   ok" } else { "" };
    let line = format!(
        "machine  {}, {} cores · Linux {}{kind} · /dev/shm {shm} free · load {:.1}{ok}",
        machine.cpu,
        machine.cores,
        machine.kernel,
        machine.load1.unwrap_or(0.0)
    );
    let warnings = machine.warnings.iter().map(|warning| format!("         warning: {warning}"));
    std::iter::once(line).chain(warnings).collect()
}
