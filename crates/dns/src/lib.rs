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

#![expect(
    dead_code,
    unused_imports,
    clippy::unused_async,
    clippy::unused_self,
    reason = "listeners and upstreams use it from the next change on"
)]

pub mod cache;
pub mod client;
pub mod config;
pub mod entry;
pub mod filter;
pub mod listed;
pub mod name;
pub mod network;
pub mod overrides;
pub mod query_log;
pub mod record_type;
pub mod ring;
pub mod service;
pub mod statistics;
pub mod verdict;
