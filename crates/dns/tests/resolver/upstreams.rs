//! Upstreams that are dead, slow, lying, cut short or failing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tidings_dns::config::{ForwardConfig, Strategy};
use tidings_dns::entry::Status;

use crate::harness::{Answer, Reply, Resolver, Upstream, config, name, query, soa};

const GOOD: [u8; 4] = [192, 0, 2, 1];
const BAD: [u8; 4] = [192, 0, 2, 66];

#[test]
fn a_dead_upstream_gives_way_to_the_next() {
    let dead = Upstream::start(|_| Reply::Silence);
    let good = Upstream::start(|asked| asked.address(GOOD, 60));
    for strategy in [Strategy::Order, Strategy::Parallel, Strategy::Fastest] {
        let mut config = config(&[&dead, &good]);
        config.upstream.strategy = strategy;
        let resolver = Resolver::start(config);
        let answer = resolver.ask("www.example", 1);
        assert_eq!(answer.answers(), ["A 60 192.0.2.1"], "{strategy:?}");
        let entries = resolver.entries(1);
        assert_eq!(entries[0].upstream.as_deref(), Some(&*good.address.to_string()));
        assert_eq!(entries[0].status, Status::Forwarded);
    }
}

#[test]
fn an_upstream_that_keeps_failing_is_left_alone() {
    let failing = Upstream::start(|asked| asked.answer(2, &[], &[]));
    let good = Upstream::start(|asked| asked.address(GOOD, 60));
    let resolver = Resolver::start(config(&[&failing, &good]));
    for index in 0..6 {
        assert_eq!(resolver.ask(&format!("n{index}.example"), 1).code(), 0);
    }
    assert_eq!(good.n_asked(), 6);
    assert_eq!(failing.n_asked(), 2, "two failures, then a rest");
    let health = resolver.dns.upstreams();
    assert_eq!((health[0].is_up, health[0].n_failures), (false, 2));
    assert_eq!((health[1].is_up, health[1].n_answers), (true, 6));
}

#[test]
fn without_any_answer_it_is_servfail_and_says_why() {
    let dead = Upstream::start(|_| Reply::Silence);
    let mut settings = config(&[&dead]);
    settings.upstream.budget = Duration::from_millis(300);
    let resolver = Resolver::start(settings);
    let answer = resolver.ask("www.example", 1);
    assert_eq!((answer.code(), answer.extended_error()), (2, Some(22)));
    assert_eq!(resolver.entries(1)[0].status, Status::Failed);

    let refused = Resolver::start(config(&[]));
    let answer = refused.ask("www.example", 1);
    assert_eq!((answer.code(), answer.extended_error()), (2, Some(23)));
}

#[test]
fn failures_of_upstreams_are_passed_on_and_kept_for_seconds_only() {
    let failing = Upstream::start(|asked| asked.answer(2, &[], &[]));
    let resolver = Resolver::start(config(&[&failing]));
    assert_eq!(resolver.ask("www.example", 1).code(), 2);
    assert_eq!(resolver.ask("www.example", 1).code(), 2);
    assert_eq!(failing.n_asked(), 1, "kept");
    let entry = &resolver
        .dns
        .cache_page(&tidings_dns::cache::CacheQuery { limit: 10, ..Default::default() });
    assert!(entry.entries[0].ttl_s <= 5);
}

#[test]
fn lies_are_passed_over() {
    let liar = Upstream::start(|asked| {
        let truth = asked.wire(0, &[(&asked.name, 1, 60, GOOD.to_vec())], &[]);
        let mut lie = asked.wire(0, &[(&asked.name, 1, 60, BAD.to_vec())], &[]);
        match asked.name.as_str() {
            // Nothing but lies: the resolver waits and gives up.
            "id.example" => lie[0] ^= 0xff,
            "name.example" => lie[13] ^= 0x01,
            "type.example" => lie[26] = 28,
            "garbage.example" => lie.truncate(40),
            "more.example" => lie.extend([1, 2, 3]),
            "loop.example" => {
                lie.truncate(12 + asked.question.len());
                let at = u8::try_from(lie.len()).unwrap();
                lie.extend([0xc0, at, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 66]);
            }
            _ => return Reply::Wire(truth),
        }
        Reply::Wire(lie)
    });
    let mut settings = config(&[&liar]);
    settings.upstream.budget = Duration::from_millis(400);
    settings.upstream.timeout = Duration::from_millis(300);
    let resolver = Resolver::start(settings);
    for lie in ["id", "name", "type", "garbage", "more", "loop"] {
        let answer = resolver.ask(&format!("{lie}.example"), 1);
        assert_eq!(answer.code(), 2, "case: {lie}");
        assert!(answer.answers().is_empty(), "case: {lie}");
    }
    assert_eq!(resolver.ask("true.example", 1).answers(), ["A 60 192.0.2.1"]);
}

