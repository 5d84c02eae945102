//! Recorded runs as tables, verdicts in words, pictures, and files that other programs read: a pure function of a
//! [`Record`].
//!
//! ```text
//! Record -> analysis (numbers and decisions) -> sections (a Report: texts with their numbers) -> formats
//!                                           `-> charts (the numbers of pictures) -> formats
//! ```
//!
//! [`report`] makes one [`Report`], which says everything once; [`terminal`], [`markdown`], [`mod@csv`] and [`json`] show
//! it, and [`page`] adds pictures. Histograms have formats of their own: [`histograms`] finds them, [`hgrm`] and
//! [`hlog`] write them.
#![forbid(unsafe_code)]

pub mod analysis;
mod charts;
pub mod document;
mod formats;
mod sections;

use std::path::Path;

use record::Record;

pub use charts::text::plots;
pub use document::Report;
pub use formats::csv::csv;
pub use formats::hgrm::hgrm;
pub use formats::histograms::{TrialHistogram, histograms};
pub use formats::hlog::hlog;
pub use formats::html::{Source, page};
pub use formats::json::json;
pub use formats::markdown::markdown;
pub use formats::terminal::{closing, head, tables, terminal};
pub use formats::trace::trace;
pub use formats::trials_csv::trials_csv;
pub use sections::advice::advice;
pub use sections::machine::machine;
pub use sections::run_diff::{Side, run_diff};

/// Name of the page in a run's folder.
pub const PAGE: &str = "report.html";
/// Name of the table of trials in a run's folder.
pub const TRIALS: &str = "trials.csv";

/// What is beside a page.
pub(crate) const FILES: &str = "run.jsonl, pairs.csv, trials.csv";

/// Everything that `record`, kept in `folder`, says.
pub fn report(record: &Record, folder: &Path) -> Report {
    let mut all: Vec<_> = sections::limits::section(record).into_iter().collect();
    all.extend(sections::strata::sections(record));
    all.extend(sections::huge_pages::section(record));
    all.extend(sections::cost_models::section(record));
    all.extend(sections::labs::sections(record));
    all.extend(sections::guesses::section(record));
    all.extend(sections::aa_tests::section(record));
    Report {
        head: sections::machine::head(record),
        sections: all,
        verdicts: sections::summary::verdicts(record),
        ending: sections::summary::ending(record),
        record: format!("{} ({FILES})", folder.display()),
        page: None,
    }
}
