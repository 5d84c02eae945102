//! The format of a run: what a measurement is, the kinds of lines that say what came of it, the folder that keeps
//! them, and a run as read back (docs/FORMAT.md).
//!
//! | file | its one idea |
//! |---|---|
//! | [`params`] | what a measurement is: the identity of a cell, defined once |
//! | `lines` | the kinds of lines of run.jsonl |
//! | [`pairs`] | the batches of a run, joined to their trials by number |
//! | [`mod@record`] | a run as read back, each kind in a vector of its own |
//! | [`store`] | a folder that keeps a run line by line, and the way back |
//! | `schema1` | how records of schema 1 are read |
//! | [`samples`] | lines for tests |
#![forbid(unsafe_code)]

mod lines;
pub mod pairs;
pub mod params;
pub mod record;
pub mod samples;
mod schema1;
pub mod store;

pub use lines::*;
pub use pairs::PairRow;
pub use params::{
    ArmParams, Layer, LectureCase, Pages, Params, Placement, Residency, Segment, Stratum, Wait,
};
pub use record::Record;
