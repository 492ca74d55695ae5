//! The commands on the log of a server that does not run: check, repair, export, import, and the
//! copy of segments.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests fail the test")]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use tidings_testkit::binary::find_tidings;
use tidings_testkit::{RawStream, Server, ServerOptions, StreamEvent, own_loopback};

/// Ends of `tidings log check`.
const DAMAGED: i32 = 65;
const IN_USE: i32 = 75;

/// Settings that make segments short and some channels of class state.
const CONFIG: &str = "[hub]\nsegment_size_max_bytes = 4096\nwindow_size_max_bytes = 4096\n\
    [[hub.channels]]\npattern = \"weather/**\"\nclass = \"state\"\n";

fn options(data: Option<&Path>) -> ServerOptions {
    let (config, data) = (Some(CONFIG.to_owned()), data.map(Path::to_owned));
    ServerOptions { listen: own_loopback(), config, data, ..ServerOptions::default() }
}

/// Runs `tidings log` on a data folder.
fn log(data: &Path, arguments: &[&str]) -> Output {
    command(data, arguments).stdin(Stdio::null()).output().unwrap()
}

fn command(data: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(find_tidings().unwrap());
    command.arg("log").args(arguments).arg("--data").arg(data);
    command.env_clear().current_dir(data.parent().unwrap());
    command
}

#[track_caller]
fn succeed(output: &Output) -> String {
    let (said, errors) = texts(output);
    assert!(output.status.success(), "{}: {said}{errors}", output.status);
    said
}

fn texts(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr))
}

fn publish(server: &Server, event: &Value) -> String {
    let response = server.post("/api/sse/events", &event.to_string());
    assert_eq!(response.status, 201, "{}", response.text());
    response.json()["positions"][0].as_str().unwrap_or_default().to_owned()
}

/// Fills a log of several segments and returns the positions of `orders/1`.
fn fill(server: &Server) -> Vec<String> {
    let mut positions = Vec::new();
    for n in 0..60 {
        let filler = "y".repeat(200);
        let data = json!({ "n": n, "filler": filler, "exact": 1.0 });
        positions
            .push(publish(server, &json!({"channel": "orders/1", "type": "made", "data": data})));
        let text = format!("line {n}\nand another \u{2028} \u{1f600}");
        publish(server, &json!({"channel": "notes", "type": "made", "data": text}));
    }
    publish(server, &json!({"channel": "orders/2", "data": null, "ttl_seconds": 86_400}));
    publish(server, &json!({"channel": "weather/oslo", "type": "made", "data": "rain"}));
    publish(server, &json!({"channel": "weather/oslo", "type": "made", "data": "sun"}));
    positions
}

/// Returns all of a channel's events as the history shows them, positions taken out.
fn history(server: &Server, channel: &str) -> Vec<Value> {
    let target = format!("/api/sse/channels/{channel}/events?limit=1000&order=oldest");
    let page = server.get(&target).json();
    let mut events = page["events"].as_array().unwrap().clone();
    for event in &mut events {
        event.as_object_mut().unwrap().remove("position").unwrap();
    }
    events
}

/// Opens a stream behind a position and returns its events up to `ready`, the greeting first.
fn resume(server: &Server, channels: &str, position: &str) -> Vec<StreamEvent> {
    let target = format!("/api/sse/stream?format=named&channels={channels}");
    let headers = [("Last-Event-ID", position)];
    RawStream::open(server.address(), &target, &headers).collect_until_ready()
}

fn reset_of(events: &[StreamEvent]) -> Option<Value> {
    events.iter().find(|event| event.kind == "reset").map(StreamEvent::json)
}

fn offset_of(position: &str) -> u64 {
    position.split('-').nth(1).unwrap().parse().unwrap()
}

/// Names the segments of a log, oldest first.
fn segments(data: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(data.join("hub")).unwrap().map(|entry| entry.unwrap().path());
    let is_segment = |path: &PathBuf| {
        let stem = path.file_stem().unwrap();
        path.extension().is_some_and(|end| end == "log") && stem.len() == 20
    };
    let mut segments: Vec<PathBuf> = files.filter(is_segment).collect();
    segments.sort();
    segments
}

