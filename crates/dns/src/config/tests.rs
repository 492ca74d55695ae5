//! Tests of the settings' rules.

use super::*;

#[test]
fn the_default_passes_its_own_check() {
    assert_eq!(DnsConfig::default().check(), Ok(()));
}

/// Changes one setting.
type Change = fn(&mut DnsConfig);

#[test]
fn check_names_the_key_that_breaks_a_rule() {
    #[rustfmt::skip]
    let cases: [(&str, Change); 12] = [
        ("dns.listen",                 |config| config.listen.clear()),
        ("dns.threads",                |config| config.threads = 65),
        ("dns.rate.burst",             |config| config.rate.burst = 0),
        ("dns.upstream.servers",       |config| config.upstream.servers = vec!["nobody".to_owned()]),
        ("dns.upstream.servers",       |config| config.upstream.servers.clear()),
        ("dns.upstream.timeout",       |config| config.upstream.timeout = Duration::ZERO),
        ("dns.cache.ttl_min",          |config| config.cache.ttl_min = Duration::from_hours(25)),
        ("dns.cache.failure_ttl",      |config| config.cache.failure_ttl = Duration::from_secs(6)),
        ("dns.local.domain",           |config| config.local.domain = "a..b".to_owned()),
        ("dns.rebind.allow",           |config| config.rebind.allow = vec!["a b.".repeat(100)]),
        ("dns.limits.pipelined_max",   |config| config.limits.pipelined_max = 0),
        ("dns.forwards.upstreams",     |config| config.forwards.push(ForwardConfig {
            domains: vec!["lan".to_owned()], upstreams: vec!["udp://".to_owned()],
        })),
    ];
    for (key, change) in cases {
        let mut config = DnsConfig::default();
        change(&mut config);
        let error = config.check().expect_err(key).to_string();
        assert!(error.contains(&format!("`{key}`")), "case {key}: {error}");
    }
}

#[test]
fn answers_of_blocked_names_survive_being_written() {
    #[rustfmt::skip]
    let cases = ["nxdomain", "nodata", "null", "refused", "192.0.2.1", "2001:db8::1", "192.0.2.1,2001:db8::1"];
    for text in cases {
        let json = format!("{{\"blocked_answer\":\"{text}\"}}");
        let config: DnsConfig = serde_json::from_str(&json).unwrap();
        let written = serde_json::to_value(&config).unwrap();
        assert_eq!(written["blocked_answer"], text, "case: {text}");
        assert_eq!(serde_json::from_value::<DnsConfig>(written).unwrap(), config);
    }
    for text in ["", "nx", "192.0.2.1,192.0.2.2"] {
        let json = format!("{{\"blocked_answer\":\"{text}\"}}");
        assert!(serde_json::from_str::<DnsConfig>(&json).is_err(), "case: {text}");
    }
}

#[test]
fn unknown_keys_are_refused() {
    let error = serde_json::from_str::<DnsConfig>("{\"cache\":{\"size\":1}}").unwrap_err();
    assert!(error.to_string().contains("unknown field `size`"), "{error}");
}
