//! dnsmasq's lease file (`src/lease.c` of dnsmasq 2.93): one lease a line, in no order.
//!
//! | line | tokens |
//! |---|---|
//! | DHCPv4 | `EXPIRY [HW-]MAC IPv4 NAME CLIENT-ID` |
//! | server id | `duid HEX:HEX…` |
//! | DHCPv6 | `EXPIRY [T]IAID IPv6 NAME CLIENT-DUID` |
//! | from 2.92 | `agent-info IP HEX…`, `vendorclass IP HEX…` |

use std::collections::HashMap;
use std::net::IpAddr;

use super::{LEASES_MAX, Parsed};
use crate::lease::{EpochSeconds, Expiry, HwAddr, Lease, LeaseKind, LeaseState};

/// Longest line, in bytes: a name and a client identifier of 255 octets fit several times.
const LINE_MAX_BYTES: usize = 4_096;
/// Most octets of a hardware address.
const HWADDR_MAX_OCTETS: usize = 20;
/// Most octets of a client identifier or DUID.
const CLIENT_ID_MAX_OCTETS: usize = 255;
/// An expiry below this is the length of the lease: dnsmasq built without a real-time clock
/// writes that, and a machine without one writes times of 1970.
const EXPIRY_MIN: EpochSeconds = 1_000_000_000;

/// Reads a lease file.
///
/// Where two lines hold the same address, the later counts, as it does for dnsmasq, which looks
/// its list up from the end that it read last.
/// A last line without line end is left out: the file is still being written.
#[must_use]
pub fn parse(bytes: &[u8], as_of: EpochSeconds) -> Parsed {
    let is_complete = bytes.last().is_none_or(|last| *last == b'\n');
    let mut parsed = Parsed { is_complete, ..Parsed::default() };
    let whole = match bytes.iter().rposition(|byte| *byte == b'\n') {
        Some(end) => bytes.get(..end).unwrap_or_default(),
        None => &[],
    };
    let mut by_address: HashMap<(IpAddr, bool), (usize, usize)> = HashMap::new();
    let mut leases: Vec<Option<Lease>> = Vec::new();
    let mut vendor_classes: Vec<(IpAddr, Box<str>)> = Vec::new();
    for (index, line) in whole.split(|byte| *byte == b'\n').enumerate() {
        let number = index + 1;
        match read_line(line, as_of) {
            Ok(Line::Nothing) => {}
            Ok(Line::ServerDuid(duid)) => parsed.server_duid = Some(duid),
            Ok(Line::VendorClass(ip, class)) => vendor_classes.push((ip, class)),
            Ok(Line::Lease(lease, remark)) => {
                if let Some(remark) = remark {
                    parsed.note(number, remark);
                }
                if leases.len() == LEASES_MAX {
                    parsed.note(number, format!("more than {LEASES_MAX} leases"));
                    break;
                }
                let key = (lease.ip, lease.kind == LeaseKind::Ta);
                let place = (leases.len(), number);
                if let Some((older, line)) = by_address.insert(key, place) {
                    let ip = lease.ip;
                    parsed.note(line, format!("address {ip} stands again in line {number}"));
                    if let Some(slot) = leases.get_mut(older) {
                        *slot = None;
                    }
                }
                leases.push(Some(*lease));
            }
            Err(reason) => parsed.note(number, reason),
        }
    }
    for (ip, class) in vendor_classes {
        if let Some(lease) = leases.iter_mut().flatten().find(|lease| lease.ip == ip) {
            lease.vendor_class = Some(class);
        }
    }
    parsed.leases = leases.into_iter().flatten().collect();
    parsed.leases.sort_by_key(|lease| (lease.ip, lease.kind));
    parsed
}

