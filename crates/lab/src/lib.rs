//! Asks the questions: plans of cells, trials in generations of fresh workers, and the two binaries.
//!
//! ```text
//! cmd -> quick, sweep -> Plan -> run -> trial (generations x pairs) -> batch -> pool::WorkerGroup -> hub
//!                                 `-> one line, flushed -> run.jsonl -> report
//! ```
#![forbid(unsafe_code)]

pub mod advise;
pub mod args;
pub mod assertion;
pub mod batch;
mod beside;
pub mod book;
pub mod cmd;
pub mod doctor;
pub mod floor;
pub mod interrupt;
pub mod labs;
pub mod launch;
pub mod models;
pub mod placement;
pub mod plan;
pub mod predict;
pub mod progress;
pub mod quick;
pub mod refusal;
pub mod run;
pub mod saved;
pub mod session;
pub mod shelf;
pub mod size;
pub mod source;
pub mod speedup;
pub mod storm;
pub mod sweep;
pub mod trial;
pub mod wish;

/// Hash of the sources that this program was built from.
pub const BUILD: &str = env!("IPCLAB_BUILD");

/// Commit that this program was built from, where that is known.
pub fn commit() -> Option<String> {
    Some(env!("IPCLAB_COMMIT").to_owned()).filter(|commit| !commit.is_empty())
}
