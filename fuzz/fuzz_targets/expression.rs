#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| langevin_invariants::expression(data));
