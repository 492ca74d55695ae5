//! Clock, entropy and environment: the only place that reads them.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

/// Returns milliseconds since 1970.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "everybody else is given this clock")]
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Returns 64 random bits of the system.
///
/// # Panics
///
/// The system has no source of random numbers.
#[must_use]
pub(crate) fn random() -> u64 {
    getrandom::u64().expect("the system has a source of random numbers")
}

/// Returns the environment; variables that are not UTF-8 are left out.
#[must_use]
pub(crate) fn environment() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}
