//! Carries a plan out and writes its record: placement, workers, batches, pairs, and the limits of the machine. Knows
//! neither the command line nor tables.
//!
//! ```text
//! Plan -> execute -> round_trips ┐                       ┌ worker groups   ┐
//!                    speedup     ┼ experiment::schedule ─┼ pools           ┼ batches -> totals -> Trial -> RunWriter
//!                    size_sweep  ┘ (the one loop)        └ the task alone  ┘
//! ```
#![forbid(unsafe_code)]

pub mod context;
pub mod ending;
pub mod execute;
pub mod experiment;
pub mod interrupt;
pub mod limits;
pub mod list;
pub mod options;
pub mod placement;
pub mod plan;
pub mod progress;
pub mod round_trips;
pub mod run_writer;
mod size_sweep;
pub mod speedup;
pub mod usage_error;
pub mod worker_program;

pub use context::LabContext;
pub use ending::Outcome;
pub use options::{LabOptions, RunOptions, Scale};
pub use run_writer::{Done, RunWriter};
pub use usage_error::UsageError;

/// Hash of the sources that this program was built from.
pub const BUILD: &str = env!("IPCLAB_BUILD");

/// Commit that this program was built from, where that is known.
pub fn commit() -> Option<String> {
    Some(env!("IPCLAB_COMMIT").to_owned()).filter(|commit| !commit.is_empty())
}
