//! Boots a Tidings server for tests and asserts on its streams.
//!
//! Everything here blocks and belongs into tests only: what fails unexpectedly panics with all that
//! is known, at the line of the test. What a machine may lack says so beforehand
//! (`why_unavailable`) or with an error, so that a test can skip with a message. Every process,
//! namespace and mount is removed when its owner is dropped.

pub mod binary;
pub mod dnsmasq;
pub mod http;
pub mod nginx;
pub mod server;
pub mod stream;
pub mod tmpfs;

mod process;

pub use dnsmasq::{DhcpClient, DhcpLab, DhcpOptions};
pub use http::{Connection, Response};
pub use nginx::Nginx;
pub use rustix::process::Signal;
pub use server::{Server, ServerOptions, own_loopback};
pub use stream::{NoEvent, OpenError, RawStream, StreamEvent};
pub use tmpfs::Tmpfs;
pub use tokio::time::Instant;
