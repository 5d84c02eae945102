//! The machine that a run was measured on, in a line.

use measure::machine::Machine;
use measure::units::size;
use record::Record;

/// One line about the machine, and one for each of its warnings.
pub fn machine(machine: &Machine) -> String {
    describe(machine).join("\n")
}

/// The same of the machine in a record; of a record that was continued, each machine once.
pub(crate) fn head(record: &Record) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for line in record.machines.iter().flat_map(describe) {
        if !all.contains(&line) {
            all.push(line);
        }
    }
    all
}

fn describe(machine: &Machine) -> Vec<String> {
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
