//! What programs did to the pool that its authors do not know: each case is such a program.
//!
//! This test is its own coordinator and its own worker, and runs each case in a process of its own, so that a
//! case may ignore signals, lower limits or hang: one that takes longer than [`MAX_CASE`] has failed.

mod case;
mod deaths;
mod driven;
mod handles;
mod jobs;
mod starting;

use std::process::ExitCode;

use case::Case;
use libtest_mimic::{Arguments, Trial};

fn main() -> ExitCode {
    let cases: Vec<Case> =
        [starting::cases(), handles::cases(), deaths::cases(), driven::cases()].concat();
    let asked = std::env::var(case::VARIABLE).ok();
    let case = asked.and_then(|asked| cases.iter().find(|case| case.name == asked));
    if let Some(case) = case {
        (case.before)();
    }
    match case.map(|case| case.jobs) {
        Some(case::Jobs::Forgotten) => {}
        Some(case::Jobs::Many) => pool::serve_if_worker(&jobs::many()),
        Some(case::Jobs::Twins) => pool::serve_if_worker(&[jobs::ALL, &jobs::ALL[..1]].concat()),
        Some(case::Jobs::Usual) | None => pool::serve_if_worker(jobs::ALL),
    }
    if let Some(case) = case {
        (case.run)();
        return ExitCode::SUCCESS;
    }
    let trials = cases.into_iter().map(|case| Trial::test(case.name, move || case.ask())).collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}
