//! Tests of local names.

use std::io::Write;

use super::*;

fn rewrite(name: &str, kind: Option<&str>, value: &str) -> RewriteConfig {
    RewriteConfig { name: name.to_owned(), kind: kind.map(str::to_owned), value: value.to_owned() }
}

fn told(local: &LocalNames, name: &str) -> String {
    match local.find(Name::parse(name).unwrap().as_wire()) {
        Local::Unknown => "unknown".to_owned(),
        Local::NxDomain => "nxdomain".to_owned(),
        Local::Records(records) => {
            let texts: Vec<String> = records
                .iter()
                .map(|record| match &record.data {
                    LocalData::Address(address) => address.to_string(),
                    LocalData::Alias(target) => format!("alias {target}"),
                    LocalData::Wire(data) if record.kind == RecordType::PTR => name::to_text(data),
                    LocalData::Wire(data) => format!("{} {} bytes", record.kind, data.len()),
                })
                .collect();
            texts.join(" ")
        }
    }
}

#[test]
fn names_of_all_sources() {
    let mut hosts = tempfile::NamedTempFile::new().unwrap();
    let text = "# hosts\n192.0.2.7 nas.example nas # disk\nbad line\n2001:db8::7\tnas.example\n\
                192.0.2.8 own.example\n";
    hosts.write_all(text.as_bytes()).unwrap();
    let config = LocalConfig {
        hosts_files: vec![hosts.path().to_owned()],
        rewrites: vec![
            rewrite("Own.example", None, "192.0.2.1"),
            rewrite("own.example", None, "2001:db8::1"),
            rewrite("www.own.example", None, "own.example"),
            rewrite("*.wild.example", None, "192.0.2.2"),
            rewrite("own.example", Some("MX"), "10 mail.own.example."),
            rewrite("own.example", Some("A"), "not an address"),
        ],
        ..LocalConfig::default()
    };
    let lease = |name: &str, address: [u8; 4]| LeaseName {
        name: name.to_owned(),
        address: IpAddr::from(address),
    };
    let leases = [lease("Printer", [192, 168, 1, 9]), lease("nas", [192, 168, 1, 7])];
    let local = LocalNames::build(&config, &leases);
    #[rustfmt::skip]
    let cases = [
        ("own.example",               "192.0.2.1 2001:db8::1 MX 20 bytes"),
        ("www.own.example",           "alias own.example"),
        ("a.b.wild.example",          "192.0.2.2"),
        ("wild.example",              "unknown"),
        ("nas.example",               "192.0.2.7 2001:db8::7"),
        ("nas",                       "192.0.2.7"),
        ("nas.home.arpa",             "192.168.1.7"),
        ("printer",                   "192.168.1.9"),
        ("printer.home.arpa",         "192.168.1.9"),
        ("gone.home.arpa",            "nxdomain"),
        ("home.arpa",                 ""),
        ("nohome.arpa",               "unknown"),
        ("9.1.168.192.in-addr.arpa",  "printer.home.arpa"),
        ("8.2.0.192.in-addr.arpa",    "own.example"),
        ("1.2.0.192.in-addr.arpa",    "own.example"),
        ("7.2.0.192.in-addr.arpa",    "nas.example"),
        ("www.example",               "unknown"),
    ];
    for (name, expected) in cases {
        assert_eq!(told(&local, name), expected, "case: {name}");
    }
    assert_eq!(local.problems.len(), 1, "{:?}", local.problems);
}

#[test]
fn a_name_dies_with_its_lease() {
    let config = LocalConfig::default();
    let lease = LeaseName { name: "tv".to_owned(), address: "2001:db8::9".parse().unwrap() };
    let local = LocalNames::build(&config, std::slice::from_ref(&lease));
    assert_eq!(told(&local, "tv.home.arpa"), "2001:db8::9");
    assert_eq!(told(&local, &reverse(lease.address).to_string()), "tv.home.arpa");
    let local = LocalNames::build(&config, &[]);
    assert_eq!(told(&local, "tv.home.arpa"), "nxdomain");
    assert_eq!(told(&local, "tv"), "unknown");
}

#[test]
fn special_cases() {
    use Special::{Localhost, Loopback, NxDomain};
    let loopback_v6 = reverse("::1".parse().unwrap()).to_string();
    let unique_local = reverse("fd12::1".parse().unwrap()).to_string();
    let link_local = reverse("fe80::1".parse().unwrap()).to_string();
    let global = reverse("2001:db8::1".parse().unwrap()).to_string();
    #[rustfmt::skip]
    let cases = [
        ("localhost",                    Some(Localhost)),
        ("a.localhost",                  Some(Localhost)),
        ("1.0.0.127.in-addr.arpa",       Some(Loopback)),
        (&loopback_v6,                   Some(Loopback)),
        ("printer.local",                Some(NxDomain)),
        ("local",                        Some(NxDomain)),
        ("x.invalid",                    Some(NxDomain)),
        ("x.test",                       Some(NxDomain)),
        ("x.onion",                      Some(NxDomain)),
        ("x.home.arpa",                  Some(NxDomain)),
        ("1.0.0.10.in-addr.arpa",        Some(NxDomain)),
        ("1.1.16.172.in-addr.arpa",      Some(NxDomain)),
        ("1.1.31.172.in-addr.arpa",      Some(NxDomain)),
        ("1.1.32.172.in-addr.arpa",      None),
        ("1.1.9.172.in-addr.arpa",       None),
        ("1.1.168.192.in-addr.arpa",     Some(NxDomain)),
        (&unique_local,                  Some(NxDomain)),
        (&link_local,                    Some(NxDomain)),
        (&global,                        None),
        ("1.2.0.192.in-addr.arpa",       None),
        ("local.example",                None),
        ("example",                      None),
        ("",                             None),
    ];
    for (name, expected) in cases {
        let found = Special::of(Name::parse(name).unwrap().as_wire());
        assert_eq!(found, expected, "case: {name}");
    }
}
