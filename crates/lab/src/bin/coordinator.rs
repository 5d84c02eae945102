//! The coordinator: asks the questions and says what it found.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    lab::cli::main()
}
