//! `coordinator labs`: every lab, and whether it was done.

use std::io::Write;
use std::path::PathBuf;

use clap::ColorChoice;
use harness::UsageError;
use harness::run_writer::RUNS;
use serde_json::json;

use crate::lab::Lab;
use crate::labs;
use crate::runs::progress::{self, Progress};

#[derive(clap::Args)]
pub(super) struct Args {
    /// Folder with the runs to look at
    #[arg(value_name = "DIR", default_value = RUNS)]
    runs: PathBuf,

    /// Write one JSON object per line instead
    #[arg(long, value_name = "-", value_parser = ["-"])]
    json: Option<String>,

    /// When to use colour
    #[arg(long, value_name = "WHEN", default_value_t = ColorChoice::Auto)]
    color: ColorChoice,
}

pub(super) fn run(args: &Args) -> anyhow::Result<u8> {
    super::choose_color(args.color);
    if !args.runs.is_dir() && args.runs.as_os_str() != RUNS {
        let folder = args.runs.display();
        return Err(
            UsageError::new(format!("there is no folder {folder}: name a folder of runs")).into()
        );
    }
    let past = progress::read(&args.runs);
    let width = labs::ALL.iter().map(|lab| lab.name().len()).max().unwrap_or(0);
    let mut out = anstream::stdout().lock();
    for lab in labs::ALL {
        let progress = progress::progress(*lab, &past);
        let line = match args.json {
            Some(_) => as_json(*lab, &progress),
            None => format!(
                "{:5} {:width$}  {}\n{:width$}        {}",
                lab.number(),
                lab.name(),
                lab.question(),
                "",
                in_words(&progress)
            ),
        };
        // A reader that has had enough (`| head`) is no error.
        let _ = writeln!(out, "{line}");
    }
    Ok(0)
}

fn in_words(progress: &Progress) -> String {
    match progress {
        Progress::Done { run, points: None } => format!("done: {}", run.display()),
        Progress::Done { run, points: Some((points, of)) } => {
            format!("done: {} · guesses worth {points} of {of}", run.display())
        }
        Progress::Unfinished(run) => format!("not finished: {}", run.display()),
        Progress::Short(run) => format!("in a short form only: {}", run.display()),
        Progress::Open => "not done".into(),
    }
}

fn as_json(lab: &dyn Lab, progress: &Progress) -> String {
    let (done, run) = match progress {
        Progress::Done { run, .. } => ("yes", Some(run)),
        Progress::Unfinished(run) => ("not finished", Some(run)),
        Progress::Short(run) => ("short form", Some(run)),
        Progress::Open => ("no", None),
    };
    let points = match progress {
        Progress::Done { points: Some((points, of)), .. } => json!({"points": points, "of": of}),
        _ => serde_json::Value::Null,
    };
    json!({"guesses": points, "number": lab.number(), "name": lab.name(), "question": lab.question(), "done": done, "run": run})
        .to_string()
}
