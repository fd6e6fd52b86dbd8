//! `bellwire_fuzz::rewriting` under libFuzzer.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| bellwire_fuzz::rewriting(data));
