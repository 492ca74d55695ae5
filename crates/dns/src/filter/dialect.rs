//! The dialects of rules, and what reading a line in one of them yields.

use std::fmt;

use crate::filter::rule::{Action, ByLength, Mark, Pattern, Scope, Shape, Weight};

pub(crate) mod adguard;
pub(crate) mod blocky;
pub(crate) mod dnsmasq;
pub(crate) mod domains;
pub(crate) mod pihole;
mod punycode;

/// Longest line that is read; a longer one is no rule.
pub const LINE_BYTES_MAX: usize = 8192;
/// Longest name in presentation format without the final dot (RFC 1035 §2.3.4).
pub const NAME_BYTES_MAX: usize = 253;

/// How the rules of a list are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dialect {
    /// AdGuard's rules for DNS, with hosts lines and plain names among them.
    AdGuard,
    /// Hosts files: an address and names.
    Hosts,
    /// One name a line; `*.name` is what is below.
    Domains,
    /// Options of dnsmasq's configuration.
    Dnsmasq,
    /// Entries of Pi-hole's lists as JSON, one a line.
    PiHole,
    /// Blocky's lists.
    Blocky,
}

impl Dialect {
    /// All of them with their names.
    pub const ALL: [(Self, &'static str); 6] = [
        (Self::AdGuard, "adguard"),
        (Self::Hosts, "hosts"),
        (Self::Domains, "domains"),
        (Self::Dnsmasq, "dnsmasq"),
        (Self::PiHole, "pihole"),
        (Self::Blocky, "blocky"),
    ];

    /// Finds a dialect by its name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(dialect, _)| *dialect)
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(dialect, _)| *dialect == self).map_or("", |(_, name)| name)
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a rule is, before it has a place in a list.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) pattern: Pattern,
    pub(crate) action: Action,
    pub(crate) weight: Weight,
    pub(crate) scope: Scope,
    /// What it is among the rules of which the longest counts, if it is one.
    pub(crate) by_length: Option<ByLength>,
    pub(crate) n_modifiers: u8,
}

impl Draft {
    /// A rule that blocks or allows names like `pattern`, without conditions.
    pub(crate) fn judging(pattern: Pattern, weight: Weight) -> Self {
        Self {
            pattern,
            action: Action::Judge { answer: None },
            weight,
            scope: Scope::default(),
            by_length: None,
            n_modifiers: 0,
        }
    }
}

/// Takes what the lines of a list say.
pub(crate) trait Sink {
    /// A name that is blocked or allowed without conditions; `name` is in lower case.
    fn name(&mut self, name: &str, shape: Shape, mark: Mark);
    /// A rule that needs more than a name.
    fn rule(&mut self, draft: Draft);
    /// Takes back the rules that are written like `rule`, wherever they stand (`$badfilter`).
    fn disable(&mut self, rule: &RuleKey);
    /// Asks before a rule is handed over whether it is taken back.
    fn is_disabled(&self, key: &dyn Fn() -> RuleKey, pattern: &str) -> bool;
    /// A line that is no rule; `why` follows "ignored: ".
    fn reject(&mut self, why: &'static str);
}

/// What makes two rules the same to `$badfilter`: pattern and modifiers, in whatever order.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct RuleKey {
    pub(crate) is_exception: bool,
    pub(crate) pattern: Box<str>,
    /// Sorted, `badfilter` left out.
    pub(crate) modifiers: Vec<Box<str>>,
}

/// Reads one line, without its end, and hands over what it says.
pub(crate) fn read_line(dialect: Dialect, line: &[u8], sink: &mut dyn Sink) {
    if line.len() > LINE_BYTES_MAX {
        return sink.reject("the line is longer than 8192 bytes");
    }
    let Ok(line) = std::str::from_utf8(line) else {
        return sink.reject("the line is not UTF-8");
    };
    let line = line.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    if line.is_empty() {
        return;
    }
    match dialect {
        Dialect::AdGuard => adguard::read(line, sink),
        Dialect::Hosts => domains::read_hosts(line, sink),
        Dialect::Domains => domains::read_domains(line, sink),
        Dialect::Dnsmasq => dnsmasq::read(line, sink),
        Dialect::PiHole => pihole::read(line, sink),
        Dialect::Blocky => blocky::read(line, sink),
    }
}

/// Hands `name` over in lower case, without copying when it is so already.
pub(crate) fn lowered(name: &str, take: impl FnOnce(&str)) {
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        take(&name.to_ascii_lowercase());
    } else {
        take(name);
    }
}

/// Whether `name` can be a name in a list: labels of visible characters, none empty or too long.
pub(crate) fn is_name(name: &str) -> bool {
    let is_label = |label: &[u8]| {
        matches!(label.len(), 1..=63)
            && label
                .iter()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_'))
    };
    name.len() <= NAME_BYTES_MAX && name.as_bytes().split(|byte| *byte == b'.').all(is_label)
}
