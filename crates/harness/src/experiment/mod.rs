//! An experiment: arms measured side by side by one loop, their totals, and what they come to beside each other.

pub mod comparisons;
pub mod schedule;
pub mod totals;

use record::{PairRow, Params};
use stats::median::median_of_sorted;

use schedule::Turn;

/// The row of pairs.csv for one batch of the line numbered `trial`, of which `params` and `case` are said, by the arm
/// that `arm` names.
pub(crate) fn pair_row(
    run: &str,
    trial: u64,
    case: &str,
    params: &Params,
    arm: String,
    turn: &Turn,
) -> PairRow {
    let samples = &turn.sorted_ns;
    let stratum = &params.stratum;
    PairRow {
        run: run.into(),
        trial,
        case: case.into(),
        placement: stratum.placement.to_string(),
        wait: stratum.wait.to_string(),
        wakeup: params.arm.wakeup.clone(),
        workers: stratum.workers,
        depth: stratum.depth,
        generation: turn.generation,
        pair: turn.pair,
        order: turn.order,
        arm,
        size: params.bytes,
        compute: stratum.compute_ns,
        median: median_of_sorted(samples),
        mean: samples.iter().sum::<u64>() / samples.len().max(1) as u64,
        min: samples.first().copied().unwrap_or(0),
        n: samples.len(),
        time: turn.time_ns,
    }
}
