//! `coordinator sweep`: any axes.

use crate::args::Common;
use crate::run;
use crate::sweep::Axes;

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    axes: Axes,
    #[command(flatten)]
    common: Common,
}

pub(super) fn run(args: &Args) -> anyhow::Result<u8> {
    super::choose_color(args.common.color);
    let plan = args.axes.plan()?;
    let done = run::carry_out(&plan, || args.axes.source(&plan), &args.common)?;
    super::print(&done, args.common.json.is_some());
    Ok(done.code)
}
