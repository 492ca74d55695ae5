//! How an upstream is written in the settings.
//!
//! ```text
//! cloudflare   google+tls   nextdns/PROFILE/DEVICE   system
//! 192.0.2.1    udp://192.0.2.1:5300    tcp://192.0.2.1
//! tls://dns.example#192.0.2.1          https://dns.example/dns-query#192.0.2.1,192.0.2.2
//! ```

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

/// Longest text of an upstream, in bytes.
const TEXT_MAX_BYTES: usize = 512;
/// Most addresses of an upstream.
const ADDRESSES_MAX: usize = 16;
/// Shortest profile of `NextDNS`.
const PROFILE_MIN_BYTES: usize = 6;
/// Path of DNS over HTTPS where none is given (RFC 8484 §4.1.1 has it as its example).
const PATH_DEFAULT: &str = "/dns-query";

/// How questions travel to an upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// Datagrams, and TCP for what does not fit.
    Udp,
    /// TCP alone.
    Tcp,
    /// DNS over TLS (RFC 7858).
    Tls,
    /// DNS over HTTPS (RFC 8484).
    Https,
}

/// One upstream, as the settings say it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpstreamSpec {
    /// The resolvers that the system uses.
    System,
    /// One server or service.
    Server(ServerSpec),
}

/// One server or service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerSpec {
    /// What the log calls it: the text without addresses.
    pub name: Arc<str>,
    /// How questions travel.
    pub protocol: Protocol,
    /// Host name, for the certificate; the address where none is given.
    pub host: Arc<str>,
    /// Port.
    pub port: u16,
    /// Path of HTTPS.
    pub path: Arc<str>,
    /// Its addresses; empty: the bootstrap resolvers are asked for those of the host.
    pub addresses: Vec<IpAddr>,
}

/// A text that is no upstream.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}`: {reason}; an upstream is a provider (cloudflare, google, quad9, opendns, \
     nextdns/PROFILE, system, each but the last also with +udp, +tcp, +tls), an address, or \
     udp://, tcp://, tls://, https:// with a host and, after #, its addresses"
)]
pub struct BadUpstream {
    text: String,
    reason: &'static str,
}

/// A public resolver that is known by name.
struct Provider {
    name: &'static str,
    host: &'static str,
    /// Addresses of plain DNS and DNS over TLS.
    addresses: &'static [IpAddr],
    /// Addresses of DNS over HTTPS.
    https_addresses: &'static [IpAddr],
    tls_host: &'static str,
}

const fn v4(a: u8, b: u8, c: u8, d: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(a, b, c, d))
}

const CLOUDFLARE: &[IpAddr] = &[
    v4(1, 1, 1, 1),
    v4(1, 0, 0, 1),
    IpAddr::V6(Ipv6Addr::new(0x2606, 0x4700, 0x4700, 0, 0, 0, 0, 0x1111)),
];
const GOOGLE: &[IpAddr] = &[
    v4(8, 8, 8, 8),
    v4(8, 8, 4, 4),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0x4860, 0x4860, 0, 0, 0, 0, 0x8888)),
];
const QUAD9: &[IpAddr] = &[
    v4(9, 9, 9, 9),
    v4(149, 112, 112, 112),
    IpAddr::V6(Ipv6Addr::new(0x2620, 0xfe, 0, 0, 0, 0, 0, 0xfe)),
];
const OPENDNS: &[IpAddr] = &[v4(208, 67, 222, 222), v4(208, 67, 220, 220)];
const OPENDNS_HTTPS: &[IpAddr] = &[v4(146, 112, 41, 2)];
const NEXTDNS: &[IpAddr] = &[v4(45, 90, 28, 0), v4(45, 90, 30, 0)];

/// The resolvers that are known by name, with the addresses that their operators publish.
#[rustfmt::skip]
const PROVIDERS: [Provider; 5] = [
    Provider { name: "cloudflare", host: "cloudflare-dns.com", tls_host: "one.one.one.one", addresses: CLOUDFLARE, https_addresses: CLOUDFLARE },
    Provider { name: "google",     host: "dns.google",         tls_host: "dns.google",      addresses: GOOGLE,     https_addresses: GOOGLE },
    Provider { name: "quad9",      host: "dns.quad9.net",      tls_host: "dns.quad9.net",   addresses: QUAD9,      https_addresses: QUAD9 },
    Provider { name: "opendns",    host: "doh.opendns.com",    tls_host: "dns.opendns.com", addresses: OPENDNS,    https_addresses: OPENDNS_HTTPS },
    Provider { name: "nextdns",    host: "dns.nextdns.io",     tls_host: "dns.nextdns.io",  addresses: NEXTDNS,    https_addresses: NEXTDNS },
];

