//! `dhcp-host`: one fixed assignment, in all its forms.

use std::net::{IpAddr, Ipv6Addr};

use super::lease_time;
use crate::pool::{Reservation, ReservationClient};

/// Most octets of a hardware address pattern.
const MAC_MAX_OCTETS: usize = 20;

/// Parses the value of `dhcp-host`, or a line of a hosts file: words in any order.
pub(super) fn parse(value: &str, source: &str) -> Result<Reservation, String> {
    let mut reservation = Reservation {
        source: source.into(),
        clients: Vec::new(),
        ips: Vec::new(),
        hostname: None,
        lease_time_s: None,
        is_infinite: false,
        is_ignored: false,
        set_tags: Vec::new(),
    };
    for word in value.split(',').map(str::trim).filter(|word| !word.is_empty()) {
        take(&mut reservation, word)?;
    }
    let is_empty = reservation.clients.is_empty() && reservation.hostname.is_none();
    if is_empty {
        return Err("neither a client nor a host name".to_owned());
    }
    Ok(reservation)
}

fn take(reservation: &mut Reservation, word: &str) -> Result<(), String> {
    if let Some(id) = word.strip_prefix("id:") {
        reservation.clients.push(client_id(id));
    } else if let Some(tag) = word.strip_prefix("set:").or_else(|| word.strip_prefix("net:")) {
        reservation.set_tags.push(tag.into());
    } else if word.starts_with("tag:") {
        // Restricts where the line applies; the assignment is the same.
    } else if let Some(v6) = word.strip_prefix('[') {
        reservation.ips.push(IpAddr::V6(v6_address(v6, word)?));
    } else if word.contains(':') {
        let mac = mac(word).ok_or_else(|| format!("`{word}` is not a hardware address"))?;
        reservation.clients.push(mac);
    } else if let Ok(ip) = word.parse::<IpAddr>() {
        reservation.ips.push(ip);
    } else if word == "ignore" {
        reservation.is_ignored = true;
    } else if let Some(seconds) = lease_time(word) {
        reservation.lease_time_s = seconds;
        reservation.is_infinite = seconds.is_none();
    } else if reservation.hostname.is_none() {
        reservation.hostname = Some(word.into());
    } else {
        return Err(format!("`{word}` would be a second host name"));
    }
    Ok(())
}

fn v6_address(rest: &str, word: &str) -> Result<Ipv6Addr, String> {
    let inner = rest.strip_suffix(']').ok_or_else(|| format!("`{word}` has no closing bracket"))?;
    let address = inner.split('/').next().unwrap_or_default();
    address.parse().map_err(|_| format!("`{word}` is not an IPv6 address"))
}

/// Reads `*`, hexadecimal octets, or text.
fn client_id(id: &str) -> ReservationClient {
    if id == "*" {
        return ReservationClient::AnyClientId;
    }
    let octets: Option<Box<[u8]>> = id
        .split(':')
        .map(|group| (group.len() <= 2).then(|| u8::from_str_radix(group, 16).ok()).flatten())
        .collect();
    match octets {
        Some(octets) if id.contains(':') => ReservationClient::ClientId(octets),
        Some(_) | None => ReservationClient::ClientIdText(id.into()),
    }
}

/// Reads `[HW-]OCTETS`, where an octet may be `*`.
fn mac(word: &str) -> Option<ReservationClient> {
    let (hwtype, octets) = match word.split_once('-') {
        Some((hwtype, octets)) => (Some(u16::from_str_radix(hwtype, 16).ok()?), octets),
        None => (None, word),
    };
    let octets: Vec<Option<u8>> = octets
        .split(':')
        .map(|group| match group {
            "*" => Some(None),
            group if group.len() <= 2 => u8::from_str_radix(group, 16).ok().map(Some),
            _ => None,
        })
        .collect::<Option<_>>()?;
    (octets.len() <= MAC_MAX_OCTETS).then_some(ReservationClient::Mac { hwtype, octets })
}
