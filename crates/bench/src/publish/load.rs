//! Publishers at work, in a process of their own.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::child::{address_of, count_of};
use crate::load::Publisher;
use crate::role;
use crate::statistics::Latencies;

/// Publishes before those that are measured, at most.
const WARM_UP_MAX: Duration = Duration::from_millis(300);
/// Most publishes of one publisher in one run.
const PUBLISHES_MAX: u64 = 1_000_000;

/// Returns what asks the child for some publishers.
pub(super) fn question(address: SocketAddr, n_publishers: usize, time: Duration) -> Value {
    let time_ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    json!({"address": address.to_string(), "publishers": n_publishers, "time_ms": time_ms})
}

/// Publishes as asked and tells how it went.
///
/// # Errors
///
/// The question is none, or a publish is not acknowledged.
pub(crate) fn run(question: &Value) -> anyhow::Result<Value> {
    let address = address_of(question)?;
    let n_publishers = count_of(question, "publishers")?;
    let time = Duration::from_millis(count_of(question, "time_ms")?);
    let load = role::current_thread()?.block_on(publish_all(address, n_publishers, time))?;
    let n_measured = load.latencies.len();
    let acks = load.latencies.percentiles();
    Ok(json!({
        "n_acknowledged": load.n_acknowledged,
        "n_measured": n_measured,
        "ack_ms_p50": acks.p50_ms,
        "ack_ms_p99": acks.p99_ms,
    }))
}

/// What publishers saw.
#[derive(Debug, Default)]
struct Load {
    n_acknowledged: u64,
    /// Of those in the measured time.
    latencies: Latencies,
}

async fn publish_all(
    address: SocketAddr,
    n_publishers: u64,
    time: Duration,
) -> anyhow::Result<Load> {
    let mut publishers = Vec::new();
    for index in 0..n_publishers {
        publishers.push(Publisher::connect(address, &format!("bench/{index}")).await?);
    }
    let begin = Instant::now() + time.min(WARM_UP_MAX);
    let mut tasks = JoinSet::new();
    for publisher in publishers {
        tasks.spawn(publish_until(publisher, begin, begin + time));
    }
    let mut load = Load::default();
    while let Some(done) = tasks.join_next().await {
        let done = done.context("a publisher panicked")??;
        load.n_acknowledged += done.n_acknowledged;
        load.latencies.extend(done.latencies);
    }
    Ok(load)
}

/// Publishes one event after the other; those between `begin` and `end` are measured.
async fn publish_until(
    mut publisher: Publisher,
    begin: Instant,
    end: Instant,
) -> anyhow::Result<Load> {
    let mut load = Load::default();
    while load.n_acknowledged < PUBLISHES_MAX {
        let start = Instant::now();
        if start >= end {
            return Ok(load);
        }
        publisher.publish(load.n_acknowledged).await?;
        load.n_acknowledged += 1;
        let now = Instant::now();
        if now >= begin && now < end {
            load.latencies.add(now - start);
        }
    }
    bail!("a publisher reached {PUBLISHES_MAX} publishes; measure for a shorter time")
}