impl Protocol {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "udp" => Self::Udp,
            "tcp" => Self::Tcp,
            "tls" => Self::Tls,
            "https" => Self::Https,
            _ => return None,
        })
    }

    /// Returns the port that the protocol has when none is given.
    #[must_use]
    pub fn port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 53,
            Self::Tls => 853,
            Self::Https => 443,
        }
    }
}

impl ServerSpec {
    /// Makes the upstream of a plain address.
    #[must_use]
    pub fn plain(address: SocketAddr) -> Self {
        let name: Arc<str> = match address.port() {
            53 => address.ip().to_string().into(),
            _ => address.to_string().into(),
        };
        Self {
            name,
            protocol: Protocol::Udp,
            host: address.ip().to_string().into(),
            port: address.port(),
            path: "".into(),
            addresses: vec![address.ip()],
        }
    }
}

impl FromStr for UpstreamSpec {
    type Err = BadUpstream;

    fn from_str(text: &str) -> Result<Self, BadUpstream> {
        let bad = |reason| BadUpstream { text: text.chars().take(80).collect(), reason };
        if text.len() > TEXT_MAX_BYTES {
            return Err(bad("longer than 512 bytes"));
        }
        if text == "system" {
            return Ok(Self::System);
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Server(ServerSpec::plain(SocketAddr::new(address, 53))));
        }
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Ok(Self::Server(ServerSpec::plain(address)));
        }
        match text.split_once("://") {
            Some((scheme, rest)) => url(text, scheme, rest).map_err(bad),
            None => provider(text).map_err(bad),
        }
        .map(Self::Server)
    }
}

/// Reads `PROVIDER[+PROTOCOL][/PROFILE[/DEVICE]]`.
fn provider(text: &str) -> Result<ServerSpec, &'static str> {
    let (head, profile) = match text.split_once('/') {
        Some((head, profile)) => (head, Some(profile)),
        None => (text, None),
    };
    let (name, protocol) = match head.split_once('+') {
        Some((name, protocol)) => {
            (name, Protocol::parse(protocol).ok_or("the protocol after + is not known")?)
        }
        None => (head, Protocol::Https),
    };
    let provider = PROVIDERS.iter().find(|provider| provider.name == name);
    let provider = provider.ok_or("no such provider")?;
    let mut host = match protocol {
        Protocol::Https => provider.host.to_owned(),
        Protocol::Udp | Protocol::Tcp | Protocol::Tls => provider.tls_host.to_owned(),
    };
    let mut path = PATH_DEFAULT.to_owned();
    match (name, profile) {
        ("nextdns", Some(profile)) => {
            let id = profile.split('/').next().unwrap_or_default();
            let is_valid = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./%".contains(&byte);
            if id.len() < PROFILE_MIN_BYTES || !profile.bytes().all(is_valid) {
                return Err("a profile of NextDNS has at least 6 letters and digits");
            }
            match protocol {
                Protocol::Https => path = format!("/{profile}"),
                Protocol::Tls => host = format!("{id}.{host}"),
                Protocol::Udp | Protocol::Tcp => {
                    return Err("a profile of NextDNS needs https or tls");
                }
            }
        }
        (_, Some(_)) => return Err("only nextdns has profiles"),
        (_, None) => {}
    }
    let addresses = match protocol {
        Protocol::Https => provider.https_addresses,
        Protocol::Udp | Protocol::Tcp | Protocol::Tls => provider.addresses,
    };
    Ok(ServerSpec {
        name: text.into(),
        protocol,
        host: host.into(),
        port: protocol.port(),
        path: path.into(),
        addresses: addresses.to_vec(),
    })
}

/// Reads `SCHEME://HOST[:PORT][/PATH][#ADDRESS,…]`.
fn url(text: &str, scheme: &str, rest: &str) -> Result<ServerSpec, &'static str> {
    let protocol = Protocol::parse(scheme).ok_or("the scheme is not udp, tcp, tls or https")?;
    let (rest, addresses) = match rest.split_once('#') {
        Some((rest, addresses)) => (rest, addresses),
        None => (rest, ""),
    };
    let (authority, path) = match rest.find('/') {
        Some(index) => rest.split_at(index),
        None => (rest, ""),
    };
    if !path.is_empty() && protocol != Protocol::Https {
        return Err("only https has a path");
    }
    if !path.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("the path has a space or a character beyond ASCII");
    }
    let (host, port) = authority_parts(authority)?;
    let mut parsed = Vec::new();
    for address in addresses.split(',').filter(|address| !address.is_empty()) {
        parsed.push(address.parse().map_err(|_| "what stands after # is no address")?);
    }
    if let Ok(address) = host.parse() {
        parsed.insert(0, address);
    } else if !is_host(&host) {
        return Err("the host is neither an address nor a name");
    }
    if parsed.len() > ADDRESSES_MAX {
        return Err("more than 16 addresses");
    }
    Ok(ServerSpec {
        name: text.split('#').next().unwrap_or(text).into(),
        protocol,
        host: host.into(),
        port: port.unwrap_or(protocol.port()),
        path: if path.is_empty() { PATH_DEFAULT.into() } else { path.into() },
        addresses: parsed,
    })
}

