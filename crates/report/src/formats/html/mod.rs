//! A record as one page for a browser: a file of its own that opens without a network.
//!
//! Its text stands in it as HTML, made of the same [`crate::Report`] as every other form. Its scripts draw, and
//! compute plans from, what charts/data.rs takes from the record.

use std::path::Path;

use minijinja::value::Serde;
use minijinja::{Environment, context};
use record::{Record, RunLine};
use serde::Serialize;

use crate::charts::data::{self, chart_data};
use crate::document::{Report, Verdicts};

/// A record that a page is made of.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// How it was named.
    pub name: &'a str,
    /// What was recorded.
    pub record: &'a Record,
    /// Its folder.
    pub folder: &'a Path,
}

/// One page of one record, or of several laid over each other.
pub fn page(sources: &[Source<'_>]) -> String {
    let mut environment = Environment::new();
    environment
        .add_template("page.html", include_str!("page.html"))
        .expect("the template is part of the program");
    let template = environment.get_template("page.html").expect("it was added above");
    let runs: Vec<Run<'_>> = sources.iter().map(run).collect();
    let data: Vec<data::Run> = sources.iter().map(|of| chart_data(of.name, of.record)).collect();
    // Nothing that a record says can end the script that it stands in.
    let data =
        serde_json::to_string(&data).expect("finite numbers and texts").replace('<', "\\u003c");
    let page = template.render(context! {
        runs => Serde(runs),
        data,
        style => include_str!("page.css"),
        libraries => [D3, PLOT].join("\n"),
        scripts => SCRIPTS.join("\n"),
        licences => LICENCES.join("\n"),
    });
    page.expect("every name in the template is given")
}

const D3: &str = include_str!("../../../assets/d3.min.js");
const PLOT: &str = include_str!("../../../assets/plot.umd.min.js");
const SCRIPTS: [&str; 5] = [
    include_str!("units.js"),
    include_str!("plans.js"),
    include_str!("figure.js"),
    include_str!("charts.js"),
    include_str!("page.js"),
];
const LICENCES: [&str; 2] =
    [include_str!("../../../assets/d3.LICENSE"), include_str!("../../../assets/plot.LICENSE")];

/// What is read of a run.
#[derive(Serialize)]
struct Run<'a> {
    name: &'a str,
    report: Report,
    /// For each section, the columns whose cells end below each other.
    rights: Vec<Vec<bool>>,
    /// The same of the verdicts, in pieces.
    verdicts: Vec<Said>,
    /// Why its figures must not be trusted, or are not whole; first of all.
    alarm: Option<String>,
    about: Option<&'a RunLine>,
    command: String,
}

/// Sentences about one thing.
#[derive(Serialize)]
struct Said {
    title: String,
    sentences: Vec<Sentence>,
}

/// A sentence: about what, what comes first, and the rest.
#[derive(Serialize)]
struct Sentence {
    about: String,
    first: String,
    rest: String,
}

fn run<'a>(source: &Source<'a>) -> Run<'a> {
    let report = crate::report(source.record, source.folder);
    let about = source.record.run.as_ref();
    Run {
        name: source.name,
        verdicts: report.verdicts.iter().map(said).collect(),
        rights: report
            .sections
            .iter()
            .map(|of| of.table.columns.iter().map(|c| c.right).collect())
            .collect(),
        alarm: alarm(source.record),
        about,
        command: about.map_or(String::new(), command),
        report,
    }
}

fn said(verdicts: &Verdicts) -> Said {
    let sentence = |text: &String| {
        let (about, text) = text.split_once("  ").unwrap_or(("", text));
        let text = text.trim_start();
        let end = [", ", "; ", " ("].iter().filter_map(|mark| text.find(mark)).min();
        let (first, rest) = text.split_at(end.unwrap_or(text.len()));
        Sentence { about: about.into(), first: first.into(), rest: rest.into() }
    };
    Said {
        title: verdicts.title.clone(),
        sentences: verdicts.sentences.iter().map(sentence).collect(),
    }
}

fn alarm(record: &Record) -> Option<String> {
    let has_answers = record.trials.iter().any(|trial| trial.error.is_none() && trial.ok > 0);
    let shows = has_answers
        || !(record.limits.is_empty() && record.outcomes.is_empty())
        || !(record.kills.is_empty() && record.chaos.is_empty());
    let reason = |end: &record::End| end.reason.clone().unwrap_or_default();
    match &record.end {
        Some(end) if end.status == "invalid" => {
            Some(format!("This run is INVALID: {}. Do not use its figures.", reason(end)))
        }
        _ if !shows => {
            Some("This run has no complete trial yet, so there is nothing to show.".into())
        }
        None => Some("This run was killed. What it had measured until then is shown.".into()),
        Some(end) if end.status == "interrupted" => {
            Some("This run was interrupted. What it had measured until then is shown.".into())
        }
        // A spent budget is no fault: what it left undecided says so itself.
        Some(end) if end.reason.is_some() && end.status != "budget" => {
            Some(format!("This run is incomplete: {}.", reason(end)))
        }
        Some(_) => None,
    }
}

/// The command line as one would type it: the program by its name.
fn command(run: &RunLine) -> String {
    let quoted = |word: &String| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_./,:=÷*%@+".contains(c);
        match !word.is_empty() && word.chars().all(plain) {
            true => word.clone(),
            false => format!("'{}'", word.replace('\'', r"'\''")),
        }
    };
    let words = run.command.iter().skip(1).map(quoted);
    let mut words: Vec<String> = std::iter::once("coordinator".to_owned()).chain(words).collect();
    if !run.command.iter().any(|word| word.starts_with("--seed")) {
        words.push(format!("--seed {}", run.seed));
    }
    words.join(" ")
}
