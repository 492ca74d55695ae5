//! A real lease from a real dnsmasq: taken, renewed, released.

use std::net::Ipv4Addr;
use std::process::Command;

use tidings_testkit::{DhcpLab, DhcpOptions};

/// Returns the namespaces of this process.
fn own_namespaces() -> String {
    let output = Command::new("ip").args(["netns", "list"]).output().unwrap();
    let own = format!("tidings{}n", std::process::id());
    let all = String::from_utf8(output.stdout).unwrap();
    all.lines().filter(|line| line.starts_with(&own)).collect()
}

#[test]
fn a_lease_is_taken_renewed_and_released() {
    if let Some(why) = DhcpLab::why_unavailable() {
        println!("skipped: {why}");
        return;
    }
    let lines = vec!["dhcp-host=02:00:5e:00:53:02,192.0.2.150,infinite".to_owned()];
    let lab = DhcpLab::start(&DhcpOptions { lines, ..DhcpOptions::default() });
    let mut laptop = lab.client("02:00:5e:00:53:01", "laptop");
    let mut printer = lab.client("02:00:5e:00:53:02", "");

    let lease = laptop.wait_for_lease();
    assert_eq!(lease.address.octets()[..3], [192, 0, 2], "{lease:?}");
    assert_eq!(printer.wait_for_lease().address, Ipv4Addr::new(192, 0, 2, 150));
    let leases = lab.wait_for_leases(|leases| leases.lines().count() == 2);
    let line = format!(" 02:00:5e:00:53:01 {} laptop 01:02:00:5e:00:53:01", lease.address);
    assert!(leases.contains(&line), "{leases}");
    let expires_at = |leases: &str| -> u64 {
        let line = leases.lines().find(|line| line.contains("laptop")).unwrap();
        line.split(' ').next().unwrap().parse().unwrap()
    };
    let before = expires_at(&leases);

    // dnsmasq counts whole seconds, so a renewal shows only in the next one.
    lab.wait_for_leases(|_| {
        let renewal = laptop_age_s(lease.at_ns);
        renewal >= 1
    });
    let renewal = laptop.renew();
    assert_eq!(renewal.address, lease.address);
    assert!(renewal.at_ns > lease.at_ns);
    lab.wait_for_leases(|leases| expires_at(leases) > before);

    laptop.release();
    let left = lab.wait_for_leases(|leases| !leases.contains("laptop"));
    assert!(left.contains("192.0.2.150"), "the other lease stays: {left}");
    assert!(lab.log().contains("DHCPRELEASE(br0)"), "{}", lab.log());

    assert_ne!(own_namespaces(), "");
    drop((laptop, printer, lab));
    assert_eq!(own_namespaces(), "", "nothing is left behind");
}

/// Returns how long ago a moment of the wall clock was.
fn laptop_age_s(at_ns: u128) -> u64 {
    let moment =
        std::time::UNIX_EPOCH + std::time::Duration::from_nanos(u64::try_from(at_ns).unwrap());
    moment.elapsed().map_or(0, |age| age.as_secs())
}
