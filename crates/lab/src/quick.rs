//! The fixed plan of `coordinator quick`: copy against share over sizes, in two strata, in a
//! minute. For anything else there is `sweep`.

use shm::wakeup::Regime;
use transport::Residency;

use crate::placement::Placement;
use crate::plan::{Arm, Cell, Plan};

/// The lecture's list: `list(range(50_000))`.
pub const LECTURE_BYTES: usize = 400_000;
/// The lecture sends eight of them.
const LECTURE_TASKS: usize = 8;

/// Sizes: 64 B to 64 MiB, times four, and the lecture's list.
fn sizes() -> Vec<usize> {
    let mut sizes: Vec<usize> = (0..11).map(|step| 64 << (2 * step)).collect();
    sizes.push(LECTURE_BYTES);
    sizes.sort_unstable();
    sizes
}

/// The plan for a machine with `cores` cores: with one alone, nothing is spread.
pub fn plan(cores: usize) -> Plan {
    let mut strata = vec![(Placement::Same, Regime::Sleeping)];
    if cores > 1 {
        strata.push((Placement::Spread, Regime::Hybrid));
    }
    let cells = strata.into_iter().flat_map(|(placement, regime)| {
        sizes().into_iter().map(move |bytes| Cell {
            placement: placement.clone(),
            regime,
            workers: 1,
            depth: 1,
            bytes,
            arms: arms(regime),
            compute_ns: 0,
            tasks: (bytes == LECTURE_BYTES).then_some(LECTURE_TASKS * 4),
        })
    });
    // Six generations are the fewest whose agreement means anything (97 %).
    Plan { lab: "quick", cells: cells.collect(), generations: 6, pairs: 4 }
}

/// Copy, place, resident.
fn arms(regime: Regime) -> Vec<Arm> {
    [
        Arm::of("pipe", Residency::Place, regime),
        Arm::of("shared", Residency::Place, regime),
        Arm::of("shared", Residency::Resident, regime),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plan_has_both_strata_all_sizes_and_the_lecture_s_list() {
        let plan = plan(2);
        assert_eq!(plan.cells.len(), 24);
        assert!(plan.cells.iter().all(|cell| cell.arms.len() == 3));
        assert!(plan.cells.iter().any(|cell| cell.bytes == 64));
        assert!(plan.cells.iter().any(|cell| cell.bytes == 64 << 20));
        assert!(plan.cells.iter().any(|cell| cell.bytes == LECTURE_BYTES));
        assert_eq!(super::plan(1).cells.len(), 12);
    }
}
