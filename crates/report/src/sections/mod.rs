//! What is said of a run, section by section: an analysis becomes texts, each with the numbers behind it.

pub(crate) mod aa_tests;
pub(crate) mod advice;
pub(crate) mod cost_models;
pub(crate) mod guesses;
pub(crate) mod huge_pages;
pub(crate) mod labs;
pub(crate) mod limits;
pub(crate) mod machine;
pub(crate) mod run_diff;
pub(crate) mod strata;
pub(crate) mod summary;
