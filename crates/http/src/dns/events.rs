//! Starts, stops and failures of the resolver, as the log of the earlier systems shows them.

use std::collections::VecDeque;

use parking_lot::Mutex;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::broadcast;
use utoipa::ToSchema;

/// Events that are kept.
const KEPT_MAX: usize = 100;
/// Events that wait for the feed.
const WAITING_MAX: usize = 32;

/// Something that happened to the resolver.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServerEvent {
    /// Number of the event.
    pub id: String,
    /// Milliseconds since 1970.
    pub timestamp: u64,
    /// `server_event`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// `info` or `error`.
    pub level: &'static str,
    /// `started`, `stopped`, `crashed`, `config_changed`, `driver_changed` or `dropped`.
    pub event_type: &'static str,
    /// What happened, for people.
    pub message: String,
    /// Port of UDP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What was set.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    pub config_changes: Option<Value>,
}

impl ServerEvent {
    /// Makes an event of the level `info`.
    #[must_use]
    pub fn new(now_ms: u64, event_type: &'static str, message: impl Into<String>) -> Self {
        Self {
            id: String::new(),
            timestamp: now_ms,
            kind: "server_event",
            level: "info",
            event_type,
            message: message.into(),
            port: None,
            error: None,
            config_changes: None,
        }
    }
}

/// The newest events.
#[derive(Debug)]
pub struct ServerEvents {
    kept: Mutex<VecDeque<ServerEvent>>,
    told: broadcast::Sender<ServerEvent>,
}

impl Default for ServerEvents {
    fn default() -> Self {
        Self { kept: Mutex::default(), told: broadcast::Sender::new(WAITING_MAX) }
    }
}

impl ServerEvents {
    /// Notes an event and tells it; its id is given here.
    pub fn note_event(&self, mut event: ServerEvent) {
        let mut kept = self.kept.lock();
        let before = kept.back().and_then(|newest| newest.id.strip_prefix('s')?.parse().ok());
        let id = before.map_or(event.timestamp, |before: u64| event.timestamp.max(before + 1));
        event.id = format!("s{id}");
        if kept.len() == KEPT_MAX {
            kept.pop_front();
        }
        kept.push_back(event.clone());
        drop(kept);
        // Nobody may be listening.
        self.told.send(event).ok();
    }

    /// Returns the events, newest first.
    #[must_use]
    pub fn newest(&self, n_max: usize) -> Vec<ServerEvent> {
        self.kept.lock().iter().rev().take(n_max).cloned().collect()
    }

    /// Returns the events to come.
    #[must_use]
    pub fn listen(&self) -> broadcast::Receiver<ServerEvent> {
        self.told.subscribe()
    }

    /// Forgets every event.
    pub fn clear(&self) {
        self.kept.lock().clear();
    }
}
