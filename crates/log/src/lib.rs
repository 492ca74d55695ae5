//! The durable log: records in, offsets out.
//!
//! A log is a folder of segments. One writer appends groups of records and makes them durable;
//! any number of readers follow. What a record means is its owner's business.

pub mod check;
pub mod disk;
mod index;
pub mod log;
pub mod meta;
pub mod reader;
pub mod record;
mod recovery;
pub mod repair;
mod scan;
mod sidecar;
pub mod simulated;
pub mod writer;

pub use index::Retention;
