//! What the data folder keeps over a restart or a crash, and what is said when it cannot.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests fail the test")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tidings_testkit::http::Request;
use tidings_testkit::stream::PATIENCE;
use tidings_testkit::{
    Instant, NoEvent, RawStream, Response, Server, ServerOptions, StreamEvent, Tmpfs, own_loopback,
};

/// A name, and what ends a server and starts it again.
type Restart = (&'static str, fn(&mut Server));

/// The ways of a restart; each must keep the same.
const RESTARTS: [Restart; 2] = [("stopped", restart_after_stop), ("killed", restart_after_kill)];

fn restart_after_stop(server: &mut Server) {
    server.stop();
    server.restart();
}

fn restart_after_kill(server: &mut Server) {
    server.kill();
    server.restart();
}

fn options(config: &str) -> ServerOptions {
    let config = Some(config.to_owned());
    ServerOptions { listen: own_loopback(), config, ..ServerOptions::default() }
}

fn server(config: &str) -> Server {
    Server::start(options(config))
}

/// Publishes one event and returns its position; empty where it has none.
fn publish(server: &Server, channel: &str, data: &Value) -> String {
    let response = try_publish(server, channel, data);
    assert_eq!(response.status, 201, "{}", response.text());
    response.json()["positions"][0].as_str().unwrap_or_default().to_owned()
}

fn try_publish(server: &Server, channel: &str, data: &Value) -> Response {
    let event = json!({ "channel": channel, "type": "made", "data": data });
    server.post("/api/sse/events", &event.to_string())
}

fn publish_with_key(server: &Server, body: &Value, key: &str) -> Response {
    let headers = [("Content-Type", "application/json"), ("Idempotency-Key", key)];
    let (target, body) = ("/api/sse/events", body.to_string());
    server.send(Request { method: "POST", target, headers: &headers, body: body.as_bytes() })
}

/// Opens a named stream of these channels behind `position`.
fn resume(server: &Server, channels: &str, position: &str) -> Resumed {
    let target = format!("/api/sse/stream?format=named&channels={channels}");
    let headers = [("Last-Event-ID", position)];
    Resumed::read(&mut RawStream::open(server.address(), &target, &headers))
}

/// Reads everything that these channels hold.
fn read_all(server: &Server, channels: &str) -> Resumed {
    let target = format!("/api/sse/stream?format=named&channels={channels}&earliest=1");
    Resumed::read(&mut server.stream(&target))
}

/// The start of a stream, up to `ready`.
#[derive(Debug)]
struct Resumed {
    greeting: Value,
    events: Vec<StreamEvent>,
}

impl Resumed {
    fn read(stream: &mut RawStream) -> Self {
        let mut events = stream.collect_until_ready();
        let greeting = events.remove(0);
        assert_eq!(greeting.kind, "connection_established");
        Self { greeting: greeting.json(), events }
    }

    /// Returns position and data of the publications, which nothing else stands between.
    fn made(&self) -> Vec<(&str, Value)> {
        let of = |event: &'_ StreamEvent| {
            assert_eq!(event.kind, "made", "{event:?}");
            event.json()
        };
        self.events.iter().map(|event| (event.id.as_deref().unwrap_or(""), of(event))).collect()
    }

    /// Returns the `reset` that comes first.
    fn reset(&self) -> Value {
        let first = self.events.first().unwrap_or_else(|| panic!("no reset: {self:?}"));
        assert_eq!(first.kind, "reset", "{self:?}");
        first.json()
    }
}

