//! `bellwire_fuzz::framing` under libFuzzer.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| bellwire_fuzz::framing(data));
