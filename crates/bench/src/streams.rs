//! Streams inside this process: cursors of the hub, driven by hand.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tidings_hub::Hub;
use tidings_hub::channel::ChannelPattern;
use tidings_hub::delivery::{Format, Start, SubscribeRequest};

use crate::frames::Frames;

/// Time between heartbeats; longer than any bench.
const HEARTBEAT: Duration = Duration::from_hours(1);

/// Follows a pattern from `start` until `ready`, and returns what came.
///
/// # Errors
///
/// The hub refuses, or the stream ends or misses events.
pub(crate) async fn until_ready(
    hub: &Arc<Hub>,
    pattern: &str,
    start: Start,
) -> anyhow::Result<Frames> {
    let request = SubscribeRequest {
        client_id: hub.new_client_id(),
        patterns: vec![ChannelPattern::parse(pattern).context("pattern")?],
        format: Format::Named,
        rename: &[],
        start,
        heartbeat: HEARTBEAT,
        message: "bench",
        peer: None,
        grants: None,
        expires_at: None,
    };
    let mut subscription = hub.subscribe(request).context("subscribe")?;
    let mut frames = Frames::default();
    while !frames.is_ready {
        let batch = poll_fn(|context| subscription.poll_batch(context)).await;
        frames.read(&batch.context("the stream ended before it was ready")?)?;
    }
    Ok(frames)
}
