//! Cases of the grammar: what is understood, what is refused and where, and what matches.

use std::net::IpAddr;
use std::sync::Arc;

use super::*;
use crate::verdict::Reason;

const NOW_MS: u64 = 1_800_000_000_000;

fn parse(text: &str) -> Result<Filter, FilterError> {
    let list = |name: &str| (name == "ads").then_some(ListId(7));
    Filter::parse(text, &Names { now_ms: NOW_MS, list: &list })
}

fn entry() -> Entry {
    Entry {
        at_ms: NOW_MS - 5_000,
        client: IpAddr::from([192, 0, 2, 14]),
        client_port: 40_000,
        transport: Transport::Udp,
        name: "ads.doubleclick.example".into(),
        kind: RecordType::A,
        response_code: 3,
        status: Status::Blocked,
        reason: Some(Reason {
            list: ListId(7),
            rule: "||doubleclick.example^".into(),
            line: Some(4),
        }),
        upstream: Some(Arc::from("Quad9")),
        duration_us: 1_500,
        addresses: vec![IpAddr::from([198, 51, 100, 9])],
        is_authentic: false,
    }
}

#[test]
fn matching_cases() {
    let cases = [
        ("", true),
        ("doubleclick", true),
        ("\"DoubleClick\"", true),
        ("triplecl", false),
        ("192.0.2.1", true),
        ("192.0.3", false),
        ("-doubleclick", false),
        ("-triple", true),
        ("client:192.0.2.14", true),
        ("client:192.0.2.0/24", true),
        ("client:198.51.100.0/24,192.0.2.0/28", true),
        ("client:192.0.2.15", false),
        ("-client:192.0.2.15", true),
        ("name:doubleclick.example", true),
        ("name:click.example", false),
        ("name:=doubleclick.example", false),
        ("name:=ads.doubleclick.example.", true),
        ("name:*.ads.doubleclick.example", false),
        ("name:*.example", true),
        ("domain:example", true),
        ("type:a", true),
        ("type:AAAA,A", true),
        ("type:TYPE1", true),
        ("-type:PTR", true),
        ("type:PTR", false),
        ("status:blocked", true),
        ("status:cached,stale", false),
        ("rcode:nxdomain", true),
        ("rcode:3", true),
        ("rcode:NOERROR", false),
        ("upstream:quad9", true),
        ("upstream:quad", false),
        ("transport:udp", true),
        ("transport:doh", false),
        ("list:ads", true),
        ("list:7", true),
        ("list:8", false),
        ("rule:||double", true),
        ("rule:\"^\"", true),
        ("address:198.51.100.9", true),
        ("address:192.0.2.0/24", false),
        ("is:authentic", false),
        ("-is:authentic", true),
        ("duration:>1", true),
        ("duration:>1.5", false),
        ("duration:>=1.5", true),
        ("duration:<1.5", false),
        ("duration:<=1.5ms", true),
        ("duration:1-2", true),
        ("duration:2-3", false),
        ("after:10s", true),
        ("after:1s", false),
        ("before:1s", true),
        ("before:1m", false),
        ("after:2020-01-01", true),
        ("before:2020-01-01T10:00:00Z", false),
        ("client:192.0.2.14 -type:PTR status:blocked \"doubleclick\"", true),
        ("client:192.0.2.14 -type:PTR status:cached \"doubleclick\"", false),
    ];
    let entry = entry();
    for (text, expected) in cases {
        let filter = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(filter.matches(&entry), expected, "case: {text}");
        let again = parse(&filter.to_string()).unwrap_or_else(|error| panic!("{filter}: {error}"));
        assert_eq!(again, filter, "case: {text} written as {filter}");
    }
}

#[test]
fn what_is_wrong_is_said_with_its_column() {
    let long = "x".repeat(FILTER_MAX_BYTES + 1);
    let many = "x ".repeat(TERMS_MAX + 1);
    let values = format!("type:{}", "A,".repeat(VALUES_MAX));
    let cases = [
        ("statuss:blocked", 1, "is no key"),
        ("type:A statuss:x", 8, "is no key"),
        ("ä type:NOPE", 3, "is no type"),
        ("status:", 1, "lacks a value"),
        ("status:blocked,", 1, "lacks a value"),
        ("status:gone", 1, "there are forwarded"),
        ("  client:here", 3, "is no network"),
        ("client:192.0.2.0/40", 1, "is no network"),
        ("\"open", 1, "not closed"),
        ("type:A \"open\\", 8, "not closed"),
        ("-", 1, "nothing to look for"),
        ("a,b", 1, "quotation marks"),
        ("rcode:OOPS", 1, "response code"),
        ("transport:pigeon", 1, "there are udp"),
        ("list:none", 1, "no list"),
        ("duration:50", 1, "no duration"),
        ("duration:<0", 1, "no duration"),
        ("duration:>1.2345", 1, "no duration"),
        ("after:soon", 1, "no time"),
        ("after:1s,2s", 1, "one value"),
        ("is:nice", 1, "authentic"),
        (long.as_str(), 1, "at most"),
        (many.as_str(), 65, "at most"),
        (values.as_str(), 1, "at most"),
    ];
    for (text, column, part) in cases {
        let error = parse(text).expect_err(text);
        assert_eq!(error.column, column, "case: {text}: {error}");
        assert!(error.what.contains(part), "case: {text}: {error}");
    }
}

#[test]
fn equal_filters_are_equal_however_they_are_written() {
    let one = parse("status:blocked  type:AAAA,A").unwrap();
    let other = parse("type:A,aaaa STATUS:BLOCKED status:blocked").unwrap();
    assert_eq!(one, other);
    assert_eq!(one.to_string(), other.to_string());
    assert_ne!(one, parse("status:blocked type:A").unwrap());
}

#[test]
fn an_address_of_ipv6_is_a_text() {
    let mut entry = entry();
    entry.client = "2001:db8::7".parse().unwrap();
    assert!(parse("2001:db8::7").unwrap().matches(&entry));
    assert!(parse("db8::7").unwrap().matches(&entry));
    assert!(parse("client:2001:db8::/32").unwrap().matches(&entry));
}
