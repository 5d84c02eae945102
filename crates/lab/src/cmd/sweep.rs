//! `coordinator sweep`: any axes.

use crate::args::Common;
use crate::assertion::Assertion;
use crate::run;
use crate::sweep::Axes;

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    axes: Axes,
    /// What must hold, as in 'share.p99<1ms@1MiB' or 'copy/share>2@400KB,same'; else the code is 5
    #[arg(long = "assert", value_name = "EXPR")]
    assertions: Vec<Assertion>,

    /// Show plots too, as text
    #[arg(long)]
    plot: bool,

    #[command(flatten)]
    common: Common,
}

pub(super) fn run(args: &Args) -> anyhow::Result<u8> {
    super::choose_color(args.common.color);
    let plan = args.axes.plan()?;
    args.assertions.iter().try_for_each(|assertion| assertion.check(&plan))?;
    let done = run::carry_out(&plan, || args.axes.source(&plan), &args.common)?;
    super::print(&done, args.common.json.is_some(), args.plot);
    Ok(super::assert(&args.assertions, &done.lines, done.code))
}
