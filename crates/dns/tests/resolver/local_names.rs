//! Names of this network, special names, and who is answered at all.

use tidings_dns::config::RewriteConfig;
use tidings_dns::service::LeaseName;

use crate::harness::{Answer, Resolver, Upstream, config, query};

fn rewrite(name: &str, kind: Option<&str>, value: &str) -> RewriteConfig {
    RewriteConfig { name: name.to_owned(), kind: kind.map(str::to_owned), value: value.to_owned() }
}

#[test]
fn names_of_ours_are_answered_here() {
    let upstream = Upstream::start(|asked| asked.address([192, 0, 2, 9], 5));
    let mut settings = config(&[&upstream]);
    settings.local.rewrites = vec![
        rewrite("nas.example", None, "192.0.2.1"),
        rewrite("nas.example", Some("TXT"), "\"two words\" more"),
        rewrite("nas.example", Some("MX"), "10 mail.example."),
        rewrite("alias.example", None, "nas.example"),
        rewrite("outside.example", None, "www.example"),
        rewrite("one.example", None, "two.example"),
        rewrite("two.example", None, "one.example"),
    ];
    let resolver = Resolver::start(settings);
    #[rustfmt::skip]
    let cases: [(&str, u16, u16, &[&str]); 9] = [
        ("nas.example",     1,  0, &["A 60 192.0.2.1"]),
        ("nas.example",     28, 0, &[]),
        ("nas.example",     15, 0, &["MX 60 10 mail.example."]),
        ("alias.example",   1,  0, &["CNAME 60 nas.example.", "A 60 192.0.2.1"]),
        ("alias.example",   5,  0, &["CNAME 60 nas.example."]),
        ("outside.example", 1,  0, &["CNAME 60 www.example.", "A 5 192.0.2.9"]),
        ("one.example",     1,  2, &[]),
        ("localhost",       1,  0, &["A 60 127.0.0.1"]),
        ("localhost",       28, 0, &["AAAA 60 ::1"]),
    ];
    for (name, kind, code, expected) in cases {
        let answer = resolver.ask(name, kind);
        assert_eq!(
            (answer.code(), answer.answers()),
            (code, expected.iter().map(|&text| text.to_owned()).collect()),
            "case: {name} {kind}"
        );
    }
    assert_eq!(resolver.ask("nas.example", 16).message.answers.len(), 1);
    assert_eq!(upstream.n_asked(), 1, "only what lies outside was asked for");
}

#[test]
fn a_lease_has_a_name_until_it_ends() {
    let resolver = Resolver::start(config(&[]));
    let lease = LeaseName { name: "printer".to_owned(), address: [192, 168, 1, 9].into() };
    resolver.dns.set_lease_names(vec![lease]);
    assert_eq!(resolver.ask("printer.home.arpa", 1).answers(), ["A 60 192.168.1.9"]);
    assert_eq!(resolver.ask("printer", 1).answers(), ["A 60 192.168.1.9"]);
    let back = resolver.ask("9.1.168.192.in-addr.arpa", 12);
    assert_eq!(back.answers(), ["PTR 60 printer.home.arpa."]);
    resolver.dns.set_lease_names(Vec::new());
    assert_eq!(resolver.ask("printer.home.arpa", 1).code(), 3);
    assert_eq!(resolver.ask("9.1.168.192.in-addr.arpa", 12).code(), 3);
}

#[test]
fn special_names_never_leave() {
    let upstream = Upstream::start(|asked| asked.address([192, 0, 2, 9], 5));
    let resolver = Resolver::start(config(&[&upstream]));
    for name in ["printer.local", "x.invalid", "x.test", "x.onion", "1.0.0.10.in-addr.arpa"] {
        let answer = resolver.ask(name, 1);
        assert_eq!(answer.code(), 3, "case: {name}");
        assert_eq!(answer.message.authorities.len(), 1, "with the SOA that keeps it: {name}");
    }
    assert_eq!(upstream.n_asked(), 0);
}

#[test]
fn only_the_networks_of_the_settings_are_answered() {
    let upstream = Upstream::start(|asked| asked.address([192, 0, 2, 9], 5));
    let resolver = Resolver::start(config(&[&upstream]));
    let message = query("www.example", 1);
    for (client, code) in [("192.168.1.1:5", 0), ("[fe80::1]:5", 0), ("192.0.2.77:5", 5)] {
        let answer = Answer::new(resolver.resolve(&message, client).unwrap());
        assert_eq!(answer.code(), code, "case: {client}");
    }
    let mut strict = config(&[&upstream]);
    strict.listen = vec![resolver.address];
    strict.allow = vec!["192.0.2.0/24".parse().unwrap()];
    let n_asked = upstream.n_asked();
    strict.listen = resolver.dns.config().listen.clone();
    resolver.apply(strict);
    let silence = resolver.send(&message, std::time::Duration::from_millis(500));
    assert_eq!(silence, None, "nothing by UDP to a stranger");
    assert_eq!(resolver.ask_tcp("www.example", 1).code(), 5);
    assert_eq!(upstream.n_asked(), n_asked);
    assert!(resolver.dns.counters().n_not_allowed >= 3);
}

#[test]
fn a_flood_is_held_back_and_counted() {
    let upstream = Upstream::start(|asked| asked.address([192, 0, 2, 9], 5));
    let mut settings = config(&[&upstream]);
    settings.rate.per_second = 1;
    settings.rate.burst = 5;
    settings.rate.is_private_limited = true;
    let resolver = Resolver::start(settings);
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(std::time::Duration::from_millis(700))).unwrap();
    let message = query("www.example", 1);
    for _ in 0..100 {
        socket.send_to(&message, resolver.address).unwrap();
    }
    let (mut n_answers, mut n_cut, mut n_bytes) = (0, 0, 0);
    let mut buffer = [0; 4096];
    while let Ok(length) = socket.recv(&mut buffer) {
        n_bytes += length;
        if buffer[2] & 2 != 0 {
            n_cut += 1;
        } else {
            n_answers += 1;
        }
    }
    assert!((5..=8).contains(&n_answers), "{n_answers} answers");
    assert!((15..=30).contains(&n_cut), "{n_cut} cut");
    assert!(n_bytes < 100 * message.len() / 2, "less comes out than goes in: {n_bytes}");
    assert!(resolver.dns.counters().n_over_rate >= 90);
}
