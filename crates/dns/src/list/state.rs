//! How a list stands: what the server said of it, what it holds, and what went wrong last.

use serde_json::{Value, json};

/// Longest validator of a server that is kept, in bytes.
pub const VALIDATOR_BYTES_MAX: usize = 1_024;

/// What went wrong at the last look, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastError {
    /// What, for people.
    pub text: String,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
}

/// How a list stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListState {
    /// `ETag` of the last good copy (RFC 9110 §8.8.3).
    pub etag: Option<String>,
    /// `Last-Modified` of the last good copy (RFC 9110 §8.8.2).
    pub last_modified: Option<String>,
    /// When the last good copy came, in milliseconds since 1970; `None` when there is none.
    pub updated_at_ms: Option<u64>,
    /// When it was looked at last, whatever came of it.
    pub checked_at_ms: Option<u64>,
    /// When it will be looked at next.
    pub next_at_ms: Option<u64>,
    /// Rules of the last good copy.
    pub n_rules: u64,
    /// Its lines that are no rules here.
    pub n_ignored: u64,
    /// Its size in bytes.
    pub n_bytes: u64,
    /// Looks that failed since the last that did not.
    pub n_failures: u32,
    /// What went wrong last; `None` after a look that did not fail.
    pub error: Option<LastError>,
}

impl ListState {
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "etag": self.etag,
            "last_modified": self.last_modified,
            "updated_at_ms": self.updated_at_ms,
            "checked_at_ms": self.checked_at_ms,
            "next_at_ms": self.next_at_ms,
            "rules": self.n_rules,
            "ignored": self.n_ignored,
            "bytes": self.n_bytes,
            "failures": self.n_failures,
            "error": self.error.as_ref().map(|error| {
                json!({ "text": error.text, "at_ms": error.at_ms })
            }),
        })
    }

    pub(crate) fn from_json(value: &Value) -> Option<Self> {
        let value = value.as_object()?;
        let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        let number = |key: &str| value.get(key).and_then(Value::as_u64);
        let error = value.get("error").filter(|error| !error.is_null());
        let error = match error {
            None => None,
            Some(error) => Some(LastError {
                text: error.get("text")?.as_str()?.to_owned(),
                at_ms: error.get("at_ms")?.as_u64()?,
            }),
        };
        Some(Self {
            etag: text("etag"),
            last_modified: text("last_modified"),
            updated_at_ms: number("updated_at_ms"),
            checked_at_ms: number("checked_at_ms"),
            next_at_ms: number("next_at_ms"),
            n_rules: number("rules")?,
            n_ignored: number("ignored")?,
            n_bytes: number("bytes")?,
            n_failures: number("failures").and_then(|n| n.try_into().ok())?,
            error,
        })
    }
}
