//! The DHCP side as one thing.

mod config;

pub use config::{
    ConfigError, DEFAULT_LEASE_FILE, DhcpConfig, POOL_SOURCE, POOLS_MAX, SOURCES_MAX,
    SimulateConfig, SourceConfig, SourceFormat,
};
