//! What `coordinator quick` does in a minute, always the same: copy against share over sizes, in two
//! strata, and then every lab in a short form. For anything else there are `sweep` and `lab`.

use std::time::{Duration, Instant};

use shm::wakeup::WaitStrategy;
use transport::Residency;

use crate::args::Common;
use crate::book::{Book, Done};
use crate::labs::{self, Lab};
use crate::models;
use crate::placement::{self, Placement};
use crate::plan::{self, Arm, Cell, Plan, SUM};
use crate::run;
use crate::source::Source;
use crate::wish::{DURATIONS, Durations, Lists, SIZES, Scale, Wish};

/// Time to measure, unless the user says otherwise: a minute in all, starting and reporting included.
const BUDGET: Duration = Duration::from_secs(55);
/// The sweep's part of it; the labs share the rest.
const SWEEP: f64 = 0.5;

/// Durations of a short crossover, in microseconds: a ladder, and the lecture's six.
const DURATIONS_US: [u64; 11] = [1, 4, 16, 64, 256, 1000, 5000, 10_000, 50_000, 100_000, 500_000];

/// Measures all of it.
///
/// # Errors
/// Nothing could be measured at all: a refusal where the user can mend it.
pub fn carry_out(common: &Common) -> anyhow::Result<Done> {
    let cores = placement::allowed_cores()?;
    let plan = plan(cores.len());
    run::check(&plan, &cores)?;
    let source = Source::range(plan.longest());
    let started = Instant::now();
    let mut book = Book::begin(common, plan.fingerprint())?;
    let budget = common.budget.map_or(BUDGET, |budget| *budget);
    book.deadline = Some(started + budget.mul_f64(SWEEP));
    let mut outcome = run::measure_all(&mut book, &plan, &source, common.quiet)?;
    models::say(&mut book)?;
    let asked: Vec<_> = labs::ALL.iter().filter(|lab| lab.is_in_quick()).collect();
    for (at, lab) in (1..).zip(&asked) {
        let part = SWEEP + (1.0 - SWEEP) * f64::from(at) / asked.len() as f64;
        book.deadline = Some(started + budget.mul_f64(part));
        let wish = short(**lab, common);
        labs::ask(**lab, &mut book, &wish, &mut outcome)?;
    }
    book.end(outcome)
}

/// What a lab is asked for in a hurry: the lecture's exact counts, which compiled code does soon.
fn short(lab: &dyn Lab, common: &Common) -> Wish {
    let has = |option| lab.options().contains(&option);
    let durations = DURATIONS_US.map(Duration::from_micros);
    Wish {
        workers: 4,
        scale: Scale::Lecture,
        durations: has(DURATIONS).then(|| Durations(durations.to_vec())),
        kills: None,
        sizes: has(SIZES).then(|| Lists(vec![0])),
        generations: 6,
        pairs: 2,
        common: common.clone(),
    }
}

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
    let mut strata = vec![(Placement::Same, WaitStrategy::Sleep)];
    if cores > 1 {
        strata.push((Placement::Spread, WaitStrategy::Hybrid));
    }
    let cells = strata.into_iter().flat_map(|(placement, regime)| {
        sizes().into_iter().map(move |bytes| Cell {
            placement: placement.clone(),
            regime,
            workers: 1,
            depth: 1,
            job: SUM,
            bytes,
            arms: arms(regime),
            control: false,
            compute_ns: 0,
            planted: None,
            rate: None,
            tasks: (bytes == LECTURE_BYTES).then_some(LECTURE_TASKS * 4),
        })
    });
    let cells = plan::with_controls(cells.collect(), usize::MAX);
    // Six generations are the fewest that carry a verdict. So there is nothing to look at before.
    Plan { lab: "quick", cells, generations: 6, pairs: 4, stops: false, floor: true }
}

/// Copy, place, resident.
fn arms(regime: WaitStrategy) -> Vec<Arm> {
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
        let (controls, cells): (Vec<_>, Vec<_>) = plan.cells.iter().partition(|cell| cell.control);
        assert_eq!((cells.len(), controls.len()), (24, 2));
        assert!(cells.iter().all(|cell| cell.arms.len() == 3));
        assert!(plan.cells.iter().any(|cell| cell.bytes == 64));
        assert!(plan.cells.iter().any(|cell| cell.bytes == 64 << 20));
        assert!(plan.cells.iter().any(|cell| cell.bytes == LECTURE_BYTES));
        assert_eq!(super::plan(1).cells.len(), 12 + 1);
    }
}