fn authority_parts(authority: &str) -> Result<(String, Option<u16>), &'static str> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, port) = rest.split_once(']').ok_or("the address lacks its ]")?;
        let port = match port.strip_prefix(':') {
            Some(port) => Some(parse_port(port)?),
            None if port.is_empty() => None,
            None => return Err("after the address may only stand a port"),
        };
        return Ok((host.to_owned(), port));
    }
    match authority.split_once(':') {
        Some((host, port)) => Ok((host.to_ascii_lowercase(), Some(parse_port(port)?))),
        None => Ok((authority.to_ascii_lowercase(), None)),
    }
}

fn parse_port(text: &str) -> Result<u16, &'static str> {
    text.parse().ok().filter(|port| *port != 0).ok_or("the port is no number from 1 to 65535")
}

fn is_host(host: &str) -> bool {
    let is_valid = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=253).contains(&host.len())
        && host.bytes().all(is_valid)
        && host.trim_end_matches('.').split('.').all(|label| (1..=63).contains(&label.len()))
}

impl fmt::Display for UpstreamSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System => f.write_str("system"),
            Self::Server(server) => f.write_str(&server.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Option<(Protocol, String, u16, String, usize)> {
        match text.parse().ok()? {
            UpstreamSpec::System => None,
            UpstreamSpec::Server(server) => Some((
                server.protocol,
                server.host.to_string(),
                server.port,
                server.path.to_string(),
                server.addresses.len(),
            )),
        }
    }

    #[test]
    fn parse_cases() {
        use Protocol::{Https, Tcp, Tls, Udp};
        #[rustfmt::skip]
        let cases = [
            ("192.0.2.1",                                   Udp,   "192.0.2.1",            53,   "",            1),
            ("192.0.2.1:5300",                              Udp,   "192.0.2.1",            5300, "",            1),
            ("[2001:db8::1]:54",                            Udp,   "2001:db8::1",          54,   "",            1),
            ("udp://192.0.2.1",                             Udp,   "192.0.2.1",            53,   "/dns-query",  1),
            ("tcp://[2001:db8::1]:54",                      Tcp,   "2001:db8::1",          54,   "/dns-query",  1),
            ("tls://dns.example#192.0.2.1,2001:db8::1",     Tls,   "dns.example",          853,  "/dns-query",  2),
            ("https://DNS.example:8443/q#192.0.2.1",        Https, "dns.example",          8443, "/q",          1),
            ("https://dns.example",                         Https, "dns.example",          443,  "/dns-query",  0),
            ("cloudflare",                                  Https, "cloudflare-dns.com",   443,  "/dns-query",  3),
            ("cloudflare+tls",                              Tls,   "one.one.one.one",      853,  "/dns-query",  3),
            ("google+udp",                                  Udp,   "dns.google",           53,   "/dns-query",  3),
            ("nextdns/abc123",                              Https, "dns.nextdns.io",       443,  "/abc123",     2),
            ("nextdns/abc123/Hall",                         Https, "dns.nextdns.io",       443,  "/abc123/Hall", 2),
            ("nextdns+tls/abc123",                          Tls,   "abc123.dns.nextdns.io", 853, "/dns-query",  2),
        ];
        for (text, protocol, host, port, path, n_addresses) in cases {
            let expected = (protocol, host.to_owned(), port, path.to_owned(), n_addresses);
            assert_eq!(parsed(text), Some(expected), "case: {text}");
        }
        assert_eq!("system".parse(), Ok(UpstreamSpec::System));
    }

    #[test]
    fn parse_refuses_what_cannot_be_asked() {
        let cases = [
            "",
            "clodflare",
            "cloudflare/abc123",
            "cloudflare+quic",
            "nextdns/abc",
            "nextdns+udp/abc123",
            "nextdns/abc 123",
            "http://dns.example",
            "tls://dns.example/path",
            "tls://dns.example:0",
            "tls://dns.example#host",
            "udp://",
            "tcp://[2001:db8::1",
            "https://dns.example/a b",
        ];
        for text in cases {
            assert!(text.parse::<UpstreamSpec>().is_err(), "case: {text}");
        }
    }
}
