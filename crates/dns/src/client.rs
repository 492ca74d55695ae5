//! Who asks: clients by address, network or MAC, and the groups that say which rules they get.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::filter::compiled::Compiled;
use crate::filter::list_mask::ListMask;
use crate::network::Network;
use crate::safe_search::SafeSearch;
use crate::verdict::BlockAnswer;

pub mod macs;
pub mod pause;

use pause::Pauses;

/// A hardware address of six octets.
pub type Mac = [u8; 6];

/// Looks the hardware address of a client up, from leases or the neighbour table.
///
/// It is called on the thread that answers: it must neither wait nor allocate.
pub type MacLookup = Arc<dyn Fn(IpAddr) -> Option<Mac> + Send + Sync>;

/// Name of the group of everybody who is in no other.
pub const DEFAULT_GROUP: &str = "default";
/// Most clients that a directory names.
pub const CLIENTS_MAX: usize = 10_000;
/// Most groups.
pub const GROUPS_MAX: usize = 1_000;

/// What the rules of a client are, named and shared by the clients of a group.
#[derive(Debug, Clone)]
pub struct Group {
    /// Its name; the group of everybody else is [`DEFAULT_GROUP`].
    pub name: Arc<str>,
    /// Number of the cache view: groups that may see different answers differ in it.
    pub view: u16,
    /// The set of upstreams that its questions go to; `None` is the usual one.
    pub upstreams: Option<Arc<str>>,
    /// How its blocked questions are answered; `None` leaves it to the setting.
    pub block_answer: Option<BlockAnswer>,
    /// The lists that apply to it.
    pub lists: ListMask,
    /// Its own rules, which come before everybody's.
    pub own: Arc<Compiled>,
    /// The search engines that it gets with adult results left out.
    pub safe_search: SafeSearch,
    /// Whether any rules apply to it.
    pub is_filtered: bool,
}

impl Default for Group {
    fn default() -> Self {
        Self {
            name: Arc::from(DEFAULT_GROUP),
            view: 0,
            upstreams: None,
            block_answer: None,
            lists: ListMask::ALL,
            own: Arc::default(),
            safe_search: SafeSearch::OFF,
            is_filtered: true,
        }
    }
}

/// How a client is recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Selector {
    /// By its address, or as one of a network; the longest prefix wins.
    Network(Network),
    /// By its hardware address, when a lease says it.
    Mac(Mac),
}

/// A client that has a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// What people and rules call it; unique.
    pub name: Arc<str>,
    /// How it is recognised.
    pub selectors: Vec<Selector>,
    /// Tags that rules may call it by.
    pub tags: Vec<Arc<str>>,
    /// Name of its group.
    pub group: Arc<str>,
}

/// What is known of one client at one moment; cheap to copy.
#[derive(Debug, Clone, Copy)]
pub struct ClientView<'a> {
    /// Where it asks from; `None` in checks that name no client.
    pub address: Option<IpAddr>,
    /// Names that rules may call it by.
    pub names: &'a [Arc<str>],
    /// Tags that rules may call it by, sorted.
    pub tags: &'a [Arc<str>],
    /// Its group.
    pub group: &'a Group,
    /// Whether rules apply: neither switched off nor paused.
    pub is_filtered: bool,
}

/// Why clients and groups do not fit together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DirectoryError {
    /// Two groups have one name.
    #[error("there are two groups `{0}`: rename one")]
    GroupTwice(Arc<str>),
    /// Two clients have one name.
    #[error("there are two clients `{0}`: rename one")]
    ClientTwice(Arc<str>),
    /// A client is in a group that is not there.
    #[error(
        "client `{client}` is in group `{group}`, which is not there: make it or choose another"
    )]
    NoSuchGroup {
        /// The client.
        client: Arc<str>,
        /// The group.
        group: Arc<str>,
    },
    /// Two clients are recognised by the same address or MAC.
    #[error("clients `{0}` and `{1}` are recognised by the same address: take it from one")]
    SelectorTwice(Arc<str>, Arc<str>),
    /// There are more than [`CLIENTS_MAX`] clients or [`GROUPS_MAX`] groups.
    #[error("there are more than {CLIENTS_MAX} clients or {GROUPS_MAX} groups")]
    TooMany,
}

/// A client with what is looked up of it.
#[derive(Debug)]
struct Known {
    names: [Arc<str>; 1],
    tags: Vec<Arc<str>>,
    group_index: usize,
    paused_until_ms: AtomicU64,
}

/// All clients and groups at one moment; only the pauses in it change.
#[derive(Default)]
pub struct Directory {
    /// The default group first.
    groups: Vec<(Group, AtomicU64)>,
    everybody: Group,
    clients: Vec<Known>,
    by_address: HashMap<IpAddr, usize>,
    /// The longest prefix first.
    networks: Vec<(Network, usize)>,
    by_mac: HashMap<Mac, usize>,
    mac_lookup: Option<MacLookup>,
    paused_until_ms: AtomicU64,
}

