//! What operators meet: bad input, TLS, signals, the command line.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tidings_testkit::binary::{find_program, find_tidings};
use tidings_testkit::{Instant, NoEvent, Server, ServerOptions, Signal};

const LEASE: &str = "4000000000 02:00:00:00:00:01 192.0.2.1 one *\n";

fn tidings(arguments: &[&str]) -> Output {
    let mut command = Command::new(find_tidings().expect("the server is built"));
    command.args(arguments).output().expect("the server starts")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Starts a server on this lease file.
fn watching(path: &Path, config: &str) -> Server {
    Server::start(ServerOptions {
        arguments: vec!["--leases".into(), path.into()],
        config: Some(config.to_owned()),
        ..ServerOptions::default()
    })
}

/// Waits until the source's health is this, and returns the source.
fn wait_for_health(server: &Server, health: &str) -> Value {
    let end = Instant::now() + Duration::from_secs(15);
    loop {
        let status = server.get("/api/v1/status").json();
        let source = status.pointer("/sources/0").cloned().unwrap_or_default();
        if source.get("health").is_some_and(|shown| shown == health) {
            return source;
        }
        assert!(Instant::now() < end, "not {health}: {source}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_lease_file_that_cannot_be_read_is_said_and_the_rest_answers() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::create_dir(path("folder")).unwrap();
    fs::write(path("garbage"), [0, 159, 146, 150].repeat(1_000)).unwrap();
    fs::File::create(path("large")).unwrap().set_len(200 * 1_048_576).unwrap();
    #[rustfmt::skip]
    let cases = [
        ("missing file",          "none",    "no such file"),
        ("folder",                "folder",  "directory"),
        ("200 MB",                "large",   "lease_file_size_max_bytes"),
    ];
    for (name, file, expected) in cases {
        let server = watching(&path(file), "");
        let source = wait_for_health(&server, "stale");
        let reason = source["reason"].as_str().unwrap().to_lowercase();
        assert!(reason.contains(expected), "case: {name}: {reason}");
        let leases = server.get("/api/v1/leases");
        assert_eq!(leases.status, 500, "case: {name}");
        assert_eq!(leases.json()["error"], "Unable to read DHCP lease file", "case: {name}");
        assert_eq!(server.get("/readyz").status, 200, "case: {name}");
        assert_eq!(server.post("/api/sse/events", r#"{"channel":"a","data":1}"#).status, 201);
    }
}

#[test]
fn the_last_good_leases_stay_while_the_file_is_bad() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("leases");
    fs::write(&path, LEASE).unwrap();
    let server = watching(&path, "[dhcp]\npoll_interval = \"200ms\"\n");
    wait_for_health(&server, "ok");
    let mut stream = server.stream("/api/sse/stream?format=named&channel=dhcp/status");
    stream.collect_until_ready();
    fs::remove_file(&path).unwrap();
    wait_for_health(&server, "stale");
    let leases = server.get("/api/v1/leases");
    assert_eq!((leases.status, leases.header("x-tidings-stale")), (200, Some("true")));
    assert_eq!(leases.json()[0]["hostname"], "one");
    // The good status of the start may come only after `ready`.
    while stream.expect_event("status").json()["stale"] != true {}
    fs::write(&path, LEASE).unwrap();
    wait_for_health(&server, "ok");
    assert_eq!(stream.expect_event("status").json()["stale"], false);
}

#[test]
fn lines_that_make_no_sense_are_counted_and_the_others_served() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("leases");
    fs::write(&path, format!("{LEASE}\u{1}\u{2} garbage\n0 zz 192.0.2.9 x *\n")).unwrap();
    let server = watching(&path, "");
    let source = wait_for_health(&server, "ok");
    assert_eq!((&source["leases"], &source["problems_total"]), (&json!(1), &json!(2)));
    assert_eq!(source["problems"][0]["line"], 2);
    let metrics = server.get("/metrics");
    assert!(metrics.text().contains("dhcp_source_parse_problems{source=\"dnsmasq\"} 2"));
}

#[test]
fn a_changed_configuration_is_picked_up() {
    let folder = tempfile::tempdir().unwrap();
    let (conf, leases) = (folder.path().join("dnsmasq.conf"), folder.path().join("leases"));
    fs::write(&leases, LEASE).unwrap();
    let text = format!("dhcp-leasefile={}\n", leases.display());
    fs::write(&conf, &text).unwrap();
    let server = Server::start(ServerOptions {
        arguments: vec!["--dnsmasq-conf".into(), conf.clone().into()],
        ..ServerOptions::default()
    });
    wait_for_health(&server, "ok");
    let mut stream = server.stream("/api/v1/leases/stream?events=detail");
    stream.collect_until_ready();
    fs::write(&conf, text + "dhcp-host=02:00:00:00:00:01,192.0.2.1,one\ndhcp-range=set:lan,192.0.2.1,192.0.2.9\n")
        .unwrap();
    let event = stream.expect_event("lease_updated").json();
    assert_eq!(event["lease"]["is_static"], true);
    assert_eq!(server.get("/api/v1/pools").json()[0]["pool_name"], "lan");
}

#[test]
fn what_cannot_start_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let unknown = write("unknown.toml", "[server]\nlisten = []\nport = 1\n");
    let no_pem = write("no.pem", "nothing");
    let tls = write(
        "tls.toml",
        &format!("[server.tls]\ncertificate = \"{no_pem}\"\nkey = \"{no_pem}\"\n"),
    );
    let server = Server::start(ServerOptions::default());
    let address = server.address().to_string();
    #[rustfmt::skip]
    let cases = [
        ("unknown key",     vec!["serve", "--config", &unknown],             vec!["unknown.toml:3", "port"]),
        ("missing file",    vec!["serve", "--config", "/nowhere/t.toml"],    vec!["/nowhere/t.toml"]),
        ("port in use",     vec!["serve", "--listen", &address],             vec![&address, "server.listen"]),
        ("no certificate",  vec!["serve", "--config", &tls],                 vec!["no.pem", "certificate"]),
        ("check a folder",  vec!["check", "/"],                              vec!["not a regular file"]),
        ("check nothing",   vec!["check", "/nowhere"],                       vec!["/nowhere"]),
        ("bad address",     vec!["serve", "--listen", "nowhere"],            vec!["--listen"]),
    ];
    for (name, arguments, expected) in cases {
        let output = tidings(&arguments);
        assert!(!output.status.success(), "case: {name}");
        for part in expected {
            assert!(stderr(&output).contains(part), "case: {name}: {}", stderr(&output));
        }
    }
    assert!(tidings(&["config", "check"]).status.success());
    let printed = tidings(&["config", "print", "--listen", "127.0.0.1:1"]);
    let printed = String::from_utf8_lossy(&printed.stdout).into_owned();
    assert!(printed.contains("listen = [\"127.0.0.1:1\"]  # flag --listen"), "{printed}");
    assert!(printed.contains("connections_max = 10000  # default"), "{printed}");
}

#[test]
fn the_command_line_publishes_and_follows() {
    let server = Server::start(ServerOptions::default());
    let url = server.url("");
    let mut tail = Command::new(find_tidings().unwrap());
    let tail = tail.args(["tail", "orders/*", "--earliest", "--count", "3", "--url", &url]);
    let mut publish = Command::new(find_tidings().unwrap());
    let first = publish.args(["publish", "orders/1", "paid", "{\"amount\": 5}", "--url", &url]);
    let first: Value = serde_json::from_slice(&first.output().unwrap().stdout).unwrap();
    assert!(first["positions"][0].is_string());
    let followed = tail.stdout(Stdio::piped()).spawn().unwrap();
    let text = tidings(&["publish", "orders/2", "note", "plain text", "--url", &url]);
    assert!(text.status.success(), "{}", stderr(&text));
    let mut piped = Command::new(find_tidings().unwrap());
    let piped = piped.args(["publish", "orders/3", "note", "-", "--url", &url]);
    let mut piped = piped.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    piped.stdin.take().unwrap().write_all(b"[1, 2]").unwrap();
    assert!(piped.wait().unwrap().success());
    let output = followed.wait_with_output().unwrap();
    let lines: Vec<Value> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let data: Vec<&Value> = lines.iter().map(|line| &line["data"]).collect();
    assert_eq!(data, [&json!({ "amount": 5 }), &json!("plain text"), &json!([1, 2])]);
    let refused = tidings(&["publish", "a//b", "t", "1", "--url", &url]);
    assert!(stderr(&refused).contains("empty segment"), "{}", stderr(&refused));
    let nowhere = tidings(&["tail", "a//b", "--url", &url]);
    assert!(!nowhere.status.success());
    assert!(stderr(&nowhere).contains("empty segment"), "{}", stderr(&nowhere));
}

#[test]
fn a_second_signal_ends_at_once() {
    let mut server = Server::start(ServerOptions {
        config: Some("[server]\nshutdown_grace = \"30s\"\n".to_owned()),
        ..ServerOptions::default()
    });
    // A request whose head never ends holds the first shutdown up.
    let mut half = std::net::TcpStream::connect(server.address()).unwrap();
    half.write_all(b"POST /api/sse/events HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
        .unwrap();
    let mut stream = server.stream("/api/sse/stream");
    stream.collect_until_ready();
    server.signal(Signal::TERM);
    let (_, end) = stream.collect_until_end(Duration::from_secs(5));
    assert_eq!(end, NoEvent::Ended);
    server.signal(Signal::TERM);
    assert!(!server.wait(Duration::from_secs(3)).success(), "{}", server.log());
}

#[test]
fn a_hangup_reads_the_configuration_again() {
    let server_config = "[hub]\nconnections_max = 1\n";
    let mut server = Server::start(ServerOptions {
        config: Some(server_config.to_owned()),
        ..ServerOptions::default()
    });
    let _stream = server.stream("/api/sse/stream");
    assert_eq!(server.get("/api/sse/stream").status, 503);
    let path = server.folder().join("tidings.toml");
    fs::write(&path, "[hub]\nconnections_max = \"no\"\n").unwrap();
    server.signal(Signal::HUP);
    wait_for_log(&server, "the old one stays");
    fs::write(&path, "[hub]\nconnections_max = 5\n").unwrap();
    server.signal(Signal::HUP);
    wait_for_log(&server, "configuration read again");
    server.stream("/api/sse/stream").collect_until_ready();
}

fn wait_for_log(server: &Server, text: &str) {
    let end = Instant::now() + Duration::from_secs(5);
    while !server.log().contains(text) {
        assert!(Instant::now() < end, "no `{text}` in {}", server.log());
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn tls_serves_http_2_and_1() {
    let Some(curl) = find_program("curl") else {
        println!("skipped: curl is not installed");
        return;
    };
    let fixtures = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../client/fixtures");
    let file = |name: &str| fixtures.join(name).display().to_string();
    let config = format!(
        "[server.tls]\ncertificate = \"{}\"\nkey = \"{}\"\n",
        file("server.pem"),
        file("server.key")
    );
    let server = Server::start(ServerOptions { config: Some(config), ..ServerOptions::default() });
    let port = server.address().port();
    for (flag, version) in [("--http2", "2"), ("--http1.1", "1.1")] {
        let run = |target: &str, more: &[&str]| {
            let url = format!("https://localhost:{port}{target}");
            let authority = file("authority.pem");
            let arguments = ["-sS", flag, "--cacert", &authority, "--resolve"];
            let resolve = format!("localhost:{port}:127.0.0.1");
            let output =
                Command::new(&curl).args(arguments).arg(resolve).args(more).arg(url).output();
            let output = output.unwrap();
            (String::from_utf8_lossy(&output.stdout).into_owned(), stderr(&output))
        };
        let (shown, problem) = run("/livez", &["-w", "%{http_version}"]);
        assert_eq!(shown, format!("ok\n{version}"), "case: {flag}: {problem}");
        let (stream, _) = run("/api/sse/stream?format=named", &["-N", "--max-time", "1", "-i"]);
        assert!(stream.contains("event: ready"), "case: {flag}: {stream}");
        assert_eq!(stream.to_lowercase().contains("connection: close"), version == "1.1");
    }
}