#[test]
fn what_is_cut_is_asked_for_by_tcp() {
    let long: Vec<u8> = std::iter::once(200).chain(std::iter::repeat_n(b'x', 200)).collect();
    let upstream = Upstream::start(move |asked| {
        if !asked.is_tcp {
            let mut cut = asked.wire(0, &[], &[]);
            cut[2] |= 2;
            return Reply::Wire(cut);
        }
        let records: Vec<_> =
            (0..20).map(|_| (asked.name.as_str(), 16, 60, long.clone())).collect();
        asked.answer(0, &records, &[])
    });
    let resolver = Resolver::start(config(&[&upstream]));
    let cut = resolver.ask("big.example", 16);
    assert!(cut.has_flag(0x0200), "cut for the client as well");
    assert!(cut.wire.len() < 100 && cut.answers().is_empty());
    let whole = resolver.ask_tcp("big.example", 16);
    assert!(!whole.has_flag(0x0200));
    assert_eq!(whole.message.answers.len(), 20);
    assert_eq!(upstream.n_asked(), 2, "one by UDP, one by TCP, and then the cache");
}

#[test]
fn an_upstream_that_loses_the_case_of_letters_is_asked_by_tcp() {
    let upstream = Upstream::start(|asked| {
        let mut wire = asked.wire(0, &[(&asked.name, 1, 60, GOOD.to_vec())], &[]);
        wire[12..12 + asked.question.len() - 4].make_ascii_lowercase();
        Reply::Wire(wire)
    });
    let resolver = Resolver::start(config(&[&upstream]));
    assert_eq!(resolver.ask("a-name-with-many-letters.example", 1).code(), 0);
}

#[test]
fn equal_questions_are_asked_once() {
    let upstream = Upstream::start(|asked| {
        Reply::After(Duration::from_millis(300), Box::new(asked.address(GOOD, 60)))
    });
    let resolver = Arc::new(Resolver::start(config(&[&upstream])));
    let threads: Vec<_> = (0..20)
        .map(|_| {
            let resolver = Arc::clone(&resolver);
            std::thread::spawn(move || resolver.ask("www.example", 1).code())
        })
        .collect();
    for thread in threads {
        assert_eq!(thread.join().unwrap(), 0);
    }
    assert_eq!(upstream.n_asked(), 1);
}

#[test]
fn more_questions_than_may_wait_are_told_so() {
    let opened = Arc::new(AtomicBool::new(false));
    let gate = Arc::clone(&opened);
    let upstream = Upstream::start(move |asked| {
        while !gate.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(5));
        }
        asked.address(GOOD, 60)
    });
    let mut settings = config(&[&upstream]);
    settings.limits.misses_max = 1;
    let resolver = Arc::new(Resolver::start(settings));
    let first = Arc::clone(&resolver);
    let waits = std::thread::spawn(move || first.ask("first.example", 1).code());
    while upstream.n_asked() == 0 {
        std::thread::yield_now();
        // The first question has its place once the upstream saw it.
        if resolver.dns.upstreams()[0].n_questions > 0 {
            break;
        }
    }
    let answer = resolver.ask("second.example", 1);
    assert_eq!((answer.code(), answer.extended_error()), (2, Some(23)));
    assert_eq!(resolver.dns.counters().n_overflows, 1);
    opened.store(true, Ordering::SeqCst);
    assert_eq!(waits.join().unwrap(), 0);
}

