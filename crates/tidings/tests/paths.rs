//! One stream, whatever carries it: plain HTTP/1.1 by a shard, TLS by a task, HTTP/2 and HTTP/1.0
//! by hyper, and nginx between; every path passes the same checks. The client is curl, so that
//! another HTTP than ours takes the framing apart.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test ends at the first surprise"
)]

use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use serde_json::{Value, json};
use tidings_testkit::binary::find_program;
use tidings_testkit::{Instant, Nginx, Server, ServerOptions};

/// Longest time that anything may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// Time in which a client that is gone has to be noticed.
const GONE_TIME_MAX: Duration = Duration::from_secs(1);
/// Time for which a client of the test of stuck clients may take nothing.
const STALL_TIMEOUT: &str = "1s";

const CONFIG: &str = "[[hub.channels]]\npattern = \"*/state\"\nclass = \"state\"\n";

/// A way to the server.
#[derive(Debug, Clone)]
struct Way {
    name: &'static str,
    curl: PathBuf,
    /// Scheme and authority.
    origin: String,
    /// What curl is told.
    arguments: Vec<String>,
    /// Value of `connection` in the response head.
    connection: Option<&'static str>,
}

impl Way {
    fn command(&self, target: &str) -> Command {
        let mut command = Command::new(&self.curl);
        command.args(["-sS", "-N"]).args(&self.arguments).arg(format!("{}{target}", self.origin));
        command
    }

