//! Answers beside those of unbound, which asks the same server: 1,000 names of a zone, all types.
//!
//! Allowed to differ: the authority section of an answer that has records (unbound leaves it out
//! with `minimal-responses`, as we pass on what the upstream sent), the order of records, a second
//! of TTL, as the two do not ask at the same moment, and the TTL of answers with a CNAME: unbound
//! puts them together from records that it has of other questions, and we keep an answer as one.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;

use crate::harness::{Answer, query};
use crate::lab::{Zones, ask, await_answer, has, resolver};

/// Names of the zone; some more are asked for that it does not have.
const N_NAMES: usize = 1_000;
/// Of so many names one is asked for below the zone's own.
const ABSENT_EVERY: usize = 20;

/// What a name has, and the number of the type.
#[rustfmt::skip]
const TYPES: [(&str, u16); 17] = [
    ("A 192.0.2.1",       1),
    ("AAAA 2001:db8::1",  28),
    ("MX 10 n0",          15),
    ("TXT \"one\" \"two\"", 16),
    ("CNAME n0",          5),
    ("SRV 1 2 3 n0",      33),
    ("CAA 0 issue \"ca.example\"", 257),
    ("HTTPS 1 . alpn=h2", 65),
    ("NAPTR 1 2 \"u\" \"E2U+sip\" \"!^.*$!sip:x@example!\" .", 35),
    ("SSHFP 1 1 0123456789abcdef0123456789abcdef01234567",   44),
    ("TLSA 3 1 1 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", 52),
    ("PTR n0",            12),
    ("SPF \"v=spf1 -all\"", 99),
    ("LOC 52 0 0 N 13 0 0 E 30m", 29),
    ("RP n0 n3",          17),
    ("SVCB 1 n0",         64),
    ("TYPE65280 \\# 4 01020304", 65_280),
];

/// What has to be equal.
#[derive(Debug, PartialEq)]
struct Seen {
    code: u16,
    /// Records of the answer, with their TTL.
    records: BTreeMap<String, u32>,
    /// Of an absence the SOA record is the point.
    has_soa: bool,
    is_cut: bool,
}

impl Seen {
    fn of(answer: &Answer) -> Self {
        let records: BTreeMap<String, u32> = answer
            .message
            .answers
            .iter()
            .map(|record| {
                let text = format!("{} {} {}", record.name, record.record_type(), record.data);
                (text.to_ascii_lowercase(), record.ttl)
            })
            .collect();
        let has_soa = records.is_empty() && !answer.message.authorities.is_empty();
        Self { code: answer.code(), records, has_soa, is_cut: answer.has_flag(0x200) }
    }

    /// Whether both say the same, but for what may differ of TTLs.
    fn is_like(&self, other: &Self) -> bool {
        let has_alias = self.records.keys().any(|text| text.contains(" cname "));
        let ttls = self.records.iter().all(|(text, ttl)| {
            let other = other.records.get(text);
            other.is_some_and(|other| has_alias || ttl.abs_diff(*other) <= 1)
        });
        ttls && self.records.len() == other.records.len()
            && (self.code, self.has_soa, self.is_cut) == (other.code, other.has_soa, other.is_cut)
    }
}

fn zone() -> String {
    let mut text = String::new();
    for (number, (data, _)) in (0..N_NAMES).zip(TYPES.iter().cycle()) {
        writeln!(text, "n{number} {data}").unwrap();
    }
    text
}

#[test]
fn answers_are_those_of_unbound() {
    if std::env::var_os("TIDINGS_TEST_ALL").is_none() {
        eprintln!("skipped: set TIDINGS_TEST_ALL=1, or run `cargo xtask test --all`");
        return;
    }
    if !has(&["nsd", "unbound"]) {
        return;
    }
    let mut zones = Zones::new();
    zones.add("zone.example", &zone());
    let _nsd = zones.serve();
    let (_unbound, unbound) = zones.validate("");
    await_answer(unbound, "n0.zone.example", zones.path());
    let resolver = resolver(zones.address());
    let seen = |address: SocketAddr, name: &str, kind: u16| {
        ask(address, &query(name, kind)).map(|answer| Seen::of(&answer))
    };
    let (mut n_asked, mut differences) = (0, Vec::new());
    for number in 0..N_NAMES {
        let mut name = format!("n{number}.zone.example");
        if number.is_multiple_of(ABSENT_EVERY) {
            name.insert_str(0, "absent.");
        }
        for (_, kind) in TYPES {
            let (theirs, ours) = (seen(unbound, &name, kind), seen(resolver.address, &name, kind));
            n_asked += 1;
            let is_like = match (&theirs, &ours) {
                (Some(theirs), Some(ours)) => ours.is_like(theirs),
                _ => false,
            };
            if !is_like {
                differences.push(format!("{name} {kind}: unbound {theirs:?}, ours {ours:?}"));
            }
        }
    }
    assert_eq!(n_asked, N_NAMES * TYPES.len());
    let (n, first) = (differences.len(), &differences.get(..differences.len().min(5)));
    assert!(differences.is_empty(), "{n} of {n_asked} differ: {first:#?}");
}
