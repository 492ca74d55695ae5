//! Any bytes are read as a message of a client and of an upstream, and what is written is readable.
#![no_main]

libfuzzer_sys::fuzz_target!(|message: &[u8]| tidings_dns::read_every_way(message));
