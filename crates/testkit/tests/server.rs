//! The server harness, the HTTP client and the stream reader against a stand-in for `tidings`.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;
use tidings_testkit::http::{Request, exchange};
use tidings_testkit::{
    Connection, NoEvent, RawStream, Server, ServerOptions, Signal, own_loopback,
};

const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n";

/// Answers one connection after the other with these writes, each followed by a short silence.
fn answer(connections: &'static [&'static [&'static str]]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for writes in connections {
            let (mut socket, _) = listener.accept().unwrap();
            let mut request = [0; 4096];
            assert!(socket.read(&mut request).unwrap() > 0, "a request comes in one piece");
            for bytes in *writes {
                socket.write_all(bytes.as_bytes()).unwrap();
                thread::sleep(Duration::from_millis(2));
            }
        }
    });
    address
}

/// Writes a program that stands in for `tidings`.
fn stand_in(folder: &Path, lines: &str) -> PathBuf {
    let path = folder.join("stand-in");
    fs::write(&path, format!("#!/bin/sh\n{lines}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn options(folder: &TempDir, lines: &str) -> ServerOptions {
    ServerOptions { binary: Some(stand_in(folder.path(), lines)), ..ServerOptions::default() }
}

/// Returns what `action` panics with.
fn panic_of(action: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(action)).expect_err("it panics");
    panic.downcast::<String>().map_or_else(|_| "no text".to_owned(), |text| *text)
}

/// Waits until the log has a text: what goes to standard error may come after the start is seen.
fn wait_for_log(server: &Server, expected: &str) {
    let is_there = (0..100).any(|_| {
        let is_there = server.log().contains(expected);
        if !is_there {
            thread::sleep(Duration::from_millis(50));
        }
        is_there
    });
    assert!(is_there, "{expected} in\n{}", server.log());
}

#[test]
fn a_server_is_started_with_its_own_folder_and_ends_with_its_owner() {
    let address = answer(&[&["HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}"]]);
    let folder = tempfile::tempdir().unwrap();
    let lines = format!(
        "echo \"arguments $*\" >&2\necho \"mode $MODE home $HOME\" >&2\ncat tidings.toml\n\
         echo starting\necho listening on http://{address}\nexec sleep 60"
    );
    let options = ServerOptions {
        arguments: vec!["--leases".into(), "x".into()],
        environment: vec![("MODE".to_owned(), "test".to_owned())],
        config: Some("[hub]".to_owned()),
        ..options(&folder, &lines)
    };
    let server = Server::start(options);
    assert_eq!(server.address(), address);
    assert_eq!(server.post("/x", "{}").json(), serde_json::json!({}));
    let own = server.folder().display().to_string();
    let arguments = format!(
        "arguments serve --listen 127.0.0.1:0 --data {own}/data --config {own}/tidings.toml --leases x"
    );
    for expected in [&arguments, &format!("mode test home {own}"), "[hub]"] {
        wait_for_log(&server, expected);
    }
    let process = PathBuf::from(format!("/proc/{}", server.id()));
    assert!(process.exists());
    drop(server);
    assert!(!process.exists(), "the process ends");
    assert!(!Path::new(&own).exists(), "the folder is removed");
}

#[test]
fn a_killed_server_starts_again_on_its_folder_and_address() {
    let folder = tempfile::tempdir().unwrap();
    let data = tempfile::tempdir().unwrap();
    let lines = "echo \"arguments $*\" >&2\necho run >> \"$HOME/runs\"\n\
                 [ -e refuse ] && exit 4\necho listening on http://127.0.0.1:7/\nexec sleep 60";
    let options = ServerOptions { data: Some(data.path().to_owned()), ..options(&folder, lines) };
    let mut server = Server::start(options);
    assert_eq!(server.data(), data.path());
    let first = PathBuf::from(format!("/proc/{}", server.id()));
    server.kill();
    assert!(!first.exists());
    server.restart();
    assert_ne!(first, PathBuf::from(format!("/proc/{}", server.id())));
    let arguments = format!("serve --listen 127.0.0.1:7 --data {}", data.path().display());
    wait_for_log(&server, &arguments);
    let text = panic_of(|| server.restart());
    assert!(text.contains("is not ended yet"), "{text}");
    server.kill();
    fs::write(server.folder().join("refuse"), "").unwrap();
    let refusal = server.try_restart().unwrap_err();
    assert!(refusal.contains("ended before it listened: exit status: 4"), "{refusal}");
    assert_eq!(fs::read_to_string(server.folder().join("runs")).unwrap().lines().count(), 3);
    assert!(own_loopback().is_loopback());
}

#[test]
fn a_server_that_ignores_the_polite_end_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let lines = "trap '' TERM\necho listening on http://127.0.0.1:1/\nwhile :; do sleep 0.1; done";
    let mut server = Server::start(options(&folder, lines));
    server.signal(Signal::TERM);
    let process = PathBuf::from(format!("/proc/{}", server.id()));
    assert!(process.exists());
    drop(server);
    assert!(!process.exists());
}

#[test]
fn a_server_that_does_not_start_is_explained() {
    #[rustfmt::skip]
    let cases = [
        ("ends",             "echo no config >&2\nexit 3",              &["ended before it listened", "exit status: 3", "| no config"][..]),
        ("does not listen",  "echo waiting >&2\nexec sleep 60",         &["does not listen after 300ms", "| waiting"]),
        ("no address",       "echo listening on port 80\nexec sleep 60", &["`listening on port 80` names no address"]),
    ];
    for (name, lines, expected) in cases {
        let folder = tempfile::tempdir().unwrap();
        let start_timeout = Duration::from_millis(300);
        let options = ServerOptions { start_timeout, ..options(&folder, lines) };
        let text = panic_of(|| drop(Server::start(options)));
        for part in expected {
            assert!(text.contains(part), "case: {name}: {part} in {text}");
        }
    }
}

