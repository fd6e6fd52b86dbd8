//! `bellwire_fuzz::offers` under libFuzzer.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| bellwire_fuzz::offers(data));
