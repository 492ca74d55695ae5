//! Reads hosts files and plain lists of names.

use std::net::IpAddr;

use crate::filter::dialect::{Draft, Sink, is_name, lowered, punycode};
use crate::filter::rule::{Action, Mark, Pattern, Shape, Weight};
use crate::verdict::BlockAnswer;

/// Names that hosts files give to the machine itself; blocking them would break it.
const OWN_NAMES: [&str; 12] = [
    "localhost",
    "localhost.localdomain",
    "localhost4",
    "localhost6",
    "local",
    "broadcasthost",
    "ip6-localhost",
    "ip6-loopback",
    "ip6-localnet",
    "ip6-mcastprefix",
    "ip6-allnodes",
    "ip6-allrouters",
];

const BLOCK: Mark = Mark::Weight(Weight::Block);

/// Reads `192.0.2.1 name…`; a name alone on its line is taken, too.
pub(crate) fn read_hosts(line: &str, sink: &mut dyn Sink) {
    let line = without_comment(line);
    let mut words = line.split_ascii_whitespace();
    let Some(first) = words.next() else {
        return;
    };
    let (address, _zone) = first.split_once('%').unwrap_or((first, ""));
    let Ok(address) = address.parse::<IpAddr>() else {
        if words.next().is_some() {
            return sink.reject("the line has names but no address before them");
        }
        return take_plain(first, sink);
    };
    let mut n_names = 0;
    for name in words {
        n_names += 1;
        let is_own = OWN_NAMES.iter().any(|own| own.eq_ignore_ascii_case(name));
        if !is_own {
            take_host(address, name, sink);
        }
    }
    if n_names == 0 {
        sink.reject("no name follows the address");
    }
}

/// Reads one name, `*.name` for what is below it, or a hosts line.
pub(crate) fn read_domains(line: &str, sink: &mut dyn Sink) {
    let line = match line.strip_prefix('!') {
        Some(_) => return,
        None => without_comment(line),
    };
    let mut words = line.split_ascii_whitespace();
    match (words.next(), words.next()) {
        (None, _) => {}
        (Some(word), None) => take_plain(word, sink),
        (Some(_), Some(_)) => read_hosts(line, sink),
    }
}

/// Takes one name of a hosts line: an address of no machine blocks, another one answers.
pub(crate) fn take_host(address: IpAddr, name: &str, sink: &mut dyn Sink) {
    let name = name.strip_suffix('.').unwrap_or(name);
    if !is_name(name) {
        return sink.reject("the line has something that is no name");
    }
    if address.is_unspecified() || address.is_loopback() {
        return lowered(name, |name| sink.name(name, Shape::Exact, BLOCK));
    }
    let answer = match address {
        IpAddr::V4(v4) => BlockAnswer::Own { v4: Some(v4), v6: None },
        IpAddr::V6(v6) => BlockAnswer::Own { v4: None, v6: Some(v6) },
    };
    let pattern = Pattern::Name(Shape::Exact, name.to_ascii_lowercase().into());
    let action = Action::Judge { answer: Some(answer) };
    sink.rule(Draft { action, ..Draft::judging(pattern, Weight::Block) });
}

fn take_plain(word: &str, sink: &mut dyn Sink) {
    let (shape, name) = match word.strip_prefix("*.") {
        Some(rest) => (Shape::Below, rest),
        None => match word.strip_prefix('.') {
            Some(rest) => (Shape::Suffix, rest),
            None => (Shape::Exact, word),
        },
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    if is_name(name) {
        return lowered(name, |name| sink.name(name, shape, BLOCK));
    }
    match punycode::to_ascii(name).filter(|name| is_name(name)) {
        Some(name) => sink.name(&name, shape, BLOCK),
        None => sink.reject("the line is no name"),
    }
}

/// The line up to a `#` at its start or after white space.
fn without_comment(line: &str) -> &str {
    let is_start =
        |at: usize| at == 0 || line.as_bytes().get(at - 1).is_some_and(u8::is_ascii_whitespace);
    let comment = line.match_indices('#').map(|(at, _)| at).find(|at| is_start(*at));
    comment.and_then(|at| line.get(..at)).unwrap_or(line).trim_end()
}
