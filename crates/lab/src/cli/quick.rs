//! `coordinator quick`: the main job.

use harness::placement;

use super::run_args::RunArgs;
use crate::assertion::Assertion;
use crate::{copy_plan, quick};

#[derive(clap::Args)]
pub(super) struct Args {
    /// Exit with code 5 unless this holds, as in 'share.p99<1ms@1MiB' or 'copy/share>2@400KB,same'
    #[arg(long = "assert", value_name = "EXPR")]
    assertions: Vec<Assertion>,

    /// Show plots as text
    #[arg(long)]
    plot: bool,

    #[command(flatten)]
    run: RunArgs,
}

pub(super) fn run(args: &Args) -> anyhow::Result<u8> {
    super::choose_color(args.run.color);
    let plan = copy_plan::plan(placement::allowed_cores()?.len());
    args.assertions.iter().try_for_each(|assertion| assertion.check(&plan))?;
    let begun = |run: &_| super::announce(run, args.run.quiet);
    let done = quick::run(&args.run.options(), begun)?;
    super::print(&done, args.run.json.is_some(), args.plot);
    if !args.run.quiet && done.code == 0 {
        anstream::eprintln!("next     {NEXT}");
    }
    Ok(super::assert(&args.assertions, &done.record, done.code))
}

/// What to try after it.
const NEXT: &str = "coordinator lab quadrants --predict     coordinator advise --bytes 2MiB --compute 3ms --tasks 40";