#[test]
fn a_client_gets_exactly_what_it_missed_over_a_restart() {
    for (name, restart) in RESTARTS {
        let mut server = server("");
        let before = resume(&server, "orders/*", "");
        let mut published = Vec::new();
        for n in 0..5 {
            publish(&server, "other", &json!(n));
            published.push((publish(&server, "orders/1", &json!(n)), json!(n)));
        }
        restart(&mut server);
        for n in 5..7 {
            published.push((publish(&server, "orders/2", &json!(n)), json!(n)));
        }
        restart(&mut server);
        for (index, (position, _)) in published.iter().enumerate() {
            let after = resume(&server, "orders/*", position);
            assert_eq!(after.greeting["recovered"], true, "case: {name}: {after:?}");
            assert_eq!(after.greeting["epoch"], before.greeting["epoch"], "case: {name}");
            let missed: Vec<_> =
                published.iter().skip(index + 1).map(|(id, data)| (&**id, data.clone())).collect();
            assert_eq!(after.made(), missed, "case: {name}, behind event {index}");
        }
        let (first, _) = &published[0];
        let by_query = format!("/api/sse/stream?format=named&channels=other&last_event_id={first}");
        let others = Resumed::read(&mut server.stream(&by_query));
        assert_eq!(others.made().len(), 4, "case: {name}: {others:?}");
        // The log goes on where it stood.
        let last = publish(&server, "orders/3", &json!("last"));
        let offset = |id: &str| id.split('-').nth(1).unwrap().parse::<u64>().unwrap();
        assert_eq!(offset(&last), 13, "case: {name}");
    }
}

#[test]
fn a_state_channel_keeps_its_newest_value_over_a_restart() {
    let config = "[[hub.channels]]\npattern = \"weather/**\"\nclass = \"state\"\n";
    for (name, restart) in RESTARTS {
        let mut server = server(config);
        let position = publish(&server, "orders", &json!("before"));
        for (channel, degrees) in [("oslo", 3), ("rome", 20), ("oslo", 4)] {
            publish(&server, &format!("weather/{channel}"), &json!(degrees));
        }
        for n_restarts in 1..=2 {
            restart(&mut server);
            let shown = resume(&server, "weather/**,version,orders", &position);
            let mut values: Vec<(&str, String)> = shown
                .events
                .iter()
                .map(|event| (event.kind.as_str(), event.data.clone()))
                .filter(|(kind, _)| *kind == "made")
                .collect();
            values.sort();
            let expected = [("made", "20".to_owned()), ("made", "4".to_owned())];
            assert_eq!(values, expected, "case: {name}, restart {n_restarts}: {shown:?}");
            let is_version = |event: &StreamEvent| event.kind == "version";
            assert_eq!(shown.events.iter().filter(|event| is_version(event)).count(), 1);
        }
        publish(&server, "weather/oslo", &json!(5));
        let oslo = resume(&server, "weather/oslo", "");
        assert_eq!(oslo.made(), [("", json!(5))], "case: {name}");
    }
}

#[test]
fn a_key_is_known_over_a_restart() {
    let one = json!({ "channel": "paid", "type": "made", "data": 1 });
    let array = json!([
        { "channel": "paid", "type": "made", "data": 2 },
        { "channel": "paid", "type": "made", "data": 3 },
    ]);
    let with_id = json!({ "channel": "paid", "type": "made", "data": 4, "id": "own-id" });
    let other_with_id = json!({ "channel": "paid", "type": "made", "data": 5, "id": "own-id" });
    for (name, restart) in RESTARTS {
        let mut server = server("");
        let answers = |server: &Server| {
            [
                publish_with_key(server, &one, "key-1"),
                publish_with_key(server, &array, "key-2"),
                server.post("/api/sse/events", &with_id.to_string()),
            ]
            .map(|response| (response.status, response.json()["positions"].clone()))
        };
        let first = answers(&server);
        assert!(first.iter().all(|(status, _)| *status == 201), "case: {name}: {first:?}");
        for n_restarts in 1..=2 {
            restart(&mut server);
            assert_eq!(answers(&server), first, "case: {name}, restart {n_restarts}");
        }
        let conflicts = [
            publish_with_key(&server, &array, "key-1"),
            publish_with_key(&server, &one, "key-2"),
            server.post("/api/sse/events", &other_with_id.to_string()),
        ];
        for response in conflicts {
            assert_problem(&response, 409, "idempotency-key-conflict");
        }
        let data: Vec<Value> =
            read_all(&server, "paid").made().into_iter().map(|(_, data)| data).collect();
        assert_eq!(data, [1, 2, 3, 4].map(Value::from), "case: {name}");
    }
}

#[track_caller]
fn assert_problem(response: &Response, status: u16, slug: &str) {
    assert_eq!(response.status, status, "{}", response.text());
    assert_eq!(response.header("content-type"), Some("application/problem+json"));
    let kind = response.json()["type"].as_str().unwrap_or_default().to_owned();
    assert!(kind.ends_with(slug), "{kind}");
}

