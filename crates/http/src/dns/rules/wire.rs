//! Lists, own rules, groups, clients and pauses as requests and answers have them.

use serde::{Deserialize, Serialize};
use tidings_dns::client::pause::Pauses;
use tidings_dns::filter::compile::{IgnoredLine, ListKind};
use tidings_dns::list::Origin;
use tidings_dns::list::rulebook::Subscribed;
use utoipa::ToSchema;

use super::Rules;
use crate::wire::time_ms;

/// A list of rules with how it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = DnsList)]
pub struct ListJson {
    /// Its number, as the query log has it.
    pub id: u16,
    /// What people call it.
    pub name: String,
    /// `block` or `allow`.
    pub kind: &'static str,
    /// Where it comes from; null for pasted text.
    pub url: Option<String>,
    /// How its rules are written: `adguard`, `hosts`, `domains`, `dnsmasq`, `pihole` or `blocky`.
    pub format: &'static str,
    /// Whether it counts.
    pub on: bool,
    /// Seconds between two looks.
    pub interval_s: u64,
    /// `off`, `new` (not looked at yet), `waiting` (a look was asked for), `loading`, `ok`, or
    /// `failed`: the last look failed, and the last good copy counts on.
    pub status: &'static str,
    /// Rules of the last good copy.
    pub entries: u64,
    /// Its lines that are no rules.
    pub ignored: u64,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// Verdicts of this list since the server started.
    pub hits: u64,
    /// When the last good copy came, UTC.
    pub updated_at: Option<String>,
    /// When it was looked at last, UTC.
    pub checked_at: Option<String>,
    /// When it will be looked at next, UTC.
    pub next_at: Option<String>,
    /// What went wrong at the last look.
    pub error: Option<ListErrorJson>,
    /// Looks that failed since the last that did not.
    pub failures: u32,
    /// Bytes that have come of a copy under way.
    pub loading_bytes: Option<u64>,
}

/// What went wrong at a look at a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = DnsListError)]
pub struct ListErrorJson {
    /// What, for people.
    pub text: String,
    /// When, UTC.
    pub at: String,
}

/// Every list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = DnsLists)]
pub struct ListsJson {
    /// The lists, by number.
    pub lists: Vec<ListJson>,
    /// Different names and rules of all lists that count.
    pub names: usize,
}

/// A list with its ignored lines, and its text where that was pasted.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DnsListDetail)]
pub(crate) struct ListDetailJson {
    /// The list.
    pub(crate) list: ListJson,
    /// The first lines that are no rules.
    pub(crate) ignored_lines: Vec<IgnoredLineJson>,
    /// The text, when it was pasted.
    pub(crate) text: Option<String>,
}

/// A line that is no rule.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = DnsIgnoredLine)]
pub(crate) struct IgnoredLineJson {
    /// Its number, from 1.
    line: u32,
    /// Its first characters.
    text: String,
    /// Why it is ignored.
    why: &'static str,
}

/// A list to add.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DnsListRequest)]
pub(crate) struct ListRequest {
    /// What people call it; unique.
    pub(crate) name: String,
    /// Where it comes from, `http` or `https`; this or `text`.
    pub(crate) url: Option<String>,
    /// Its text; this or `url`.
    pub(crate) text: Option<String>,
    /// `block` or `allow`; `block` when missing.
    pub(crate) kind: Option<String>,
    /// How its rules are written; `adguard` when missing.
    pub(crate) format: Option<String>,
    /// Whether it counts; true when missing.
    pub(crate) on: Option<bool>,
    /// Seconds between two looks, 600 to 2592000; a day when missing.
    pub(crate) interval_s: Option<u64>,
}

/// What to change of a list; what is missing stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = DnsListPatch)]
pub(crate) struct ListPatch {
    /// What people call it; unique.
    pub(crate) name: Option<String>,
    /// Where it comes from.
    pub(crate) url: Option<String>,
    /// Its text, in place of a URL or of the text before.
    pub(crate) text: Option<String>,
    /// `block` or `allow`.
    pub(crate) kind: Option<String>,
    /// How its rules are written.
    pub(crate) format: Option<String>,
    /// Whether it counts.
    pub(crate) on: Option<bool>,
    /// Seconds between two looks, 600 to 2592000.
    pub(crate) interval_s: Option<u64>,
}

/// How to look at a list.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = DnsListRefresh)]
pub(crate) struct ListRefresh {
    /// Whether to take it even if it is empty or has lost more than half of its rules.
    pub(crate) force: bool,
}

