//! Looks for DHCP servers in the places where systems keep them.

use std::fs;
use std::path::{Path, PathBuf};

use crate::config::RootedFiles;
use crate::service::{SOURCES_MAX, SourceConfig, SourceFormat};

/// A place where a DHCP server may keep its files, as an absolute path of its system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// What keeps its files there, for people.
    pub system: &'static str,
    /// The server's configuration, if it has one that can be read.
    pub dnsmasq_conf: Option<&'static str>,
    /// The lease file; one `*` in the file name stands for any text.
    pub leases: &'static str,
}

/// The places that [`discover`] looks at, in this order.
pub const PLACES: &[Place] = &[
    Place {
        system: "dnsmasq on Debian, Ubuntu, Arch and Alpine",
        dnsmasq_conf: Some("/etc/dnsmasq.conf"),
        leases: "/var/lib/misc/dnsmasq.leases",
    },
    Place {
        system: "Pi-hole",
        dnsmasq_conf: Some("/etc/pihole/dnsmasq.conf"),
        leases: "/etc/pihole/dhcp.leases",
    },
    Place {
        system: "OpenWrt",
        dnsmasq_conf: Some("/var/etc/dnsmasq.conf"),
        leases: "/tmp/dhcp.leases",
    },
    Place {
        system: "dnsmasq on Fedora and openSUSE",
        dnsmasq_conf: Some("/etc/dnsmasq.conf"),
        leases: "/var/lib/dnsmasq/dnsmasq.leases",
    },
    Place {
        system: "NetworkManager's shared connections",
        dnsmasq_conf: None,
        leases: "/var/lib/NetworkManager/dnsmasq-*.leases",
    },
    // libvirt keeps its leases as JSON (`*.status`) since 1.2.6; the `.leases` files of older
    // versions are dnsmasq's own.
    Place {
        system: "libvirt before 1.2.6",
        dnsmasq_conf: None,
        leases: "/var/lib/libvirt/dnsmasq/*.leases",
    },
];

/// A DHCP server that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What keeps its files there, for people.
    pub system: &'static str,
    /// How to watch it; paths are those of its system, without the root.
    pub source: SourceConfig,
}

/// Looks for DHCP servers below `root`, at most [`SOURCES_MAX`]; blocks.
///
/// A lease file that is there is a server. A configuration alone is none: many systems ship one
/// without a DHCP server in it. Where two places share a configuration, only the one whose lease
/// file is there is found.
#[must_use]
pub fn discover(root: &Path) -> Vec<Found> {
    let mut found = Vec::new();
    for place in PLACES {
        let leases = files(root, Path::new(place.leases));
        found.extend(leases.into_iter().map(|leases| Found {
            system: place.system,
            source: SourceConfig {
                format: SourceFormat::Dnsmasq,
                leases: Some(leases),
                dnsmasq_conf:
                    place.dnsmasq_conf.map(PathBuf::from).filter(|conf| real(root, conf).is_file()),
                ..SourceConfig::default()
            },
        }));
    }
    found.truncate(SOURCES_MAX);
    found
}

fn real(root: &Path, path: &Path) -> PathBuf {
    RootedFiles { root_path: root.to_owned() }.real(path)
}

/// Returns the files that a pattern of [`PLACES`] names, sorted.
fn files(root: &Path, pattern: &Path) -> Vec<PathBuf> {
    let name = pattern.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let Some((start, end)) = name.split_once('*') else {
        let is_there = real(root, pattern).is_file();
        return is_there.then(|| pattern.to_owned()).into_iter().collect();
    };
    let directory = pattern.parent().unwrap_or(pattern);
    let Ok(entries) = fs::read_dir(real(root, directory)) else {
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = entries
        .flatten()
        .filter(|entry| entry.path().is_file())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.strip_prefix(start).is_some_and(|rest| rest.ends_with(end)))
        .map(|name| directory.join(name))
        .collect();
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_found_by_their_lease_files() {
        let root = tempfile::tempdir().expect("a directory");
        let write = |path: &str| {
            let path = root.path().join(path);
            let directory = path.parent().expect("a file in a directory");
            fs::create_dir_all(directory).and_then(|()| fs::write(&path, "")).expect("written");
        };
        assert_eq!(discover(root.path()), Vec::new());

        write("etc/dnsmasq.conf");
        assert_eq!(discover(root.path()), Vec::new(), "a configuration alone");

        write("tmp/dhcp.leases");
        write("var/lib/misc/dnsmasq.leases");
        write("var/lib/NetworkManager/dnsmasq-wlan0.leases");
        write("var/lib/NetworkManager/dnsmasq-eth1.leases");
        write("var/lib/NetworkManager/other.leases");
        let found: Vec<_> = discover(root.path())
            .into_iter()
            .map(|found| {
                let leases = found.source.leases.expect("a lease file");
                (leases.display().to_string(), found.source.dnsmasq_conf.is_some())
            })
            .collect();
        let expected = [
            ("/var/lib/misc/dnsmasq.leases", true),
            ("/tmp/dhcp.leases", false),
            ("/var/lib/NetworkManager/dnsmasq-eth1.leases", false),
            ("/var/lib/NetworkManager/dnsmasq-wlan0.leases", false),
        ]
        .map(|(leases, has_conf)| (leases.to_owned(), has_conf));
        assert_eq!(found, expected);
    }
}
