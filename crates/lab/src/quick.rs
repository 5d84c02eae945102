//! What `coordinator quick` does in a minute, always the same: copy against share over sizes, in two
//! strata, and then every lab in a short form. For anything else there are `sweep` and `lab`.

use std::time::{Duration, Instant};

use harness::execute::{check, measure_all};
use harness::list::List;
use harness::{Done, LabOptions, RunOptions, RunWriter, Scale, placement};

use crate::copy_plan;
use crate::lab::{DURATIONS, Lab, SIZES};
use crate::labs;
use crate::run_lab;

/// Time to measure, unless the user says otherwise: a minute in all, starting and reporting included.
const BUDGET: Duration = Duration::from_secs(55);
/// The sweep's part of it; the labs share the rest.
const SWEEP: f64 = 0.5;

/// Durations of a short crossover, in microseconds: powers of four, and the lecture's six.
const DURATIONS_US: [u64; 11] = [1, 4, 16, 64, 256, 1000, 5000, 10_000, 50_000, 100_000, 500_000];

/// Measures all of it; `begun` is told of the run before.
///
/// # Errors
/// Nothing could be measured at all: a usage error where the user can mend it.
pub fn run(options: &RunOptions, begun: impl FnOnce(&RunWriter)) -> anyhow::Result<Done> {
    let cores = placement::allowed_cores()?;
    let plan = copy_plan::plan(cores.len());
    check(&plan, &cores)?;
    let list = List::range(plan.longest());
    let started = Instant::now();
    let mut run = RunWriter::begin(options, plan.fingerprint())?;
    begun(&run);
    let budget = options.budget.unwrap_or(BUDGET);
    run.deadline = Some(started + budget.mul_f64(SWEEP));
    let mut outcome = measure_all(&mut run, &plan, &list, options.quiet)?;
    let labs: Vec<_> = labs::ALL.iter().filter(|lab| lab.is_in_quick()).collect();
    for (at, lab) in (1..).zip(&labs) {
        let part = SWEEP + (1.0 - SWEEP) * f64::from(at) / labs.len() as f64;
        run.deadline = Some(started + budget.mul_f64(part));
        outcome = outcome.and(run_lab::measure(**lab, &mut run, &short(**lab, options))?);
    }
    run.end(outcome)
}

/// What a lab is asked for in a hurry: the lecture's exact counts, which compiled code does soon.
fn short(lab: &dyn Lab, options: &RunOptions) -> LabOptions {
    let has = |option| lab.options().contains(&option);
    let durations = DURATIONS_US.map(Duration::from_micros);
    LabOptions {
        workers: 4,
        scale: Scale::Lecture,
        durations: has(DURATIONS).then(|| durations.to_vec()),
        kills: None,
        sizes: has(SIZES).then(|| vec![0]),
        generations: 6,
        pairs: 2,
        run: options.clone(),
    }
}
