//! One rule that needs more than a name: its pattern, its conditions and what it does.

use std::net::IpAddr;

use crate::client::ClientView;
use crate::filter::glob::Glob;
use crate::network::Network;
use crate::record_type::RecordType;
use crate::verdict::{BlockAnswer, ListId, Rewrite};

/// Which names below a domain a rule means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Shape {
    /// The name alone.
    Exact,
    /// What is below the name, not itself.
    Below,
    /// The name and what is below.
    Suffix,
}

/// How much a rule weighs against the others of its tier; the greatest decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Weight {
    /// Blocks unless anything else matches (Pi-hole's deny-regex).
    WeakBlock,
    /// Blocks.
    Block,
    /// Allows.
    Allow,
    /// Blocks although a plain rule allows.
    ImportantBlock,
    /// Allows, whatever blocks.
    ImportantAllow,
}

impl Weight {
    /// Whether the rule lets the name through.
    pub(crate) fn is_allow(self) -> bool {
        matches!(self, Self::Allow | Self::ImportantAllow)
    }

    /// The weight of the same rule in a list that allows.
    pub(crate) fn allowing(self) -> Self {
        match self {
            Self::WeakBlock | Self::Block | Self::Allow => Self::Allow,
            Self::ImportantBlock | Self::ImportantAllow => Self::ImportantAllow,
        }
    }
}

/// What dnsmasq does with the names of a domain; of the domains of a list that match, the longest
/// that says something about the type decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ByLength {
    /// Nothing is forwarded: no such name, or no data beside the list's own addresses.
    Local,
    /// `0.0.0.0` for A.
    NullV4,
    /// `::` for AAAA.
    NullV6,
    /// Both.
    Null,
    /// Forwarded as usual, or to a server of its own.
    Forward,
    /// An address; it stands in the rule's action.
    Address,
}

/// What a compact rule, a name without conditions, says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mark {
    /// The greatest weight decides.
    Weight(Weight),
    /// The longest name decides.
    ByLength(ByLength),
}

/// What a name has to be like.
#[derive(Debug, Clone)]
pub(crate) enum Pattern {
    /// Every name.
    Any,
    /// A name, or what is below it.
    Name(Shape, Box<str>),
    /// A pattern with wildcards.
    Glob(Glob),
    /// A regular expression; found by [`crate::filter::regexes`].
    Regex {
        /// The expression in the syntax of the regex crate.
        text: Box<str>,
        /// Whether letters match in either case.
        is_case_insensitive: bool,
        /// Whether the rule is for the names that do not match.
        is_inverted: bool,
    },
    /// Names whose last characters are these (dnsmasq's `*` at the start).
    Ending(Box<str>),
}

/// What a rule does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// Blocks or allows, by its weight.
    Judge {
        /// How a blocked question is answered; `None` leaves it to the setting.
        answer: Option<BlockAnswer>,
    },
    /// Answers in place of the name's own records.
    Rewrite(Rewrite),
    /// Takes back rewrites: one that is the same, or all.
    RewriteOff(Option<Rewrite>),
    /// Leaves the question without an answer.
    Drop,
}

/// Clients that a condition names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Clients {
    pub(crate) names: Vec<Box<str>>,
    pub(crate) networks: Vec<Network>,
}

impl Clients {
    fn is_empty(&self) -> bool {
        self.names.is_empty() && self.networks.is_empty()
    }

    fn has(&self, client: &ClientView<'_>) -> bool {
        let is_named = |name: &str| client.names.iter().any(|known| **known == *name);
        self.names.iter().any(|name| is_named(name))
            || client.address.is_some_and(|address| {
                self.networks.iter().any(|network| network.contains(address))
            })
    }
}

/// Under which conditions a rule applies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Scope {
    pub(crate) types: Vec<RecordType>,
    pub(crate) not_types: Vec<RecordType>,
    pub(crate) clients: Clients,
    pub(crate) not_clients: Clients,
    pub(crate) tags: Vec<Box<str>>,
    pub(crate) not_tags: Vec<Box<str>>,
    /// Domains that the rule leaves out, with what is below.
    pub(crate) deny_allow: Vec<Box<str>>,
}

