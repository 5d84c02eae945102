//! A deterministic simulation of the dispatcher: virtual time, simulated workers, and a program that submits,
//! waits, cancels and forgets, all by one seed.
//!
//! With `IPCLAB_SEED=N` one schedule is run again and printed; with `IPCLAB_EVERY=1` there are ten times as many.
//! In the safety mode faults heal; in the liveness mode they stay, and every task must have an outcome all the
//! same.

mod mode;
mod program;
mod random;
mod workers;

use std::panic::{AssertUnwindSafe, catch_unwind};

use mode::Mode;
use program::Program;

const SCHEDULES: u64 = 50_000;

fn run(mode: Mode) {
    if let Ok(seed) = std::env::var("IPCLAB_SEED") {
        return Program::new(seed.parse().expect("a number"), mode, true).run();
    }
    let factor = if std::env::var_os("IPCLAB_EVERY").is_some() { 10 } else { 1 };
    for seed in 0..factor * SCHEDULES {
        let schedule = || Program::new(seed, mode, false).run();
        if catch_unwind(AssertUnwindSafe(schedule)).is_err() {
            panic!("{mode:?}: IPCLAB_SEED={seed} shows what happened");
        }
    }
}

#[test]
fn every_task_has_one_true_outcome_whatever_fails_for_a_while() {
    run(Mode::FaultsHeal);
}

#[test]
fn every_task_has_one_true_outcome_and_nothing_waits_for_ever_where_faults_stay() {
    run(Mode::FaultsStay);
}
