//! Limits and timings of HTTP.

use std::time::Duration;

use serde::Deserialize;

use crate::prefix::is_prefix;

/// Limits and timings of HTTP.
///
/// A missing key takes its value from [`HttpConfig::default`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpConfig {
    /// Origins that may read answers from a browser, `https://app.example`; `*` is any.
    pub cors_origins: Vec<String>,
    /// Largest body of a request in bytes.
    pub body_size_max_bytes: usize,
    /// Longest time that a request's head may take.
    #[serde(with = "humantime_serde")]
    pub header_timeout: Duration,
    /// Longest time that a request's body may take.
    #[serde(with = "humantime_serde")]
    pub body_timeout: Duration,
    /// Most connections open at once, streams and requests together.
    pub sockets_max: usize,
    /// Secret that lets other machines call the notify endpoint; loopback needs none.
    pub notify_secret: Option<String>,
    /// Path that a reverse proxy serves us below, `/tidings`; empty is none.
    pub path_prefix: String,
    /// Whether `X-Forwarded-Prefix` of a proxy wins over `path_prefix`.
    pub forwarded_prefix: bool,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            cors_origins: Vec::new(),
            body_size_max_bytes: 8 * 1_048_576,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            sockets_max: 16_384,
            notify_secret: None,
            path_prefix: String::new(),
            forwarded_prefix: false,
        }
    }
}

/// A setting of HTTP that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("http.{key}: {reason}")]
pub struct HttpConfigError {
    /// Name of the key below `http`.
    pub key: &'static str,
    /// What is wrong and what would do.
    pub reason: String,
}

/// Shortest notify secret, in bytes.
const SECRET_MIN_BYTES: usize = 16;

impl HttpConfig {
    /// Checks the rules that a single value cannot tell.
    ///
    /// # Errors
    ///
    /// Names the first key that breaks one.
    pub fn check(&self) -> Result<(), HttpConfigError> {
        for origin in &self.cors_origins {
            let is_origin = origin == "*"
                || origin.split_once("://").is_some_and(|(scheme, host)| {
                    !scheme.is_empty() && !host.is_empty() && !host.contains(['/', ' ', '*'])
                });
            if !is_origin || !origin.is_ascii() {
                let reason = format!("`{origin}` is not an origin such as https://app.example");
                return Err(HttpConfigError { key: "cors_origins", reason });
            }
        }
        if self.body_size_max_bytes == 0 || self.sockets_max == 0 {
            let key = if self.sockets_max == 0 { "sockets_max" } else { "body_size_max_bytes" };
            return Err(HttpConfigError { key, reason: "must be at least 1".to_owned() });
        }
        if self.notify_secret.as_ref().is_some_and(|secret| secret.len() < SECRET_MIN_BYTES) {
            let reason = format!("must have at least {SECRET_MIN_BYTES} characters");
            return Err(HttpConfigError { key: "notify_secret", reason });
        }
        if !is_prefix(&self.path_prefix) {
            let prefix = &self.path_prefix;
            let reason =
                format!("`{prefix}` is not a path such as /tidings, without a slash at the end");
            return Err(HttpConfigError { key: "path_prefix", reason });
        }
        Ok(())
    }
}
