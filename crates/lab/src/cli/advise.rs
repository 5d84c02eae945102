//! `coordinator advise`: plans for so many tasks of one kind, ranked.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use harness::UsageError;
use measure::units::parse_duration_in;
use pool::MAX_WORKERS;
use record::Line;
use report::analysis::advice::Question;

use super::lab_args::Lists;
use super::run_args::RunArgs;
use crate::advise;

#[derive(clap::Args)]
pub(super) struct Args {
    /// Size of each task's list, as in 2MiB, or none
    #[arg(long, value_name = "SIZE")]
    bytes: Lists,

    /// Time that a task computes, without reading its list, as in 3ms
    #[arg(long, value_name = "TIME", value_parser = compute, allow_hyphen_values = true)]
    compute: Duration,

    /// Number of tasks
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    tasks: u32,

    /// Worker processes of the pool
    #[arg(long, value_name = "NUMBER", default_value_t = 4)]
    workers: usize,

    /// Run to learn from [default: the newest usable one in runs]
    #[arg(long = "run", value_name = "DIR")]
    learn_from: Option<PathBuf>,

    /// Check the prediction: carry out every plan and measure it
    #[arg(long)]
    measure: bool,

    #[command(flatten)]
    run: RunArgs,
}

pub(super) fn run(args: &Args) -> anyhow::Result<u8> {
    super::choose_color(args.run.color);
    let question = question(args)?;
    let advised =
        advise::advise(&question, args.learn_from.as_deref(), args.measure, &args.run.options())?;
    let json = args.run.json.is_some();
    // What was measured is on stdout already, line by line.
    if json && advised.folder.is_none() {
        let line = Line::Advice(Box::new(advised.advice.clone()));
        let _ = writeln!(std::io::stdout(), "{}", serde_json::to_string(&line)?);
    }
    let mut text = report::advice(&advised.advice);
    if let Some(folder) = &advised.folder {
        text.push_str(&format!("\nrecord   {}", folder.display()));
    }
    let _ = match json {
        true => writeln!(anstream::stderr(), "{text}"),
        false => writeln!(anstream::stdout(), "{text}"),
    };
    Ok(advised.code)
}

/// What is asked, if it has a meaning.
fn question(args: &Args) -> Result<Question, UsageError> {
    let [bytes] = args.bytes.0[..] else {
        return Err(UsageError::new("--bytes takes one size, as in 2MiB, or none"));
    };
    let workers = args.workers;
    if !(1..=MAX_WORKERS).contains(&workers) {
        return Err(UsageError::new(format!(
            "--workers {workers} is not possible: give 1 to {MAX_WORKERS}"
        )));
    }
    let need = bytes.saturating_mul(4 * workers + 8);
    let all = shm::segment::memory_available().unwrap_or(usize::MAX);
    if need > all / 10 * 9 {
        return Err(advise::refuse_memory(bytes, need, all));
    }
    let compute_ns = args.compute.as_nanos() as u64;
    Ok(Question { bytes, compute_ns, tasks: args.tasks as usize, workers })
}

fn compute(text: &str) -> Result<Duration, String> {
    const MAX_COMPUTE: Duration = Duration::from_secs(600);
    parse_duration_in(text, Duration::ZERO..=MAX_COMPUTE, "100us or 3ms")
}
