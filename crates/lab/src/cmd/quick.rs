//! `coordinator quick`: the main job.

use std::str::FromStr;

use crate::args::{Budget, Common};
use crate::source::Source;
use crate::{placement, quick, run};

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    common: Common,
}

pub(super) fn run(args: &Args) -> anyhow::Result<u8> {
    let mut common = args.common.clone();
    super::choose_color(common.color);
    if common.budget.is_none() {
        // A minute in all, starting and reporting included.
        common.budget = Budget::from_str("55s").ok();
    }
    let plan = quick::plan(placement::allowed_cores()?.len());
    let done = run::carry_out(&plan, || Ok(Source::range(plan.longest())), &common)?;
    super::print(&done, common.json.is_some());
    Ok(done.code)
}
