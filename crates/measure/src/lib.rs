//! Instruments: clock, stamps, counters, the machine, background load, histograms, and units. Knows nothing of
//! processes, transports or records.
//!
//! | file | its one idea |
//! |---|---|
//! | [`clock`] | one number line for every process of a boot, and what reading it costs |
//! | [`timeline`] | nine stamps of one task, and the eight phases between them |
//! | [`histogram`] | a distribution kept whole |
//! | [`counters`] | what the kernel counted for this thread |
//! | [`cpu_interference`] | what other processes, and the host, took of the cores meanwhile |
//! | [`machine`] | what a reader must know of the machine behind a figure |
//! | [`units`] | sizes, times, rates and ratios as people write and read them |
#![forbid(unsafe_code)]

pub mod clock;
pub mod counters;
pub mod cpu_interference;
pub mod histogram;
pub mod machine;
pub mod timeline;
pub mod units;

pub use clock::now;
pub use histogram::{Distribution, Histogram};
pub use timeline::{Phase, Stamp, Timeline};
