//! Recorded runs as tables, verdicts in words, and files that others read: a pure function of the
//! record's lines.
//!
//! [`of`] makes one [`Report`] of the lines, which says everything once; [`terminal`], [`markdown`],
//! [`csv`] and [`json`] show it, and [`page()`] adds pictures. Histograms have formats of their own: [`whole`] finds them, [`hgrm`]
//! and [`hlog`] write them.
#![forbid(unsafe_code)]

mod advice;
mod changes;
mod control;
mod csv;
mod figures;
mod floor;
mod hgrm;
mod hlog;
mod json;
mod lecture;
mod limit;
mod machine;
mod markdown;
pub mod model;
mod models;
mod page;
mod pages;
mod plot;
mod predictions;
mod reach;
mod summary;
mod table;
mod terminal;
mod trace;
mod trials;
mod units;
mod whole;

use std::path::Path;

use measure::record::Line;

pub use advice::advice;
pub use changes::{Side, changes};
pub use csv::csv;
pub use hgrm::hgrm;
pub use hlog::hlog;
pub use json::json;
pub use machine::machine;
pub use markdown::markdown;
pub use model::Report;
pub use page::{Source, page};
pub use plot::plots;
pub use table::arm;
pub use terminal::{closing, head, tables, terminal};
pub use trace::trace;
pub use trials::trials;
pub use units::{ratio, size, time};
pub use whole::{Whole, whole};

/// Name of the page in a run's folder.
pub const PAGE: &str = "report.html";
/// Name of the table of trials in a run's folder.
pub const TRIALS: &str = "trials.csv";

/// What is beside a page.
pub(crate) const FILES: &str = "run.jsonl, pairs.csv, trials.csv";

/// Everything that `lines`, the record in `folder`, say.
pub fn of(lines: &[Line], folder: &Path) -> Report {
    let mut sections: Vec<_> = floor::section(lines).into_iter().collect();
    sections.extend(table::strata(lines));
    sections.extend(pages::section(lines));
    sections.extend(models::section(lines));
    sections.extend(lecture::labs(lines));
    sections.extend(predictions::section(lines));
    sections.extend(control::section(lines));
    Report {
        head: machine::head(lines),
        sections,
        verdicts: summary::verdicts(lines),
        ending: summary::ending(lines),
        record: format!("{} ({FILES})", folder.display()),
        page: None,
    }
}

/// Of those with the same key the last: what was measured anew, or found again.
fn latest<'a, T, K: PartialEq>(
    all: impl Iterator<Item = &'a T>,
    key: impl Fn(&T) -> K,
) -> Vec<&'a T> {
    let all: Vec<&T> = all.collect();
    let again = |at: usize| all[at + 1..].iter().any(|later| key(later) == key(all[at]));
    (0..all.len()).filter(|at| !again(*at)).map(|at| all[at]).collect()
}
