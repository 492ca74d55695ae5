//! The cache as clients see it: time, absence, staleness, the log's entries.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tidings_dns::cache::Flush;
use tidings_dns::entry::{Status, Transport};
use tidings_dns::name::Name;
use tidings_dns::record_type::RecordType;

use crate::harness::{Reply, Resolver, Upstream, config, name, soa};

#[test]
fn a_second_question_is_answered_from_the_cache_whatever_its_letters() {
    let upstream = Upstream::start(|asked| asked.address([192, 0, 2, 1], 300));
    let resolver = Resolver::start(config(&[&upstream]));
    assert_eq!(resolver.ask("www.example", 1).answers(), ["A 300 192.0.2.1"]);
    let again = resolver.ask("WWW.Example", 1);
    let ttl_s = again.message.answers[0].ttl;
    assert!((1..=300).contains(&ttl_s), "{ttl_s}");
    assert_eq!(upstream.n_asked(), 1);
    let entries = resolver.entries(2);
    let seen: Vec<_> = entries.iter().map(|entry| (entry.status, &*entry.name)).collect();
    assert!(seen.contains(&(Status::Forwarded, "www.example")), "{seen:?}");
    assert!(seen.contains(&(Status::Cached, "www.example")), "{seen:?}");
    for entry in &entries {
        assert_eq!(entry.transport, Transport::Udp);
        assert_eq!(entry.addresses, [std::net::IpAddr::from([192, 0, 2, 1])]);
        assert_eq!((entry.kind, entry.response_code), (RecordType::A, 0));
    }
}

#[test]
fn the_time_of_an_absence_is_the_lesser_of_the_soas_two() {
    let upstream = Upstream::start(|asked| {
        let (ttl_s, minimum_s) = if asked.name == "a.example" { (300, 60) } else { (30, 900) };
        asked.answer(3, &[], &[("example", 6, ttl_s, soa(minimum_s))])
    });
    let resolver = Resolver::start(config(&[&upstream]));
    for (text, expected) in [("a.example", 60), ("b.example", 30)] {
        let answer = resolver.ask(text, 1);
        assert_eq!((answer.code(), answer.message.authorities[0].ttl), (3, expected));
        let page = resolver.dns.cache_page(&tidings_dns::cache::CacheQuery {
            search: Some(text.to_owned()),
            limit: 1,
            ..Default::default()
        });
        assert_eq!(page.entries[0].ttl_s, expected, "{text}");
    }
}

#[test]
fn an_answer_past_its_time_stands_in_for_a_failing_upstream() {
    let is_dead = Arc::new(AtomicBool::new(false));
    let dead = Arc::clone(&is_dead);
    let upstream = Upstream::start(move |asked| {
        if dead.load(Ordering::SeqCst) {
            return Reply::Silence;
        }
        asked.address([192, 0, 2, 1], 1)
    });
    let mut settings = config(&[&upstream]);
    settings.cache.stale_after = Duration::from_millis(200);
    settings.upstream.budget = Duration::from_millis(400);
    settings.upstream.timeout = Duration::from_millis(300);
    let resolver = Resolver::start(settings);
    assert_eq!(resolver.ask("www.example", 1).answers(), ["A 1 192.0.2.1"]);
    is_dead.store(true, Ordering::SeqCst);
    let stale = loop {
        let answer = resolver.ask("www.example", 1);
        if answer.extended_error().is_some() {
            break answer;
        }
    };
    assert_eq!(stale.answers(), ["A 30 192.0.2.1"]);
    assert_eq!((stale.code(), stale.extended_error()), (0, Some(3)));
    assert!(resolver.dns.cache().stats().n_stale > 0);
    // Soon after the upstreams were found dead, nobody waits for them again.
    while resolver.dns.upstreams()[0].n_failures == 0 {
        std::thread::yield_now();
    }
    let n_asked = upstream.n_asked();
    for _ in 0..20 {
        assert_eq!(resolver.ask("www.example", 1).extended_error(), Some(3));
    }
    assert!(upstream.n_asked() <= n_asked + 1);
    is_dead.store(false, Ordering::SeqCst);
    resolver.dns.flush(&Flush::All);
    assert_eq!(resolver.ask("www.example", 1).answers(), ["A 1 192.0.2.1"]);
}

#[test]
fn what_is_flushed_is_asked_again() {
    let upstream = Upstream::start(|asked| asked.address([192, 0, 2, 1], 300));
    let resolver = Resolver::start(config(&[&upstream]));
    let ask_all = || ["a.example", "www.a.example", "b.example"].map(|text| resolver.ask(text, 1));
    ask_all();
    assert_eq!(resolver.dns.flush(&Flush::Within(Name::parse("a.example").unwrap())), 2);
    ask_all();
    assert_eq!(upstream.n_asked(), 5);
}

#[test]
fn a_popular_answer_is_renewed_before_its_end() {
    let upstream = Upstream::start(|asked| asked.address([192, 0, 2, 1], 3));
    let resolver = Resolver::start(config(&[&upstream]));
    // Asked all the time, it is renewed in the last tenth of its three seconds.
    while upstream.n_asked() < 2 {
        let answer = resolver.ask("www.example", 1);
        assert_eq!(answer.code(), 0);
        std::thread::sleep(Duration::from_millis(20));
    }
    let entries = resolver.entries(3);
    let n_forwarded = entries.iter().filter(|entry| entry.status == Status::Forwarded).count();
    assert_eq!(n_forwarded, 1, "nobody waited for the renewal");
}

#[test]
fn a_chain_of_aliases_is_kept_whole_and_ends_with_its_shortest_time() {
    let upstream = Upstream::start(|asked| {
        let records = [
            ("www.example", 5, 300, name("a.example")),
            ("a.example", 5, 20, name("b.example")),
            ("b.example", 1, 100, vec![192, 0, 2, 1]),
        ];
        asked.answer(0, &records, &[])
    });
    let resolver = Resolver::start(config(&[&upstream]));
    resolver.ask("www.example", 1);
    let page = resolver
        .dns
        .cache_page(&tidings_dns::cache::CacheQuery { limit: 10, ..Default::default() });
    let entry = &page.entries[0];
    assert_eq!(entry.ttl_s, 20);
    let chain: Vec<&str> = entry.chain.iter().map(|name| &**name).collect();
    assert_eq!(chain, ["a.example", "b.example"]);
    assert_eq!(resolver.ask("www.example", 1).message.answers.len(), 3);
}