#[test]
fn domains_are_asked_where_the_settings_say() {
    let usual = Upstream::start(|asked| asked.address(BAD, 60));
    let inside = Upstream::start(|asked| asked.address([192, 168, 1, 1], 60));
    let mut settings = config(&[&usual]);
    settings.forwards = vec![
        ForwardConfig {
            domains: vec!["lan".to_owned(), "168.192.in-addr.arpa".to_owned()],
            upstreams: vec![inside.address.to_string()],
        },
        ForwardConfig { domains: vec!["hidden.lan".to_owned()], upstreams: Vec::new() },
    ];
    let resolver = Resolver::start(settings);
    assert_eq!(resolver.ask("printer.lan", 1).answers(), ["A 60 192.168.1.1"]);
    assert_eq!(resolver.ask("1.1.168.192.in-addr.arpa", 12).code(), 0);
    assert_eq!(resolver.ask("x.hidden.lan", 1).code(), 3);
    assert_eq!(resolver.ask("lan.example", 1).answers(), ["A 60 192.0.2.66"]);
    assert_eq!((usual.n_asked(), inside.n_asked()), (1, 2));
}

#[test]
fn names_of_the_internet_do_not_lead_inside() {
    let upstream = Upstream::start(|asked| asked.address([192, 168, 0, 1], 60));
    let mut settings = config(&[&upstream]);
    settings.rebind.allow = vec!["intranet.example".to_owned()];
    let resolver = Resolver::start(settings);
    let answer = resolver.ask("evil.example", 1);
    assert_eq!((answer.code(), answer.extended_error()), (3, Some(17)));
    assert_eq!(resolver.ask("www.intranet.example", 1).answers(), ["A 60 192.168.0.1"]);
}

#[test]
fn nothing_additional_is_passed_on() {
    let upstream = Upstream::start(|asked| {
        let mut wire = asked.wire(0, &[(&asked.name, 1, 60, GOOD.to_vec())], &[]);
        wire[11] = 1;
        wire.extend_from_slice(&name("bank.example"));
        wire.extend([0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 66]);
        Reply::Wire(wire)
    });
    let resolver = Resolver::start(config(&[&upstream]));
    let answer = resolver.ask("www.example", 1);
    assert_eq!(answer.answers(), ["A 60 192.0.2.1"]);
    assert!(answer.message.additionals.is_empty());
    assert_eq!(resolver.dns.cache().stats().n_entries, 1);
}

#[test]
fn the_ad_bit_is_the_upstreams_word_for_those_who_ask_for_it() {
    let upstream = Upstream::start(|asked| {
        let mut wire = asked.wire(0, &[(&asked.name, 1, 60, GOOD.to_vec())], &[]);
        wire[3] |= 0x20;
        Reply::Wire(wire)
    });
    let resolver = Resolver::start(config(&[&upstream]));
    let wait = Duration::from_secs(20);
    assert!(!resolver.ask("www.example", 1).has_flag(0x20), "neither AD nor DO was set");
    let mut wants = query("www.example", 1);
    wants[3] |= 0x20;
    assert!(Answer::new(resolver.send(&wants, wait).unwrap()).has_flag(0x20), "AD was set");
    let mut dnssec = query("www.example", 1);
    let at = dnssec.len() - 4;
    dnssec[at] = 0x80;
    let answer = Answer::new(resolver.send(&dnssec, wait).unwrap());
    assert!(answer.has_flag(0x20), "DO was set");
    assert_eq!(upstream.n_asked(), 2, "with and without records of DNSSEC are kept apart");
}

#[test]
fn an_absence_without_soa_is_not_kept() {
    let upstream = Upstream::start(|asked| match asked.name.as_str() {
        "bare.example" => asked.answer(3, &[], &[]),
        _ => asked.answer(3, &[], &[("example", 6, 300, soa(60))]),
    });
    let resolver = Resolver::start(config(&[&upstream]));
    for _ in 0..2 {
        assert_eq!(resolver.ask("bare.example", 1).code(), 3);
        assert_eq!(resolver.ask("soa.example", 1).code(), 3);
    }
    assert_eq!(upstream.n_asked(), 3);
}
