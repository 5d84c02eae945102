//! `coordinator limits`: this machine's own limits.

use harness::limits;

use super::run_args::RunArgs;

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    run: RunArgs,
}

pub(super) fn run(args: &Args) -> anyhow::Result<u8> {
    super::choose_color(args.run.color);
    let begun = |run: &_| super::announce(run, args.run.quiet);
    let done = limits::execute(&args.run.options(), begun)?;
    super::print(&done, args.run.json.is_some(), false);
    Ok(done.code)
}
