//! The command line: one file for each subcommand that does something.

mod advise;
mod compare;
mod completions;
mod doctor;
mod form;
mod lab;
mod lab_args;
mod labs;
mod limits;
mod man;
mod quick;
mod report;
mod run_args;
mod sweep;

use std::io::Write;
use std::process::ExitCode;

use clap::{ColorChoice, Parser, Subcommand};
use harness::worker_program::ROLE;
use harness::{Done, RunWriter, UsageError};
use record::Record;

use crate::assertion::Assertion;

/// What does it cost to hand a large list to another process?
///
/// Measures on this machine what it costs to copy a list to another process and to share it: which is
/// faster, from which size on, and by how much.
#[derive(Parser)]
#[command(name = "coordinator", version, arg_required_else_help = true)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Compare copying with sharing, and run the labs in a short form: about a minute
    Quick(quick::Args),
    /// Compare copying with sharing over any axes
    Sweep(Box<sweep::Args>),
    /// Measure the limits of this machine, which no transport can go below
    #[command(alias = "floor")]
    Limits(Box<limits::Args>),
    /// Check whether this machine can measure
    Doctor(doctor::Args),
    /// Run a lab, by name or number
    Lab(Box<lab::Args>),
    /// List the labs and show which are done
    Labs(labs::Args),
    /// Show a recorded run again, as text or for other programs
    Report(report::Args),
    /// Show what changed from one recorded run to another
    Compare(compare::Args),
    /// Predict the fastest way to do a number of tasks: alone, or through a pool
    Advise(Box<advise::Args>),
    /// Print a completion script for a shell
    Completions(completions::Args),
    /// Print the manual pages
    Man(man::Args),
    /// Run as a worker (used if there is no worker program beside the coordinator)
    #[command(name = ROLE, hide = true)]
    Worker,
}

/// The whole program.
pub fn main() -> ExitCode {
    let result = match Args::parse().command {
        Command::Quick(args) => quick::run(&args),
        Command::Sweep(args) => sweep::run(&args),
        Command::Limits(args) => limits::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Lab(args) => lab::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Compare(args) => compare::run(&args),
        Command::Advise(args) => advise::run(&args),
        Command::Labs(args) => labs::run(&args),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
        Command::Worker => return pool::serve(harness::BUILD, workload::ALL),
    };
    match result {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "coordinator: {error:#}");
            // What is no usage error is something that this machine cannot.
            let code = error.downcast_ref::<UsageError>().map_or(3, |_| UsageError::CODE);
            ExitCode::from(code)
        }
    }
}

/// Decides about colour for the whole process.
fn choose_color(choice: ColorChoice) {
    let choice = match choice {
        ColorChoice::Auto => return,
        ColorChoice::Always => anstream::ColorChoice::Always,
        ColorChoice::Never => anstream::ColorChoice::Never,
    };
    choice.write_global();
}

/// Says on stderr on which machine a run has begun.
fn announce(run: &RunWriter, quiet: bool) {
    if let (false, Some(machine)) = (quiet, run.machine()) {
        anstream::eprintln!("{}", ::report::machine(machine));
    }
}

/// Prints the result, on stdout or on stderr where stdout carries the record, and keeps its trials
/// as a table for other programs, and all of it as a page.
fn print(done: &Done, json: bool, plot: bool) {
    let keep = |name: &str, text: String| -> Option<String> {
        let path = done.folder.join(name).display().to_string();
        match std::fs::write(&path, text) {
            Ok(()) => Some(path),
            Err(cause) => {
                let _ = writeln!(std::io::stderr(), "coordinator: {path}: {cause}");
                None
            }
        }
    };
    keep(::report::TRIALS, ::report::trials_csv(&done.record));
    let name = done.folder.display().to_string();
    let source = ::report::Source { name: &name, record: &done.record, folder: &done.folder };
    let mut report = ::report::report(&done.record, &done.folder);
    report.page = keep(::report::PAGE, ::report::page(&[source]));
    let text = with_plots(&report, &done.record, plot);
    match json {
        // A reader that has had enough (`| head`) is no error.
        true => drop(writeln!(anstream::stderr(), "{text}")),
        false => show(&text),
    }
}

/// A report as a terminal shows it; where they are asked for, plots between tables and verdicts.
fn with_plots(report: &::report::Report, record: &Record, plot: bool) -> String {
    if !plot {
        return ::report::terminal(report);
    }
    let columns = terminal_size::terminal_size().map_or(80, |(width, _)| usize::from(width.0));
    let plots = ::report::plots(record, columns);
    format!("{}{plots}\n{}", ::report::tables(report), ::report::closing(report))
}

/// Prints `text` on stdout; a reader that has had enough (`| head`) is no error.
fn show(text: &str) {
    let _ = writeln!(anstream::stdout(), "{text}");
}

/// Checks what was asserted, and gives the code to end with: a failed assertion hides no other.
fn assert(assertions: &[Assertion], record: &Record, code: u8) -> u8 {
    let failed: Vec<String> =
        assertions.iter().flat_map(|assertion| assertion.failures(record)).collect();
    for line in &failed {
        let _ = writeln!(std::io::stderr(), "assert   {line}");
    }
    if code == 0 && !failed.is_empty() { ASSERT_FAILED } else { code }
}

/// What the process ends with if something asserted does not hold.
const ASSERT_FAILED: u8 = 5;

#[cfg(test)]
mod tests {
    #[test]
    fn a_failed_assertion_hides_no_other_code() {
        let fails = ["share.p50<1s@8KiB".parse().unwrap()];
        for (before, after) in [(0, 5), (3, 3), (4, 4), (6, 6), (130, 130), (143, 143)] {
            assert_eq!(super::assert(&fails, &record::Record::default(), before), after);
        }
        assert_eq!(super::assert(&[], &record::Record::default(), 0), 0);
    }
}
