//! What `tidings check` prints: the leases of a file in one shape for every format.

use serde_json::{Map, Value, json};
use tidings_dhcp::format::LeaseFormat;
use tidings_dhcp::lease::{EpochSeconds, Expiry, Lease, LeaseKind};
use tidings_http::wire::state_word;

/// Reads a lease file and describes it.
pub(super) fn report(format: LeaseFormat, bytes: &[u8], as_of: EpochSeconds) -> Value {
    let parsed = format.parse(bytes, as_of);
    let mut counts = Map::new();
    counts.insert("total".to_owned(), parsed.leases.len().into());
    counts.insert("active".to_owned(), 0.into());
    for lease in &parsed.leases {
        let count = counts.entry(state_word(lease.state)).or_insert_with(|| 0.into());
        *count = (count.as_u64().unwrap_or(0) + 1).into();
    }
    let leases: Vec<Value> = parsed.leases.iter().map(lease_json).collect();
    let problems: Vec<Value> = parsed
        .problems
        .iter()
        .map(|problem| json!({ "line": problem.line, "reason": problem.reason.as_ref() }))
        .collect();
    json!({
        "format": format.as_str(),
        "as_of": as_of,
        "complete": parsed.is_complete,
        "counts": counts,
        "leases": leases,
        "problems": problems,
        "problems_total": parsed.n_problems,
        "server_duid": parsed.server_duid.as_deref().map(octets),
    })
}

fn octets(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect::<Vec<_>>().join(":")
}

fn lease_json(lease: &Lease) -> Value {
    let mac = lease.mac.as_ref();
    json!({
        "ip": lease.ip.to_string(),
        "kind": match lease.kind {
            LeaseKind::V4 => "v4",
            LeaseKind::Na => "na",
            LeaseKind::Ta => "ta",
            LeaseKind::Pd => "pd",
        },
        "prefix_len": lease.prefix_len,
        "mac": mac.filter(|mac| !mac.octets.is_empty()).map(ToString::to_string),
        "hwtype": mac.map(|mac| mac.hwtype),
        "client_id": lease.client_id.as_deref().map(octets),
        "duid": lease.duid.as_deref().map(octets),
        "iaid": lease.iaid,
        "hostname": lease.hostname.as_deref(),
        "stored_state": lease.stored_state.as_ref(),
        "state": state_word(lease.state),
        "expires": match lease.expiry {
            Expiry::At(end) => Some(end),
            Expiry::Never | Expiry::Unknown { .. } => None,
        },
        "infinite": lease.expiry == Expiry::Never,
        "starts": lease.starts,
        "last_seen": lease.last_seen,
        "subnet_id": lease.subnet_id,
        "pool_id": lease.pool_id,
        "vendor_class": lease.vendor_class.as_deref(),
        "context": lease.context.as_deref(),
    })
}
