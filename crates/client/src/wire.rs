//! The JSON shapes of a hub's control frames and answers.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Data of the first frame of a stream.
#[derive(Debug, Deserialize)]
pub(crate) struct Established {
    pub(crate) client_id: String,
    pub(crate) epoch: Option<String>,
    pub(crate) recovered: Option<bool>,
    pub(crate) heartbeat_seconds: Option<u64>,
    #[serde(default)]
    pub(crate) channels: Vec<String>,
}

/// The unnamed frame of the envelope format.
#[derive(Debug, Deserialize)]
pub(crate) struct Envelope<'a> {
    #[serde(rename = "type")]
    pub(crate) channel: String,
    pub(crate) event: Option<String>,
    /// Only the first frame has it.
    #[serde(rename = "clientId")]
    pub(crate) client_id: Option<String>,
    #[serde(borrow)]
    pub(crate) data: &'a RawValue,
    pub(crate) timestamp: Option<u64>,
}

/// Data of a heartbeat in either format.
#[derive(Debug, Deserialize)]
pub(crate) struct Beat {
    pub(crate) active_connections: u64,
}

/// Data of `ready`.
#[derive(Debug, Deserialize)]
pub(crate) struct Subscribed {
    pub(crate) channels: Vec<String>,
}

/// Data of `reset`.
#[derive(Debug, Deserialize)]
pub(crate) struct Hole {
    pub(crate) channels: Option<Vec<String>>,
    pub(crate) reason: String,
    pub(crate) from: Option<String>,
    pub(crate) to: Option<String>,
}

/// Data of `rejected`.
#[derive(Debug, Deserialize)]
pub(crate) struct Rejection {
    pub(crate) status: u16,
    pub(crate) message: Option<String>,
}

/// Data of `connection_close`.
#[derive(Debug, Deserialize)]
pub(crate) struct Close {
    pub(crate) reason: String,
}

/// The members of a problem body that a person wants to read.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ProblemBody {
    pub(crate) title: Option<String>,
    pub(crate) detail: Option<String>,
    /// What the contract paths of earlier systems carry instead.
    pub(crate) error: Option<String>,
}

/// One event in the body of a publish request.
#[derive(Debug, Serialize)]
pub(crate) struct EventBody<'a> {
    pub(crate) channel: &'a str,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub(crate) kind: Option<&'a str>,
    pub(crate) data: DataBody<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ttl_seconds: Option<u64>,
}

/// The payload of one event in the body of a publish request.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum DataBody<'a> {
    Json(&'a RawValue),
    Text(&'a str),
}

/// The answer to a publish request.
#[derive(Debug, Deserialize)]
pub(crate) struct PublishedBody {
    pub(crate) positions: Vec<Option<String>>,
    pub(crate) matched: u64,
}