/// Returns a page of a channel's history: the data of its events, and where to go on.
fn page(server: &Server, query: &str) -> (Vec<u64>, Option<String>) {
    let response = server.get(&format!("/api/sse/channels/deep/er/events?{query}"));
    assert_eq!(response.status, 200, "{query}: {}", response.text());
    let page = response.json();
    let events = page["events"].as_array().unwrap().iter();
    let data = events.map(|event| event["data"].as_u64().unwrap()).collect();
    (data, page["next"].as_str().map(str::to_owned))
}

#[test]
fn history_is_paged_over_a_restart() {
    for (name, restart) in RESTARTS {
        let mut server = server("");
        for n in 0..25 {
            publish(&server, "deep/er", &json!(n));
            publish(&server, "deep", &json!("not asked for"));
        }
        for (order, expected) in [
            ("oldest", (0..25).collect::<Vec<u64>>()),
            ("newest", (0..25).rev().collect::<Vec<u64>>()),
        ] {
            let bound = if order == "oldest" { "after" } else { "before" };
            let mut query = format!("order={order}&limit=10");
            let mut seen = Vec::new();
            let mut n_pages = 0;
            loop {
                let (data, next) = page(&server, &query);
                seen.extend(data);
                n_pages += 1;
                let Some(next) = next else { break };
                query = format!("order={order}&limit=10&{bound}={next}");
                restart(&mut server);
            }
            assert_eq!((n_pages, seen), (3, expected), "case: {name}, {order}");
        }
        assert_eq!(page(&server, "type=other").0, Vec::<u64>::new(), "case: {name}");
    }
}

#[test]
fn a_deleted_history_is_gone_and_said_to_be() {
    for (name, restart) in RESTARTS {
        let mut server = server("");
        let start = publish(&server, "other", &json!("first"));
        for n in 0..5 {
            publish(&server, "deep/er", &json!(n));
        }
        let kept = publish(&server, "other", &json!("kept"));
        let deleted = server.delete("/api/sse/channels/deep/er/events");
        assert_eq!(deleted.status, 204, "case: {name}: {}", deleted.text());
        assert_eq!(server.delete("/api/sse/channels/nothing/events").status, 404, "case: {name}");
        for n_restarts in 0..3 {
            assert_eq!(page(&server, "").0, Vec::<u64>::new(), "case: {name}, {n_restarts}");
            let both = resume(&server, "deep/er,other", &start);
            let reset = both.reset();
            assert_eq!(reset["reason"], "trimmed", "case: {name}, {n_restarts}: {reset}");
            assert_eq!(reset["channels"], json!(["deep/er"]), "case: {name}, {n_restarts}");
            assert_eq!(both.greeting["recovered"], false, "case: {name}, {n_restarts}");
            let shown: Vec<&str> =
                both.events.iter().skip(1).map(|event| event.data.as_str()).collect();
            assert_eq!(shown, ["kept"], "case: {name}, {n_restarts}");
            let other = resume(&server, "other", &start);
            assert_eq!(other.events.len(), 1, "case: {name}, {n_restarts}: nothing lost there");
            let later = resume(&server, "deep/er", &kept);
            assert_eq!(later.greeting["recovered"], true, "case: {name}, {n_restarts}");
            restart(&mut server);
        }
        let position = publish(&server, "deep/er", &json!(9));
        assert_eq!(page(&server, "").0, [9], "case: {name}");
        assert_eq!(resume(&server, "deep/er", &kept).made(), [(&*position, json!(9))]);
    }
}

#[test]
fn a_removed_data_folder_begins_a_new_epoch() {
    let mut server = server("");
    let position = publish(&server, "orders", &json!(1));
    let before = resume(&server, "orders", "");
    server.stop();
    fs::remove_dir_all(server.data()).unwrap();
    server.restart();
    publish(&server, "orders", &json!("of the new epoch"));
    let after = resume(&server, "orders", &position);
    assert_eq!(after.reset()["reason"], "epoch", "{after:?}");
    assert_eq!(after.reset()["from"], position);
    assert_eq!(after.greeting["recovered"], false);
    assert_ne!(after.greeting["epoch"], before.greeting["epoch"]);
}