/// What a line says.
enum Line {
    Nothing,
    ServerDuid(Box<[u8]>),
    VendorClass(IpAddr, Box<str>),
    Lease(Box<Lease>, Option<&'static str>),
}

fn read_line(line: &[u8], as_of: EpochSeconds) -> Result<Line, &'static str> {
    if line.len() > LINE_MAX_BYTES {
        return Err("line is longer than 4096 bytes");
    }
    let mut tokens = line.split(u8::is_ascii_whitespace).filter(|token| !token.is_empty());
    let Some(first) = tokens.next() else { return Ok(Line::Nothing) };
    match first {
        [b'#', ..] | b"agent-info" => return Ok(Line::Nothing),
        b"duid" => {
            let duid = octets(tokens.next().unwrap_or_default(), CLIENT_ID_MAX_OCTETS);
            return duid.map(Line::ServerDuid).ok_or("server DUID is not hexadecimal");
        }
        b"vendorclass" => {
            let ip = address(tokens.next()).ok_or("address of the vendor class is missing")?;
            let class = octets(tokens.next().unwrap_or_default(), CLIENT_ID_MAX_OCTETS)
                .ok_or("vendor class is not hexadecimal")?;
            return Ok(Line::VendorClass(ip, String::from_utf8_lossy(&class).into()));
        }
        _ => {}
    }
    let expiry = expiry(first)?;
    let client = tokens.next().ok_or("hardware address or IAID is missing")?;
    let ip = address(Some(tokens.next().ok_or("address is missing")?)).ok_or("bad address")?;
    let name = tokens.next().ok_or("host name is missing")?;
    let id = tokens.next().filter(|id| *id != b"*");
    let client_id = id.map(|id| octets(id, CLIENT_ID_MAX_OCTETS));
    let remark = matches!(client_id, Some(None)).then_some("client identifier is not hexadecimal");
    let client_id = client_id.flatten();
    let state = match expiry {
        Expiry::At(end) if end <= as_of => LeaseState::Expired,
        Expiry::At(_) | Expiry::Never | Expiry::Unknown { .. } => LeaseState::Active,
    };
    let mut lease = Lease {
        ip,
        kind: LeaseKind::V4,
        prefix_len: None,
        mac: None,
        client_id: None,
        duid: None,
        iaid: None,
        hostname: (name != b"*").then(|| String::from_utf8_lossy(name).into()),
        stored_state: "active".into(),
        state,
        expiry,
        starts: None,
        last_seen: None,
        subnet_id: None,
        pool_id: None,
        vendor_class: None,
        context: None,
    };
    if ip.is_ipv4() {
        lease.mac = Some(hardware_address(client)?);
        lease.client_id = client_id;
    } else {
        let (kind, iaid) = match client.strip_prefix(b"T") {
            Some(rest) => (LeaseKind::Ta, rest),
            None => (LeaseKind::Na, client),
        };
        lease.kind = kind;
        lease.iaid = Some(decimal(iaid).and_then(|n| n.try_into().ok()).ok_or("bad IAID")?);
        lease.duid = client_id;
    }
    Ok(Line::Lease(Box::new(lease), remark))
}

/// Reads the end of a lease; 0 is never.
fn expiry(token: &[u8]) -> Result<Expiry, &'static str> {
    let end: EpochSeconds =
        decimal(token).and_then(|n| n.try_into().ok()).ok_or("bad expiry time")?;
    Ok(match end {
        0 => Expiry::Never,
        1..EXPIRY_MIN => Expiry::Unknown { length_s: u32::try_from(end).ok() },
        _ => Expiry::At(end),
    })
}

fn decimal(token: &[u8]) -> Option<u64> {
    let is_decimal = !token.is_empty() && token.iter().all(u8::is_ascii_digit);
    is_decimal.then(|| std::str::from_utf8(token).ok()?.parse().ok()).flatten()
}

fn address(token: Option<&[u8]>) -> Option<IpAddr> {
    std::str::from_utf8(token?).ok()?.parse().ok()
}

/// Reads `[HW-]OCTETS`; the type is Ethernet when it is not given.
fn hardware_address(token: &[u8]) -> Result<HwAddr, &'static str> {
    let (hwtype, rest) = match token.iter().position(|byte| *byte == b'-') {
        Some(dash) => {
            let (digits, rest) = token.split_at(dash);
            let digits = std::str::from_utf8(digits).unwrap_or_default();
            let hwtype = u16::from_str_radix(digits, 16).map_err(|_| "bad hardware type")?;
            (hwtype, rest.get(1..).unwrap_or_default())
        }
        None => (1, token),
    };
    if rest.is_empty() && hwtype != 1 {
        return Ok(HwAddr { hwtype, octets: Box::default() });
    }
    let octets = octets(rest, HWADDR_MAX_OCTETS).ok_or("bad hardware address")?;
    Ok(HwAddr { hwtype, octets })
}

/// Reads hexadecimal groups with colons; a group of more than two digits is read two at a time.
fn octets(token: &[u8], octets_max: usize) -> Option<Box<[u8]>> {
    let mut octets = Vec::new();
    for group in token.split(|byte| *byte == b':') {
        if group.is_empty() || (group.len() > 2 && !group.len().is_multiple_of(2)) {
            return None;
        }
        for pair in group.chunks(2) {
            let digits = std::str::from_utf8(pair).ok()?;
            if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return None;
            }
            octets.push(u8::from_str_radix(digits, 16).ok()?);
        }
    }
    (octets.len() <= octets_max).then(|| octets.into())
}

#[cfg(test)]
mod tests;
