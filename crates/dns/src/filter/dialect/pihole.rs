//! Reads Pi-hole's lists: each line a JSON object that names the list and its entry.
//!
//! Its order is kept: allowed names and expressions before denied names, before the allowing
//! subscriptions, before the blocking ones, before denied expressions. A line that is no object is
//! an entry of a blocking subscription.

use std::net::IpAddr;

use serde_json::Value;

use crate::filter::dialect::{Draft, Sink, domains, is_name, lowered};
use crate::filter::rule::{Action, Mark, Pattern, Scope, Shape, Weight};
use crate::record_type::RecordType;
use crate::verdict::{BlockAnswer, Rewrite};

/// Reads one line that is not blank.
pub(crate) fn read(line: &str, sink: &mut dyn Sink) {
    if !line.starts_with('{') {
        return read_gravity(line, sink);
    }
    let value: Value = match serde_json::from_str(line) {
        Ok(value) => value,
        Err(_) => return sink.reject("the line is no JSON object"),
    };
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    let (Some(list), Some(entry)) = (text("list"), text("entry")) else {
        return sink.reject("the object lacks `list` or `entry`");
    };
    match list {
        "gravity" => read_gravity(entry, sink),
        "antigravity" => read_antigravity(entry, sink),
        "allow-exact" => take_name(entry, Shape::Exact, Weight::ImportantAllow, sink),
        "deny-exact" => take_name(entry, Shape::Exact, Weight::ImportantBlock, sink),
        "allow-regex" => read_regex(entry, Weight::ImportantAllow, sink),
        "deny-regex" => read_regex(entry, Weight::WeakBlock, sink),
        _ => sink.reject("the object names no list of Pi-hole"),
    }
}

/// Reads an entry of a blocking subscription: a name, `||name^`, or a hosts line.
fn read_gravity(entry: &str, sink: &mut dyn Sink) {
    if entry.starts_with(['#', '!', '[']) {
        return;
    }
    if let Some(name) = between(entry, "||", "^") {
        return take_name(name, Shape::Suffix, Weight::Block, sink);
    }
    if entry.split_ascii_whitespace().nth(1).is_some() {
        return domains::read_hosts(entry, sink);
    }
    take_name(entry, Shape::Exact, Weight::Block, sink);
}

/// Reads an entry of an allowing subscription: a name, or `@@||name^`.
fn read_antigravity(entry: &str, sink: &mut dyn Sink) {
    match between(entry, "@@||", "^") {
        Some(name) => take_name(name, Shape::Suffix, Weight::Allow, sink),
        None => take_name(entry, Shape::Exact, Weight::Allow, sink),
    }
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    text.strip_prefix(start)?.strip_suffix(end)
}

fn take_name(name: &str, shape: Shape, weight: Weight, sink: &mut dyn Sink) {
    let name = name.strip_suffix('.').unwrap_or(name);
    if is_name(name) {
        lowered(name, |name| sink.name(name, shape, Mark::Weight(weight)));
    } else {
        sink.reject("the entry is no name");
    }
}

/// Reads an expression with FTL's options behind `;`.
fn read_regex(entry: &str, weight: Weight, sink: &mut dyn Sink) {
    let mut parts = entry.split(';').filter(|part| !part.is_empty());
    let Some(text) = parts.next() else {
        return sink.reject("the expression is empty");
    };
    let mut options = Options::default();
    for part in parts {
        if let Err(why) = options.take(part) {
            return sink.reject(why);
        }
    }
    let pattern = Pattern::Regex {
        text: from_posix(text).into(),
        is_case_insensitive: true,
        is_inverted: options.is_inverted,
    };
    let action = match options.reply {
        _ if weight.is_allow() => Action::Judge { answer: None },
        Reply::Usual => Action::Judge { answer: None },
        Reply::Answer(answer) => Action::Judge { answer: Some(answer) },
        Reply::Name(name) => Action::Rewrite(Rewrite::CanonicalName(name.into())),
        Reply::None => Action::Drop,
    };
    sink.rule(Draft { action, scope: options.scope, ..Draft::judging(pattern, weight) });
}

/// What an expression answers with.
#[derive(Default)]
enum Reply {
    #[default]
    Usual,
    Answer(BlockAnswer),
    Name(String),
    None,
}

#[derive(Default)]
struct Options {
    is_inverted: bool,
    scope: Scope,
    reply: Reply,
}