#[test]
fn a_data_folder_that_cannot_be_used_is_said() {
    let server = server("");
    let file = server.folder().join("file");
    fs::write(&file, "").unwrap();
    let in_use = server.data().to_owned();
    #[rustfmt::skip]
    let cases = [
        ("used by another server", in_use,              "in use"),
        ("a file",                 file.clone(),        "data"),
        ("below a file",           file.join("folder"), "data"),
        ("not to be made",         "/proc/none".into(), "data"),
    ];
    for (name, data, expected) in cases {
        let options = ServerOptions { data: Some(data.clone()), ..options("") };
        let refusal = Server::try_start(options).expect_err(name);
        // Ours, behind what the kit says of the end of the process.
        let (end, said) = refusal.split_once('\n').unwrap();
        let is_failure = end.contains("ended before it listened: exit status: ");
        assert!(is_failure && !end.ends_with(": 0"), "case: {name}: {refusal}");
        for part in [expected, &data.display().to_string()] {
            assert!(said.contains(part), "case: {name}: no `{part}` in {refusal}");
        }
        assert!(!said.contains("panicked"), "case: {name}: {refusal}");
    }
    publish(&server, "orders", &json!("the first server goes on"));
}

/// Size of the file system of the test below, and of the file that takes a part of it.
const DISK_SIZE_BYTES: u64 = 6 * 1_048_576;
const BALLAST_SIZE_BYTES: usize = 2 * 1_048_576;

#[test]
fn a_full_disk_is_said_and_everything_else_goes_on() {
    let disk = match Tmpfs::mount(DISK_SIZE_BYTES) {
        Ok(disk) => disk,
        Err(why) => {
            println!("skipped: {why}");
            return;
        }
    };
    let ballast = disk.path().join("ballast");
    fs::write(&ballast, vec![1; BALLAST_SIZE_BYTES]).unwrap();
    let data = Some(disk.path().join("data"));
    let config = "[hub]\nsegment_size_max_bytes = 262144\nwindow_size_max_bytes = 262144\n";
    let mut server = Server::start(ServerOptions { data, ..options(config) });
    let mut published = Vec::new();
    publish_until_full(&server, &mut published);
    assert!(published.len() > 50, "{} events fill the disk", published.len());

    for n_restarts in 0..2 {
        assert_all(&server, &published);
        let (middle, _) = &published[published.len() / 2];
        let resumed = resume(&server, "full", middle);
        assert_eq!(resumed.greeting["recovered"], true, "restart {n_restarts}");
        assert_eq!(resumed.made().len(), published.len() - published.len() / 2 - 1);
        if n_restarts == 0 {
            // Nothing is lost that could make room, and a full disk stops no start.
            restart_after_kill(&mut server);
            publish_until_full(&server, &mut published);
        }
    }

    fs::remove_file(ballast).unwrap();
    let freed_at = Instant::now();
    let position = loop {
        let response = try_publish(&server, "full", &filler(published.len()));
        if response.status == 201 {
            break response.json()["positions"][0].as_str().unwrap().to_owned();
        }
        assert_problem(&response, 507, "storage-full");
        assert!(freed_at.elapsed() < Duration::from_secs(1), "still full {:?}", freed_at.elapsed());
        std::thread::sleep(Duration::from_millis(10));
    };
    published.push((position, filler(published.len())));
    publish_until_full(&server, &mut published);
    assert_all(&server, &published);
    for (_, restart) in RESTARTS {
        restart(&mut server);
        assert_all(&server, &published);
    }
}

/// The n-th of a row of events of about 20 KB.
fn filler(n: usize) -> Value {
    json!({ "n": n, "text": "y".repeat(20_000) })
}

/// Publishes until the answer is that the disk is full.
fn publish_until_full(server: &Server, published: &mut Vec<(String, Value)>) {
    let bytes_max = 2 * usize::try_from(DISK_SIZE_BYTES).unwrap();
    loop {
        let data = filler(published.len());
        let response = try_publish(server, "full", &data);
        if response.status != 201 {
            assert_problem(&response, 507, "storage-full");
            return;
        }
        let position = response.json()["positions"][0].as_str().unwrap().to_owned();
        published.push((position, data));
        assert!(published.len() * 20_000 < bytes_max, "more is stored than there is room for");
    }
}

