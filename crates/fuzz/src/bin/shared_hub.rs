//! Fuzzes [`fuzz::shared_hub`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::shared_hub(bytes));
