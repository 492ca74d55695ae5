//! A real dnsmasq in a network namespace, watched by the built binary.

use std::time::Duration;

use serde_json::Value;
use tidings_testkit::dnsmasq::ClientEvent;
use tidings_testkit::{DhcpLab, DhcpOptions, RawStream, Server, ServerOptions, StreamEvent};

/// Leases taken to measure the time from the server's answer to the event.
const N_MEASURED: u8 = 5;

fn expect(stream: &mut RawStream, kind: &str, hostname: &str) -> (Value, StreamEvent) {
    loop {
        let event = stream.expect_event(kind);
        let payload = event.json();
        if payload.pointer("/lease/hostname").is_some_and(|name| name == hostname) {
            return (payload, event);
        }
    }
}

/// Returns the time between what a client saw and the event, in milliseconds.
fn delay_ms(client: &ClientEvent, event: &StreamEvent) -> u128 {
    let now_ns = std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_nanos());
    let received_ns = now_ns.saturating_sub(event.received_at.elapsed().as_nanos());
    received_ns.saturating_sub(client.at_ns) / 1_000_000
}

#[test]
fn a_lease_is_seen_from_its_grant_to_its_release() {
    if let Some(why) = DhcpLab::why_unavailable() {
        println!("skipped: {why}");
        return;
    }
    let lab = DhcpLab::start(&DhcpOptions::default());
    let server = Server::start(ServerOptions {
        arguments: vec!["--dnsmasq-conf".into(), lab.config_file().into()],
        ..ServerOptions::default()
    });
    let mut stream = server.stream("/api/v1/leases/stream?events=detail");
    let seen = stream.collect_until_ready();
    if !seen.iter().any(|event| event.kind == "data_changed") {
        stream.expect_event("snapshot");
    }

    let mut delays = Vec::new();
    let mut client = lab.client("02:00:5e:00:53:01", "visitor");
    let bound = client.wait_for_lease();
    let (added, event) = expect(&mut stream, "lease_added", "visitor");
    delays.push(delay_ms(&bound, &event));
    assert_eq!(added["lease"]["ip_address"], bound.address.to_string());
    assert_eq!(added["lease"]["mac_address"], "02:00:5e:00:53:01");
    assert_eq!(added["lease"]["pool_name"], "default");

    // dnsmasq counts in seconds, so the new end differs only after one has passed.
    std::thread::sleep(Duration::from_millis(1_100));
    let renewed = client.renew();
    let (_, event) = expect(&mut stream, "lease_renewed", "visitor");
    delays.push(delay_ms(&renewed, &event));

    client.release();
    expect(&mut stream, "lease_removed", "visitor");

    for n in 2..2 + N_MEASURED {
        let name = format!("device-{n}");
        let mut client = lab.client(&format!("02:00:5e:00:53:{n:02x}"), &name);
        let bound = client.wait_for_lease();
        let (_, event) = expect(&mut stream, "lease_added", &name);
        delays.push(delay_ms(&bound, &event));
    }
    delays.sort_unstable();
    let median = delays.get(delays.len() / 2).copied().unwrap_or(u128::MAX);
    println!("from the client's lease to the event: median {median} ms of {delays:?} ms");
    assert!(median < 2_000, "a change must not take seconds: {delays:?} ms");
}
