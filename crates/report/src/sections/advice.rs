//! An advice in words: plans ranked, what to do, and under which conditions that was learnt.

use std::fmt::Write as _;

use comfy_table::{CellAlignment, Table};
use measure::units::{ratio, size, time};
use record::{AdviceLine, PlanLine};

use crate::analysis::advice::TOO_CLOSE;

/// The plans as a table, and one sentence.
pub fn advice(advice: &AdviceLine) -> String {
    let AdviceLine { bytes, compute_ns, tasks, workers, cores, .. } = advice;
    let list = match bytes {
        0 => "without a list".to_owned(),
        bytes => format!("with a list of {}", size(*bytes)),
    };
    let mut text = format!(
        " {tasks} task{} of {} {list}; {workers} worker{} on {cores} cores, {}, {}\n",
        s(*tasks),
        time(*compute_ns),
        s(*workers),
        advice.placement,
        advice.wait,
    );
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    let checked = advice.plans.iter().any(|plan| plan.measured_ns.is_some());
    let mut header = vec!["plan", "predicted", "from", "to", "speedup", "basis"];
    header.extend(checked.then_some("measured"));
    table.set_header(header);
    for plan in &advice.plans {
        let mut row = vec![
            plan.plan.clone(),
            time(plan.predicted_ns),
            time(plan.low_ns),
            time(plan.high_ns),
            ratio(plan.speedup),
            plan.basis.clone(),
        ];
        row.extend(checked.then(|| plan.measured_ns.map_or(String::new(), time)));
        table.add_row(row);
    }
    table
        .column_iter_mut()
        .skip(1)
        .for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    let _ = writeln!(text, "{table}\n\nADVICE   {}", sentence(advice));
    let fastest = advice.plans.iter().filter(|plan| plan.measured_ns.is_some());
    if let Some(fastest) = fastest.min_by_key(|plan| plan.measured_ns) {
        let _ = writeln!(text, "CHECK    measured, {} was the fastest", fastest.plan);
    }
    let ceiling = workers.min(cores);
    let _ = write!(
        text,
        "         no pool can be more than {ceiling}× as fast · learnt from run {}",
        advice.run
    );
    text
}

fn sentence(advice: &AdviceLine) -> String {
    let [first, rest @ ..] = &advice.plans[..] else { return "there is no plan".into() };
    if advice.verdict != TOO_CLOSE {
        let beyond = if first.basis == "extrapolated" { "; this is extrapolated" } else { "" };
        return match first.plan.as_str() {
            "sequential" => format!("do them one after another: no pool is faster{beyond}"),
            way => format!(
                "use a pool by {way}: {} as fast as sequential{beyond}",
                ratio(first.speedup)
            ),
        };
    }
    let near = |plan: &&PlanLine| plan.low_ns <= first.high_ns;
    let names: Vec<&str> = rest.iter().filter(near).map(|plan| plan.plan.as_str()).collect();
    format!("too close to call between {} and {}", first.plan, names.join(", "))
}

fn s(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}
