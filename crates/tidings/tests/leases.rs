//! DHCP leases from a lease file to a stream, against the built binary.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::fmt::Write as _;
use std::fs;
use std::io::{Seek, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tidings_testkit::binary::find_tidings;
use tidings_testkit::http::Request;
use tidings_testkit::{Instant, NoEvent, Server, ServerOptions};

/// A lease file and the server that watches it.
fn watched(text: &str, config: &str) -> (Server, tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("leases");
    fs::write(&path, text).unwrap();
    let server = Server::start(ServerOptions {
        arguments: vec!["--leases".into(), path.clone().into()],
        config: Some(config.to_owned()),
        ..ServerOptions::default()
    });
    (server, folder, path)
}

/// Opens the detailed lease stream behind the source's first read.
fn detail(server: &Server) -> tidings_testkit::RawStream {
    let mut stream = server.stream("/api/v1/leases/stream?events=detail");
    let seen = stream.collect_until_ready();
    if !seen.iter().any(|event| event.kind == "data_changed") {
        stream.expect_event("snapshot");
    }
    stream
}

fn lease(host: u8, name: &str, end: i64) -> String {
    format!("{end} 02:00:00:00:00:{host:02x} 192.0.2.{host} {name} *\n")
}

/// Far enough away for any run of the test.
const LATER: i64 = 4_000_000_000;

#[test]
fn changes_of_the_file_become_events() {
    let (server, _folder, path) = watched(&lease(1, "one", LATER), "");
    let mut stream = detail(&server);
    #[rustfmt::skip]
    let steps = [
        ("lease_added",   lease(1, "one", LATER) + &lease(2, "two", LATER), "192.0.2.2"),
        ("lease_renewed", lease(1, "one", LATER + 60) + &lease(2, "two", LATER), "192.0.2.1"),
        ("lease_updated", lease(1, "uno", LATER + 60) + &lease(2, "two", LATER), "192.0.2.1"),
        ("lease_removed", lease(1, "uno", LATER + 60), "192.0.2.2"),
    ];
    for (kind, text, ip) in steps {
        fs::write(&path, text).unwrap();
        let changed = stream.expect_event("data_changed").json();
        let event = stream.expect_event(kind).json();
        assert_eq!(event["lease"]["ip_address"], ip, "case: {kind}");
        assert_eq!(event["version"], changed["version"]);
        assert_eq!(event["event_type"], kind);
    }
    let mut lines = String::new();
    for host in 10..70 {
        lines += &lease(host, "many", LATER);
    }
    fs::write(&path, lines).unwrap();
    let counts = stream.expect_event("leases_changed").json();
    assert_eq!(counts["counts"]["added"], 60);
    assert_eq!(counts["counts"]["removed"], 1);
}

#[test]
fn a_hyphen_stream_uses_the_older_names() {
    let (server, _folder, path) = watched(&lease(1, "one", LATER), "");
    let mut stream = server.stream("/api/v1/leases/stream?events=detail&style=hyphen");
    let seen = stream.collect_until_ready();
    if !seen.iter().any(|event| event.kind == "data_changed") {
        stream.expect_event("snapshot");
    }
    fs::write(&path, lease(1, "one", LATER + 9)).unwrap();
    let event = stream.expect_event("lease-updated").json();
    assert_eq!(event["change_type"], "renewed");
}

#[test]
fn a_lease_expires_without_any_write() {
    let now = Command::new("date").arg("+%s").output().unwrap().stdout;
    let now: i64 = String::from_utf8(now).unwrap().trim().parse().unwrap();
    let (server, _folder, path) = watched(&lease(1, "brief", now + 3), "");
    let mut stream = detail(&server);
    let event = stream.expect_event("lease_expired").json();
    assert_eq!(event["lease"]["state"], "expired");
    fs::write(&path, lease(2, "next", LATER)).unwrap();
    assert_eq!(stream.expect_event("lease_added").json()["lease"]["hostname"], "next");
}

#[test]
fn a_read_at_the_event_is_never_stale() {
    const N_CHANGES: usize = 1_000;
    let simulate = "[dhcp]\nsettle = \"10ms\"\n[dhcp.simulate]\nenabled = true\nseed = 7\n";
    let (server, _folder, path) = watched(&lease(1, "name0", LATER), simulate);
    let mut stream = detail(&server);
    for n in 0..N_CHANGES {
        let is_simulated = n % 2 == 0;
        if is_simulated {
            let response = server.post("/api/v1/simulate", "");
            assert!(matches!(response.status, 200 | 409), "{}", response.text());
            if response.status == 409 {
                continue;
            }
        } else {
            fs::write(&path, lease(1, &format!("name{n}"), LATER)).unwrap();
        }
        let version = stream.expect_event("data_changed").json()["version"].as_u64().unwrap();
        let response = server.get("/api/v1/leases");
        let shown: u64 = response.header("x-tidings-version").unwrap().parse().unwrap();
        assert!(shown >= version, "change {n}: REST shows {shown}, the event said {version}");
        if !is_simulated {
            let leases = response.json();
            let names: Vec<&Value> =
                leases.as_array().unwrap().iter().map(|lease| &lease["hostname"]).collect();
            assert!(names.contains(&&json!(format!("name{n}"))), "change {n}: {names:?}");
        }
    }
}

#[test]
fn a_file_that_is_rewritten_in_place_loses_no_lease() {
    let seconds = if std::env::var_os("TIDINGS_TEST_ALL").is_some() { 60 } else { 10 };
    let text = (0..1_000_u32).fold(String::new(), |mut text, n| {
        writeln!(
            text,
            "{LATER} 02:00:00:00:{:02x}:{:02x} 10.0.{}.{} host-{n} *",
            n >> 8,
            n & 255,
            n >> 8,
            n & 255
        )
        .unwrap();
        text
    });
    let (server, _folder, path) = watched(&text, "");
    let mut stream = detail(&server);
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut file = fs::OpenOptions::new().write(true).open(&path).unwrap();
            while !is_over.load(Ordering::Relaxed) {
                file.set_len(0).unwrap();
                file.rewind().unwrap();
                for piece in text.as_bytes().chunks(4_096) {
                    file.write_all(piece).unwrap();
                    std::thread::sleep(Duration::from_micros(500));
                }
                std::thread::sleep(Duration::from_millis(150));
            }
        });
        let end = Instant::now() + Duration::from_secs(seconds);
        let mut false_changes = Vec::new();
        while Instant::now() < end {
            match stream.next_event(end.duration_since(Instant::now())) {
                Ok(event) if event.kind.starts_with("lease") => false_changes.push(event),
                Ok(_) | Err(NoEvent::Timeout) => {}
                Err(broken) => {
                    is_over.store(true, Ordering::Relaxed);
                    panic!("the stream ended: {broken:?}");
                }
            }
        }
        is_over.store(true, Ordering::Relaxed);
        assert!(
            false_changes.is_empty(),
            "{} false changes: {:?}",
            false_changes.len(),
            false_changes.first()
        );
    });
}

