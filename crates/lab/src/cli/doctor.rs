//! `coordinator doctor`: can this machine measure?

use std::io::Write;

use clap::ColorChoice;

use crate::doctor::{self, Verdict};

#[derive(clap::Args)]
pub(super) struct Args {
    /// Remove named segments that killed runs have left (never those of a live run)
    #[arg(long)]
    clean: bool,

    /// Write one JSON object per line instead
    #[arg(long, value_name = "-", value_parser = ["-"])]
    json: Option<String>,

    /// When to use colour
    #[arg(long, value_name = "WHEN", default_value_t = ColorChoice::Auto)]
    color: ColorChoice,
}

pub(super) fn run(args: &Args) -> anyhow::Result<u8> {
    super::choose_color(args.color);
    let findings = doctor::look(args.clean);
    let mut out = anstream::stdout().lock();
    for finding in &findings {
        // A reader that has had enough (`| head`) is no error.
        let _ = match &args.json {
            Some(_) => writeln!(out, "{}", serde_json::to_string(finding)?),
            None => {
                let remedy = finding
                    .remedy
                    .as_ref()
                    .map_or(String::new(), |words| format!("\n{:24}{words}", ""));
                writeln!(
                    out,
                    "{:8} {:14} {}{remedy}",
                    finding.verdict.name(),
                    finding.what,
                    finding.found
                )
            }
        };
    }
    let worst = findings.iter().map(|finding| finding.verdict).max().unwrap_or(Verdict::Fine);
    let last = match worst {
        Verdict::Fine => "this machine can measure",
        Verdict::Warning => "this machine can measure, but see the warnings",
        Verdict::Fatal => "this machine cannot measure",
    };
    if args.json.is_none() {
        let _ = writeln!(out, "{last}");
    }
    Ok(if worst == Verdict::Fatal { 3 } else { 0 })
}
