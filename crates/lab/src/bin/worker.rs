//! A worker: runs jobs for the coordinator that started it.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;

/// A worker of the IPC Laboratory. The coordinator starts it; by hand it does nothing.
#[derive(Parser)]
#[command(version, about)]
struct Args {}

fn main() -> ExitCode {
    let Args {} = Args::parse();
    pool::serve(harness::BUILD, workload::ALL)
}
