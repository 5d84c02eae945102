//! `coordinator report RUN`: a recorded run again, from its record alone.

use std::path::{Path, PathBuf};

use report::Whole;

use super::form::Form;
use crate::assertion::Assertion;
use crate::refusal::Refusal;
use crate::saved::{self, Saved};

#[derive(clap::Args)]
pub(super) struct Args {
    /// Folder of the run, its run.jsonl, or the name it was saved under
    #[arg(value_name = "RUN", value_hint = clap::ValueHint::AnyPath)]
    run: String,

    /// In which form
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,

    /// Folder for the report's files, instead of stdout; several .hgrm go into the run's folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// What must hold, as in 'share.p99<1ms@1MiB' or 'copy/share>2@400KB,same'; else the code is 5
    #[arg(long = "assert", value_name = "EXPR")]
    assertions: Vec<Assertion>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// As a terminal shows it
    Text,
    /// Markdown
    Md,
    /// Comma-separated values, one row for each number
    Csv,
    /// JSON, texts and the numbers behind them
    Json,
    /// HdrHistogram's percentiles, a file for each trial, in microseconds
    Hgrm,
    /// HdrHistogram's interval log, an interval for each trial, in nanoseconds
    Hlog,
}

pub(super) fn run(args: &Args) -> anyhow::Result<u8> {
    let Saved { folder, record } = saved::open(&args.run)?;
    let form = match args.format {
        Format::Text => Form::Text,
        Format::Md => Form::Md,
        Format::Csv => Form::Csv,
        Format::Json => Form::Json,
        Format::Hgrm | Format::Hlog => {
            let (trials, faults) = report::whole(&record.lines);
            faults.iter().for_each(|fault| anstream::eprintln!("coordinator: {fault}"));
            if trials.is_empty() {
                let run = &args.run;
                return Err(Refusal::usage(format!("{run}: no trial has a histogram")).into());
            }
            match args.format {
                Format::Hgrm => percentiles(args, &folder, &trials)?,
                _ => write(args, "run.hlog", &report::hlog(&record.lines, &trials))?,
            }
            return Ok(super::assert(&args.assertions, &record.lines, 0));
        }
    };
    let text = form.render(&report::of(&record.lines, &folder));
    write(args, &format!("report.{}", form.extension()), &text)?;
    Ok(super::assert(&args.assertions, &record.lines, 0))
}

/// One file for each trial; a single one to stdout.
fn percentiles(args: &Args, folder: &Path, trials: &[Whole<'_>]) -> Result<(), Refusal> {
    if let ([only], None) = (trials, &args.out) {
        super::show(&report::hgrm(only));
        return Ok(());
    }
    let folder = args.out.as_deref().unwrap_or(folder);
    trials
        .iter()
        .try_for_each(|trial| keep(folder, &format!("{}.hgrm", trial.name), &report::hgrm(trial)))
}

/// To stdout, or as a file where a folder was named.
fn write(args: &Args, name: &str, text: &str) -> Result<(), Refusal> {
    match &args.out {
        Some(folder) => keep(folder, name, text),
        None => {
            super::show(text);
            Ok(())
        }
    }
}

/// Writes one file, and says where it is.
fn keep(folder: &Path, name: &str, text: &str) -> Result<(), Refusal> {
    let path = folder.join(name);
    let written =
        std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, format!("{text}\n")));
    written.map_err(|cause| {
        Refusal::usage(format!(
            "{} cannot be written: {cause}; name a folder with --out",
            path.display()
        ))
    })?;
    super::show(&path.display().to_string());
    Ok(())
}