impl Options {
    fn take(&mut self, part: &str) -> Result<(), &'static str> {
        if part.eq_ignore_ascii_case("invert") {
            self.is_inverted = true;
            return Ok(());
        }
        match part.split_once('=') {
            Some(("querytype", types)) => self.take_types(types),
            Some(("reply", reply)) => self.take_reply(reply),
            _ => Err("the expression has an unknown option"),
        }
    }

    /// Takes `A,AAAA`, or `!A` for all but those; unknown types are passed over beside known ones.
    fn take_types(&mut self, types: &str) -> Result<(), &'static str> {
        if !self.scope.types.is_empty() || !self.scope.not_types.is_empty() {
            return Err("the expression has two options `querytype`");
        }
        let (taken, types) = match types.strip_prefix('!') {
            Some(types) => (&mut self.scope.not_types, types),
            None => (&mut self.scope.types, types),
        };
        taken.extend(types.split(',').filter_map(|name| RecordType::parse(name).ok()));
        if taken.is_empty() { Err("`querytype` names no known type") } else { Ok(()) }
    }

    fn take_reply(&mut self, reply: &str) -> Result<(), &'static str> {
        let answer = match reply.to_ascii_uppercase().as_str() {
            "NODATA" => BlockAnswer::NoData,
            "NXDOMAIN" => BlockAnswer::NxDomain,
            "REFUSED" => BlockAnswer::Refused,
            // The machine's own address is not known here.
            "IP" | "NULL" => BlockAnswer::NullAddress,
            "NONE" => {
                self.reply = Reply::None;
                return Ok(());
            }
            _ => return self.take_custom_reply(reply),
        };
        self.reply = Reply::Answer(answer);
        Ok(())
    }

    /// Takes an address, beside one of the other family, or a name.
    fn take_custom_reply(&mut self, reply: &str) -> Result<(), &'static str> {
        let (mut v4, mut v6) = match self.reply {
            Reply::Answer(BlockAnswer::Own { v4, v6 }) => (v4, v6),
            Reply::Usual | Reply::Answer(_) | Reply::Name(_) | Reply::None => (None, None),
        };
        match reply.parse() {
            Ok(IpAddr::V4(address)) => v4 = Some(address),
            Ok(IpAddr::V6(address)) => v6 = Some(address),
            Err(_) if is_name(reply) && reply.contains('.') => {
                self.reply = Reply::Name(reply.to_ascii_lowercase());
                return Ok(());
            }
            Err(_) => return Err("`reply` has an unknown value"),
        }
        self.reply = Reply::Answer(BlockAnswer::Own { v4, v6 });
        Ok(())
    }
}

/// Writes a POSIX expression as the regex crate reads it: in brackets a backslash, and `[`, `&`,
/// `~` stand for themselves.
fn from_posix(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        out.push(character);
        match character {
            '\\' => out.extend(characters.next()),
            '[' => copy_bracket(&mut characters, &mut out),
            _ => {}
        }
    }
    out
}

/// Copies what follows a `[` up to its `]`.
fn copy_bracket(characters: &mut std::iter::Peekable<std::str::Chars<'_>>, out: &mut String) {
    if let Some(caret) = characters.next_if_eq(&'^') {
        out.push(caret);
    }
    // A `]` in the first place stands for itself.
    if characters.next_if_eq(&']').is_some() {
        out.push_str("\\]");
    }
    while let Some(character) = characters.next() {
        match character {
            ']' => return out.push(']'),
            '[' if characters.peek() == Some(&':') => {
                out.push('[');
                for inner in characters.by_ref() {
                    out.push(inner);
                    if inner == ']' {
                        break;
                    }
                }
            }
            '[' | '\\' | '&' | '~' => out.extend(['\\', character]),
            _ => out.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn posix_cases() {
        let cases = [
            (r"(^|\.)ads[0-9]+\.", r"(^|\.)ads[0-9]+\."),
            (r"[\.]", r"[\\.]"),
            (r"[]a]", r"[\]a]"),
            (r"[^]a]", r"[^\]a]"),
            (r"[[:alpha:]_]+x", r"[[:alpha:]_]+x"),
            (r"[a[b]", r"[a\[b]"),
            (r"\[a", r"\[a"),
            (r"a&&b[a&&b]", r"a&&b[a\&\&b]"),
        ];
        for (text, expected) in cases {
            assert_eq!(from_posix(text), expected, "case: {text}");
        }
    }
}
