//! `coordinator sweep`: any axes.

use harness::execute::execute;

use super::run_args::RunArgs;
use crate::assertion::Assertion;
use crate::sweep::Axes;

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    axes: Axes,
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
    let plan = args.axes.plan()?;
    args.assertions.iter().try_for_each(|assertion| assertion.check(&plan))?;
    let begun = |run: &_| super::announce(run, args.run.quiet);
    let done = execute(&plan, || args.axes.list(&plan), &args.run.options(), begun)?;
    super::print(&done, args.run.json.is_some(), args.plot);
    Ok(super::assert(&args.assertions, &done.record, done.code))
}
