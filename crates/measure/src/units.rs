//! Sizes, times, rates and ratios: how people read them, and how they write them.

mod format;
mod parse;

pub use format::{range, ratio, seconds, size, time, times};
pub use parse::{Rate, Sizes, parse_duration, parse_duration_in, parse_size};