    /// Sends JSON and returns the answer.
    fn send(&self, method: &str, target: &str, body: &Value) -> Value {
        use std::io::Write;
        let mut command = self.command(target);
        command.args(["-X", method, "-H", "Content-Type: application/json"]);
        command.args(["-H", "Expect:", "--data-binary", "@-"]);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("curl starts");
        child.stdin.take().unwrap().write_all(body.to_string().as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        serde_json::from_str(&text).unwrap_or(Value::String(text))
    }

    fn get(&self, target: &str) -> Value {
        let output = self.command(target).output().expect("curl starts");
        serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
    }

    fn publish(&self, channel: &str, data: &Value) -> String {
        let event = json!({ "channel": channel, "type": "made", "data": data });
        let answer = self.send("POST", "/api/sse/events", &event);
        let positions = answer.get("positions");
        assert!(positions.is_some(), "{}: {answer}", self.name);
        answer.pointer("/positions/0").and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    fn stream(&self, target: &str, headers: &[&str]) -> Stream {
        let mut command = self.command(target);
        command.arg("-i").args(["-H", "Accept: text/event-stream"]);
        for header in headers {
            command.args(["-H", header]);
        }
        let mut child = command.stdout(Stdio::piped()).spawn().expect("curl starts");
        let mut output = child.stdout.take().unwrap();
        let (sender, pieces) = sync_channel(1);
        // It ends when nobody receives, or with curl.
        std::thread::spawn(move || {
            let mut buffer = vec![0; 65_536];
            while let Ok(n_bytes) = output.read(&mut buffer) {
                if n_bytes == 0 || sender.send(buffer[..n_bytes].to_vec()).is_err() {
                    return;
                }
            }
        });
        let mut stream = Stream {
            way: self.name,
            child,
            pieces,
            text: Vec::new(),
            head: String::new(),
            offset: 0,
        };
        stream.head = stream.until(b"\r\n\r\n").to_lowercase();
        stream
    }

    /// Returns what the server tells of a stream.
    fn connection(&self, client_id: &str) -> Option<Value> {
        let listed = self.get("/api/sse/connections");
        let list = listed.get("connections").and_then(Value::as_array)?;
        list.iter().find(|entry| entry["client_id"] == client_id).cloned()
    }
}

/// A stream that curl reads.
struct Stream {
    way: &'static str,
    child: Child,
    pieces: Receiver<Vec<u8>>,
    /// What came and was not looked at.
    text: Vec<u8>,
    head: String,
    /// Offset of the last id.
    offset: u64,
}

/// A block of a stream.
#[derive(Debug, Default, PartialEq, Eq)]
struct Block {
    id: Option<String>,
    event: Option<String>,
    data: Option<String>,
}

impl Block {
    fn is(&self, event: &str) -> bool {
        self.event.as_deref() == Some(event)
    }

    fn json(&self) -> Value {
        serde_json::from_str(self.data.as_deref().unwrap_or_default()).unwrap()
    }
}

impl Stream {
    /// Returns the text up to and without a mark.
    fn until(&mut self, mark: &[u8]) -> String {
        let mut from = 0;
        loop {
            let found = self.text[from..].windows(mark.len()).position(|part| part == mark);
            if let Some(at) = found {
                let rest = self.text.split_off(from + at + mark.len());
                let mut text = std::mem::replace(&mut self.text, rest);
                text.truncate(from + at);
                return String::from_utf8(text).unwrap();
            }
            from = self.text.len().saturating_sub(mark.len());
            match self.pieces.recv_timeout(PATIENCE) {
                Ok(piece) => self.text.extend_from_slice(&piece),
                Err(error) => {
                    let text = String::from_utf8_lossy(&self.text);
                    panic!("{}: {error} after {text:?}", self.way)
                }
            }
        }
    }

    /// Returns the next block; ids must increase.
    fn block(&mut self) -> Block {
        let text = self.until(b"\n\n");
        assert!(!text.contains('\r') && !text.contains('\0'), "{}: {text:?}", self.way);
        let mut block = Block::default();
        let mut data: Vec<&str> = Vec::new();
        for line in text.lines() {
            match line.split_once(": ") {
                Some(("id", id)) => block.id = Some(id.to_owned()),
                Some(("event", event)) => block.event = Some(event.to_owned()),
                Some(("data", more)) => data.push(more),
                Some(("retry", _)) => {}
                _ if line == "data:" => data.push(""),
                _ => assert!(line.starts_with(':'), "{}: {line:?}", self.way),
            }
        }
        block.data = (!data.is_empty()).then(|| data.join("\n"));
        if let Some(id) = &block.id {
            let offset: u64 = id.split('-').nth(1).unwrap().parse().unwrap();
            let is_forward =
                offset > self.offset || (block.data.is_none() && offset == self.offset);
            assert!(is_forward, "{}: {id} after offset {}", self.way, self.offset);
            self.offset = offset;
        }
        block
    }

    /// Returns the next block of an event type; heartbeats and comments may come before it.
    fn expect(&mut self, event: &str) -> Block {
        loop {
            let block = self.block();
            if block.is(event) {
                return block;
            }
            let is_control = block.is("heartbeat") || block.event.is_none();
            assert!(is_control, "{}: {block:?} instead of {event}", self.way);
        }
    }

    /// Waits for the end of the response; true when the server ended it as it should.
    fn ends_well(mut self) -> bool {
        while self.pieces.recv_timeout(PATIENCE).is_ok() {}
        self.child.wait().unwrap().success()
    }

    /// Hangs up.
    fn hang_up(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Starts a server; with TLS when asked.
fn server(is_tls: bool, more: &str) -> Server {
    let fixtures = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../client/fixtures");
    let file = |name: &str| fixtures.join(name).display().to_string();
    let tls = format!(
        "[server.tls]\ncertificate = \"{}\"\nkey = \"{}\"\n",
        file("server.pem"),
        file("server.key")
    );
    let config = if is_tls { format!("{more}{CONFIG}{tls}") } else { format!("{more}{CONFIG}") };
    Server::start(ServerOptions { config: Some(config), ..ServerOptions::default() })
}

/// Returns the ways to two servers, without those through nginx where it is not installed.
fn ways(plain: &Server, tls: &Server, proxies: &[(&'static str, Nginx)]) -> Vec<Way> {
    let curl = find_program("curl").unwrap();
    let way = |name, origin: String, arguments: &[&str], connection| Way {
        name,
        curl: curl.clone(),
        origin,
        arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
        connection,
    };
    let direct = format!("http://{}", plain.address());
    let secure = format!("https://{}", tls.address());
    let mut ways = vec![
        way("plain HTTP/1.1", direct.clone(), &["--http1.1"], Some("close")),
        way("plain HTTP/1.0", direct, &["--http1.0"], Some("close")),
        way("TLS, HTTP/1.1", secure.clone(), &["--http1.1", "-k"], Some("close")),
        way("TLS, HTTP/2", secure, &["--http2", "-k"], None),
    ];
    for (name, nginx) in proxies {
        // What nginx says of its own connections is its own affair.
        ways.push(way(name, format!("http://{}", nginx.address()), &["--http1.1"], None));
    }
    ways
}

#[test]
fn every_way_to_a_stream_passes_the_same_checks() {
    if find_program("curl").is_none() {
        println!("skipped: curl is not installed");
        return;
    }
    let (plain, tls) = (server(false, ""), server(true, ""));
    let mut proxies = Vec::new();
    match Nginx::why_unavailable() {
        Some(why) => println!("skipped behind nginx: {why}"),
        None => {
            for (name, settings) in
                [("nginx, default", ""), ("nginx, HTTP/1.1", "proxy_http_version 1.1;")]
            {
                let pass = format!("proxy_pass http://{};", plain.address());
                let location =
                    format!("client_max_body_size 4m; location / {{ {pass} {settings} }}");
                proxies.push((name, Nginx::start(&location).unwrap()));
            }
        }
    }
    for (index, way) in ways(&plain, &tls, &proxies).iter().enumerate() {
        println!("{}", way.name);
        // Channels of its own, so that one way does not see the events of another.
        let prefix = format!("way{index}");
        conforms(way, &prefix);
    }
}

fn conforms(way: &Way, prefix: &str) {
    let (log, state) = (format!("{prefix}/log"), format!("{prefix}/state"));
    way.publish(&state, &json!("old"));
    way.publish(&state, &json!("new"));
    let target = format!("/api/sse/stream?format=named&heartbeat=30&channels={log},{state}");
    let mut stream = way.stream(&target, &[]);
    check_head(way, &stream.head);

    // Atomic subscription: greeting, state, position, ready.
    let greeting = stream.expect("connection_established").json();
    let client_id = greeting["client_id"].as_str().unwrap().to_owned();
    assert_eq!(stream.expect("made").data.as_deref(), Some("new"), "{}", way.name);
    assert_eq!(stream.expect("ready").json(), json!({ "channels": [log, state] }));

    // Live events in order, whatever is in them and however long they are.
    let texts = texts();
    let first = way.publish(&log, &json!(texts[0]));
    for text in &texts[1..] {
        way.publish(&log, &json!(text));
    }
    for text in &texts {
        let block = stream.expect("made");
        assert!(block.data.as_deref() == Some(text), "{}: {} bytes differ", way.name, text.len());
        assert!(block.id.is_some(), "{}: an event without a position", way.name);
    }

    changes(way, prefix, &mut stream, &client_id);

    // Resume: exactly what was missed, then live.
    let mut resumed = way.stream(&target, &[&format!("Last-Event-ID: {first}")]);
    let greeting = resumed.expect("connection_established").json();
    assert_eq!(greeting["recovered"], true, "{}: {greeting}", way.name);
    let id = greeting["client_id"].as_str().unwrap().to_owned();
    assert_eq!(resumed.expect("made").data.as_deref(), Some("new"));
    for text in &texts[1..] {
        assert!(resumed.expect("made").data.as_deref() == Some(text), "{}", way.name);
    }
    resumed.expect("ready");
    way.publish(&log, &json!("live"));
    assert_eq!(resumed.expect("made").data.as_deref(), Some("live"));
    assert_eq!(stream.expect("made").data.as_deref(), Some("live"));

    // A client that is gone is noticed without traffic.
    resumed.hang_up();
    let gone = Instant::now();
    while way.connection(&id).is_some() {
        assert!(gone.elapsed() < GONE_TIME_MAX, "{}: still there after a second", way.name);
        std::thread::sleep(Duration::from_millis(20));
    }

    // Ended by the server: a reason, and a response that is whole.
    way.send("DELETE", &format!("/api/sse/connections/{client_id}"), &Value::Null);
    assert_eq!(stream.expect("connection_close").json(), json!({ "reason": "kicked" }));
    assert!(stream.ends_well(), "{}: the response is torn", way.name);
}

fn check_head(way: &Way, head: &str) {
    let has = |line: &str| head.lines().any(|candidate| candidate == line);
    assert!(has("content-type: text/event-stream; charset=utf-8"), "{}: {head}", way.name);
    assert!(has("cache-control: no-cache, no-store, no-transform"), "{}: {head}", way.name);
    if !way.name.starts_with("nginx") {
        assert!(has("x-accel-buffering: no"), "{}: {head}", way.name);
        let connection = head.lines().find_map(|line| line.strip_prefix("connection: "));
        assert_eq!(connection, way.connection, "{}: {head}", way.name);
    }
}

/// Texts that framing could trip over; the stream is UTF-8, and line ends in data become LF.
fn texts() -> Vec<String> {
    let mut texts: Vec<String> =
        ["plain", "two\nlines", "\n\n", "", "data: x\nid: 9", " lead", "\u{2028}\u{2029}\u{feff}"]
            .map(ToOwned::to_owned)
            .to_vec();
    // Characters of four bytes across whatever boundaries there are.
    for n_before in 0..4 {
        texts.push("x".repeat(n_before) + &"\u{1f600}".repeat(40_000));
    }
    texts.push("line\n".repeat(50_000));
    texts.push("y".repeat(1_000_000));
    texts
}

/// Changes the channels of a live stream, and looks at it from outside.
fn changes(way: &Way, prefix: &str, stream: &mut Stream, client_id: &str) {
    let (log, state, more) =
        (format!("{prefix}/log"), format!("{prefix}/state"), format!("{prefix}/more"));
    let target = format!("/api/sse/connections/{client_id}");
    way.send("PATCH", &target, &json!({ "add": [more], "remove": [] }));
    assert_eq!(stream.expect("ready").json(), json!({ "channels": [log, state, more] }));
    way.publish(&more, &json!("added"));
    assert_eq!(stream.expect("made").data.as_deref(), Some("added"), "{}", way.name);
    let listed = way.connection(client_id).expect("the stream is listed");
    assert_eq!((&listed["lag"], &listed["stalled_seconds"]), (&json!(0), &json!(0)), "{listed}");
}

#[test]
fn a_client_that_takes_nothing_is_cut_on_every_way() {
    if find_program("curl").is_none() {
        println!("skipped: curl is not installed");
        return;
    }
    let settings = format!("[hub]\nstall_timeout = \"{STALL_TIMEOUT}\"\n");
    let (plain, tls) = (server(false, &settings), server(true, &settings));
    for way in ways(&plain, &tls, &[]) {
        let before = n_cut(&way);
        // It never asks its channel for more: the buffers of the kernel, of curl and of the pipe
        // fill, and then the server has to wait.
        let stream = way.stream("/api/sse/stream?format=named&channels=flood", &[]);
        let flood = json!("z".repeat(1_000_000));
        let began = Instant::now();
        while n_cut(&way) == before {
            assert!(began.elapsed() < PATIENCE, "{}: nobody is cut", way.name);
            way.publish("flood", &flood);
            std::thread::sleep(Duration::from_millis(20));
        }
        drop(stream);
    }
}

/// Returns how many streams were cut because their clients took nothing.
fn n_cut(way: &Way) -> u64 {
    let output = way.command("/metrics").output().expect("curl starts");
    let text = String::from_utf8(output.stdout).unwrap();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("tidings_closed_total{reason=\"slow_consumer\"} "));
    line.and_then(|count| count.parse().ok()).unwrap_or_default()
}
