//! Fuzzes [`fuzz::list_file`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::list_file(bytes));
