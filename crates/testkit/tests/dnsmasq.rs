//! A real lease from a real dnsmasq: taken, renewed, released.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::net::Ipv4Addr;
use std::process::Command;
use std::time::Duration;

use tidings_testkit::{DhcpLab, DhcpOptions, Instant};

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
    let line = format!(" 02:00:5e:00:53:01 {} laptop 01:02:00:5e:00:53:01\n", lease.address);
    let leases = lab.wait_for_leases(|leases| leases.contains(&line));
    let before = expires_at(&leases).expect("the lease has an end");

    // dnsmasq counts whole seconds, so a renewal shows only in the next one.
    let leased_at = Instant::now();
    lab.wait_for_leases(|_| leased_at.elapsed() > Duration::from_secs(1));
    let renewal = laptop.renew();
    assert_eq!(renewal.address, lease.address);
    assert!(renewal.at_ns > lease.at_ns);
    lab.wait_for_leases(|leases| expires_at(leases) > Some(before));

    laptop.release();
    // The other lease stays.
    let is_left = |leases: &str| leases.contains("192.0.2.150") && !leases.contains("laptop");
    lab.wait_for_leases(is_left);
    assert!(lab.log().contains("DHCPRELEASE(br0)"), "{}", lab.log());

    assert_ne!(own_namespaces(), "");
    drop((laptop, printer, lab));
    assert_eq!(own_namespaces(), "", "nothing is left behind");
}

/// Returns the end of the laptop's lease; `None` while dnsmasq rewrites the file.
fn expires_at(leases: &str) -> Option<u64> {
    let line = leases.lines().find(|line| line.contains(" laptop "))?;
    line.split(' ').next()?.parse().ok()
}
