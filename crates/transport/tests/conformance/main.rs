//! What every transport promises, asked of each of `ALL` with each of its wake-ups: a new transport is
//! tested by its line in `ALL` alone. Here a spoke is a thread; tests/it has real processes.
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
mod patience;
mod support;
mod tampered;
mod tap;