impl Scope {
    /// Whether the rule applies to every question.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// How many kinds of conditions there are: of equal rules the more specific is reported.
    pub(crate) fn n_conditions(&self) -> u8 {
        let kinds = [
            !self.types.is_empty() || !self.not_types.is_empty(),
            !self.clients.is_empty() || !self.not_clients.is_empty(),
            !self.tags.is_empty() || !self.not_tags.is_empty(),
            !self.deny_allow.is_empty(),
        ];
        kinds.iter().map(|is_there| u8::from(*is_there)).sum()
    }

    /// Whether the rule applies to a question for `name` of `kind` by `client`.
    pub(crate) fn applies(&self, name: &str, kind: RecordType, client: &ClientView<'_>) -> bool {
        self.has_type(kind)
            && has(&self.clients, &self.not_clients, |clients| clients.has(client))
            && self.has_tag(client)
            && !self.is_denied(name)
    }

    fn has_type(&self, kind: RecordType) -> bool {
        !self.not_types.contains(&kind) && (self.types.is_empty() || self.types.contains(&kind))
    }

    fn has_tag(&self, client: &ClientView<'_>) -> bool {
        let is_tagged = |tags: &[Box<str>]| {
            tags.iter().any(|tag| client.tags.iter().any(|known| **known == **tag))
        };
        !is_tagged(&self.not_tags) && (self.tags.is_empty() || is_tagged(&self.tags))
    }

    /// Whether `$denyallow` leaves the name out; an address is always left out.
    fn is_denied(&self, name: &str) -> bool {
        !self.deny_allow.is_empty()
            && (name.parse::<IpAddr>().is_ok()
                || self.deny_allow.iter().any(|domain| is_in_domain(name, domain)))
    }
}

fn has(wanted: &Clients, unwanted: &Clients, test: impl Fn(&Clients) -> bool) -> bool {
    !test(unwanted) && (wanted.is_empty() || test(wanted))
}

/// Whether `name` is `domain` or below; `domain.*` stands for the domain under any public suffix.
fn is_in_domain(name: &str, domain: &str) -> bool {
    let Some(stem) = domain.strip_suffix(".*") else {
        return name
            .strip_suffix(domain)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    };
    name.match_indices(stem).any(|(at, _)| {
        let is_label = at == 0 || name.as_bytes().get(at - 1) == Some(&b'.');
        let suffix = name.get(at + stem.len()..).and_then(|rest| rest.strip_prefix('.'));
        is_label && suffix.is_some_and(is_public_suffix)
    })
}

/// Whether names are registered below `suffix`: a rule of thumb, as no list of them is at hand.
fn is_public_suffix(suffix: &str) -> bool {
    match suffix.split_once('.') {
        None => !suffix.is_empty(),
        Some((second, top)) => second.len() <= 3 && top.len() == 2,
    }
}

/// A rule with its place.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) pattern: Pattern,
    pub(crate) action: Action,
    pub(crate) weight: Weight,
    pub(crate) scope: Scope,
    /// What it is among the rules of which the longest counts, if it is one.
    pub(crate) by_length: Option<ByLength>,
    /// Modifiers it has; of equal rules the one with more is reported.
    pub(crate) n_modifiers: u8,
    pub(crate) list: ListId,
    /// Line in its list, from 1.
    pub(crate) line: u32,
    /// The rule as it is written.
    pub(crate) text: Box<str>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domain_cases() {
        #[rustfmt::skip]
        let cases = [
            ("example.org",        "example.org", true),
            ("www.example.org",    "example.org", true),
            ("myexample.org",      "example.org", false),
            ("example.org.net",    "example.org", false),
            ("shop.example",       "shop.*",      true),
            ("www.shop.co.uk",     "shop.*",      true),
            ("shop.example.net",   "shop.*",      false),
            ("myshop.example",     "shop.*",      false),
            ("shop",               "shop.*",      false),
        ];
        for (name, domain, expected) in cases {
            assert_eq!(is_in_domain(name, domain), expected, "case: {name} in {domain}");
        }
    }
}
