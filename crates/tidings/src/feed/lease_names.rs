//! Names and hardware addresses of leases, for the resolver.

use std::collections::HashMap;
use std::net::IpAddr;

use tidings_dhcp::lease::{LeaseKind, LeaseState};
use tidings_dhcp::network::Snapshot;
use tidings_dns::client::Mac;
use tidings_dns::service::LeaseName;

/// Returns the names of the leases that are held now; a prefix has no address to name.
pub(crate) fn of(snapshot: &Snapshot) -> Vec<LeaseName> {
    let leases = snapshot.leases.iter().map(|view| &view.lease);
    leases
        .filter(|lease| lease.state == LeaseState::Active && lease.kind != LeaseKind::Pd)
        .filter_map(|lease| {
            let name = lease.hostname.as_deref()?.to_owned();
            Some(LeaseName { name, address: lease.ip })
        })
        .collect()
}

/// Returns the hardware addresses of the leases that are held now, where they have six octets.
pub(crate) fn macs_of(snapshot: &Snapshot) -> HashMap<IpAddr, Mac> {
    let leases = snapshot.leases.iter().map(|view| &view.lease);
    leases
        .filter(|lease| lease.state == LeaseState::Active && lease.kind != LeaseKind::Pd)
        .filter_map(|lease| {
            let mac = Mac::try_from(&*lease.mac.as_ref()?.octets).ok()?;
            Some((lease.ip, mac))
        })
        .collect()
}
