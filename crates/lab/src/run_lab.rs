//! Runs a lab: checks what was asked for, takes guesses, measures, and scores them.

use harness::{Done, LabContext, LabOptions, Outcome, RunWriter, UsageError};
use measure::units::size;
use pool::MAX_WORKERS;
use record::Line;

use crate::lab::{DURATIONS, KILLS, Lab, SIZES};
use crate::quiz::{self, Source};

/// Runs one lab as a run of its own; asks for guesses before, if they come from somewhere.
///
/// # Errors
/// Nothing could be measured at all: a [`UsageError`] where the user can mend it.
pub fn run(
    lab: &dyn Lab,
    options: &LabOptions,
    guesses: Option<&Source>,
    begun: impl FnOnce(&RunWriter),
) -> anyhow::Result<Done> {
    check(lab, options)?;
    if !options.run.quiet {
        anstream::eprintln!("lab {}  {}", lab.number(), lab.question());
    }
    let plan = format!("{} {}", lab.name(), options.fingerprint());
    let before = RunWriter::before(&options.run, &plan)?;
    let guessed = quiz::guesses(&before, lab.name()).next().is_some();
    let guesses = match guesses {
        // A reader who continues a run has seen some of it.
        Some(source) if !guessed => quiz::ask(lab, source)?,
        _ => Vec::new(),
    };
    let mut run = RunWriter::begin(&options.run, plan)?;
    begun(&run);
    guesses.into_iter().try_for_each(|guess| run.append(Line::Guess(guess)))?;
    let outcome = measure(lab, &mut run, options)?;
    if run.interrupt.signal().is_none() {
        quiz::score(lab, &mut run)?;
    }
    run.end(outcome)
}

/// Measures one lab within a run.
///
/// # Errors
/// Nothing could be measured at all.
pub fn measure(
    lab: &dyn Lab,
    run: &mut RunWriter,
    options: &LabOptions,
) -> anyhow::Result<Outcome> {
    let mut context = LabContext::new(run, options, lab.name());
    lab.measure(&mut context)?;
    let mut outcome = context.outcome;
    let of_lab = run.record.trials.iter().filter(|trial| trial.lab == lab.name());
    outcome.short |= of_lab.into_iter().any(|trial| trial.generations < options.generations);
    Ok(outcome)
}

/// What can be refused before anything is started.
fn check(lab: &dyn Lab, options: &LabOptions) -> Result<(), UsageError> {
    if !(1..=MAX_WORKERS).contains(&options.workers) {
        let workers = options.workers;
        return Err(UsageError::new(format!(
            "--workers {workers} is not possible: give 1 to {MAX_WORKERS}"
        )));
    }
    let given = [
        options.durations.as_ref().map(|_| DURATIONS),
        options.sizes.as_ref().map(|_| SIZES),
        options.kills.map(|_| KILLS),
    ];
    if let Some(option) = given.iter().flatten().find(|option| !lab.options().contains(option)) {
        let name = lab.name();
        return Err(UsageError::new(format!("lab {name} has no {option}: leave it out")));
    }
    let largest = options.sizes.iter().flatten().copied().max().unwrap_or(0);
    let need = largest.saturating_mul(4 * options.workers + 8);
    let free = shm::segment::memory_available().unwrap_or(usize::MAX);
    if need > free / 10 * 9 {
        return Err(UsageError::new(format!(
            "--sizes {}: lists of that size need about {} of memory, and {} are free",
            size(largest),
            size(need),
            size(free),
        )));
    }
    Ok(())
}
