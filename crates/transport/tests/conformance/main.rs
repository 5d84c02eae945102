//! The contract of transports: each test runs over each of `ALL`, with each of its wake-ups, so a
//! new transport is tested by its line in `ALL`. A spoke is a thread here; tests/it has real
//! processes.
#![forbid(unsafe_code)]

mod answers;
mod broken;
mod cork;
mod ends;
mod fairness;
mod full;
mod leaks;
mod ledgers;
mod lists;
mod pages;
mod parts;
mod support;
mod tampered;
mod tap;
mod timeouts;
