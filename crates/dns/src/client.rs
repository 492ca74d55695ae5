//! Who asks: clients by address, network or MAC, and the groups that say which rules they get.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use crate::verdict::BlockAnswer;

/// A hardware address of six octets.
pub type Mac = [u8; 6];

/// Looks the hardware address of a client up, from leases or the neighbour table.
///
/// It is called on the thread that answers: it must neither wait nor allocate.
pub type MacLookup = Arc<dyn Fn(IpAddr) -> Option<Mac> + Send + Sync>;

/// What the rules of a client are, named and shared by the clients of a group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Group {
    /// Its name; the group of everybody else is `default`.
    pub name: Arc<str>,
    /// Number of the cache view: groups that may see different answers differ in it.
    pub view: u16,
    /// The set of upstreams that its questions go to; `None` is the usual one.
    pub upstreams: Option<Arc<str>>,
    /// How its blocked questions are answered; `None` leaves it to the setting.
    pub block_answer: Option<BlockAnswer>,
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

/// All clients and groups at one moment.
pub struct Directory {
    everybody: Group,
}

impl Directory {
    /// Finds who asks from `address`; `now_ms`, milliseconds since 1970, decides about pauses.
    #[must_use]
    pub fn find(&self, address: IpAddr, now_ms: u64) -> ClientView<'_> {
        let _ = now_ms;
        ClientView {
            address: Some(address),
            names: &[],
            tags: &[],
            group: &self.everybody,
            is_filtered: true,
        }
    }
}

impl Default for Directory {
    fn default() -> Self {
        Self { everybody: Group { name: Arc::from("default"), ..Group::default() } }
    }
}

impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Directory").field("everybody", &self.everybody).finish_non_exhaustive()
    }
}
