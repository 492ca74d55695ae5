//! Finds the process that holds a port: /proc/net says which socket, /proc/PID/fd whose it is.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::entry::Transport;

/// State of a listening socket in /proc/net/tcp.
const LISTENING: &str = "0A";

/// Returns the name and id of the process, as far as this one may see it.
pub(super) fn find(address: SocketAddr, transport: Transport) -> Option<String> {
    let tables = match transport {
        Transport::Udp => ["/proc/net/udp", "/proc/net/udp6"],
        Transport::Tcp | Transport::Tls | Transport::Https => ["/proc/net/tcp", "/proc/net/tcp6"],
    };
    let mut texts = tables.iter().filter_map(|table| fs::read_to_string(table).ok());
    let is_stream = transport != Transport::Udp;
    let inode = texts.find_map(|text| inode_in(&text, address, is_stream))?;
    let target = format!("socket:[{inode}]");
    for process in fs::read_dir("/proc").ok()?.flatten() {
        let name = process.file_name();
        let Some(pid) = name.to_str().filter(|pid| pid.bytes().all(|b| b.is_ascii_digit())) else {
            continue;
        };
        let Ok(descriptors) = fs::read_dir(process.path().join("fd")) else { continue };
        let links = descriptors.flatten().filter_map(|file| fs::read_link(file.path()).ok());
        if links.into_iter().any(|link| link.to_str() == Some(&target)) {
            let command = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            return Some(format!("{} (process {pid})", command.trim()));
        }
    }
    None
}

/// Returns the inode of the socket that is in the way of an address.
fn inode_in(text: &str, address: SocketAddr, is_stream: bool) -> Option<u64> {
    let rows = text.lines().skip(1).filter_map(|line| {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let (local, state, inode) = (words.get(1)?, words.get(3)?, words.get(9)?);
        let local = local_address(local)?;
        let is_same = local.port() == address.port()
            && (local.ip() == address.ip()
                || local.ip().is_unspecified()
                || address.ip().is_unspecified());
        (is_same && (!is_stream || *state == LISTENING)).then(|| inode.parse().ok())?
    });
    rows.into_iter().next()
}

/// Reads `0100007F:14D7`: words in the order of the machine's bytes.
fn local_address(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let address = match address.len() {
        8 => {
            let word = u32::from_str_radix(address, 16).ok()?;
            IpAddr::V4(Ipv4Addr::from(word.to_ne_bytes()))
        }
        32 => {
            let mut octets = [0; 16];
            for (index, place) in octets.chunks_mut(4).enumerate() {
                let word = u32::from_str_radix(address.get(index * 8..index * 8 + 8)?, 16).ok()?;
                place.copy_from_slice(&word.to_ne_bytes());
            }
            IpAddr::V6(Ipv6Addr::from(octets)).to_canonical()
        }
        _ => return None,
    };
    Some(SocketAddr::new(address, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_endian = "little")]
    #[test]
    fn rows_of_the_table() {
        let text = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            1: 0100007F:14D7 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4711 2 0\n\
            2: 00000000:0035 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4712 2 0\n";
        #[rustfmt::skip]
        let cases = [
            ("127.0.0.1:5335", false, Some(4711)),
            ("127.0.0.1:5335", true,  None),
            ("0.0.0.0:5335",   false, Some(4711)),
            ("127.0.0.2:5335", false, None),
            ("192.0.2.1:53",   true,  Some(4712)),
            ("192.0.2.1:54",   true,  None),
        ];
        for (address, is_stream, expected) in cases {
            let found = inode_in(text, address.parse().unwrap(), is_stream);
            assert_eq!(found, expected, "case: {address} {is_stream}");
        }
        let loopback = local_address("00000000000000000000000001000000:0035");
        assert_eq!(loopback, Some("[::1]:53".parse().unwrap()));
    }
}