#[test]
fn unchanged_leases_answer_304() {
    let (server, _folder, path) = watched(&lease(1, "one", LATER), "");
    let mut stream = detail(&server);
    for target in [
        "/api/v1/leases",
        "/api/v1/pools",
        "/api/v1/pools/usage",
        "/api/v1/leases?q=o",
        "/api/v1/statistics",
    ] {
        let tag = server.get(target).header("etag").unwrap().to_owned();
        let headers = [("If-None-Match", tag.as_str())];
        let again = server.send(Request { method: "GET", target, headers: &headers, body: &[] });
        assert_eq!((again.status, again.text()), (304, ""), "case: {target}");
    }
    let before = server.get("/api/v1/leases").header("etag").unwrap().to_owned();
    fs::write(&path, lease(1, "other", LATER)).unwrap();
    stream.expect_event("lease_updated");
    let after = server.get("/api/v1/leases").header("etag").unwrap().to_owned();
    assert_ne!(before, after);
}

#[test]
fn leases_can_be_filtered_sorted_and_exported() {
    let text = lease(2, "tv-2", LATER)
        + &lease(10, "=cmd()", LATER)
        + "0 02:00:00:00:00:03 192.0.2.3 tv-10 *\n";
    let (server, _folder, _path) = watched(&text, "");
    detail(&server);
    let ips = |query: &str| {
        let page = server.get(&format!("/api/v1/leases?{query}")).json();
        let leases = page["leases"].as_array().unwrap().iter();
        leases.map(|lease| lease["ip_address"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ips("sort=ip_address&order=desc"), ["192.0.2.10", "192.0.2.3", "192.0.2.2"]);
    assert_eq!(ips("q=tv&sort=hostname"), ["192.0.2.2", "192.0.2.3"]);
    assert_eq!(ips("family=6"), Vec::<String>::new());
    let page = server.get("/api/v1/leases?limit=2").json();
    let cursor = page["next_cursor"].as_str().unwrap();
    assert_eq!(page["total"], 3);
    assert_eq!(ips(&format!("limit=2&cursor={cursor}")), ["192.0.2.10"]);
    for bad in
        ["state=gone", "sort=size", "order=up", "limit=0", "family=5", "static=maybe", "cursor=x"]
    {
        let response = server.get(&format!("/api/v1/leases?{bad}"));
        let name = bad.split('=').next().unwrap();
        assert_eq!((response.status, &response.json()["parameter"]), (400, &json!(name)), "{bad}");
    }
    let infinite = server.get("/api/v1/leases?q=tv-10").json()["leases"][0].clone();
    assert_eq!((&infinite["infinite"], &infinite["expires"]), (&json!(true), &Value::Null));
    let headers = [("Accept", "text/csv")];
    let csv = server.send(Request {
        method: "GET",
        target: "/api/v1/leases",
        headers: &headers,
        body: &[],
    });
    assert_eq!(csv.header("content-type"), Some("text/csv; charset=utf-8"));
    assert!(csv.text().contains(",'=cmd(),"), "{}", csv.text());
}

#[test]
fn notify_answers_at_once_whatever_it_is_sent() {
    let (server, _folder, path) =
        watched(&lease(1, "one", LATER), "[dhcp]\npoll_interval = \"1h\"\n");
    let mut stream = detail(&server);
    fs::write(&path, lease(1, "two", LATER)).unwrap();
    let bodies: [(&str, &[u8]); 4] = [
        ("application/x-www-form-urlencoded", b""),
        ("application/json", b"{}"),
        ("text/plain", b"\xff"),
        ("", b""),
    ];
    for (kind, body) in bodies {
        let headers = [("Content-Type", kind)];
        let headers = if kind.is_empty() { &headers[..0] } else { &headers[..] };
        let target = "/api/v1/internal/notify-lease-change";
        let response = server.send(Request { method: "POST", target, headers, body });
        assert_eq!(response.status, 200, "case: {kind}");
        assert_eq!(response.json()["status"], "success");
        assert_eq!(response.json()["active_connections"], 1);
    }
    stream.expect_event("lease_updated");
    let headers = [("X-Forwarded-For", "203.0.113.9")];
    let target = "/api/v1/internal/notify-lease-change";
    let refused = server.send(Request { method: "POST", target, headers: &headers, body: b"" });
    assert_eq!(refused.status, 403, "a proxy on this machine is not this machine");
}

#[test]
fn the_simulator_changes_what_rest_serves_and_stays_off_in_production() {
    let (off, _folder, _path) = watched(&lease(1, "one", LATER), "");
    detail(&off);
    assert_eq!(off.post("/api/v1/simulate", "").status, 409);
    let binary = find_tidings().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("tidings.toml");
    fs::write(&config, "environment = \"production\"\n[dhcp.simulate]\nenabled = true\n").unwrap();
    let output = Command::new(binary).args(["serve", "--config"]).arg(&config).output().unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("dhcp.simulate.enabled"));
}

/// The samples beside the repository, if they are there.
fn samples() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let root = std::env::var_os("TIDINGS_SHARED_DIR").map_or(beside, PathBuf::from);
    let folder = root.join("data/leases");
    folder.is_dir().then_some(folder)
}

