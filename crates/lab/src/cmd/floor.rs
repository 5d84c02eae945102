//! `coordinator floor`: this machine's own limits.

use crate::args::Common;
use crate::floor;

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    common: Common,
}

pub(super) fn run(args: &Args) -> anyhow::Result<u8> {
    super::choose_color(args.common.color);
    let done = floor::carry_out(&args.common)?;
    super::print(&done, args.common.json.is_some(), false);
    Ok(done.code)
}
