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

pub mod client;
pub mod entry;
pub mod filter;
pub mod record_type;
pub mod verdict;
