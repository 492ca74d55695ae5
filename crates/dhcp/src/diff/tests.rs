//! Tests of what changed between two states.

use proptest::prelude::*;

use super::*;
use crate::format::dnsmasq::parse;
use crate::pool::Pools;

const NOW: EpochSeconds = 1_795_217_100;

fn views(text: &str) -> Vec<Arc<LeaseView>> {
    let parsed = parse(text.as_bytes(), NOW);
    crate::view::views(parsed.leases, "dnsmasq", &[], &Pools::default(), &|_| None)
}

/// What a case looks at.
fn words(changes: &[LeaseChange]) -> Vec<String> {
    changes
        .iter()
        .map(|change| {
            let ip = change.lease().lease.ip;
            match change {
                LeaseChange::Added { .. } => format!("added {ip}"),
                LeaseChange::Updated { changed, .. } => format!("updated {ip} {changed:?}"),
                LeaseChange::Renewed { .. } => format!("renewed {ip}"),
                LeaseChange::Removed { .. } => format!("removed {ip}"),
                LeaseChange::Expired { .. } => format!("expired {ip}"),
                LeaseChange::Forgotten { .. } => format!("forgotten {ip}"),
            }
        })
        .collect()
}

#[test]
fn each_change_is_named() {
    const BASE: &str = "1795220000 02:00:00:00:00:01 10.0.0.1 a *\n";
    const OVER: &str = "1795217000 02:00:00:00:00:01 10.0.0.1 a *\n";
    #[rustfmt::skip]
    let cases: [(&str, &str, &str, &[&str]); 13] = [
        ("nothing",          BASE, BASE, &[]),
        ("added",            "", BASE, &["added 10.0.0.1"]),
        ("removed",          BASE, "", &["removed 10.0.0.1"]),
        ("expired and gone", "1795217200 02:00:00:00:00:01 10.0.0.1 a *\n", OVER, &["expired 10.0.0.1"]),
        ("gone later",       OVER, "", &["forgotten 10.0.0.1"]),
        ("renewed",          BASE, "1795230000 02:00:00:00:00:01 10.0.0.1 a *\n", &["renewed 10.0.0.1"]),
        ("renewed for ever", BASE, "0 02:00:00:00:00:01 10.0.0.1 a *\n", &["renewed 10.0.0.1"]),
        ("came back",        OVER, BASE, &["renewed 10.0.0.1"]),
        ("shortened",        BASE, "1795219999 02:00:00:00:00:01 10.0.0.1 a *\n", &["updated 10.0.0.1 [LeaseTime]"]),
        ("renamed",          BASE, "1795220000 02:00:00:00:00:01 10.0.0.1 b *\n", &["updated 10.0.0.1 [Hostname]"]),
        ("other device",     BASE, "1795230000 02:00:00:00:00:02 10.0.0.1 a *\n", &["updated 10.0.0.1 [Mac, LeaseTime]"]),
        ("client id",        BASE, "1795220000 02:00:00:00:00:01 10.0.0.1 a 01:02\n", &["updated 10.0.0.1 [ClientId]"]),
        ("address swapped",  BASE, "1795220000 02:00:00:00:00:01 10.0.0.2 a *\n", &["removed 10.0.0.1", "added 10.0.0.2"]),
    ];
    for (name, before, after, expected) in cases {
        assert_eq!(words(&diff(&views(before), &views(after), NOW)), expected, "case: {name}");
    }
}

/// A lease file of up to 12 lines over few addresses, so that states overlap.
fn files() -> impl Strategy<Value = String> {
    let line = (1_u8..8, 0_u8..3, 0_u8..3, -5_i64..5).prop_map(|(host, mac, name, end)| {
        format!("{} 02:00:00:00:00:0{mac} 10.0.0.{host} n{name} *\n", NOW + end)
    });
    proptest::collection::vec(line, 0..12).prop_map(|lines| lines.concat())
}

proptest! {
    #[test]
    fn applying_a_diff_gives_the_later_state(before in files(), after in files()) {
        let (before, after) = (views(&before), views(&after));
        prop_assert_eq!(apply(&diff(&before, &after, NOW), &before), after);
    }
}
