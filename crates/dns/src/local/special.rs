//! Names that the internet does not have (RFC 6761, RFC 6762, RFC 6303, RFC 7686, RFC 8375).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::name;

/// What is known of a special name without asking anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Special {
    /// This machine, whatever stands before it.
    Localhost,
    /// The name of this machine's address.
    Loopback,
    /// It does not exist, or is not to be told.
    NxDomain,
}

/// Top domains, by their wire form, that are answered here.
const ABSENT: [&[u8]; 6] = [
    // Multicast DNS only.
    b"\x05local\x00",
    b"\x07invalid\x00",
    b"\x04test\x00",
    b"\x05onion\x00",
    b"\x03alt\x00",
    b"\x04home\x04arpa\x00",
];
/// Reverse zones of addresses that no server of the internet knows (RFC 6303 §4).
const REVERSE: [&[u8]; 12] = [
    b"\x0210\x07in-addr\x04arpa\x00",
    b"\x03168\x03192\x07in-addr\x04arpa\x00",
    b"\x03254\x03169\x07in-addr\x04arpa\x00",
    b"\x010\x07in-addr\x04arpa\x00",
    b"\x03127\x07in-addr\x04arpa\x00",
    b"\x03255\x03255\x03255\x03255\x07in-addr\x04arpa\x00",
    b"\x01d\x01f\x03ip6\x04arpa\x00",
    b"\x01c\x01f\x03ip6\x04arpa\x00",
    b"\x018\x01e\x01f\x03ip6\x04arpa\x00",
    b"\x019\x01e\x01f\x03ip6\x04arpa\x00",
    b"\x01a\x01e\x01f\x03ip6\x04arpa\x00",
    b"\x01b\x01e\x01f\x03ip6\x04arpa\x00",
];
const LOCALHOST: &[u8] = b"\x09localhost\x00";
const LOOPBACK_V4: &[u8] = b"\x011\x010\x010\x03127\x07in-addr\x04arpa\x00";

impl Special {
    /// The addresses of `localhost`.
    pub(crate) const ADDRESSES: [IpAddr; 2] =
        [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];

    /// Returns what a name in wire form is; `None` is an ordinary one.
    pub(crate) fn of(name: &[u8]) -> Option<Self> {
        let top = name::suffixes(name).filter(|suffix| suffix.len() > 1).last()?;
        match top {
            LOCALHOST => Some(Self::Localhost),
            b"\x04arpa\x00" => Self::of_arpa(name),
            _ if ABSENT.contains(&top) => Some(Self::NxDomain),
            _ => None,
        }
    }

    fn of_arpa(name: &[u8]) -> Option<Self> {
        if name == LOOPBACK_V4 || is_loopback_v6(name) {
            return Some(Self::Loopback);
        }
        let is_absent = name::suffixes(name)
            .any(|suffix| ABSENT.contains(&suffix) || REVERSE.contains(&suffix) || is_172(suffix));
        is_absent.then_some(Self::NxDomain)
    }
}

/// Returns whether a name is the reverse of `172.16.0.0/12`.
fn is_172(name: &[u8]) -> bool {
    let Some(rest) = name.strip_suffix(b"\x03172\x07in-addr\x04arpa\x00") else { return false };
    match rest {
        [2, tens @ b'1'..=b'3', ones @ b'0'..=b'9'] => {
            (16..=31).contains(&((tens - b'0') * 10 + (ones - b'0')))
        }
        _ => false,
    }
}

fn is_loopback_v6(name: &[u8]) -> bool {
    let Some(digits) = name.strip_suffix(b"\x03ip6\x04arpa\x00") else { return false };
    let Some(rest) = digits.strip_prefix(b"\x011") else { return false };
    rest.len() == 62 && rest.as_chunks::<2>().0.iter().all(|label| label == b"\x010")
}
