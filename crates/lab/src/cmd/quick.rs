//! `coordinator quick`: the main job.

use crate::args::Common;
use crate::assertion::Assertion;
use crate::{placement, quick};

#[derive(clap::Args)]
pub(super) struct Args {
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
    let plan = quick::plan(placement::allowed_cores()?.len());
    args.assertions.iter().try_for_each(|assertion| assertion.check(&plan))?;
    let done = quick::carry_out(&args.common)?;
    super::print(&done, args.common.json.is_some(), args.plot);
    if !args.common.quiet && done.code == 0 {
        anstream::eprintln!("next     {NEXT}");
    }
    Ok(super::assert(&args.assertions, &done.lines, done.code))
}

/// What to try after it.
const NEXT: &str = "coordinator lab quadrants --predict     coordinator advise --bytes 2MiB --compute 3ms --tasks 40";
