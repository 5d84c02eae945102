//! Fuzzes [`fuzz::shared_worker`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::shared_worker(bytes));
