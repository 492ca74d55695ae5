//! The resolvers that the system uses: resolv.conf(5).

use std::net::{IpAddr, SocketAddr};

use crate::config::upstream::ServerSpec;

/// Where they stand, the first that has any counts: the resolvers behind systemd-resolved are
/// better than its own address, which may forward to us.
const PATHS: [&str; 2] = ["/run/systemd/resolve/resolv.conf", "/etc/resolv.conf"];
/// Most of them, as in the C library.
const SERVERS_MAX: usize = 3;

/// Returns the system's resolvers; none when it names none.
pub(crate) fn servers() -> Vec<ServerSpec> {
    let texts = PATHS.iter().filter_map(|path| std::fs::read_to_string(path).ok());
    texts.map(|text| parse(&text)).find(|servers| !servers.is_empty()).unwrap_or_default()
}

fn parse(text: &str) -> Vec<ServerSpec> {
    let addresses = text.lines().filter_map(|line| {
        let rest = line.trim_start().strip_prefix("nameserver")?;
        // A zone index (fe80::1%eth0) cannot be said in an address alone.
        rest.split_ascii_whitespace().next()?.parse::<IpAddr>().ok()
    });
    addresses
        .take(SERVERS_MAX)
        .map(|address| ServerSpec::plain(SocketAddr::new(address, 53)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_cases() {
        let text = "# made\nsearch example\nnameserver 192.0.2.53\n nameserver\t2001:db8::53 # x\n\
                    nameserver fe80::1%eth0\nnameserver bad\noptions edns0\n";
        let names: Vec<String> =
            parse(text).into_iter().map(|server| server.name.to_string()).collect();
        assert_eq!(names, ["192.0.2.53", "2001:db8::53"]);
    }
}
