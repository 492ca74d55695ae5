//! Clock, entropy and the identity of this boot, for the hubs that a bench runs.

use std::time::{SystemTime, UNIX_EPOCH};

/// Returns milliseconds since 1970.
#[expect(clippy::disallowed_methods, reason = "the hub is given this clock")]
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Returns 64 random bits of the system.
///
/// # Panics
///
/// The system has no source of random numbers.
pub(crate) fn random() -> u64 {
    getrandom::u64().expect("the system has a source of random numbers")
}

/// Returns the identity of this run of the operating system, empty when it tells none.
pub(crate) fn boot_id() -> String {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    id.trim().to_owned()
}
