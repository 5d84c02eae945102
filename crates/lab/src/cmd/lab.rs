//! `coordinator lab NAME`: one of the lecture's labs.

use clap::builder::{PossibleValue, TypedValueParser};
use clap::error::{Error, ErrorKind};

use crate::args::Common;
use crate::labs::{self, Lab};
use crate::wish::{Durations, Lists, Scale, Wish};

#[derive(clap::Args)]
pub(super) struct Args {
    /// Name or number, as in quadrants or 26.1
    #[arg(value_name = "LAB", value_parser = Known)]
    lab: &'static dyn Lab,

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
    let Args { workers, scale, generations, pairs, .. } = *args;
    let (common, durations, sizes) =
        (args.common.clone(), args.durations.clone(), args.sizes.clone());
    let wish = Wish { workers, scale, durations, sizes, generations, pairs, common };
    let done = labs::carry_out(args.lab, &wish)?;
    super::print(&done, args.common.json.is_some());
    Ok(done.code)
}

/// Reads a lab's name or number, and tells shells which names there are.
#[derive(Clone)]
struct Known;

impl TypedValueParser for Known {
    type Value = &'static dyn Lab;

    fn parse_ref(
        &self,
        command: &clap::Command,
        _: Option<&clap::Arg>,
        value: &std::ffi::OsStr,
    ) -> Result<Self::Value, Error> {
        let text = value.to_string_lossy();
        labs::find(&text).ok_or_else(|| {
            let names: Vec<String> =
                labs::ALL.iter().map(|lab| format!("{} ({})", lab.name(), lab.number())).collect();
            let there_are = names.join(", ");
            let message = format!("there is no lab `{text}`; there are {there_are}\n");
            Error::raw(ErrorKind::InvalidValue, message).with_cmd(command)
        })
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(labs::ALL.iter().map(|lab| PossibleValue::new(lab.name()))))
    }
}
