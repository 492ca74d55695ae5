//! Clocks, entropy and environment: the only place that reads them.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

/// Returns milliseconds since 1970.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "everybody else is given this clock")]
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Returns milliseconds of a clock that nobody sets and that runs while the machine sleeps.
#[must_use]
pub(crate) fn elapsed_ms() -> u64 {
    let since_boot = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let seconds = u64::try_from(since_boot.tv_sec).unwrap_or(0);
    seconds * 1_000 + u64::try_from(since_boot.tv_nsec / 1_000_000).unwrap_or(0)
}

/// Returns the identity of this run of the operating system, empty where it has none.
#[must_use]
pub(crate) fn boot_id() -> String {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    id.trim().to_owned()
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

/// Raises the soft limit of open file descriptors to the hard one and returns it.
pub(crate) fn raise_descriptor_limit() -> std::io::Result<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?;
    Ok(limit.maximum.unwrap_or(u64::MAX))
}

/// Returns whether the process may listen on ports below 1024.
pub(crate) fn can_use_low_ports() -> bool {
    if rustix::process::geteuid().is_root() {
        return true;
    }
    let first = std::fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    let is_open = first.ok().and_then(|text| text.trim().parse::<u16>().ok()) == Some(0);
    // Bit 10 of the effective capabilities is CAP_NET_BIND_SERVICE (capabilities(7)).
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let effective = effective.and_then(|text| u64::from_str_radix(text.trim(), 16).ok());
    is_open || effective.is_some_and(|bits| bits >> 10 & 1 == 1)
}
