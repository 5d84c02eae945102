//! `coordinator compare A B`: what changed from one recorded run to another, beyond noise.

use report::Side;

use super::form::Form;
use crate::runs::load;

#[derive(clap::Args)]
pub(super) struct Args {
    /// Run before the change: its folder, its run.jsonl, or the name it was saved as
    #[arg(value_name = "A", value_hint = clap::ValueHint::AnyPath)]
    a: String,

    /// Run after the change
    #[arg(value_name = "B", value_hint = clap::ValueHint::AnyPath)]
    b: String,

    /// Output format
    #[arg(long, value_enum, default_value_t = Form::Text)]
    format: Form,
}

pub(super) fn run(args: &Args) -> anyhow::Result<u8> {
    let (a, b) = (load::load(&args.a)?, load::load(&args.b)?);
    let side = |name, record| Side { name, record };
    let changes = report::run_diff(side(&args.a, &a.record), side(&args.b, &b.record));
    super::show(&args.format.render(&changes));
    Ok(0)
}
