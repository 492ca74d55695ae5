//! Reads the options of dnsmasq's configuration that speak of domains: `address`, `local`,
//! `server`.
//!
//! What dnsmasq 2.90 does was seen by asking it; its manual says the rest.

use std::net::IpAddr;

use crate::filter::dialect::{Draft, Sink, lowered, punycode};
use crate::filter::rule::{Action, ByLength, Mark, Pattern, Shape, Weight};
use crate::verdict::Rewrite;

/// Reads one line that is not blank.
pub(crate) fn read(line: &str, sink: &mut dyn Sink) {
    let line = without_comment(line);
    if line.is_empty() {
        return;
    }
    let Some((option, value)) = line.split_once('=') else {
        return sink.reject("the option says nothing about names");
    };
    let (option, value) = (option.trim_end(), unquoted(value.trim_start()));
    if !matches!(option, "address" | "local" | "server") {
        return sink.reject("the option says nothing about names");
    }
    let Some((domains, target)) = value.strip_prefix('/').and_then(|value| value.rsplit_once('/'))
    else {
        return sink.reject("the option names no domain");
    };
    let meaning = match (option, target) {
        (_, "") => Meaning::Compact(ByLength::Local),
        ("address", "#") => Meaning::Compact(ByLength::Null),
        ("address", address) => match address.parse::<IpAddr>() {
            Ok(IpAddr::V4(v4)) if v4.is_unspecified() => Meaning::Compact(ByLength::NullV4),
            Ok(IpAddr::V6(v6)) if v6.is_unspecified() => Meaning::Compact(ByLength::NullV6),
            Ok(address) => Meaning::Address(address),
            Err(_) => return sink.reject("the address is none"),
        },
        _ => Meaning::Compact(ByLength::Forward),
    };
    for domain in domains.split('/') {
        take_domain(domain, &meaning, sink);
    }
}

/// What a line says of each of its domains.
enum Meaning {
    Compact(ByLength),
    Address(IpAddr),
}

fn take_domain(domain: &str, meaning: &Meaning, sink: &mut dyn Sink) {
    let domain = domain.strip_suffix('.').unwrap_or(domain);
    let domain = if domain.is_ascii() {
        domain.to_ascii_lowercase()
    } else if let Some(domain) = punycode::to_ascii(domain) {
        domain
    } else {
        return sink.reject("the domain is none");
    };
    let pattern = match domain.as_str() {
        "#" | "*" => Pattern::Any,
        // Names without a dot alone: there is no domain to look at.
        "" => return sink.reject("rules for names without dots are not taken"),
        _ => {
            if let Some(ending) = domain.strip_prefix('*') {
                Pattern::Ending(ending.into())
            } else {
                let name = domain.strip_prefix('.').unwrap_or(&domain);
                if !name.split('.').all(|label| matches!(label.len(), 1..=63)) {
                    return sink.reject("the domain is none");
                }
                Pattern::Name(Shape::Suffix, name.into())
            }
        }
    };
    match (pattern, meaning) {
        (Pattern::Name(shape, name), Meaning::Compact(kind)) => {
            lowered(&name, |name| sink.name(name, shape, Mark::ByLength(*kind)));
        }
        // Where nothing is more special, dnsmasq asks its servers all the same.
        (Pattern::Any, Meaning::Compact(ByLength::Local)) => {
            sink.reject("a domain of everything without an address changes nothing");
        }
        (pattern, Meaning::Compact(kind)) => {
            sink.rule(Draft { by_length: Some(*kind), ..Draft::judging(pattern, Weight::Block) });
        }
        (pattern, Meaning::Address(address)) => sink.rule(Draft {
            action: Action::Rewrite(Rewrite::Address(*address)),
            by_length: Some(ByLength::Address),
            ..Draft::judging(pattern, Weight::Block)
        }),
    }
}

fn unquoted(value: &str) -> &str {
    value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value)
}

/// The line up to a `#` at its start or after white space, as dnsmasq reads its files.
fn without_comment(line: &str) -> &str {
    let is_start =
        |at: usize| at == 0 || line.as_bytes().get(at - 1).is_some_and(u8::is_ascii_whitespace);
    let comment = line.match_indices('#').map(|(at, _)| at).find(|at| is_start(*at));
    comment.and_then(|at| line.get(..at)).unwrap_or(line).trim()
}