/// Checks that a full read shows these events at these positions and no others.
#[track_caller]
fn assert_all(server: &Server, published: &[(String, Value)]) {
    let all = read_all(server, "full");
    let made = all.made();
    for (index, ((id, data), (position, published))) in made.iter().zip(published).enumerate() {
        assert!(id == position && data == published, "event {index} at {id} for {position}");
    }
    assert_eq!(made.len(), published.len(), "events stored and acknowledged");
}

#[test]
fn a_flipped_bit_never_changes_an_event() {
    let config = "[hub]\nsegment_size_max_bytes = 65536\nwindow_size_max_bytes = 65536\n";
    let mut server = server(config);
    let published: BTreeMap<String, String> = (0..60)
        .map(|n| {
            let data = format!("{n} {}", "z".repeat(5_000));
            (publish(&server, "flip", &json!(data)), data)
        })
        .collect();
    server.stop();
    let folder = server.data().join("hub");
    let files = read_folder(&folder);
    let mut sealed: Vec<&PathBuf> = files.keys().filter(|path| is_segment_file(path)).collect();
    // The last segment is open: its tail may be torn, and is then cut off.
    let last = sealed.iter().rposition(|path| path.extension().is_some_and(|end| end == "log"));
    sealed.truncate(last.unwrap());
    assert!(sealed.len() >= 3, "several segments: {sealed:?}");
    let mut n_refused = 0;
    let mut n_shown = 0;
    // Sorted by name, an index comes before its segment.
    for (path, eighth) in [(0, 0), (0, 4), (1, 0), (1, 1), (1, 4), (2, 4), (3, 7)] {
        let path = sealed[path % sealed.len()];
        let mut bytes = files[path].clone();
        let index = (bytes.len() * eighth / 8 + 40).min(bytes.len() - 1);
        bytes[index] ^= 0x10;
        fs::write(path, bytes).unwrap();
        match server.try_restart() {
            Ok(()) => {
                n_shown += check_shown(&server, &published);
                server.stop();
            }
            Err(refusal) => {
                let name = path.file_name().unwrap().display().to_string();
                let is_clear = refusal.contains(&name) && !refusal.contains("panicked");
                assert!(is_clear, "byte {index} of {name}: {refusal}");
                n_refused += 1;
            }
        }
        write_folder(&folder, &files);
    }
    println!("{n_refused} starts refused, {n_shown} unchanged events shown by the others");
    server.restart();
    assert_eq!(check_shown(&server, &published), published.len(), "the undamaged log");
}

/// Says whether a file is a segment or its index, which are named like its first offset.
fn is_segment_file(path: &Path) -> bool {
    let stem = path.file_stem().unwrap().to_string_lossy();
    stem.len() == 20 && stem.bytes().all(|byte| byte.is_ascii_digit())
}

fn read_folder(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

/// Makes the folder hold these files and no others.
fn write_folder(folder: &Path, files: &BTreeMap<PathBuf, Vec<u8>>) {
    fs::remove_dir_all(folder).unwrap();
    fs::create_dir(folder).unwrap();
    for (path, bytes) in files {
        fs::write(path, bytes).unwrap();
    }
}

/// Reads what a server of a damaged log shows, live and by its history; returns how many events.
///
/// It may show less and end the stream, but never an event that nobody published.
fn check_shown(server: &Server, published: &BTreeMap<String, String>) -> usize {
    let mut stream = server.stream("/api/sse/stream?format=named&channels=flip&earliest=1");
    let mut n_shown = 0;
    loop {
        match stream.next_event(PATIENCE) {
            Ok(event) if event.kind == "made" => {
                let id = event.id.unwrap();
                assert_eq!(published.get(&id), Some(&event.data), "at {id}");
                n_shown += 1;
            }
            Ok(event) if event.kind == "ready" => break,
            Ok(_) => {}
            Err(NoEvent::Ended | NoEvent::Broken(_)) => break,
            Err(NoEvent::Timeout) => panic!("neither shown nor ended behind {n_shown} events"),
        }
    }
    let history = server.get("/api/sse/channels/flip/events?limit=1000");
    if history.status == 200 {
        for event in history.json()["events"].as_array().unwrap() {
            let position = event["position"].as_str().unwrap();
            assert_eq!(published.get(position).map(String::as_str), event["data"].as_str());
        }
    } else {
        assert!(history.status >= 500, "{}", history.text());
    }
    n_shown
}
