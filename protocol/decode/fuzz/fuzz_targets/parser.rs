//! One target for every parser: the binary's name, which cargo knows, picks it.
#![no_main]

use deskside_decode::parsers;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let name = env!("CARGO_BIN_NAME");
    assert!(parsers::check(name, bytes), "no parser {name}");
});
