//! A filtering, caching, forwarding resolver, and the log of what it was asked.
//!
//! ```text
//! datagram ─▶ question ─▶ access, rate ─▶ filter (pure) ─▶ local names ─▶ cache ─▶ upstream
//!                                             │               │             │         │
//!                                             └───────────────┴── Entry ────┴─────────┘
//!                                                                   │
//!                                            ring of a thread ─▶ log store, statistics, live
//! ```
//!
//! A thread that answers never waits for anything behind the ring: what finds it full is counted
//! and left out of the log.

pub mod cache;
pub mod client;
pub mod config;
mod cookie;
pub mod entry;
pub mod filter;
mod front;
mod ingest;
pub mod list;
pub mod listed;
mod local;
pub mod name;
pub mod network;
pub mod overrides;
pub mod query_log;
mod rate;
pub mod record_type;
mod resolver;
pub mod ring;
pub mod safe_search;
pub mod service;
pub mod statistics;
mod upstream;
pub mod verdict;
mod wire;

/// Reads foreign bytes in every way that the resolver reads them; for the fuzzer.
///
/// # Panics
///
/// What is written cannot be read again, which is a defect.
pub fn read_every_way(message: &[u8]) {
    wire::read_every_way(message);
}