fn flip(path: &Path, index: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[index] ^= 0x10;
    fs::write(path, bytes).unwrap();
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
}

#[test]
fn what_is_exported_and_imported_is_the_same_in_a_new_epoch() {
    let mut old = Server::start(options(None));
    let positions = fill(&old);
    let busy = log(old.data(), &["check"]);
    assert_eq!(busy.status.code(), Some(IN_USE), "{busy:?}");
    let channels = ["orders/1", "orders/2", "notes"];
    let expected = channels.map(|channel| history(&old, channel));
    assert_eq!(expected.each_ref().map(Vec::len), [60, 1, 60]);
    old.stop();

    let said = succeed(&log(old.data(), &["check"]));
    for part in ["121 events on 3 channels", positions[0].as_str(), "closed whole", "is whole"] {
        assert!(said.contains(part), "no `{part}` in {said}");
    }
    let found: Value =
        serde_json::from_str(&succeed(&log(old.data(), &["check", "--json"]))).unwrap();
    assert_eq!((&found["whole"], &found["events"]), (&json!(true), &json!(121)), "{found}");
    let file = old.folder().join("backup.ndjson");
    succeed(&log(old.data(), &["export", "-o", file.to_str().unwrap()]));
    assert_eq!(fs::read_to_string(&file).unwrap(), succeed(&log(old.data(), &["export"])));

    let data = old.folder().join("imported");
    let said = succeed(&log(&data, &["import", file.to_str().unwrap()]));
    assert!(said.contains("121 events on 3 channels and 7 state values"), "{said}");
    let again = log(&data, &["import", file.to_str().unwrap()]);
    let (_, errors) = texts(&again);
    assert_eq!(again.status.code(), Some(1), "{errors}");
    assert!(errors.contains("is not empty") && errors.contains("--data"), "{errors}");

    let new = Server::start(options(Some(&data)));
    for (channel, expected) in channels.iter().zip(&expected) {
        assert_eq!(&history(&new, channel), expected, "channel {channel}");
    }
    let resumed = resume(&new, "orders/1", &positions[30]);
    assert_eq!(reset_of(&resumed).unwrap()["reason"], "epoch", "{resumed:?}");
    let weather = resume(&new, "weather/*", "");
    assert!(weather.iter().any(|event| event.data == "sun"), "{weather:?}");
}

