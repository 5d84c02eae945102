//! `coordinator report RUN`: a recorded run again, from its record alone.

use std::path::{Path, PathBuf};

use harness::UsageError;
use report::{Source, TrialHistogram};

use super::form::Form;
use crate::assertion::Assertion;
use crate::runs::load::{self, LoadedRun};

#[derive(clap::Args)]
pub(super) struct Args {
    /// Run: its folder, its run.jsonl, or the name it was saved as; a page can show several
    #[arg(value_name = "RUN", required = true, value_hint = clap::ValueHint::AnyPath)]
    runs: Vec<String>,

    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,

    /// Show plots as text
    #[arg(long)]
    plot: bool,

    /// Open the page in a browser
    #[arg(long)]
    open: bool,

    /// Folder for the files [default: stdout; for a page or several .hgrm files, the run's folder]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Exit with code 5 unless this holds, as in 'share.p99<1ms@1MiB' or 'copy/share>2@400KB,same'
    #[arg(long = "assert", value_name = "EXPR")]
    assertions: Vec<Assertion>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// Text for a terminal
    Text,
    /// A page for a browser, in one file
    Html,
    /// Markdown
    Md,
    /// Comma-separated values, one row per number
    Csv,
    /// JSON with the texts and the numbers behind them
    Json,
    /// HdrHistogram percentiles, one file per trial, in microseconds
    Hgrm,
    /// Stamped tasks on one time line, for Perfetto or speedscope
    Trace,
    /// HdrHistogram interval log, one interval per trial, in nanoseconds
    Hlog,
}

pub(super) fn run(args: &Args) -> anyhow::Result<u8> {
    if args.open || args.format == Format::Html {
        return page(args);
    }
    if args.plot && args.format != Format::Text {
        return Err(UsageError::new("--plot is for the text format: leave --format out").into());
    }
    let [run] = &args.runs[..] else {
        return Err(UsageError::new(
            "for several runs use --format html, or `coordinator compare` for two",
        )
        .into());
    };
    let LoadedRun { folder, record } = load::load(run)?;
    let form = match args.format {
        Format::Text => Form::Text,
        Format::Md => Form::Md,
        Format::Csv => Form::Csv,
        Format::Json => Form::Json,
        Format::Html => return page(args),
        Format::Trace => {
            let text = report::trace(&record).ok_or_else(|| {
                UsageError::new(format!("{run} has no timelines: only quick and sweep record them"))
            })?;
            write(args, "trace.json", &text)?;
            return Ok(super::assert(&args.assertions, &record, 0));
        }
        Format::Hgrm | Format::Hlog => {
            let (trials, faults) = report::histograms(&record);
            faults.iter().for_each(|fault| anstream::eprintln!("coordinator: {fault}"));
            if trials.is_empty() {
                return Err(UsageError::new(format!("{run}: no trial has a histogram")).into());
            }
            match args.format {
                Format::Hgrm => percentiles(args, &folder, &trials)?,
                _ => write(args, "run.hlog", &report::hlog(&record, &trials))?,
            }
            return Ok(super::assert(&args.assertions, &record, 0));
        }
    };
    let report = report::report(&record, &folder);
    let text = match args.plot {
        true => {
            format!("{}{}", report::head(&report), super::with_plots(&report, &record, true))
        }
        false => form.render(&report),
    };
    write(args, &format!("report.{}", form.extension()), &text)?;
    Ok(super::assert(&args.assertions, &record, 0))
}

/// The page of one run, or of several laid over each other; a file, and on request in a browser.
fn page(args: &Args) -> anyhow::Result<u8> {
    if !matches!(args.format, Format::Text | Format::Html) {
        return Err(UsageError::new(
            "--open shows a page: leave --format out, or give --format html",
        )
        .into());
    }
    if args.runs.len() > MAX_RUNS {
        return Err(UsageError::new(format!("one page can show at most {MAX_RUNS} runs")).into());
    }
    let saved: Vec<LoadedRun> =
        args.runs.iter().map(|run| load::load(run)).collect::<Result<_, UsageError>>()?;
    let sources: Vec<Source<'_>> = args
        .runs
        .iter()
        .zip(&saved)
        .map(|(name, of)| Source { name, record: &of.record, folder: &of.folder })
        .collect();
    let name = if saved.len() > 1 { OVERLAID } else { report::PAGE };
    let folder = args.out.as_ref().unwrap_or(&saved[0].folder);
    keep(folder, name, &report::page(&sources))?;
    if args.open {
        let path = folder.join(name);
        open::that_detached(&path).map_err(|cause| {
            anyhow::anyhow!(
                "no browser could be started ({cause}): open {} yourself",
                path.display()
            )
        })?;
    }
    let code = |code, of: &LoadedRun| super::assert(&args.assertions, &of.record, code);
    Ok(saved.iter().fold(0, code))
}

/// Name of a page of several runs.
const OVERLAID: &str = "overlaid.html";
/// More runs in one picture cannot be told apart.
const MAX_RUNS: usize = 4;

/// One file for each trial; a single one to stdout.
fn percentiles(
    args: &Args,
    folder: &Path,
    trials: &[TrialHistogram<'_>],
) -> Result<(), UsageError> {
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
fn write(args: &Args, name: &str, text: &str) -> Result<(), UsageError> {
    match &args.out {
        Some(folder) => keep(folder, name, text),
        None => {
            super::show(text);
            Ok(())
        }
    }
}

/// Writes one file, and says where it is.
fn keep(folder: &Path, name: &str, text: &str) -> Result<(), UsageError> {
    let path = folder.join(name);
    let written =
        std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, format!("{text}\n")));
    written.map_err(|cause| {
        UsageError::new(format!(
            "{} cannot be written: {cause}; name a folder with --out",
            path.display()
        ))
    })?;
    super::show(&path.display().to_string());
    Ok(())
}
