//! Turns changes of the network into events of the hub.

use serde::Serialize;
use serde_json::json;
use std::sync::Arc;
use tidings_dhcp::network::{Cause, Update};
use tidings_http::dns::DnsParts;
use tidings_http::wire::{
    ChangeCounts, DHCP_POOLS, DHCP_STATUS, DataChanged, LEASE_CHANGES, LEASES, LeaseChanged,
    LeasesChanged, SnapshotTaken, SourceJson, pool_usage, time,
};
use tidings_hub::Hub;
use tidings_hub::channel::ChannelName;
use tidings_hub::event::{Data, Event, EventType};
use tokio::sync::mpsc::Receiver;
use tokio_util::sync::CancellationToken;

pub(crate) mod dns;
mod lease_names;

/// From so many changes at once on, one event counts them instead of one event each.
const CHANGES_TOLD_MAX: usize = 49;

/// Publishes every update until `stop` is cancelled or the network ends.
///
/// The resolver has the names and hardware addresses of the leases before anyone is told of them.
pub(crate) async fn run(
    hub: Arc<Hub>,
    dns: Arc<DnsParts>,
    mut updates: Receiver<Update>,
    stop: CancellationToken,
) {
    loop {
        let update = tokio::select! {
            () = stop.cancelled() => return,
            update = updates.recv() => update,
        };
        let Some(update) = update else { return };
        dns.dns.set_lease_names(lease_names::of(&update.snapshot));
        dns.rules.replace_macs(lease_names::macs_of(&update.snapshot));
        let events = events_of(&update);
        tracing::debug!(version = update.snapshot.version, events = events.len(), "leases changed");
        // One by one: the limit of events in a request is for publishers.
        for event in events {
            if let Err(error) = hub.publish(vec![event], None).await {
                let cause: &dyn std::error::Error = &error;
                tracing::warn!(cause, "a change of the leases was not published");
            }
        }
    }
}

/// Says what version of the server runs, and which build of the dashboard it has.
pub(crate) async fn publish_version(hub: &Hub, version: &str, dashboard: Option<&str>) {
    let payload = json!({ "version": version, "dashboard": dashboard });
    let event = event("version", "version", &payload);
    if let Err(error) = hub.publish(event.into_iter().collect(), None).await {
        let cause: &dyn std::error::Error = &error;
        tracing::warn!(cause, "the version was not published");
    }
}

/// Returns the events of an update, in the order in which they are published: first what says
/// that REST serves something newer, then what exactly.
fn events_of(update: &Update) -> Vec<Event> {
    let snapshot = &update.snapshot;
    let mut events: Vec<Option<Event>> = Vec::new();
    let is_start = update.cause == Cause::Start;
    let has_data_changed = is_start || !update.changes.is_empty() || update.cause == Cause::Config;
    if has_data_changed {
        let payload = DataChanged::new(snapshot, update.cause);
        events.push(event(LEASES, "data_changed", &payload));
    }
    if is_start {
        let payload = SnapshotTaken {
            event_type: "snapshot",
            leases: snapshot.leases.len(),
            timestamp: time(snapshot.at),
            version: snapshot.version,
        };
        events.push(event(LEASE_CHANGES, "snapshot", &payload));
    } else {
        let told: Vec<LeaseChanged> = update
            .changes
            .iter()
            .filter_map(|change| LeaseChanged::new(change, snapshot))
            .collect();
        if told.len() > CHANGES_TOLD_MAX {
            let payload = LeasesChanged {
                counts: ChangeCounts::of(&update.changes),
                timestamp: time(snapshot.at),
                version: snapshot.version,
            };
            events.push(event(LEASE_CHANGES, "leases_changed", &payload));
        } else {
            events.extend(told.iter().map(|told| event(LEASE_CHANGES, told.event_type, told)));
        }
    }
    if is_start || update.has_pool_changes {
        let payload = json!({ "pools": pool_usage(snapshot), "version": snapshot.version });
        events.push(event(DHCP_POOLS, "pools", &payload));
    }
    if is_start || update.has_status_changes {
        let sources: Vec<SourceJson> = snapshot.sources.iter().map(SourceJson::from).collect();
        let is_stale = sources.iter().any(|source| source.stale);
        let payload = json!({
            "sources": sources,
            "stale": is_stale,
            "timestamp": time(snapshot.at),
            "version": snapshot.version,
        });
        events.push(event(DHCP_STATUS, "status", &payload));
    }
    events.into_iter().flatten().collect()
}

/// Makes an event of a payload.
fn event(channel: &str, kind: &str, payload: &impl Serialize) -> Option<Event> {
    let made = || {
        let channel = ChannelName::parse(channel).ok()?;
        let kind = EventType::parse(kind).ok()?;
        let data = Data::json(&serde_json::to_string(payload).ok()?).ok()?;
        Some(Event::new(channel, kind, data))
    };
    let event = made();
    debug_assert!(event.is_some(), "the server's own channels, types and payloads are valid");
    event
}
