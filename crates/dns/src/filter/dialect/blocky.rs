//! Reads Blocky's lists: names, hosts lines, `*.name` and `/expression/`.
//!
//! `*.name` is the name, too, and `||name^` is no more than the name, as in Blocky itself.

use std::net::IpAddr;

use crate::filter::dialect::{Draft, Sink, is_name, lowered, punycode};
use crate::filter::rule::{Mark, Pattern, Shape, Weight};

const BLOCK: Mark = Mark::Weight(Weight::Block);

/// Reads one line that is not blank.
pub(crate) fn read(line: &str, sink: &mut dyn Sink) {
    if line.starts_with(['!', '#']) || line.starts_with("[Adblock") {
        return;
    }
    let line = line.split_once('#').map_or(line, |(rule, _)| rule.trim_end());
    let mut words = line.split_ascii_whitespace();
    let (Some(first), rest) = (words.next(), words.clone()) else {
        return;
    };
    if words.next().is_none() {
        return read_entry(first, sink);
    }
    let address = first.split_once('%').map_or(first, |(address, _)| address);
    if address.parse::<IpAddr>().is_err() {
        return sink.reject("the line has names but no address before them");
    }
    if !rest.clone().all(is_name) {
        return sink.reject("the line has something that is no name");
    }
    for name in rest {
        lowered(name, |name| sink.name(name, Shape::Exact, BLOCK));
    }
}

/// Reads a line of one word.
fn read_entry(word: &str, sink: &mut dyn Sink) {
    if word.len() > 1 && word.starts_with('/') && word.ends_with('/') {
        let text = word.get(1..word.len() - 1).unwrap_or_default().into();
        let pattern = Pattern::Regex { text, is_case_insensitive: false, is_inverted: false };
        return sink.rule(Draft::judging(pattern, Weight::Block));
    }
    if let Some(name) = word.strip_prefix("*.") {
        return if is_name(name.trim_matches('.')) {
            lowered(name.trim_matches('.'), |name| sink.name(name, Shape::Suffix, BLOCK));
        } else {
            sink.reject("a wildcard is `*.` and a name");
        };
    }
    let name = word.strip_prefix("||").unwrap_or(word);
    let name = name.strip_suffix('^').unwrap_or(name);
    if let Ok(address) = name.parse::<IpAddr>() {
        return sink.name(&address.to_string(), Shape::Exact, BLOCK);
    }
    // A final dot stays on the name there, and no question has it.
    if name.ends_with('.') {
        return sink.reject("the name ends in a dot");
    }
    match punycode::to_ascii(name).filter(|name| is_name(name)) {
        Some(name) => sink.name(&name, Shape::Exact, BLOCK),
        None => sink.reject("the line is no name"),
    }
}
