//! What is left of an entry before anybody sees it.

use std::net::IpAddr;
use std::sync::Arc;

use crate::entry::Entry;
use crate::network::Network;
use crate::query_log::config::{Privacy, QueryLogConfig};
use crate::query_log::filter::NameTest;

/// Bits that an anonymous client keeps of its address.
const CLIENT_BITS: (u8, u8) = (24, 48);

/// What is left out, ready to be asked.
#[derive(Debug)]
pub(crate) struct Veil {
    privacy: Privacy,
    names: Vec<NameTest>,
    clients: Vec<Network>,
    /// Stands in place of names and rules.
    nothing: Arc<str>,
}

impl Veil {
    /// Compiles the settings.
    pub(crate) fn new(config: &QueryLogConfig) -> Self {
        let name = |text: &String| {
            let text = text.to_lowercase();
            NameTest::Below(text.trim_start_matches("*.").trim_end_matches('.').into())
        };
        Self {
            privacy: config.privacy,
            names: config.ignore_names.iter().map(name).collect(),
            clients: config.ignore_clients.iter().filter_map(|text| text.parse().ok()).collect(),
            nothing: Arc::from(""),
        }
    }

    /// Returns whether an entry is counted and not logged.
    pub(crate) fn hides(&self, entry: &Entry) -> bool {
        self.names.iter().any(|test| test.matches(&entry.name))
            || self.clients.iter().any(|network| network.contains(entry.client))
    }

    /// Takes away what is not to be kept.
    pub(crate) fn cover(&self, entry: &mut Entry) {
        if self.privacy == Privacy::Full {
            return;
        }
        let (v4_bits, v6_bits) = CLIENT_BITS;
        entry.client = cut(entry.client, if entry.client.is_ipv4() { v4_bits } else { v6_bits });
        entry.client_port = 0;
        if self.privacy == Privacy::NoNames {
            entry.name = Arc::clone(&self.nothing);
            entry.addresses.clear();
            if let Some(reason) = &mut entry.reason {
                reason.rule = Arc::clone(&self.nothing);
                reason.line = None;
            }
        }
    }
}

/// Clears all but the first bits of an address.
fn cut(address: IpAddr, n_bits: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32_u32.saturating_sub(n_bits.into())).unwrap_or(0);
            IpAddr::V4((v4.to_bits() & mask).into())
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128_u32.saturating_sub(n_bits.into())).unwrap_or(0);
            IpAddr::V6((v6.to_bits() & mask).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query_log::samples::entry;
    use crate::verdict::{ListId, Reason};

    fn blocked() -> Entry {
        let rule = Arc::from("||secret.example^");
        let reason = Some(Reason { list: ListId(1), rule, line: Some(9) });
        Entry { reason, ..entry("very.secret.example", 1) }
    }

    #[test]
    fn each_level_takes_more_away() {
        let covered = |privacy| {
            let mut entry = blocked();
            Veil::new(&QueryLogConfig { privacy, ..QueryLogConfig::default() }).cover(&mut entry);
            entry
        };
        assert_eq!(covered(Privacy::Full), blocked());
        let anonymous = covered(Privacy::AnonymousClient);
        assert_eq!(anonymous.client.to_string(), "192.0.2.0");
        assert_eq!((anonymous.client_port, anonymous.name.as_ref()), (0, "very.secret.example"));
        let nameless = format!("{:?}", covered(Privacy::NoNames));
        for secret in ["secret", "192.0.2.1\"", "198.51.100.1", "40000"] {
            assert!(!nameless.contains(secret), "`{secret}` is left in {nameless}");
        }
    }

    #[test]
    fn ignored_names_and_clients_are_hidden() {
        let veil = Veil::new(&QueryLogConfig {
            ignore_names: vec!["Secret.example.".to_owned(), "*.lan".to_owned()],
            ignore_clients: vec!["2001:db8::/32".to_owned()],
            ..QueryLogConfig::default()
        });
        assert!(veil.hides(&blocked()));
        assert!(veil.hides(&entry("printer.lan", 1)));
        assert!(!veil.hides(&entry("notsecret.example", 1)));
        let client = "2001:db8::5".parse().unwrap();
        assert!(veil.hides(&Entry { client, ..entry("other.example", 1) }));
    }
}
