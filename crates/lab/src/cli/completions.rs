//! `coordinator completions SHELL`: what a shell completes, made from the command line itself.

use std::io::Write;

use clap::CommandFactory;
use clap_complete::Shell;

#[derive(clap::Args)]
pub(super) struct Args {
    /// Shell to complete for
    #[arg(value_name = "SHELL", value_enum)]
    shell: Shell,
}

pub(super) fn run(args: &Args) -> anyhow::Result<u8> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut super::Args::command(), "coordinator", &mut script);
    // A reader that has had enough (`| head`) is no error.
    let _ = std::io::stdout().write_all(&script);
    Ok(0)
}
