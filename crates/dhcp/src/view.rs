//! What configuration and vendor table add to a lease.

use std::collections::HashMap;
use std::sync::Arc;

use crate::lease::{HwAddr, Lease};
use crate::network::LeaseView;
use crate::pool::{Pools, Reservation, ReservationClient, mac_matches};

/// Adds to each lease what is known beside it; the order stays.
///
/// A lease is static when a reservation covers its client and its address.
pub fn views(
    leases: Vec<Lease>,
    source: &str,
    reservations: &[Arc<Reservation>],
    pools: &Pools,
    vendor_of: &dyn Fn(&HwAddr) -> Option<Box<str>>,
) -> Vec<Arc<LeaseView>> {
    let mut by_ip: HashMap<std::net::IpAddr, Vec<&Reservation>> = HashMap::new();
    for reservation in reservations.iter().filter(|held| held.source.as_ref() == source) {
        for ip in &reservation.ips {
            by_ip.entry(*ip).or_default().push(reservation);
        }
    }
    leases
        .into_iter()
        .map(|lease| {
            let held = by_ip.get(&lease.ip).into_iter().flatten();
            let is_static = held.into_iter().any(|reservation| covers(reservation, &lease));
            let vendor =
                lease.mac.as_ref().filter(|mac| !mac.octets.is_empty()).and_then(vendor_of);
            let pool_name = pools.name_of(source, lease.ip);
            let source = source.into();
            Arc::new(LeaseView { lease, source, is_static, pool_name, vendor, is_simulated: false })
        })
        .collect()
}

/// Returns whether a reservation recognises the client of a lease.
fn covers(reservation: &Reservation, lease: &Lease) -> bool {
    if reservation.is_ignored {
        return false;
    }
    let has_client =
        reservation.clients.iter().any(|client| *client != ReservationClient::AnyClientId);
    if !has_client {
        return reservation.hostname.is_some()
            && reservation
                .hostname
                .as_deref()
                .zip(lease.hostname.as_deref())
                .is_some_and(|(want, have)| want.eq_ignore_ascii_case(have));
    }
    reservation.clients.iter().any(|client| match client {
        ReservationClient::Mac { hwtype, octets } => {
            lease.mac.as_ref().is_some_and(|mac| mac_matches(*hwtype, octets, mac))
        }
        ReservationClient::ClientId(id) => {
            [&lease.client_id, &lease.duid].into_iter().any(|held| held.as_ref() == Some(id))
        }
        ReservationClient::ClientIdText(text) => lease.client_id.as_ref().is_some_and(|held| {
            // A text identifier travels with a leading zero octet (RFC 2132 §9.14).
            let held = held.strip_prefix(&[0]).unwrap_or(held);
            held == text.as_bytes()
        }),
        ReservationClient::AnyClientId => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Files, read};
    use std::path::{Path, PathBuf};

    struct One(&'static str);

    impl Files for One {
        fn read(&self, _: &Path) -> std::io::Result<Vec<u8>> {
            Ok(self.0.as_bytes().to_vec())
        }

        fn list(&self, _: &Path) -> std::io::Result<Option<Vec<PathBuf>>> {
            Ok(None)
        }
    }

    #[test]
    fn a_lease_is_static_when_client_and_address_agree() {
        const CONFIG: &str = "dhcp-range=set:lan,10.0.0.10,10.0.0.99\n\
            dhcp-host=02:00:00:00:00:01,10.0.0.1,one\n\
            dhcp-host=02:00:00:00:*:*,10.0.0.2\n\
            dhcp-host=id:01:02:03,10.0.0.3\n\
            dhcp-host=id:text,10.0.0.4\n\
            dhcp-host=named,10.0.0.50\n\
            dhcp-host=id:*,02:00:00:00:00:06,10.0.0.6\n\
            dhcp-host=02:00:00:00:00:07,10.0.0.7,ignore\n\
            dhcp-host=id:00:03,[fd77::8]\n";
        let config = read(Path::new("/c"), "dnsmasq", &One(CONFIG)).unwrap();
        let reservations: Vec<_> = config.reservations.into_iter().map(Arc::new).collect();
        let pools = Pools::new(config.pools.into_iter().map(Arc::new).collect());
        #[rustfmt::skip]
        let cases = [
            ("both agree",       "0 02:00:00:00:00:01 10.0.0.1 x *",       true,  None),
            ("other address",    "0 02:00:00:00:00:01 10.0.0.11 x *",      false, Some("lan")),
            ("other client",     "0 02:00:00:00:00:09 10.0.0.1 x *",       false, None),
            ("wildcard",         "0 02:00:00:00:aa:bb 10.0.0.2 x *",       true,  None),
            ("client id",        "0 02:00:00:00:00:03 10.0.0.3 x 01:02:03", true, None),
            ("text id",          "0 02:00:00:00:00:03 10.0.0.4 x 00:74:65:78:74", true, None),
            ("host name",        "0 02:00:00:00:00:03 10.0.0.50 Named *",  true,  Some("lan")),
            ("any client id",    "0 02:00:00:00:00:06 10.0.0.6 x 01:99",   true,  None),
            ("ignored",          "0 02:00:00:00:00:07 10.0.0.7 x *",       false, None),
            ("DUID",             "0 77 fd77::8 x 00:03",                   true,  None),
        ];
        for (name, line, is_static, pool) in cases {
            let leases = crate::format::dnsmasq::parse(format!("{line}\n").as_bytes(), 0).leases;
            let views = views(leases, "dnsmasq", &reservations, &pools, &|_| None);
            let found = (views[0].is_static, views[0].pool_name.as_deref());
            assert_eq!(found, (is_static, pool), "case: {name}");
        }
    }
}
