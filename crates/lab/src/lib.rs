//! The labs, their questions, and the command line of both binaries.
//!
//! ```text
//! cli -> quick, sweep, run_lab -> Plan or Case -> harness -> Record -> report
//! ```
#![forbid(unsafe_code)]

pub mod advise;
pub mod assertion;
pub mod cli;
mod copy_plan;
pub mod doctor;
pub mod lab;
pub mod labs;
pub mod quick;
pub mod quiz;
pub mod run_lab;
pub mod runs;
pub mod sweep;