#[test]
fn an_export_takes_what_is_asked_for() {
    let mut server = Server::start(options(None));
    let positions = fill(&server);
    server.stop();
    let lines = |arguments: &[&str]| -> Vec<Value> {
        let text = succeed(&log(server.data(), arguments));
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let of_two = lines(&["export", "--channel", "orders/*", "--channel", "weather/oslo"]);
    let n_of = |kind: &str| of_two.iter().filter(|line| line["record"] == kind).count();
    assert_eq!((n_of("header"), n_of("event"), n_of("state"), n_of("end")), (1, 61, 1, 1));
    assert_eq!(of_two[0]["channels"], json!(["orders/*", "weather/oslo"]));
    let later = lines(&["export", "--after", &positions[58]]);
    assert_eq!(later[0]["after"], positions[58].as_str());
    assert_eq!(later.last().unwrap(), &json!({"record": "end", "events": 4, "states": 7}));
    let (epoch, rest) = positions[58].split_once('-').unwrap();
    let offset = rest.split_once('-').unwrap().0;
    #[rustfmt::skip]
    let cases = [
        ("no position",   "7".to_owned(),                     "no position"),
        ("other epoch",   format!("aaaaaa-{rest}"),           "is of epoch"),
        ("the future",    format!("{epoch}-9999-aaaa"),       "ends with offset"),
        ("another event", format!("{epoch}-{offset}-aaaa"),   "another event"),
    ];
    for (name, position, expected) in cases {
        let refused = log(server.data(), &["export", "--after", &position]);
        let (said, errors) = texts(&refused);
        assert_eq!(refused.status.code(), Some(1), "case: {name}: {errors}");
        assert!(said.is_empty() && errors.contains(expected), "case: {name}: {errors}");
    }
}

#[test]
fn a_damaged_log_is_refused_explained_and_mended() {
    let mut server = Server::start(options(None));
    let positions = fill(&server);
    let expected = history(&server, "orders/1");
    server.stop();
    let segments = segments(server.data());
    assert!(segments.len() > 3, "{segments:?}");
    let name = segments[1].file_name().unwrap().to_str().unwrap();
    flip(&segments[1], 2_000);
    // So that the server reads the segment.
    fs::remove_file(segments[1].with_extension("idx")).unwrap();

    let refusal = server.try_restart().unwrap_err();
    for part in [name, "damaged at byte", "tidings log check"] {
        assert!(refusal.contains(part), "no `{part}` in {refusal}");
    }
    let found = log(server.data(), &["check", "--json"]);
    assert_eq!(found.status.code(), Some(DAMAGED), "{found:?}");
    let found: Value = serde_json::from_slice(&found.stdout).unwrap();
    let damage = &found["damages"][0];
    assert_eq!(damage["file"], name, "{found}");
    let byte = damage["byte"].as_u64().unwrap();
    assert!((1_500..=2_000).contains(&byte), "{damage}");
    assert!(refusal.contains(&format!("byte {byte}")), "{refusal}");
    let lost = damage["lost_first_offset"].as_u64().unwrap();
    assert_eq!(damage["lost_last_offset"], lost, "one event");
    let (said, _) = texts(&log(server.data(), &["check"]));
    assert!(said.contains("--skip") && said.contains("--truncate"), "{said}");
    let refused = log(server.data(), &["export"]);
    assert_eq!((refused.status.code(), refused.stdout.len()), (Some(DAMAGED), 0));

    let damaged = server.folder().join("damaged");
    copy_folder(&server.data().join("hub"), &damaged.join("hub"));
    let before = fs::read(&segments[1]).unwrap();
    let said = succeed(&log(server.data(), &["repair", "--skip"]));
    assert!(said.contains("nothing was changed"), "{said}");
    assert_eq!(fs::read(&segments[1]).unwrap(), before, "a dry run");
    succeed(&log(server.data(), &["repair", "--skip", "--yes"]));
    succeed(&log(server.data(), &["check"]));
    server.restart();
    let is_lost = |index: usize| offset_of(&positions[index]) == lost;
    let kept: Vec<Value> =
        (0..60).filter(|index| !is_lost(*index)).map(|index| expected[index].clone()).collect();
    assert_eq!(history(&server, "orders/1"), kept);
    let (oldest, newest) = (&positions[0], &positions[59]);
    let behind = resume(&server, "orders/1", oldest);
    assert_eq!(reset_of(&behind).unwrap()["reason"], "trimmed", "{behind:?}");
    let n_shown = behind.iter().filter(|event| event.kind == "made").count();
    assert_eq!(n_shown, kept.len() - 1, "all that is left behind the first");
    let ahead = resume(&server, "orders/1", newest);
    assert_eq!(reset_of(&ahead), None, "nothing is lost behind the damage");
    assert_eq!(ahead[0].json()["recovered"], true);
    assert!(segments[1].with_file_name(format!("{name}.damaged")).exists());

    let said = succeed(&log(&damaged, &["repair", "--truncate", "--yes", "--no-copy"]));
    assert!(said.contains("new epoch"), "{said}");
    let cut = Server::start(options(Some(&damaged)));
    let n_kept = positions.iter().filter(|position| offset_of(position) < lost).count();
    assert_eq!(history(&cut, "orders/1"), expected[..n_kept]);
    assert_eq!(reset_of(&resume(&cut, "orders/1", newest)).unwrap()["reason"], "epoch");
    let names = fs::read_dir(damaged.join("hub")).unwrap();
    assert!(
        names
            .into_iter()
            .all(|entry| { !entry.unwrap().file_name().to_string_lossy().contains("damaged") })
    );
}

#[test]
fn damaged_settings_are_made_anew() {
    let mut server = Server::start(options(None));
    let positions = fill(&server);
    let expected = history(&server, "orders/1");
    server.stop();
    flip(&server.data().join("hub/meta.log"), 9);
    let refusal = server.try_restart().unwrap_err();
    assert!(refusal.contains("meta.log") && refusal.contains("tidings log check"), "{refusal}");
    let said = succeed(&log(server.data(), &["repair", "--skip", "--yes"]));
    assert!(said.contains("state values and settings may be lost"), "{said}");
    server.restart();
    assert_eq!(history(&server, "orders/1"), expected);
    let resumed = resume(&server, "orders/1", &positions[59]);
    assert_eq!(reset_of(&resumed).unwrap()["reason"], "epoch", "{resumed:?}");
}

#[test]
fn bad_input_is_named_and_imports_nothing() {
    let mut server = Server::start(options(None));
    fill(&server);
    server.stop();
    let export = succeed(&log(server.data(), &["export"]));
    let lines: Vec<&str> = export.lines().collect();
    let with = |index: usize, line: &str| {
        let mut lines = lines.clone();
        lines[index] = line;
        lines.join("\n")
    };
    let swapped = {
        let mut lines = lines.clone();
        lines.swap(3, 4);
        lines.join("\n")
    };
    let other_type = lines[7].replace("made", "mode");
    let no_time = lines[9].replace("\"time\"", "\"tame\"");
    let bad_channel = lines[11].replace("orders/1", "orders//1");
    #[rustfmt::skip]
    let cases = [
        ("empty",          String::new(),                          vec!["empty"]),
        ("no header",      lines[1..].join("\n"),                  vec!["line 1", "header"]),
        ("not ours",       with(0, "{\"record\":\"header\",\"format\":\"other\"}"), vec!["line 1", "`format`"]),
        ("nonsense",       with(5, "nonsense"),                    vec!["line 6", "no JSON object"]),
        ("changed",        with(7, &other_type),                   vec!["line 8", "`position`"]),
        ("no time",        with(9, &no_time),                      vec!["line 10", "`time`"]),
        ("bad channel",    with(11, &bad_channel),                 vec!["line 12", "`channel`"]),
        ("swapped",        swapped,                                vec!["line 5", "`position`", "follow"]),
        ("cut at a line",  lines[..90].join("\n"),                 vec!["line 90", "cut short"]),
        ("cut in a line",  export[..export.len() / 2].to_owned(),  vec!["no JSON object"]),
        ("a line missing", [&lines[..20], &lines[21..]].concat().join("\n"), vec!["120", "121 events"]),
        ("twice",          format!("{export}{export}"),            vec!["behind the last line"]),
        ("not UTF-8",      String::new(),                          vec!["line 2", "utf-8"]),
    ];
    let data = server.folder().join("imported");
    let file = server.folder().join("bad.ndjson");
    for (name, text, expected) in cases {
        let mut bytes = text.into_bytes();
        if name == "not UTF-8" {
            bytes = format!("{}\n", lines[0]).into_bytes();
            bytes.extend([b'"', 0xff, b'\n']);
        }
        fs::write(&file, bytes).unwrap();
        let refused = log(&data, &["import", file.to_str().unwrap()]);
        let (said, errors) = texts(&refused);
        assert_eq!(refused.status.code(), Some(1), "case: {name}: {said}{errors}");
        for part in expected.into_iter().chain(["nothing was imported"]) {
            assert!(errors.contains(part), "case: {name}: no `{part}` in {errors}");
        }
        let left: Vec<_> = fs::read_dir(&data).unwrap().collect();
        assert!(left.is_empty(), "case: {name}: {left:?}");
    }
    let new = Server::start(options(Some(&data)));
    assert!(new.get("/api/sse/channels/orders/1/events").status == 404, "an empty log");
}

#[test]
fn a_killed_import_is_noticed_and_can_be_started_again() {
    let mut server = Server::start(options(None));
    fill(&server);
    let expected = history(&server, "notes");
    server.stop();
    let export = succeed(&log(server.data(), &["export"]));
    let data = server.folder().join("imported");
    let mut import = command(&data, &["import", "-"]);
    let mut import = import.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut input = import.stdin.take().unwrap();
    // Enough lines that the rest of them does not fit into the pipe.
    let (header, events) = export.split_once('\n').unwrap();
    input.write_all(header.as_bytes()).unwrap();
    input.write_all(b"\n").unwrap();
    let first = events.lines().next().unwrap().replace("\"position\"", "\"gone\"");
    let position_end = first.find("\"channel\"").unwrap();
    let event = format!("{{\"record\":\"event\",{}\n", &first[position_end..]);
    for _ in 0..2_000 {
        input.write_all(event.as_bytes()).unwrap();
    }
    let beside = log(&data, &["import", "-"]);
    let (_, errors) = texts(&beside);
    assert!(!beside.status.success() && errors.contains("another import"), "{errors}");
    import.kill().unwrap();
    import.wait().unwrap();
    drop(input);
    let refusal = Server::try_start(options(Some(&data))).unwrap_err();
    assert!(refusal.contains("import") && refusal.contains("not finished"), "{refusal}");

    let mut again = command(&data, &["import", "-"]);
    let again = again.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut again = again.spawn().unwrap();
    again.stdin.take().unwrap().write_all(export.as_bytes()).unwrap();
    let said = succeed(&again.wait_with_output().unwrap());
    assert!(said.contains("121 events"), "{said}");
    let new = Server::start(options(Some(&data)));
    assert_eq!(history(&new, "notes"), expected);
}

#[test]
fn a_copy_of_the_complete_segments_of_a_running_server_can_be_served() {
    let server = Server::start(options(None));
    let positions = fill(&server);
    let expected = history(&server, "orders/1");
    let data = server.folder().join("copy");
    fs::create_dir_all(data.join("hub")).unwrap();
    let mut n_copied = 0;
    for segment in segments(server.data()) {
        let index = segment.with_extension("idx");
        if !index.exists() {
            continue;
        }
        for file in [segment, index] {
            fs::copy(&file, data.join("hub").join(file.file_name().unwrap())).unwrap();
        }
        n_copied += 1;
    }
    assert!(n_copied > 2, "{n_copied} segments");
    let said = succeed(&log(&data, &["check"]));
    assert!(said.contains("a new epoch begins with the next start"), "{said}");
    let mut copy = Server::start(options(Some(&data)));
    for n_restarts in 0..2 {
        let copied = history(&copy, "orders/1");
        let n_events = copied.len() - n_restarts;
        assert!(n_events > 30 && copied[..n_events] == expected[..n_events], "{copied:?}");
        let resumed = resume(&copy, "orders/1", &positions[10]);
        assert_eq!(reset_of(&resumed).unwrap()["reason"], "epoch", "{resumed:?}");
        publish(&copy, &json!({"channel": "orders/1", "type": "made", "data": "new"}));
        copy.stop();
        copy.restart();
    }
}

#[test]
fn what_cannot_be_done_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("none");
    let check = log(&data, &["check"]);
    let (_, errors) = texts(&check);
    assert_eq!(check.status.code(), Some(1), "{errors}");
    assert!(errors.contains("there is no log") && errors.contains("--data"), "{errors}");
    assert!(!data.exists(), "nothing is made");
    let repair = log(&data, &["repair"]);
    assert_eq!(repair.status.code(), Some(2), "one of the cures must be chosen");
    let import = log(&data, &["import", "/none/such"]);
    let (_, errors) = texts(&import);
    assert_eq!(import.status.code(), Some(1), "{errors}");
    assert!(errors.contains("read /none/such"), "{errors}");
    let left = data.join("hub.import");
    assert!(!left.exists(), "a failed import leaves nothing that stops the server");
}
