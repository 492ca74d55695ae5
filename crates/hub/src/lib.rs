//! The hub: channels, publications, delivery, subscriptions and limits.
//!
//! Any program publishes an [`event::Event`] to a channel; every [`delivery::Subscription`] is a
//! cursor over one shared sequence of publications and yields ready-made event-stream bytes.
//! This crate knows nothing of HTTP: bytes and values in, bytes and values out.

pub mod archive;
pub mod channel;
mod clock;
mod commit;
pub mod config;
pub mod delivery;
pub mod event;
pub mod frame;
mod held;
pub mod history;
mod hub;
mod id_map;
mod interests;
mod journal;
mod outcomes;
pub mod position;
pub mod publish;
mod readers;
mod registry;
pub mod settings;
mod small_set;
pub mod stats;
mod stored;
mod window;

pub use hub::{Hub, HubEnvironment, HubError, HubThreads, PatchError};
pub use outcomes::KEY_MAX_BYTES;
pub use tidings_log::writer::CommitError;
