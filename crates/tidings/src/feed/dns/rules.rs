//! What the channels of the rules were told last, and what is new.

use tidings_http::dns::rules::Versions;
use tidings_http::dns::rules::wire::PausesJson;
use tidings_http::dns::{DNS_LISTS, DNS_PAUSES, DNS_RULES, DnsParts};
use tidings_hub::event::Event;

use super::event;

/// What was told last; nothing at the start.
#[derive(Debug, Default)]
pub(super) struct ToldRules {
    lists_version: Option<u64>,
    versions: Option<Versions>,
    pauses: Option<PausesJson>,
}

impl ToldRules {
    /// Returns the events of what has changed since the last call.
    pub(super) fn news(&mut self, parts: &DnsParts) -> Vec<Option<Event>> {
        let mut events = Vec::new();
        // The number comes first: what changes meanwhile is told the next time.
        let lists_version = Some(parts.rules.lists_version());
        if self.lists_version != lists_version {
            self.lists_version = lists_version;
            events.push(event(DNS_LISTS, "dns_lists", &parts.rules.lists_json()));
        }
        let versions = Some(parts.rules.versions());
        if self.versions != versions {
            self.versions = versions;
            events.push(event(DNS_RULES, "dns_rules", &versions));
        }
        let pauses = Some(parts.rules.pauses_json((parts.clock)()));
        if self.pauses != pauses {
            events.push(event(DNS_PAUSES, "dns_pauses", &pauses));
            self.pauses = pauses;
        }
        events
    }
}
