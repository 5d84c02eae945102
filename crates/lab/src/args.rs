//! Options that every command which measures has.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ColorChoice};

use crate::saved;

/// Options of every run.
#[derive(Args, Clone, Debug)]
pub struct Common {
    /// Folder for the record (run.jsonl, pairs.csv); an interrupted run there is continued
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,

    /// Keep the run under a name, as runs/NAME, for `compare`
    #[arg(long, value_name = "NAME", conflicts_with = "out", value_parser = saved::name)]
    pub save: Option<String>,

    /// Write the record's lines to stdout too; tables then go to stderr
    #[arg(long, value_name = "-", value_parser = ["-"])]
    pub json: Option<String>,

    /// Say nothing on stderr while working
    #[arg(long)]
    pub quiet: bool,

    /// When to use colour
    #[arg(long, value_name = "WHEN", default_value_t = ColorChoice::Auto)]
    pub color: ColorChoice,

    /// Seed of every random order; chosen and recorded unless given
    #[arg(long, value_name = "NUMBER")]
    pub seed: Option<u64>,

    /// Longest time to measure; cells get fewer generations where it is short
    #[arg(long, value_name = "TIME")]
    pub budget: Option<Budget>,

    /// Program that is the worker, instead of the one beside this one
    #[arg(long, value_name = "PATH")]
    pub worker: Option<PathBuf>,
}

/// A duration as a budget: humantime's notation.
#[derive(Clone, Copy, Debug)]
pub struct Budget(pub Duration);

impl std::ops::Deref for Budget {
    type Target = Duration;
    fn deref(&self) -> &Duration {
        &self.0
    }
}

impl std::str::FromStr for Budget {
    type Err = String;
    fn from_str(text: &str) -> Result<Budget, String> {
        match humantime::parse_duration(text) {
            Ok(duration) if !duration.is_zero() => Ok(Budget(duration)),
            _ => Err(format!("`{text}` is no budget: write for example 60s or 5min")),
        }
    }
}
