//! Everything HTTP of Tidings: accept loop, routers, extractors, event streams, errors, `OpenAPI`.

mod config;
pub mod dashboard;
pub mod dns;
mod handover;
mod metrics;
mod openapi;
mod prefix;
mod problem;
mod routes;
mod server;
mod stage;
mod state;
mod stream_writer;
pub mod tls;
pub mod wire;

pub use config::{HttpConfig, HttpConfigError};
pub use openapi::openapi;
pub use problem::Problem;
pub use routes::router;
pub use server::{Listener, Server, TlsHandle};
pub use stage::Stage;
pub use state::{App, AppParts, BodyCache, Readiness, Running};
