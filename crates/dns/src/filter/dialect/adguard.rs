//! Reads AdGuard's rules for DNS, and the hosts lines and plain names among them.
//!
//! What is not said there is done as AdGuard Home does it; its rules are described at
//! <https://adguard-dns.io/kb/general/dns-filtering-syntax/>.

use std::net::IpAddr;

use crate::filter::dialect::{Draft, RuleKey, Sink, domains, lowered};
use crate::filter::glob::Glob;
use crate::filter::rewrite;
use crate::filter::rule::{Action, Mark, Pattern, Scope, Shape, Weight};

mod modifiers;

use modifiers::{Modifiers, RewriteValue};

/// Marks of rules for the content of pages, which mean nothing to DNS.
const COSMETIC_MARKS: [&str; 12] =
    ["#@$?#", "#@?#", "#@$#", "#$?#", "#@%#", "#@#", "#?#", "#$#", "#%#", "$@$", "##", "$$"];

/// Reads one line that is neither blank nor too long.
pub(crate) fn read(line: &str, sink: &mut dyn Sink) {
    if line.starts_with('!') || line == "#" {
        return;
    }
    if has_cosmetic_mark(line) {
        return sink.reject("a rule for the content of pages");
    }
    if line.starts_with('#') {
        return;
    }
    if !read_host_line(line, sink) {
        read_network_rule(line, sink);
    }
}

/// Whether the first `#` or `$` of the line begins a mark, and no space stands before it.
fn has_cosmetic_mark(line: &str) -> bool {
    ['#', '$'].iter().any(|first| {
        let Some(at) = line.find(*first) else {
            return false;
        };
        let is_comment = at > 0 && line.as_bytes().get(at - 1) == Some(&b' ');
        let rest = line.get(at..).unwrap_or_default();
        !is_comment && COSMETIC_MARKS.iter().any(|mark| rest.starts_with(mark))
    })
}

/// Reads `192.0.2.1 name…` or a plain name; `false` when the line is neither.
fn read_host_line(line: &str, sink: &mut dyn Sink) -> bool {
    let line = match line.find('#') {
        Some(at) if at > 0 => line.get(..at).unwrap_or_default(),
        _ => line,
    };
    let mut words = line.split([' ', '\t']).filter(|word| !word.is_empty());
    let (first, mut names) = (words.next().unwrap_or_default(), words.peekable());
    if names.peek().is_none() {
        if !is_domain_name(first) {
            return false;
        }
        let key = || plain_key(first);
        if !sink.is_disabled(&key, first) {
            lowered(first, |name| sink.name(name, Shape::Exact, Mark::Weight(Weight::Block)));
        }
        return true;
    }
    let Ok(address) = first.parse::<IpAddr>() else {
        return false;
    };
    for name in names {
        domains::take_host(address, name, sink);
    }
    true
}

/// The key of a plain name, which `name$badfilter` never has: host lines cannot be taken back.
fn plain_key(name: &str) -> RuleKey {
    RuleKey { is_exception: false, pattern: format!("\0{name}").into(), modifiers: Vec::new() }
}

/// Reads a rule with pattern and modifiers.
fn read_network_rule(line: &str, sink: &mut dyn Sink) {
    let (is_exception, body) = match line.strip_prefix("@@") {
        Some(body) => (true, body),
        None => (false, line),
    };
    let (pattern, options) = split_options(body);
    let modifiers = match Modifiers::parse(&options) {
        Ok(modifiers) => modifiers,
        Err(why) => return sink.reject(why),
    };
    if is_too_wide(pattern) && modifiers.scope.is_empty() {
        return sink.reject("the pattern matches too much: make it longer or add a condition");
    }
    if modifiers.never_matches {
        return sink.reject("the rule is for the resources of pages");
    }
    let key = || modifiers.key(is_exception, pattern);
    if modifiers.is_badfilter {
        return sink.disable(&key());
    }
    if sink.is_disabled(&key, pattern) {
        return;
    }
    let shape = simple_shape(pattern);
    let weight = match (is_exception, modifiers.is_important) {
        (false, false) => Weight::Block,
        (false, true) => Weight::ImportantBlock,
        (true, false) => Weight::Allow,
        (true, true) => Weight::ImportantAllow,
    };
    let n_modifiers = modifiers.count();
    let action = match modifiers.rewrite {
        RewriteValue::Missing => Action::Judge { answer: None },
        RewriteValue::Empty if is_exception => Action::RewriteOff(None),
        RewriteValue::Given(rewrite) if is_exception => Action::RewriteOff(Some(rewrite)),
        RewriteValue::Given(rewrite) => Action::Rewrite(rewrite),
        RewriteValue::Empty => return sink.reject("$dnsrewrite without a value is for exceptions"),
    };
    let is_plain = modifiers.scope.is_empty() && matches!(action, Action::Judge { .. });
    if let (Some((name, shape)), true) = (shape, is_plain) {
        return lowered(name, |name| sink.name(name, shape, Mark::Weight(weight)));
    }
    let pattern = match full_pattern(pattern, shape) {
        Ok(pattern) => pattern,
        Err(why) => return sink.reject(why),
    };
    let scope = modifiers.scope;
    sink.rule(Draft { pattern, action, weight, scope, by_length: None, n_modifiers });
}

