//! `dhcp-range`: one range of addresses, in all its forms.

use std::net::{IpAddr, Ipv6Addr};

use super::lease_time;
use crate::pool::{Pool, PoolMode};

/// Lease time of an IPv4 range that names none, in seconds.
const LEASE_TIME_V4_S: u32 = 3_600;
/// Lease time of an IPv6 range that names none, in seconds.
const LEASE_TIME_V6_S: u32 = 86_400;
/// Modes of IPv6 ranges that only tell routers what to say, or how.
const V6_FLAGS: [&str; 6] =
    ["slaac", "ra-names", "ra-advrouter", "off-link", "ra-stateless", "deprecated"];

/// Parses the value of `dhcp-range`:
/// `[tag:T,…][set:T,]START[,END|static|proxy][,NETMASK[,BROADCAST]][,LEASE]`, and for IPv6
/// `START[,END][,constructor:IF][,MODE…][,PREFIX-LENGTH][,LEASE]`.
pub(super) fn parse(value: &str, source: &str) -> Result<Pool, String> {
    let mut words = value.split(',').map(str::trim);
    let mut match_tags: Vec<Box<str>> = Vec::new();
    let mut set_tag: Option<Box<str>> = None;
    let mut start = None;
    for word in words.by_ref().filter(|word| !word.is_empty()) {
        if let Some(tag) = word.strip_prefix("tag:") {
            match_tags.push(tag.into());
        } else if let Some(tag) = word.strip_prefix("set:").or_else(|| word.strip_prefix("net:")) {
            set_tag = Some(tag.into());
        } else if let Ok(address) = word.parse::<IpAddr>() {
            start = Some(address);
            break;
        } else if word.starts_with("interface:") {
            // Old releases bound a range to an interface so; it does not name the pool.
        } else if set_tag.is_none() {
            // An old form of `set:`.
            set_tag = Some(word.into());
        } else {
            return Err(format!("`{word}` is not an address"));
        }
    }
    let start = start.ok_or("no start address")?;
    let lease_time_s = if start.is_ipv4() { LEASE_TIME_V4_S } else { LEASE_TIME_V6_S };
    let mut pool = Pool {
        name: set_tag.clone().unwrap_or_else(|| "default".into()),
        source: source.into(),
        mode: PoolMode::Dynamic,
        start,
        end: None,
        netmask: None,
        prefix_len: None,
        lease_time_s: Some(lease_time_s),
        match_tags,
        set_tag,
        interface: None,
        note: None,
    };
    for word in words {
        rest(&mut pool, word)?;
    }
    finish(&mut pool)?;
    Ok(pool)
}

/// Takes a word after the start address.
fn rest(pool: &mut Pool, word: &str) -> Result<(), String> {
    let is_v4 = pool.start.is_ipv4();
    match word {
        "" => {}
        "static" => pool.mode = PoolMode::Static,
        "proxy" if is_v4 => pool.mode = PoolMode::Proxy,
        "ra-only" if !is_v4 => pool.mode = PoolMode::RaOnly,
        word if !is_v4 && V6_FLAGS.contains(&word) => {}
        word => {
            if let Some(interface) = word.strip_prefix("constructor:") {
                pool.interface = Some(interface.into());
                pool.mode = PoolMode::Template;
            } else if let Ok(address) = word.parse::<IpAddr>() {
                address_word(pool, address)?;
            } else if let Some(bits) = word
                .parse::<u8>()
                .ok()
                .filter(|bits| !is_v4 && pool.prefix_len.is_none() && (64..=128).contains(bits))
            {
                pool.prefix_len = Some(bits);
            } else {
                pool.lease_time_s =
                    lease_time(word).ok_or_else(|| format!("`{word}` is unknown"))?;
                if word.bytes().all(|byte| byte.is_ascii_digit())
                    && word.parse::<u32>().is_ok_and(|seconds| seconds < 120)
                {
                    pool.note = Some(format!("{word} s is raised to the 120 s minimum").into());
                }
            }
        }
    }
    Ok(())
}

/// Takes the second, third and fourth address: end, netmask, broadcast.
fn address_word(pool: &mut Pool, address: IpAddr) -> Result<(), String> {
    if address.is_ipv4() != pool.start.is_ipv4() {
        return Err(format!("`{address}` is of another family than the start address"));
    }
    if pool.end.is_none() && matches!(pool.mode, PoolMode::Dynamic | PoolMode::Template) {
        pool.end = Some(address);
    } else if pool.netmask.is_none() && address.is_ipv4() {
        pool.netmask = Some(address);
    }
    Ok(())
}

/// Checks the ends and orders them.
fn finish(pool: &mut Pool) -> Result<(), String> {
    if pool.mode == PoolMode::Dynamic && pool.end.is_none() {
        if pool.start.is_ipv4() {
            return Err("no end address".to_owned());
        }
        // A lone IPv6 start is a range of one address, or none when it is a network.
        let is_network = matches!(pool.start, IpAddr::V6(ip) if has_no_host(ip));
        pool.mode = if is_network { PoolMode::RaOnly } else { PoolMode::Dynamic };
        pool.end = (!is_network).then_some(pool.start);
    }
    if let Some(end) = pool.end
        && end < pool.start
    {
        pool.end = Some(std::mem::replace(&mut pool.start, end));
        pool.note = Some("ends given in reverse order; dnsmasq swaps them".into());
    }
    Ok(())
}

fn has_no_host(ip: Ipv6Addr) -> bool {
    ip.to_bits().trailing_zeros() >= 64
}
