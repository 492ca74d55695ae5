//! The 26 raw packets on which resolvers differ, and what the standards want of each.

use std::time::Duration;

use crate::harness::{Resolver, Upstream, config, plain_query, query, soa, with_opt};

/// How long silence is listened to.
const SILENCE: Duration = Duration::from_millis(700);

/// What has to come back.
enum Must {
    /// This response code; `None` is silence.
    Code(Option<u16>),
    /// FORMERR or silence, as for everything malformed.
    Malformed,
}

/// Changes a well-formed question.
fn changed(mut message: Vec<u8>, change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    change(&mut message);
    message
}

fn server() -> (Upstream, Resolver) {
    let upstream = Upstream::start(|asked| match asked.name.as_str() {
        "nx.example" => asked.answer(3, &[], &[("example", 6, 300, soa(60))]),
        _ => asked.answer(0, &[(&asked.name, asked.kind, 300, vec![192, 0, 2, 1])], &[]),
    });
    let resolver = Resolver::start(config(&[&upstream]));
    (upstream, resolver)
}

/// Response code with the high bits of OPT, which is the last record of each of these answers.
fn code(wire: &[u8]) -> u16 {
    let low = u16::from(wire[3] & 0xf);
    let n_bytes = wire.len();
    let has_opt = wire[11] == 1 && n_bytes > 23;
    let at = (12..n_bytes.saturating_sub(10)).rev().find(|at| wire[*at..at + 3] == [0, 0, 41]);
    match at.filter(|_| has_opt) {
        Some(at) => low | u16::from(wire[at + 5]) << 4,
        None => low,
    }
}

#[test]
fn every_packet_is_answered_as_the_standards_say() {
    let (_upstream, resolver) = server();
    let plain = || plain_query("www.example", 1);
    let edns = || query("www.example", 1);
    let class = |class: u8| changed(plain(), |m| *m.last_mut().unwrap() = class);
    let opcode = |opcode: u8| changed(plain(), |m| m[2] |= opcode << 3);
    let kind = |kind| plain_query("www.example", kind);
    let cookie = [&[0, 10, 0, 8][..], &[7; 8]].concat();
    let label = [&plain()[..12], &[64][..], &[b'a'; 64], &[0, 0, 1, 0, 1]].concat();
    let pointer = [&plain()[..12], &[0xc0, 12, 0, 1, 0, 1]].concat();
    let two = changed([plain(), plain()[12..].to_vec()].concat(), |m| m[5] = 2);
    let mixed = changed(plain(), |m| m[13..16].make_ascii_uppercase());
    let unknown_flag = changed(edns(), |m| {
        let at = m.len() - 3;
        m[at] = 0x40;
    });
    #[rustfmt::skip]
    let cases: [(&str, Vec<u8>, Must); 26] = [
        ("plain",             plain(),                                       Must::Code(Some(0))),
        ("EDNS 0",            edns(),                                        Must::Code(Some(0))),
        ("EDNS 1",            with_opt(plain(), 1, &[]),                     Must::Code(Some(16))),
        ("two OPT",           with_opt(edns(), 0, &[]),                      Must::Code(Some(1))),
        ("unknown option",    with_opt(plain(), 0, &[255, 0, 0, 2, 1, 2]),   Must::Code(Some(0))),
        ("unknown flag",      unknown_flag,                                  Must::Code(Some(0))),
        ("cookie",            with_opt(plain(), 0, &cookie),                 Must::Code(Some(0))),
        ("no question",       changed(plain(), |m| { m.truncate(12); m[5] = 0; }), Must::Code(Some(1))),
        ("two questions",     two,                                           Must::Code(Some(1))),
        ("AXFR",              kind(252),                                     Must::Code(Some(5))),
        ("NOTIFY",            opcode(4),                                     Must::Code(Some(4))),
        ("UPDATE",            opcode(5),                                     Must::Code(Some(4))),
        ("opcode 15",         opcode(15),                                    Must::Code(Some(4))),
        ("class NONE",        class(254),                                    Must::Code(Some(5))),
        ("class CH",          class(3),                                      Must::Code(Some(5))),
        ("ANY",               kind(255),                                     Must::Code(Some(0))),
        ("private type",      kind(65_280),                                  Must::Code(Some(0))),
        ("NXDOMAIN",          plain_query("nx.example", 1),                  Must::Code(Some(3))),
        ("mixed case",        mixed,                                         Must::Code(Some(0))),
        ("RD 0",              changed(plain(), |m| m[2] = 0),                Must::Code(Some(5))),
        ("a response",        changed(plain(), |m| m[2] |= 0x80),            Must::Code(None)),
        ("5 bytes",           plain()[..5].to_vec(),                         Must::Malformed),
        ("question cut",      changed(plain(), |m| m.truncate(20)),          Must::Malformed),
        ("pointer loop",      pointer,                                       Must::Malformed),
        ("label of 64",       label,                                         Must::Malformed),
        ("trailing bytes",    changed(plain(), |m| m.extend([1, 2, 3])),     Must::Malformed),
    ];
    for (name, packet, must) in cases {
        let wait = match must {
            Must::Code(Some(_)) => Duration::from_secs(20),
            Must::Code(None) | Must::Malformed => SILENCE,
        };
        let answer = resolver.send(&packet, wait);
        match (must, answer) {
            (Must::Code(expected), answer) => {
                assert_eq!(answer.as_deref().map(code), expected, "case: {name}");
                if let Some(answer) = answer {
                    assert_eq!(answer[..2], packet[..2], "id of {name}");
                    assert_eq!(answer[2] & 0x84, 0x80, "QR without AA: {name}");
                    assert_eq!(answer[2] >> 3 & 15, packet[2] >> 3 & 15, "opcode: {name}");
                }
            }
            (Must::Malformed, answer) => {
                let answered = answer.as_deref().map(code);
                assert!(matches!(answered, None | Some(1)), "case: {name}: {answered:?}");
            }
        }
    }
}

#[test]
fn letters_come_back_as_they_were_sent() {
    let (_upstream, resolver) = server();
    for round in 0..2 {
        let sent = changed(plain_query("www.example", 1), |m| m[17..20].make_ascii_uppercase());
        let answer = resolver.send(&sent, Duration::from_secs(20)).unwrap();
        assert_eq!(answer[12..sent.len()], sent[12..], "round {round}");
    }
}

#[test]
fn any_is_answered_with_a_hint() {
    let (upstream, resolver) = server();
    let answer = resolver.ask("www.example", 255);
    assert_eq!(answer.message.answers.len(), 1);
    assert_eq!(answer.message.answers[0].record_type().to_string(), "HINFO");
    assert_eq!(upstream.n_asked(), 0);
}

#[test]
fn a_cookie_is_completed_and_a_bad_one_is_malformed() {
    let (_upstream, resolver) = server();
    let option = |length: u8| [&[0, 10, 0, length][..], &vec![7; length.into()]].concat();
    let wait = Duration::from_secs(20);
    let answer = resolver.send(&with_opt(plain_query("www.example", 1), 0, &option(8)), wait);
    let answer = answer.unwrap();
    let place = answer.windows(4).position(|bytes| bytes == [0, 10, 0, 24]).expect("a cookie");
    assert_eq!(answer[place + 4..place + 12], [7; 8]);
    for length in [0, 7, 9, 15, 41] {
        let packet = with_opt(plain_query("www.example", 1), 0, &option(length));
        let answer = resolver.send(&packet, wait).unwrap();
        assert_eq!(code(&answer), 1, "cookie of {length} bytes");
    }
}
