//! The resolver from outside: real sockets on loopback, and upstreams that follow a script.

mod caching;
mod control;
mod harness;
mod local_names;
mod packets;
mod upstreams;