fn check(path: &Path) -> Value {
    let output = Command::new(find_tidings().unwrap())
        .args(["check", "--as-of", "1795217100"])
        .arg(path)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn samples_of_real_servers_read_as_expected() {
    let Some(folder) = samples() else {
        println!("skipped: no samples of real servers beside the repository");
        return;
    };
    for name in ["real-basic.leases", "real-dual-stack.leases"] {
        let path = folder.join("dnsmasq").join(name);
        let expected =
            fs::read(folder.join("dnsmasq").join(format!("{name}.expected.json"))).unwrap();
        let expected: Value = serde_json::from_slice(&expected).unwrap();
        let found = check(&path);
        for (key, value) in expected.as_object().unwrap() {
            assert_eq!(&found[key], value, "{name}: {key}");
        }
    }
    let name = "gen-dnsmasq-1k.leases";
    let expected = fs::read(folder.join("large").join(format!("{name}.expected.json"))).unwrap();
    let expected: Value = serde_json::from_slice(&expected).unwrap();
    let found = check(&folder.join("large").join(name));
    let leases = found["leases"].as_array().unwrap();
    assert_eq!(found["counts"], expected["counts"]);
    assert_eq!(leases.first(), expected.get("first"));
    assert_eq!(leases.last(), expected.get("last"));
    let n_infinite = leases.iter().filter(|lease| lease["infinite"] == true).count();
    assert_eq!(json!(n_infinite), expected["infinite"]);
}
