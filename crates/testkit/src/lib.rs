//! Boots a Tidings server for tests and asserts on its streams.
//!
//! Everything here blocks and belongs into tests only: what fails unexpectedly panics with all that
//! is known, at the line of the test. What a machine may lack says so beforehand
//! (`why_unavailable`), so that a test can skip with a message. Every process and namespace is
//! removed when its owner is dropped.

pub mod binary;
pub mod dnsmasq;
pub mod http;
pub mod nginx;
pub mod server;
pub mod stream;

mod process;

pub use dnsmasq::{DhcpClient, DhcpLab, DhcpOptions};
pub use http::Response;
pub use nginx::Nginx;
pub use rustix::process::Signal;
pub use server::{Server, ServerOptions};
pub use stream::{NoEvent, RawStream, StreamEvent};
pub use tokio::time::Instant;
