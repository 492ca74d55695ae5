//! Names of this network: records of ours, hosts files, leases; and names that the internet does
//! not have.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use crate::config::{LocalConfig, RewriteConfig};
use crate::name::{self, Name};
use crate::record_type::RecordType;
use crate::service::LeaseName;

mod data;
mod special;

pub(crate) use data::to_wire;
pub(crate) use special::Special;

/// Largest hosts file that is read, in bytes.
const HOSTS_FILE_MAX_BYTES: u64 = 16 * 1024 * 1024;
/// Most names of all hosts files together.
const HOSTS_NAMES_MAX: usize = 1_000_000;
/// Longest chain of names of ours.
pub(crate) const ALIASES_MAX: usize = 8;

/// Checks type and value of a record of ours.
///
/// # Errors
///
/// Says what is wrong, for people.
pub(crate) fn check_record(kind: Option<&str>, value: &str) -> Result<(), String> {
    data::parse(kind, value).map(drop)
}

/// A record of a local name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LocalRecord {
    pub(crate) kind: RecordType,
    pub(crate) data: LocalData,
}

/// Data of a local record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LocalData {
    /// An address.
    Address(IpAddr),
    /// Another name that stands for this one.
    Alias(Name),
    /// Wire form.
    Wire(Arc<[u8]>),
}

/// What this network says of a name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Local<'a> {
    /// Nothing; the internet may.
    Unknown,
    /// Records, none of which may be of the type.
    Records(&'a [LocalRecord]),
    /// It does not exist.
    NxDomain,
}

/// All local names.
#[derive(Debug, Default)]
pub(crate) struct LocalNames {
    names: HashMap<Box<[u8]>, Vec<LocalRecord>>,
    /// Names that stand for everything below them.
    wildcards: HashMap<Box<[u8]>, Vec<LocalRecord>>,
    domain: Option<Name>,
    /// What could not be used, for people.
    pub(crate) problems: Vec<String>,
}

impl LocalNames {
    /// Puts all sources together: what people wrote themselves hides hosts files, and those hide
    /// leases.
    pub(crate) fn build(config: &LocalConfig, leases: &[LeaseName]) -> Self {
        let mut local = Self { domain: Name::parse(&config.domain).ok(), ..Self::default() };
        for rewrite in &config.rewrites {
            if let Err(problem) = local.add_rewrite(rewrite) {
                local.problems.push(format!("rewrite of `{}`: {problem}", rewrite.name));
            }
        }
        let mut hosts = Self::default();
        for path in &config.hosts_files {
            match read_hosts(path) {
                Ok(text) => hosts.add_hosts(&text),
                Err(problem) => local.problems.push(format!("{}: {problem}", path.display())),
            }
        }
        local.add_hidden(hosts);
        if config.leases {
            let mut below = Self::default();
            for lease in leases {
                below.add_lease(lease, &config.domain);
            }
            local.add_hidden(below);
        }
        local
    }

    /// Returns what this network says of a name in wire form.
    pub(crate) fn find(&self, name: &[u8]) -> Local<'_> {
        if let Some(records) = self.names.get(name) {
            return Local::Records(records);
        }
        if !self.wildcards.is_empty() {
            let mut above = name::suffixes(name).skip(1);
            if let Some(records) = above.find_map(|name| self.wildcards.get(name)) {
                return Local::Records(records);
            }
        }
        let Some(domain) = &self.domain else { return Local::Unknown };
        if !name.ends_with(domain.as_wire()) {
            return Local::Unknown;
        }
        if name == domain.as_wire() {
            return Local::Records(&[]);
        }
        if name::suffixes(name).any(|suffix| suffix == domain.as_wire()) {
            return Local::NxDomain;
        }
        Local::Unknown
    }

    /// Returns how many names there are.
    pub(crate) fn n_names(&self) -> usize {
        self.names.len() + self.wildcards.len()
    }

    fn add_rewrite(&mut self, rewrite: &RewriteConfig) -> Result<(), String> {
        let (is_wildcard, text) = match rewrite.name.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, rewrite.name.as_str()),
        };
        let name = Name::parse(text).map_err(|error| error.to_string())?;
        let record = data::parse(rewrite.kind.as_deref(), &rewrite.value)?;
        if is_wildcard {
            push(&mut self.wildcards, name.as_wire(), record);
            return Ok(());
        }
        if let LocalData::Address(address) = record.data {
            self.add_reverse(address, &name);
        }
        push(&mut self.names, name.as_wire(), record);
        Ok(())
    }

    /// Adds the lines of a hosts(5) file; what is no line of one is passed over.
    fn add_hosts(&mut self, text: &str) {
        for line in text.lines() {
            let line = line.split('#').next().unwrap_or_default();
            let mut words = line.split_ascii_whitespace();
            let Some(Ok(address)) = words.next().map(str::parse::<IpAddr>) else { continue };
            for (index, word) in words.enumerate() {
                let Ok(name) = Name::parse(word) else { continue };
                if self.names.len() >= HOSTS_NAMES_MAX {
                    return;
                }
                if index == 0 {
                    self.add_reverse(address, &name);
                }
                self.add_address(&name, address);
            }
        }
    }

    fn add_lease(&mut self, lease: &LeaseName, domain: &str) {
        let short = Name::parse(&lease.name);
        let whole = Name::parse(&format!("{}.{domain}", lease.name.trim_end_matches('.')));
        let (Ok(short), Ok(whole)) = (short, whole) else { return };
        self.add_reverse(lease.address, &whole);
        self.add_address(&short, lease.address);
        self.add_address(&whole, lease.address);
    }

    fn add_address(&mut self, name: &Name, address: IpAddr) {
        let kind = if address.is_ipv4() { RecordType::A } else { RecordType::AAAA };
        let record = LocalRecord { kind, data: LocalData::Address(address) };
        push(&mut self.names, name.as_wire(), record);
    }

    /// Adds the name of an address; of several the first counts.
    fn add_reverse(&mut self, address: IpAddr, name: &Name) {
        let records = self.names.entry(reverse(address).as_wire().into()).or_default();
        if records.is_empty() {
            let data = LocalData::Wire(name.as_wire().into());
            records.push(LocalRecord { kind: RecordType::PTR, data });
        }
    }

    /// Takes over the names that are not here yet.
    fn add_hidden(&mut self, other: Self) {
        for (name, records) in other.names {
            self.names.entry(name).or_insert(records);
        }
    }
}

fn push(names: &mut HashMap<Box<[u8]>, Vec<LocalRecord>>, name: &[u8], record: LocalRecord) {
    let records = names.entry(name.into()).or_default();
    if !records.contains(&record) {
        records.push(record);
    }
}

/// Returns the name that an address's own name is asked for by (RFC 1035 §3.5, RFC 3596 §2.5).
pub(crate) fn reverse(address: IpAddr) -> Name {
    let text = match address {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        IpAddr::V6(address) => {
            let mut labels = String::with_capacity(72);
            for byte in address.octets().into_iter().rev() {
                for digit in [byte & 0xf, byte >> 4] {
                    labels.extend(char::from_digit(digit.into(), 16));
                    labels.push('.');
                }
            }
            format!("{labels}ip6.arpa")
        }
    };
    Name::parse(&text).unwrap_or_else(|_| unreachable!("hexadecimal labels are a name"))
}

fn read_hosts(path: &Path) -> Result<String, String> {
    let size = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
    if size > HOSTS_FILE_MAX_BYTES {
        return Err(format!("{size} bytes exceed the limit of {HOSTS_FILE_MAX_BYTES}"));
    }
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests;
