//! The forms of a report and of its record: one file for each. None of them rounds or decides.

pub(crate) mod csv;
pub(crate) mod hgrm;
pub(crate) mod histograms;
pub(crate) mod hlog;
pub(crate) mod html;
pub(crate) mod json;
pub(crate) mod markdown;
pub(crate) mod terminal;
pub(crate) mod trace;
pub(crate) mod trials_csv;