#[test]
fn bodies_are_read_whatever_their_framing() {
    #[rustfmt::skip]
    let cases: [(&str, &'static [&'static [&'static str]], &str); 4] = [
        ("length",    &[&["HTTP/1.1 200 OK\r\nContent-Len", "gth: 5\r\n\r\nhe", "lloXXX"]],                               "hello"),
        ("chunked",   &[&["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r", "\nhel\r", "\n2;a=b\r\nlo\r\n0\r\n\r\n"]], "hello"),
        ("to end",    &[&["HTTP/1.0 200 OK\r\n\r\nhel", "lo"]],                                                           "hello"),
        ("no body",   &[&["HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n"]],                                                   ""),
    ];
    for (name, connections, expected) in cases {
        let request = Request { method: "GET", target: "/", headers: &[], body: &[] };
        let response = exchange(answer(connections), request);
        assert_eq!(response.text(), expected, "case: {name}");
    }
}

#[test]
fn a_connection_carries_several_requests_and_says_when_it_breaks() {
    let address = answer(&[&[
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n0\r\nX-T: 1\r\n\r",
        "\nHTTP/1.1 201 Created\r\nX-N: 2\r\nContent-Length: 3\r\n\r\ntwo",
    ]]);
    let request = Request { method: "POST", target: "/x", headers: &[], body: b"{}" };
    let mut connection = Connection::open(address).unwrap();
    assert_eq!(connection.exchange(request).unwrap().text(), "one");
    let second = connection.exchange(request).unwrap();
    assert_eq!((second.status, second.text()), (201, "two"));
    assert_eq!(second.headers.len(), 2);
    let why = connection.exchange(request).unwrap_err();
    assert!(why.starts_with(&format!("POST http://{address}/x: ")), "{why}");
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert!(Connection::open(nobody).unwrap_err().starts_with("connect: "));
}

#[test]
fn a_stream_yields_events_in_order_and_says_how_it_ends() {
    let address = answer(&[&[
        HEAD,
        "Connection: close\r\n\r\nretry: 10\nevent: hello\nda",
        "ta: {\"a\":1}\n\n:\nid: e-1-x\ndata: one\n\nid: e-4-x\n\n",
        "event: ready\ndata: {}\n\nid: e-5-x\ndata: two\n\ndata: torn\n",
    ]]);
    let mut stream = RawStream::open(address, "/s", &[("Last-Event-ID", "e-0-x")]);
    let events = stream.collect_until_ready();
    let kinds: Vec<&str> = events.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(kinds, ["hello", "message"]);
    assert_eq!(events[0].json(), serde_json::json!({"a": 1}));
    assert_eq!(stream.last_event_id(), "e-4-x");
    assert_eq!(stream.expect_event("message").data, "two");
    assert_eq!(stream.next_event(Duration::from_secs(5)).unwrap_err(), NoEvent::Ended);
    assert_eq!((stream.n_comments(), stream.retry_ms()), (1, Some(10)));
    assert!(stream.raw().starts_with(b"retry: 10\nevent: hello\n"));
    assert!(stream.raw().ends_with(b"data: torn\n"));
}

#[test]
fn a_silent_stream_times_out_and_a_torn_one_is_broken() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let holder = thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let head = format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n8\r\ndata");
        socket.write_all(head.as_bytes()).unwrap();
        socket
    });
    let mut stream = RawStream::open(address, "/", &[]);
    let socket = holder.join().unwrap();
    let short = Duration::from_millis(20);
    assert_eq!(stream.next_event(short).unwrap_err(), NoEvent::Timeout);
    drop(socket);
    let end = stream.next_event(Duration::from_secs(5)).unwrap_err();
    assert!(matches!(end, NoEvent::Broken(_)), "{end:?}");
}

#[test]
fn wrong_answers_and_wrong_ids_fail_the_test() {
    #[rustfmt::skip]
    let cases: [(&str, &'static [&'static [&'static str]], &str); 7] = [
        ("problem",       &[&["HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone"]],   "is no event stream"),
        ("no stream",     &[&["HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<p>"]],     "is no event stream"),
        ("id twice",      &[&[HEAD, "\r\nid: e-2-x\ndata: 1\n\nid: e-2-x\ndata: 2\n\n"]],    "ids must increase: e-2-x then e-2-x"),
        ("id back",       &[&[HEAD, "\r\nid: e-2-x\ndata: 1\n\nid: e-1-x\n\n"]],             "ids must increase: e-2-x then e-1-x"),
        ("other epoch",   &[&[HEAD, "\r\nid: e-2-x\ndata: 1\n\nid: f-3-x\ndata: 2\n\n"]],    "epoch changes without a reset: e-2-x then f-3-x"),
        ("no position",   &[&[HEAD, "\r\nid: 7\ndata: 1\n\n"]],                              "`7` is no position"),
        ("never ready",   &[&[HEAD, "\r\nid: f-9-x\nevent: reset\ndata: {}\n\nid: f-9-x\n\n"]], "no `ready`: Ended"),
    ];
    for (name, connections, expected) in cases {
        let address = answer(connections);
        let text = panic_of(|| {
            RawStream::open(address, "/", &[]).collect_until_ready();
        });
        assert!(text.contains(expected), "case: {name}: {text}");
    }
}
