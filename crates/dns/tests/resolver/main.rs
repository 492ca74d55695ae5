//! The resolver from outside: real sockets on loopback, and upstreams that follow a script.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    unreachable_pub,
    reason = "a test ends at the first surprise and says what it met"
)]

mod beside_unbound;
mod caching;
mod control;
mod harness;
mod lab;
mod local_names;
mod packets;
mod rules;
mod upstreams;
