//! Client of a Tidings hub: event-stream decoding, resume, back-off, publish.
//!
//! The crate reads no clock but tokio's timer, no environment and no entropy: whoever builds
//! [`Options`] or a [`Publisher`] passes the source of randomness for the jitter.
//!
//! It spawns nothing. A connection makes progress only while [`EventStream::next`] is polled, so
//! a reader that stops reading stops the server by TCP flow control, not by growing a queue here.

pub mod backoff;
pub mod decode;
pub mod item;
pub mod options;
pub mod publish;
pub mod stream;

mod endpoint;
mod problem;
#[cfg(test)]
mod scripted;
mod wire;

pub use backoff::RandomSource;
pub use decode::{DecodeError, Decoder, Frame};
pub use endpoint::EndpointError;
pub use item::{ClosedReason, DisconnectCause, Event, Opened, Reset, ResetReason, StreamItem};
pub use options::{Format, Options, Start};
pub use problem::Problem;
pub use publish::{AttemptFailure, EventData, PublishError, PublishEvent, Published, Publisher};
pub use stream::EventStream;
