//! `coordinator lab NAME`: one of the lecture's labs.

use crate::args::Common;
use crate::labs;
use crate::refusal::Refusal;
use crate::wish::{Durations, Lists, Scale, Wish};

#[derive(clap::Args)]
pub(super) struct Args {
    /// Name or number, as in quadrants or 26.1
    #[arg(value_name = "LAB")]
    name: String,

    /// Worker processes, as many as in the lecture
    #[arg(long, value_name = "NUMBER", default_value_t = 4)]
    workers: usize,

    /// How much a heavy job computes
    #[arg(long, value_enum, default_value_t = Scale::Calibrated)]
    scale: Scale,

    /// How long tasks take, as in 10us,1ms; crossover
    #[arg(long, value_name = "TIMES", allow_hyphen_values = true)]
    durations: Option<Durations>,

    /// Bytes of each task's list, as in none,400KB; crossover
    #[arg(long, value_name = "SIZES")]
    sizes: Option<Lists>,

    /// Sets of fresh workers; fewer than 6 carry no verdict
    #[arg(long, value_name = "NUMBER", default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=1000))]
    generations: u32,

    /// Pairs of batches for each generation
    #[arg(long, value_name = "NUMBER", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pairs: u32,

    #[command(flatten)]
    common: Common,
}

pub(super) fn run(args: &Args) -> anyhow::Result<u8> {
    super::choose_color(args.common.color);
    let lab = labs::find(&args.name).ok_or_else(|| {
        let names: Vec<String> =
            labs::ALL.iter().map(|lab| format!("{} ({})", lab.name(), lab.number())).collect();
        Refusal::usage(format!("there is no lab `{}`; there are {}", args.name, names.join(", ")))
    })?;
    let Args { workers, scale, generations, pairs, .. } = *args;
    let (common, durations, sizes) =
        (args.common.clone(), args.durations.clone(), args.sizes.clone());
    let wish = Wish { workers, scale, durations, sizes, generations, pairs, common };
    let done = labs::carry_out(lab, &wish)?;
    super::print(&done, args.common.json.is_some());
    Ok(done.code)
}
