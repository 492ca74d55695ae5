//! What stands behind the `$` of an AdGuard rule.

use crate::network::Network;
use crate::record_type::RecordType;
use crate::verdict::Rewrite;

use super::{RuleKey, Scope, is_condition_domain, rewrite};

/// Kinds of page resources; negated they say nothing about DNS, plain they never match it.
const RESOURCES: [&str; 11] = [
    "script",
    "stylesheet",
    "subdocument",
    "object",
    "image",
    "xmlhttprequest",
    "media",
    "font",
    "websocket",
    "ping",
    "other",
];

/// What `$dnsrewrite` says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum RewriteValue {
    /// The rule has no such modifier.
    #[default]
    Missing,
    /// It has no value: an exception from all rewrites.
    Empty,
    /// It has one.
    Given(Rewrite),
}

/// The modifiers of one rule.
#[derive(Debug, Default)]
pub(super) struct Modifiers {
    pub(super) scope: Scope,
    pub(super) rewrite: RewriteValue,
    pub(super) is_important: bool,
    pub(super) is_badfilter: bool,
    /// Whether only resources of pages are meant.
    pub(super) never_matches: bool,
    n_excluded_resources: u8,
    written: Vec<Box<str>>,
}

impl Modifiers {
    /// Parses what follows the `$`.
    ///
    /// # Errors
    ///
    /// A modifier that is unknown, for browsers only, or has a bad value: the rule is ignored.
    pub(super) fn parse(options: &str) -> Result<Self, &'static str> {
        let mut modifiers = Self::default();
        for option in split_escaped(options, ',') {
            let (name, value) = match option.find('=') {
                Some(at) if at > 0 => {
                    (option.get(..at).unwrap_or_default(), option.get(at + 1..).unwrap_or_default())
                }
                _ => (option.as_str(), ""),
            };
            modifiers.take(name, value)?;
            if name != "badfilter" {
                modifiers.written.push(option.as_str().into());
            }
        }
        if modifiers.never_matches && modifiers.n_excluded_resources > 0 {
            return Err("the rule is for the resources of pages");
        }
        Ok(modifiers)
    }

    /// Modifiers by which the more specific of two rules is told.
    pub(super) fn count(&self) -> u8 {
        self.scope.n_conditions()
            + u8::from(self.is_important)
            + self.n_excluded_resources
            + u8::from(self.rewrite != RewriteValue::Missing)
    }

    /// What `$badfilter` compares.
    pub(super) fn key(&self, is_exception: bool, pattern: &str) -> RuleKey {
        let mut modifiers = self.written.clone();
        modifiers.sort_unstable();
        modifiers.dedup();
        RuleKey { is_exception, pattern: pattern.into(), modifiers }
    }

    fn take(&mut self, name: &str, value: &str) -> Result<(), &'static str> {
        match name {
            "important" => self.is_important = true,
            "badfilter" => self.is_badfilter = true,
            "dnstype" => self.take_types(value)?,
            "dnsrewrite" => {
                self.rewrite =
                    rewrite::parse(value)?.map_or(RewriteValue::Empty, RewriteValue::Given);
            }
            "denyallow" => self.take_deny_allow(value)?,
            "ctag" => self.take_tags(value)?,
            "client" => self.take_clients(value)?,
            _ => match name.strip_prefix('~') {
                Some(resource) if RESOURCES.contains(&resource) => self.n_excluded_resources += 1,
                None if RESOURCES.contains(&name) => self.never_matches = true,
                _ => return Err("an unknown modifier, or one for browsers"),
            },
        }
        Ok(())
    }

    fn take_types(&mut self, value: &str) -> Result<(), &'static str> {
        (self.scope.types, self.scope.not_types) = (Vec::new(), Vec::new());
        for name in value.split('|') {
            let (types, name) = match name.strip_prefix('~') {
                Some(name) => (&mut self.scope.not_types, name),
                None => (&mut self.scope.types, name),
            };
            let kind = RecordType::parse(name).map_err(|_| "$dnstype names an unknown type")?;
            types.push(kind);
        }
        Ok(())
    }

    fn take_deny_allow(&mut self, value: &str) -> Result<(), &'static str> {
        self.scope.deny_allow.clear();
        for domain in value.split('|') {
            if !is_condition_domain(domain) {
                return Err("$denyallow has something that is no domain");
            }
            self.scope.deny_allow.push(domain.to_ascii_lowercase().into());
        }
        Ok(())
    }

    fn take_tags(&mut self, value: &str) -> Result<(), &'static str> {
        (self.scope.tags, self.scope.not_tags) = (Vec::new(), Vec::new());
        for tag in value.split('|') {
            let (tags, tag) = match tag.strip_prefix('~') {
                Some(tag) => (&mut self.scope.not_tags, tag),
                None => (&mut self.scope.tags, tag),
            };
            let is_tag = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_');
            if value.is_empty() || !tag.bytes().all(is_tag) {
                return Err("$ctag has something that is no tag");
            }
            tags.push(tag.into());
        }
        Ok(())
    }

    fn take_clients(&mut self, value: &str) -> Result<(), &'static str> {
        let (mut wanted, mut unwanted) = Default::default();
        let mut is_any = false;
        for written in split_escaped(value, '|') {
            let (clients, written) = match written.strip_prefix('~') {
                Some(rest) => (&mut unwanted, rest),
                None => (&mut wanted, written.as_str()),
            };
            let name = unquoted(written);
            if name.is_empty() {
                return Err("$client has an empty name");
            }
            is_any = true;
            let clients: &mut crate::filter::rule::Clients = clients;
            match name.parse::<Network>() {
                Ok(network) => clients.networks.push(network),
                Err(_) => clients.names.push(name.into()),
            }
        }
        (self.scope.clients, self.scope.not_clients) = (wanted, unwanted);
        if is_any { Ok(()) } else { Err("$client has no value") }
    }
}

/// Takes the quotes off and the escapes out of a client's name.
fn unquoted(written: &str) -> String {
    let quote = written.chars().next().filter(|first| matches!(first, '\'' | '"'));
    let inner = quote
        .filter(|_| written.len() > 1)
        .and_then(|quote| Some((quote, written.strip_prefix(quote)?.strip_suffix(quote)?)));
    match inner {
        None => written.replace("\\,", ","),
        Some((quote, inner)) => {
            inner.replace("\\,", ",").replace(&format!("\\{quote}"), &quote.to_string())
        }
    }
}

/// Splits at separators that no backslash precedes; empty parts are left out.
///
/// A backslash before anything but the separator stays.
fn split_escaped(text: &str, separator: char) -> Vec<String> {
    let mut parts = Vec::new();
    let mut part = String::new();
    let mut is_escaped = false;
    for character in text.chars() {
        if character == '\\' {
            is_escaped = true;
            continue;
        }
        if character == separator && !is_escaped {
            if !part.is_empty() {
                parts.push(std::mem::take(&mut part));
            }
            continue;
        }
        if is_escaped && character != separator {
            part.push('\\');
        }
        is_escaped = false;
        part.push(character);
    }
    if !part.is_empty() {
        parts.push(part);
    }
    parts
}
