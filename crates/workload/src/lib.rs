//! What is computed, and the answer that proves it ran.
//!
//! To add a job: one type in the file of its family, and one line in [`ALL`].
#![forbid(unsafe_code)]

pub mod faults;
pub mod lecture;
pub mod owners;
pub mod pauses;
pub mod shift;
pub mod sum;

use pool::Job;

/// Every job that our workers know.
pub static ALL: &[&dyn Job] = &[
    &sum::Sum,
    &sum::SumThenCompute,
    &pauses::SumWithPauses,
    &shift::Shift,
    &lecture::LightWorkSmallData,
    &lecture::HeavyWorkSmallData,
    &lecture::LightWorkLargeData,
    &lecture::HeavyWorkLargeData,
    &lecture::ComputeHash,
    &lecture::SimulateWork,
    &faults::Panic,
    &faults::Abort,
    &faults::Poison,
    &faults::Sleep,
    &faults::Hoard,
    #[cfg(feature = "attacks")]
    &faults::WriteToInput,
    &owners::HoldLocks,
    &owners::OwnSegment,
];
