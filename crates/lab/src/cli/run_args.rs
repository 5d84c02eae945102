//! Options that every command which measures has.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ColorChoice};
use harness::RunOptions;
use measure::units::parse_duration_in;

use crate::runs::load;

/// Options of every run.
#[derive(Args, Clone, Debug)]
pub(super) struct RunArgs {
    /// Folder for the record; an interrupted run in it is continued [default: runs/TIME]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,

    /// Save the run as runs/NAME
    #[arg(long, value_name = "NAME", conflicts_with = "out", value_parser = load::name)]
    pub save: Option<String>,

    /// Write the lines of the record to stdout, and the tables to stderr
    #[arg(long, value_name = "-", value_parser = ["-"])]
    pub json: Option<String>,

    /// Print nothing on stderr while measuring
    #[arg(long)]
    pub quiet: bool,

    /// When to use colour
    #[arg(long, value_name = "WHEN", default_value_t = ColorChoice::Auto)]
    pub color: ColorChoice,

    /// Seed of every random order [default: random, and recorded]
    #[arg(long, value_name = "NUMBER")]
    pub seed: Option<u64>,

    /// Longest time to measure; if it is short, cells get fewer generations
    #[arg(long, value_name = "TIME", value_parser = budget)]
    pub budget: Option<Duration>,

    /// Worker program to use instead of the one beside this program
    #[arg(long, value_name = "PATH")]
    pub worker: Option<PathBuf>,
}

impl RunArgs {
    /// The folder that was named, by itself or as that of a saved run.
    pub(super) fn folder(&self) -> Option<PathBuf> {
        self.out.clone().or(self.save.as_deref().map(load::folder))
    }

    /// What they come to.
    pub(super) fn options(&self) -> RunOptions {
        RunOptions {
            folder: self.folder(),
            echo: self.json.is_some(),
            quiet: self.quiet,
            seed: self.seed,
            budget: self.budget,
            worker: self.worker.clone(),
        }
    }
}

fn budget(text: &str) -> Result<Duration, String> {
    const MAX: Duration = Duration::from_secs(7 * 24 * 3600);
    parse_duration_in(text, Duration::from_millis(1)..=MAX, "60s or 5min")
}
