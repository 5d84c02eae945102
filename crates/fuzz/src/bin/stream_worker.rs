//! Fuzzes [`fuzz::stream_worker`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::stream_worker(bytes));