/// The text of own rules, and what became of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DnsRulesText)]
pub(crate) struct RulesTextJson {
    /// The text, in AdGuard's dialect.
    pub(crate) text: String,
    /// Rules that it has.
    pub(crate) rules: usize,
    /// Its lines that are no rules.
    pub(crate) ignored: usize,
    /// The first of these lines.
    pub(crate) ignored_lines: Vec<IgnoredLineJson>,
}

/// Another text of own rules.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DnsRulesTextRequest)]
pub(crate) struct RulesTextRequest {
    /// The text, in AdGuard's dialect.
    pub(crate) text: String,
}

/// What is paused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = DnsPauses)]
pub struct PausesJson {
    /// The pauses, the one of everybody first.
    pub pauses: Vec<PauseJson>,
}

/// A pause of blocking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = DnsPause)]
pub struct PauseJson {
    /// `all`, `group` or `client`.
    pub scope: &'static str,
    /// Name of the group or client; null for everybody.
    pub name: Option<String>,
    /// When it ends, UTC.
    pub until: String,
    /// When it ends, milliseconds since 1970.
    pub until_ms: u64,
}

/// What to pause; everything when neither group nor client is named.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DnsPauseRequest)]
pub(crate) struct PauseRequest {
    /// Minutes, 1 to 43200.
    pub(crate) minutes: u32,
    /// True for everybody.
    pub(crate) all: Option<bool>,
    /// Name of a group.
    pub(crate) group: Option<String>,
    /// Name, number or an address of a client.
    pub(crate) client: Option<String>,
}

/// Returns the word of a kind of list.
pub(crate) fn kind_word(kind: ListKind) -> &'static str {
    match kind {
        ListKind::Block => "block",
        ListKind::Allow => "allow",
    }
}

impl ListJson {
    /// Describes a list.
    pub(crate) fn new(subscribed: &Subscribed, rules: &Rules, hits: u64) -> Self {
        let Subscribed { subscription, state, loading_bytes, .. } = subscribed;
        let status = if loading_bytes.is_some() {
            "loading"
        } else if rules.is_look_waiting(subscription.id) {
            "waiting"
        } else if !subscription.is_on {
            "off"
        } else if state.error.is_some() {
            "failed"
        } else if state.updated_at_ms.is_none() {
            "new"
        } else {
            "ok"
        };
        let url = match &subscription.origin {
            Origin::Url(url) => Some(url.to_string()),
            Origin::File(path) => Some(format!("file://{}", path.display())),
            Origin::Pasted => None,
        };
        let next_at_ms = state.next_at_ms.filter(|_| subscription.is_on && url.is_some());
        Self {
            id: subscription.id.0,
            name: subscription.name.to_string(),
            kind: kind_word(subscription.kind),
            url,
            format: subscription.dialect.name(),
            on: subscription.is_on,
            interval_s: subscription.refresh.as_secs(),
            status,
            entries: state.n_rules,
            ignored: state.n_ignored,
            size_bytes: state.n_bytes,
            hits,
            updated_at: state.updated_at_ms.map(time_ms),
            checked_at: state.checked_at_ms.map(time_ms),
            next_at: next_at_ms.map(time_ms),
            error: state
                .error
                .as_ref()
                .map(|error| ListErrorJson { text: error.text.clone(), at: time_ms(error.at_ms) }),
            failures: state.n_failures,
            loading_bytes: *loading_bytes,
        }
    }
}

impl From<&IgnoredLine> for IgnoredLineJson {
    fn from(ignored: &IgnoredLine) -> Self {
        Self { line: ignored.line, text: ignored.text.to_string(), why: ignored.why }
    }
}

impl From<&Pauses> for PausesJson {
    fn from(pauses: &Pauses) -> Self {
        let pause = |scope, name: Option<&str>, until_ms: u64| PauseJson {
            scope,
            name: name.map(str::to_owned),
            until: time_ms(until_ms),
            until_ms,
        };
        let all = pauses.all_until_ms.map(|until_ms| pause("all", None, until_ms));
        let groups = pauses.groups.iter().map(|(name, until)| pause("group", Some(name), *until));
        let clients =
            pauses.clients.iter().map(|(name, until)| pause("client", Some(name), *until));
        Self { pauses: all.into_iter().chain(groups).chain(clients).collect() }
    }
}
