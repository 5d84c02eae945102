//! The cells of `quick` and of the lab `copy`: a list copied, placed, or there already, over sizes, in two strata.

use harness::placement::Placement;
use harness::plan::{self, Arm, Cell, Plan};
use record::TrialTable;
use shm::wakeup::WaitStrategy;
use transport::Residency;
use workload::lecture::LECTURE_BYTES;

/// The lecture sends eight lists.
const LECTURE_TASKS: usize = 8;

/// Sizes: 64 B to 64 MiB, times four, and the lecture's list.
fn sizes() -> Vec<usize> {
    let mut sizes: Vec<usize> = (0..11).map(|step| 64 << (2 * step)).collect();
    sizes.push(LECTURE_BYTES);
    sizes.sort_unstable();
    sizes
}

/// The plan for a machine with `cores` cores: with one alone, nothing is spread.
pub(crate) fn plan(cores: usize) -> Plan {
    let mut strata = vec![(Placement::Same, WaitStrategy::Sleep)];
    if cores > 1 {
        strata.push((Placement::Spread, WaitStrategy::Hybrid));
    }
    let cells = strata.into_iter().flat_map(|(placement, wait)| {
        sizes().into_iter().map(move |bytes| Cell {
            placement: placement.clone(),
            stratum: Cell::usual(wait),
            bytes,
            arms: arms(wait),
            tasks: (bytes == LECTURE_BYTES).then_some(LECTURE_TASKS * 4),
            ..Cell::default()
        })
    });
    let cells = plan::with_aa_tests(cells.collect(), usize::MAX);
    Plan {
        lab: "quick",
        cells,
        // Six generations are the fewest that carry a verdict. So there is nothing to analyse before.
        generations: 6,
        pairs: 4,
        stops: false,
        limits: true,
        table: TrialTable::Stratum,
    }
}

/// Copy, place, resident.
fn arms(wait: WaitStrategy) -> Vec<Arm> {
    [
        Arm::of("pipe", Residency::Place, wait),
        Arm::of("shared", Residency::Place, wait),
        Arm::of("shared", Residency::Resident, wait),
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
        let (tests, cells): (Vec<_>, Vec<_>) =
            plan.cells.iter().partition(|cell| cell.is_aa_test());
        assert_eq!((cells.len(), tests.len()), (24, 2));
        assert!(cells.iter().all(|cell| cell.arms.len() == 3));
        assert!(plan.cells.iter().any(|cell| cell.bytes == 64));
        assert!(plan.cells.iter().any(|cell| cell.bytes == 64 << 20));
        assert!(plan.cells.iter().any(|cell| cell.bytes == LECTURE_BYTES));
        assert_eq!(super::plan(1).cells.len(), 12 + 1);
    }
}
