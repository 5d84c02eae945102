//! `coordinator lab NAME`: one of the lecture's labs.

use std::path::{Path, PathBuf};

use clap::builder::{PossibleValue, TypedValueParser};
use clap::error::{Error, ErrorKind};

use harness::run_writer::RUNS;
use harness::{LabOptions, Scale, UsageError};

use super::lab_args::{Durations, Lists};
use super::run_args::RunArgs;
use crate::lab::{Lab, SCALE, WORKERS};
use crate::quiz::{self, Source};
use crate::runs::load;
use crate::runs::progress::{self, Progress};
use crate::{labs, run_lab};

/// How much a heavy job computes.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum ScaleArg {
    /// The lecture's exact counts
    Lecture,
    /// Heavy jobs repeat their loop until they take as long as in CPython
    Calibrated,
}

#[derive(clap::Args)]
pub(super) struct Args {
    /// Name or number of the lab, as in quadrants or 26.1
    #[arg(value_name = "LAB", value_parser = Known)]
    lab: &'static dyn Lab,

    /// Ask for your guesses before measuring, and score them; ? at a prompt gives a hint
    #[arg(long)]
    predict: bool,

    /// Read the guesses from a file with lines `key = answer`; --hint lists the keys
    #[arg(long, value_name = "FILE", conflicts_with = "predict")]
    answers: Option<PathBuf>,

    /// Show a hint with each prompt; without --predict, list all questions with their hints
    #[arg(long)]
    hint: bool,

    /// Explain the answers: after the run, or, without --predict, those of the newest finished run
    #[arg(long)]
    reveal: bool,

    /// Worker processes [default: 4, as in the lecture]
    #[arg(long, value_name = "NUMBER")]
    workers: Option<usize>,

    /// How much heavy jobs compute [default: calibrated]
    #[arg(long, value_enum)]
    scale: Option<ScaleArg>,

    /// Durations of a task, as in 10us,1ms (only lab crossover)
    #[arg(long, value_name = "TIMES", allow_hyphen_values = true)]
    durations: Option<Durations>,

    /// List sizes, as in none,400KB (only lab crossover)
    #[arg(long, value_name = "SIZES")]
    sizes: Option<Lists>,

    /// Number of workers to kill at random instants (only lab owners)
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    kills: Option<u32>,

    /// Generations: sets of fresh workers; fewer than 6 give no verdict
    #[arg(long, value_name = "NUMBER", default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=1000))]
    generations: u32,

    /// Pairs of batches per generation
    #[arg(long, value_name = "NUMBER", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pairs: u32,

    /// Show plots as text
    #[arg(long)]
    plot: bool,

    #[command(flatten)]
    run: RunArgs,
}

pub(super) fn run(args: &Args) -> anyhow::Result<u8> {
    super::choose_color(args.run.color);
    let Args { lab, run, .. } = args;
    let guesses = args.guesses();
    if guesses.is_none() && args.hint {
        super::show(&quiz::hints(*lab));
    }
    if guesses.is_none() && args.reveal {
        super::show(&reveal(*lab, args)?);
    }
    if guesses.is_none() && (args.hint || args.reveal) {
        return Ok(0);
    }
    for (option, given) in [(WORKERS, args.workers.is_some()), (SCALE, args.scale.is_some())] {
        if given && lab.without().contains(&option) {
            let name = lab.name();
            return Err(UsageError::new(format!("lab {name} has no {option}: leave it out")).into());
        }
    }
    let options = LabOptions {
        workers: args.workers.unwrap_or(4),
        scale: match args.scale {
            Some(ScaleArg::Lecture) => Scale::Lecture,
            Some(ScaleArg::Calibrated) | None => Scale::Calibrated,
        },
        durations: args.durations.clone().map(|durations| durations.0),
        sizes: args.sizes.clone().map(|sizes| sizes.0),
        kills: args.kills,
        generations: args.generations,
        pairs: args.pairs,
        run: run.options(),
    };
    let begun = |writer: &_| super::announce(writer, run.quiet);
    let done = run_lab::run(*lab, &options, guesses.as_ref(), begun)?;
    super::print(&done, run.json.is_some(), args.plot);
    if args.reveal {
        let text = quiz::explain(*lab, &done.record);
        match run.json.is_some() {
            true => anstream::eprintln!("\n{text}"),
            false => super::show(&format!("\n{text}")),
        }
    } else if guesses.is_some() && !run.quiet {
        let (name, folder) = (lab.name(), done.folder.display());
        anstream::eprintln!("next     coordinator lab {name} --reveal --out {folder}");
    }
    Ok(done.code)
}

impl Args {
    fn guesses(&self) -> Option<Source> {
        let (hints, quiet) = (self.hint, self.run.quiet);
        let prompts = self.predict.then_some(Source::Prompts { hints, quiet });
        self.answers.clone().map(Source::File).or(prompts)
    }
}

/// What the run that was named says of `lab`'s questions, or the newest finished one.
fn reveal(lab: &dyn Lab, args: &Args) -> Result<String, UsageError> {
    let named = args.run.folder();
    let folder = named.map_or_else(
        || match progress::progress(lab, &progress::read(Path::new(RUNS))) {
            Progress::Done { run, .. } => Ok(run),
            _ => Err(UsageError::new(format!(
                "there is no finished run of lab {0} in {RUNS}: first run `coordinator lab {0}`, or name a run with --out",
                lab.name()
            ))),
        },
        Ok,
    )?;
    let record = load::load(&folder.to_string_lossy())?.record;
    Ok(quiz::explain(lab, &record))
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
