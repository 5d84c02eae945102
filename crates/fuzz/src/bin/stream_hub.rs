//! Fuzzes [`fuzz::stream_hub`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::stream_hub(bytes));