impl Directory {
    /// Puts clients and groups together; a default group is made when none is named so.
    ///
    /// # Errors
    ///
    /// They do not fit together.
    pub fn new(
        groups: Vec<Group>,
        clients: &[Client],
        mac_lookup: Option<MacLookup>,
    ) -> Result<Self, DirectoryError> {
        if clients.len() > CLIENTS_MAX || groups.len() > GROUPS_MAX {
            return Err(DirectoryError::TooMany);
        }
        let mut names = HashSet::new();
        if let Some(twice) = groups.iter().find(|group| !names.insert(Arc::clone(&group.name))) {
            return Err(DirectoryError::GroupTwice(Arc::clone(&twice.name)));
        }
        let everybody = groups.iter().find(|group| *group.name == *DEFAULT_GROUP);
        let everybody = everybody.cloned().unwrap_or_default();
        let mut directory = Self { everybody, mac_lookup, ..Self::default() };
        if !names.contains(DEFAULT_GROUP) {
            directory.groups.push((directory.everybody.clone(), AtomicU64::new(0)));
        }
        directory.groups.extend(groups.into_iter().map(|group| (group, AtomicU64::new(0))));
        for client in clients {
            directory.add(client)?;
        }
        directory.networks.sort_by_key(|(network, _)| std::cmp::Reverse(network.n_bits()));
        Ok(directory)
    }

    fn add(&mut self, client: &Client) -> Result<(), DirectoryError> {
        let taken = |name: &Arc<str>| self.clients.iter().any(|known| known.names[0] == *name);
        if taken(&client.name) {
            return Err(DirectoryError::ClientTwice(Arc::clone(&client.name)));
        }
        let group_index = self.groups.iter().position(|(group, _)| group.name == client.group);
        let group_index = group_index.ok_or_else(|| DirectoryError::NoSuchGroup {
            client: Arc::clone(&client.name),
            group: Arc::clone(&client.group),
        })?;
        let mut tags = client.tags.clone();
        tags.sort_unstable();
        let index = self.clients.len();
        self.clients.push(Known {
            names: [Arc::clone(&client.name)],
            tags,
            group_index,
            paused_until_ms: AtomicU64::new(0),
        });
        for selector in &client.selectors {
            let before = match selector {
                Selector::Mac(mac) => self.by_mac.insert(*mac, index),
                Selector::Network(network) => {
                    if let Some(address) = network.single() {
                        self.by_address.insert(address, index)
                    } else {
                        let same = self.networks.iter().find(|(known, _)| known == network);
                        let before = same.map(|(_, index)| *index);
                        self.networks.push((*network, index));
                        before
                    }
                }
            };
            if let Some(other) = before.filter(|other| *other != index) {
                let other = self.clients.get(other).map(|known| Arc::clone(&known.names[0]));
                let other = other.unwrap_or_else(|| Arc::clone(&client.name));
                return Err(DirectoryError::SelectorTwice(other, Arc::clone(&client.name)));
            }
        }
        Ok(())
    }

    /// Finds who asks from `address`; `now_ms`, milliseconds since 1970, decides about pauses.
    ///
    /// An address counts before a MAC, a MAC before a network.
    #[must_use]
    pub fn find(&self, address: IpAddr, now_ms: u64) -> ClientView<'_> {
        let address = address.to_canonical();
        let is_paused = |until_ms: &AtomicU64| until_ms.load(Ordering::Relaxed) > now_ms;
        let Some(known) = self.index_of(address).and_then(|index| self.clients.get(index)) else {
            let pause = self.groups.iter().find(|(group, _)| group.name == self.everybody.name);
            let is_group_paused = pause.is_some_and(|(_, until_ms)| is_paused(until_ms));
            return ClientView {
                address: Some(address),
                names: &[],
                tags: &[],
                group: &self.everybody,
                is_filtered: self.everybody.is_filtered
                    && !is_group_paused
                    && !is_paused(&self.paused_until_ms),
            };
        };
        let group = self.groups.get(known.group_index);
        let is_group_paused = group.is_some_and(|(_, until_ms)| is_paused(until_ms));
        let group = group.map_or(&self.everybody, |(group, _)| group);
        ClientView {
            address: Some(address),
            names: &known.names,
            tags: &known.tags,
            group,
            is_filtered: group.is_filtered
                && !is_group_paused
                && !is_paused(&known.paused_until_ms)
                && !is_paused(&self.paused_until_ms),
        }
    }

    /// Sets what is paused, and ends all other pauses; names that are unknown are passed over.
    pub fn set_pauses(&self, pauses: &Pauses) {
        self.paused_until_ms.store(pauses.all_until_ms.unwrap_or(0), Ordering::Relaxed);
        for (group, until_ms) in &self.groups {
            let until = pauses.groups.get(&*group.name).copied().unwrap_or(0);
            until_ms.store(until, Ordering::Relaxed);
        }
        for known in &self.clients {
            let until = pauses.clients.get(&*known.names[0]).copied().unwrap_or(0);
            known.paused_until_ms.store(until, Ordering::Relaxed);
        }
    }

    /// The groups.
    pub fn groups(&self) -> impl Iterator<Item = &Group> {
        self.groups.iter().map(|(group, _)| group)
    }

    fn index_of(&self, address: IpAddr) -> Option<usize> {
        if self.clients.is_empty() {
            return None;
        }
        if let Some(index) = self.by_address.get(&address) {
            return Some(*index);
        }
        let mac = self.mac_lookup.as_ref().filter(|_| !self.by_mac.is_empty());
        let by_mac = mac.and_then(|lookup| lookup(address)).and_then(|mac| self.by_mac.get(&mac));
        if let Some(index) = by_mac {
            return Some(*index);
        }
        let network = self.networks.iter().find(|(network, _)| network.contains(address));
        network.map(|(_, index)| *index)
    }
}

impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Directory")
            .field("groups", &self.groups.len())
            .field("clients", &self.clients.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(name: &str, group: &str, selectors: &[&str]) -> Client {
        let selectors = selectors.iter().map(|text| match text.parse::<Network>() {
            Ok(network) => Selector::Network(network),
            Err(_) => Selector::Mac([2, 0, 0, 0, 0, text.len().try_into().expect("short")]),
        });
        Client {
            name: name.into(),
            selectors: selectors.collect(),
            tags: Vec::new(),
            group: group.into(),
        }
    }

    fn group(name: &str) -> Group {
        Group { name: name.into(), ..Group::default() }
    }

    fn directory() -> Directory {
        let clients = [
            client("net", "kids", &["192.0.2.0/24"]),
            client("subnet", DEFAULT_GROUP, &["192.0.2.128/25", "2001:db8::/64"]),
            client("host", "kids", &["192.0.2.200"]),
            client("by mac", "kids", &["mac"]),
        ];
        let lookup: MacLookup = Arc::new(|address| {
            let is_laptop = address == "192.0.2.50".parse::<IpAddr>().expect("an address");
            is_laptop.then_some([2, 0, 0, 0, 0, 3])
        });
        Directory::new(vec![group("kids")], &clients, Some(lookup)).expect("they fit")
    }

    #[test]
    fn clients_are_found() {
        let directory = directory();
        #[rustfmt::skip]
        let cases = [
            ("192.0.2.1",         Some("net"),    "kids"),
            ("192.0.2.130",       Some("subnet"), "default"),
            ("192.0.2.200",       Some("host"),   "kids"),
            ("::ffff:192.0.2.200", Some("host"),  "kids"),
            ("192.0.2.50",        Some("by mac"), "kids"),
            ("2001:db8::7",       Some("subnet"), "default"),
            ("198.51.100.1",      None,           "default"),
        ];
        for (address, name, group) in cases {
            let view = directory.find(address.parse().expect("an address"), 0);
            assert_eq!(view.names.first().map(|name| &**name), name, "case: {address}");
            assert_eq!(&*view.group.name, group, "case: {address}");
        }
    }

    #[test]
    fn pauses_end_by_themselves() {
        let directory = directory();
        let is_filtered = |address: &str, now_ms| {
            directory.find(address.parse().expect("ip"), now_ms).is_filtered
        };
        assert!(is_filtered("192.0.2.200", 50));
        let mut pauses = Pauses::default();
        pauses.clients.insert("host".into(), 100);
        directory.set_pauses(&pauses);
        assert!(!is_filtered("192.0.2.200", 99) && is_filtered("192.0.2.200", 100));
        assert!(is_filtered("192.0.2.1", 99), "another client");
        pauses.groups.insert("kids".into(), 200);
        directory.set_pauses(&pauses);
        assert!(!is_filtered("192.0.2.1", 150) && is_filtered("192.0.2.130", 150));
        directory.set_pauses(&Pauses { all_until_ms: Some(300), ..Pauses::default() });
        assert!(!is_filtered("198.51.100.1", 299) && is_filtered("198.51.100.1", 300));
        directory.set_pauses(&Pauses::default());
        assert!(is_filtered("198.51.100.1", 0));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let new = |groups: Vec<Group>, clients: &[Client]| Directory::new(groups, clients, None);
        let cases = [
            (new(vec![group("a"), group("a")], &[]), "two groups `a`"),
            (new(vec![], &[client("x", "a", &[])]), "group `a`, which is not there"),
            (
                new(vec![], &[client("x", "default", &[]), client("x", "default", &[])]),
                "two clients `x`",
            ),
            (
                new(
                    vec![],
                    &[
                        client("x", "default", &["192.0.2.1"]),
                        client("y", "default", &["192.0.2.1"]),
                    ],
                ),
                "`x` and `y`",
            ),
            (
                new(vec![], &[client("x", "default", &["mac"]), client("y", "default", &["MAC"])]),
                "`x` and `y`",
            ),
        ];
        for (made, expected) in cases {
            let error = made.err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.contains(expected), "case: {expected}: {error}");
        }
    }
}
