//! DHCP lease databases of real servers: formats, watching, diff, pools, reservations, simulator,
//! vendors.

mod aging;
pub mod config;
pub mod diff;
pub mod discover;
pub mod format;
pub mod lease;
pub mod network;
pub mod pool;
pub mod query;
pub mod service;
pub mod simulate;
pub mod vendor;
pub mod view;
mod watch;