/// Splits a rule at the last `$` that is not escaped; a regular expression alone has no options.
fn split_options(rule: &str) -> (&str, String) {
    let is_regex = rule.len() > 1 && rule.starts_with('/') && rule.ends_with('/');
    if is_regex && !rule.contains("replace=") {
        return (rule, String::new());
    }
    let bytes = rule.as_bytes();
    let mut has_escaped = false;
    for at in (0..bytes.len().saturating_sub(1)).rev() {
        if bytes.get(at) != Some(&b'$') {
            continue;
        }
        if !has_escaped && at > 0 && bytes.get(at - 1) == Some(&b'\\') {
            has_escaped = true;
            continue;
        }
        let (pattern, options) = rule.split_at(at);
        let options = options.get(1..).unwrap_or_default();
        let options = if has_escaped { options.replace("\\$", "$") } else { options.into() };
        return (pattern, options);
    }
    (rule, String::new())
}

/// Whether a pattern of so few characters would match nearly everything.
fn is_too_wide(pattern: &str) -> bool {
    pattern.len() < 3
}

/// The name and shape of a pattern that is no more than that.
fn simple_shape(pattern: &str) -> Option<(&str, Shape)> {
    let (shape, rest) = if let Some(rest) = pattern.strip_prefix("||") {
        (Shape::Suffix, rest)
    } else if let Some(rest) = pattern.strip_prefix('|') {
        (Shape::Exact, rest)
    } else if let Some(rest) = pattern.strip_prefix("*.").or_else(|| pattern.strip_prefix('.')) {
        (Shape::Below, rest)
    } else {
        return None;
    };
    let name = ["^", "|", "^|", "^*", "/*"].iter().find_map(|end| rest.strip_suffix(end))?;
    let is_plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_');
    let labels = name.as_bytes().split(|byte| *byte == b'.');
    let is_name =
        labels.clone().all(|label| !label.is_empty() && label.iter().all(|byte| is_plain(*byte)));
    (is_name && name.len() <= super::NAME_BYTES_MAX).then_some((name, shape))
}

/// The pattern of a rule that is not simple, or has conditions.
fn full_pattern(pattern: &str, shape: Option<(&str, Shape)>) -> Result<Pattern, &'static str> {
    if let Some((name, shape)) = shape {
        return Ok(Pattern::Name(shape, name.to_ascii_lowercase().into()));
    }
    if pattern.len() > 1 && pattern.starts_with('/') && pattern.ends_with('/') {
        let text = pattern.get(1..pattern.len() - 1).unwrap_or_default();
        let text = text.into();
        return Ok(Pattern::Regex { text, is_case_insensitive: true, is_inverted: false });
    }
    if matches!(pattern, "" | "*" | "|" | "||") {
        return Ok(Pattern::Any);
    }
    let pattern = match pattern.strip_suffix("/*") {
        Some(rest) => format!("{rest}^"),
        None => pattern.into(),
    };
    // The engine sees a name as the URL `http://name`.
    if let Some(rest) = pattern.strip_prefix("http://").or_else(|| pattern.strip_prefix("://")) {
        return Ok(Pattern::Glob(Glob::from_name_start(rest)));
    }
    let is_path_like = pattern.len() > 3 && pattern.starts_with('/') && pattern.ends_with('.');
    match pattern.strip_prefix('/').filter(|_| is_path_like) {
        Some(rest) => Ok(Pattern::Glob(Glob::from_name_start(rest))),
        None if pattern.contains('/') => Err("the pattern is for URLs"),
        None => Ok(Pattern::Glob(Glob::parse(&pattern))),
    }
}

/// Whether a word alone on its line is a name and not a pattern: its top-level domain is of
/// letters, or `xn--` and four more at least.
fn is_domain_name(word: &str) -> bool {
    let is_label = |label: &str| {
        matches!(label.len(), 1..=63)
            && label.starts_with(|first: char| first.is_ascii_alphanumeric())
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let top = word.rsplit('.').next().unwrap_or_default();
    let is_letters = top.bytes().all(|byte| byte.is_ascii_alphabetic());
    let is_punycode = top.len() >= 8 && top.to_ascii_lowercase().starts_with("xn--");
    word.len() <= super::NAME_BYTES_MAX
        && word.split('.').all(is_label)
        && top.len() > 1
        && (is_letters || is_punycode)
}

/// Whether `text` can name a domain in `$denyallow`.
fn is_condition_domain(text: &str) -> bool {
    is_domain_name(text) || text.strip_suffix(".*").is_some_and(|stem| !stem.is_empty())
}
