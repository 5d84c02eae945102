//! The command line: one file for each subcommand that does something.

mod advise;
mod lab;
mod quick;
mod sweep;

use std::io::Write;
use std::process::ExitCode;

use clap::{ColorChoice, Parser, Subcommand};

use crate::book::Done;
use crate::launch::ROLE;
use crate::refusal::Refusal;

/// What does it cost to hand a large list to another process?
///
/// Copies lists through pipes and leaves them in shared segments, measures both on this machine,
/// and says which is faster, from which size, and where the evidence carries no answer.
#[derive(Parser)]
#[command(name = "coordinator", version, about, arg_required_else_help = true)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Copy against share, 64 B to 64 MiB, in a minute
    Quick(quick::Args),
    /// Copy against share over any axes
    Sweep(Box<sweep::Args>),
    /// One of the lecture's labs, by name or number
    Lab(Box<lab::Args>),
    /// Which plan for so many tasks: sequential, or a pool by which way
    Advise(Box<advise::Args>),
    /// Be a worker, for a coordinator without a worker program beside it
    #[command(name = ROLE, hide = true)]
    Worker,
}

/// The whole program.
pub fn main() -> ExitCode {
    let result = match Args::parse().command {
        Command::Quick(args) => quick::run(&args),
        Command::Sweep(args) => sweep::run(&args),
        Command::Lab(args) => lab::run(&args),
        Command::Advise(args) => advise::run(&args),
        Command::Worker => return pool::serve(crate::BUILD, workload::ALL),
    };
    match result {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "coordinator: {error:#}");
            // What is no refusal is something that this machine cannot.
            let code = error.downcast_ref::<Refusal>().map_or(3, Refusal::code);
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

/// Prints the result, on stdout or on stderr where stdout carries the record, and keeps its trials
/// as a table for other programs.
fn print(done: &Done, json: bool) {
    let table = done.folder.join(report::TRIALS);
    if let Err(cause) = std::fs::write(&table, report::csv(&done.lines)) {
        let _ = writeln!(std::io::stderr(), "coordinator: {}: {cause}", table.display());
    }
    let text = report::terminal(&done.lines, &done.folder);
    // A reader that has had enough (`| head`) is no error.
    let _ = match json {
        true => writeln!(anstream::stderr(), "{text}"),
        false => writeln!(anstream::stdout(), "{text}"),
    };
}
