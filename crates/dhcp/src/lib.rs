//! DHCP lease databases of real servers: formats, watching, diff, pools, reservations, simulator,
//! vendors.

pub mod config;
pub mod diff;
pub mod format;
pub mod lease;
pub mod network;
pub mod pool;
pub mod query;
pub mod vendor;
pub mod view;
