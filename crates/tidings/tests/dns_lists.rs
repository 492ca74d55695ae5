//! Lists that are subscribed to: fetched, kept, in effect, and gone again, against the built binary
//! and a server of lists on loopback.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test ends at the first surprise"
)]

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::{Value, json};

#[path = "resolver/harness.rs"]
mod harness;

use harness::{Running, start};

/// Type A.
const A: u16 = 1;
/// NXDOMAIN.
const NX_DOMAIN: u8 = 3;
const LISTS: &str = "/api/v1/dns/lists";

/// What a server of lists has now, and what it was asked.
#[derive(Debug, Default)]
struct Shelf {
    text: String,
    asked: Vec<String>,
}

/// Serves a list at any path, with a tag of its length, until the test ends.
fn serve(shelf: &Arc<Mutex<Shelf>>) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let shelf = Arc::clone(shelf);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let lines = BufReader::new(&stream).lines().map_while(Result::ok);
            let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
            let head = head.join("\n").to_lowercase();
            let mut shelf = shelf.lock();
            let tag = format!("\"{}\"", shelf.text.len());
            let answer = if head.contains(&format!("if-none-match: {tag}")) {
                "HTTP/1.1 304 Not Modified\r\nconnection: close\r\n\r\n".to_owned()
            } else if head.contains("/gone") {
                "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                    .to_owned()
            } else {
                let text = &shelf.text;
                format!(
                    "HTTP/1.1 200 OK\r\netag: {tag}\r\ncontent-length: {}\r\n\
                     connection: close\r\n\r\n{text}",
                    text.len()
                )
            };
            shelf.asked.push(head);
            drop(shelf);
            stream.write_all(answer.as_bytes()).ok();
        }
    });
    address
}

impl Running {
    fn list(&self, id: &Value) -> Value {
        self.server.get(&format!("{LISTS}/{id}")).json()["list"].clone()
    }

    /// Waits until a list is as wanted and the rules are compiled.
    fn wait_for_list(&self, id: &Value, status: &str) -> Value {
        self.wait_for(&format!("{LISTS}/{id}"), |of| of["list"]["status"] == status);
        self.list(id)
    }

    /// Waits until a name is answered so: lists are compiled soon after they have changed.
    fn wait_for_rcode(&self, name: &str, expected: u8) {
        for _ in 0..500 {
            if self.rcode(name, A) == expected {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        panic!("{name} is never answered with {expected}");
    }

    fn refresh(&self, id: &Value, body: &str) {
        let answer = self.server.post(&format!("{LISTS}/{id}/refresh"), body);
        assert_eq!(answer.status, 202, "{}", answer.text());
    }
}

#[test]
fn a_list_is_fetched_and_counts_until_it_is_removed() {
    let shelf = Arc::new(Mutex::new(Shelf::default()));
    shelf.lock().text = "||ads.example^\n||track.example^\n||bad.example^$nosuch\n".into();
    let url = format!("http://{}/ads.txt", serve(&shelf));
    let mut running = start("");
    let added = running.post(LISTS, &json!({ "name": "Ads", "url": url }));
    let id = added["id"].clone();
    running.wait_for_rcode("www.ads.example", NX_DOMAIN);
    let list = running.wait_for_list(&id, "ok");
    assert_eq!((&list["entries"], &list["ignored"]), (&json!(2), &json!(1)));
    assert!(list["updated_at"].is_string() && list["next_at"].is_string(), "{list}");
    let detail = running.server.get(&format!("{LISTS}/{id}")).json();
    assert_eq!(detail["ignored_lines"][0]["line"], 3);
    assert_eq!(running.server.get(LISTS).json()["names"], 2);
    let check = running.server.get("/api/v1/dns/check?name=www.ads.example").json();
    let reason = json!({
        "list": id, "list_name": "Ads", "rule": "||ads.example^", "line": 1,
        "text": "||ads.example^",
    });
    assert_eq!(check["reason"], reason);
    let target = "/api/v1/dns/log?filter=list:ads";
    let page = running.wait_for(target, |page| page["entries"][0].is_object());
    assert_eq!(page["entries"][0]["name"], "www.ads.example");
    let own = json!({ "action": "allow", "domain": "ads.example" });
    running.post("/api/v1/dns/rules", &own);
    assert_eq!(running.rcode("www.ads.example", A), 0, "one's own rules come first");
    assert_eq!(running.server.delete("/api/v1/dns/rules/allow/ads.example").status, 200);
    assert_eq!(running.rcode("www.ads.example", A), NX_DOMAIN);

    // Nothing is fetched again at a start, and everything counts at once.
    let n_asked = shelf.lock().asked.len();
    running.restart();
    assert_eq!(running.rcode("track.example", A), NX_DOMAIN);
    assert_eq!(shelf.lock().asked.len(), n_asked);
    let detail = running.server.get(&format!("{LISTS}/{id}")).json();
    assert_eq!(detail["ignored_lines"][0]["line"], 3);

    running.refresh(&id, "");
    running.wait_for(LISTS, |_| shelf.lock().asked.len() > n_asked);
    assert!(shelf.lock().asked.last().unwrap().contains("if-none-match"));
    shelf.lock().text = "||ads.example^\n||new.example^\n".into();
    running.refresh(&id, "");
    running.wait_for_rcode("new.example", NX_DOMAIN);
    assert_eq!(running.rcode("track.example", A), 0);

    let removed = running.server.delete(&format!("{LISTS}/{id}"));
    assert_eq!((removed.status, &removed.json()["url"]), (200, &json!(url)));
    running.wait_for_rcode("new.example", 0);
    assert_eq!(running.server.get(&format!("{LISTS}/{id}")).status, 404);
    running.restart();
    assert_eq!(running.server.get(LISTS).json()["lists"], json!([]));
}

#[test]
fn a_broken_list_leaves_the_last_good_copy_in_effect() {
    let shelf = Arc::new(Mutex::new(Shelf::default()));
    shelf.lock().text = "one.example\ntwo.example\nthree.example\nfour.example\n".into();
    let address = serve(&shelf);
    let running = start("");
    let url = format!("http://{address}/list");
    let list = json!({ "name": "List", "url": url, "format": "domains" });
    let id = running.post(LISTS, &list)["id"].clone();
    running.wait_for_rcode("two.example", NX_DOMAIN);
    // Neither nothing, nor less than half, nor an error of the server is a list.
    shelf.lock().text = "<html>a portal</html>\n".into();
    running.refresh(&id, "");
    let failed = running.wait_for_list(&id, "failed");
    assert_eq!((&failed["entries"], &failed["failures"]), (&json!(4), &json!(1)));
    assert!(failed["error"]["text"].as_str().unwrap().contains("no rule"), "{failed}");
    shelf.lock().text = "one.example\n".into();
    running.refresh(&id, "");
    running.wait_for(&format!("{LISTS}/{id}"), |of| of["list"]["failures"] == 2);
    assert_eq!(running.rcode("two.example", A), NX_DOMAIN);
    running.refresh(&id, "{\"force\": true}");
    running.wait_for_rcode("two.example", 0);
    assert_eq!(running.wait_for_list(&id, "ok")["entries"], 1);
    let gone = json!({ "url": format!("http://{address}/gone") });
    running.change("PATCH", &format!("{LISTS}/{id}"), &gone);
    let failed = running.wait_for_list(&id, "failed");
    assert!(failed["error"]["text"].as_str().unwrap().contains("404"), "{failed}");
    assert_eq!(running.rcode("one.example", A), NX_DOMAIN);
}

#[test]
fn pasted_lists_are_switched_turned_round_and_changed() {
    let mut running = start("");
    let block = json!({ "name": "Mine", "text": "0.0.0.0 ads.example\n", "format": "hosts" });
    let id = running.post(LISTS, &block)["id"].clone();
    let target = format!("{LISTS}/{id}");
    running.wait_for_rcode("ads.example", NX_DOMAIN);
    running.change("PATCH", &target, &json!({ "on": false }));
    running.wait_for_rcode("ads.example", 0);
    assert_eq!(running.list(&id)["status"], "off");
    running.change("PATCH", &target, &json!({ "on": true, "name": "Ours" }));
    running.wait_for_rcode("ads.example", NX_DOMAIN);
    let good =
        json!({ "name": "Good", "text": "ads.example\n", "kind": "allow", "format": "domains" });
    let good = running.post(LISTS, &good)["id"].clone();
    running.wait_for_rcode("ads.example", 0);
    assert_eq!(running.server.delete(&format!("{LISTS}/{good}")).status, 200);
    running.wait_for_rcode("ads.example", NX_DOMAIN);
    running.change("PATCH", &target, &json!({ "text": "0.0.0.0 bad.example\n" }));
    running.wait_for_rcode("bad.example", NX_DOMAIN);
    assert_eq!(running.rcode("ads.example", A), 0);
    running.change("PATCH", &target, &json!({ "text": "||all.example^\n", "format": "adguard" }));
    running.wait_for_rcode("www.all.example", NX_DOMAIN);
    running.restart();
    assert_eq!(running.rcode("www.all.example", A), NX_DOMAIN);
    let detail = running.server.get(&target).json();
    assert_eq!(
        (&detail["text"], &detail["list"]["name"]),
        (&json!("||all.example^\n"), &json!("Ours"))
    );
}

#[test]
fn the_channel_tells_how_lists_stand() {
    let running = start("");
    let target = "/api/sse/stream?format=named&channels=dns/lists,dns/rules";
    let mut stream = running.server.stream(target);
    stream.collect_until_ready();
    let list = json!({ "name": "Mine", "text": "||ads.example^\n" });
    running.post(LISTS, &list);
    loop {
        let event = stream.expect_event("dns_lists").json();
        if event["lists"][0]["status"] == "ok" && event["names"] == 1 {
            assert_eq!(event["lists"][0]["entries"], 1);
            break;
        }
    }
}

#[test]
fn lists_that_cannot_be_are_refused_and_say_why() {
    let running = start("");
    running.post(LISTS, &json!({ "name": "Ads", "url": "http://lists.example/a", "on": false }));
    #[rustfmt::skip]
    let cases = [
        (json!({ "name": "X" }),                                                     400, "url"),
        (json!({ "name": "X", "url": "http://a.example/", "text": "" }),             400, "url"),
        (json!({ "name": "X", "url": "ftp://a.example/" }),                          400, "url"),
        (json!({ "name": "X", "url": "/etc/passwd" }),                               400, "url"),
        (json!({ "name": "X", "url": format!("http://a.example/{}", "a".repeat(2_048)) }), 400, "url"),
        (json!({ "name": " ", "text": "" }),                                         400, "name"),
        (json!({ "name": "a".repeat(101), "text": "" }),                             400, "name"),
        (json!({ "name": "ADS", "text": "" }),                                       409, "name"),
        (json!({ "name": "X", "url": "http://lists.example/a" }),                    409, "url"),
        (json!({ "name": "X", "text": "", "kind": "maybe" }),                        400, "kind"),
        (json!({ "name": "X", "text": "", "format": "csv" }),                        400, "format"),
        (json!({ "name": "X", "text": "", "interval_s": 1 }),                        400, "interval_s"),
        (json!({ "name": "X", "text": "a".repeat(4 * 1_024 * 1_024 + 1) }),          400, "text"),
    ];
    for (body, status, parameter) in cases {
        let answer = running.server.post(LISTS, &body.to_string());
        let shown: String = body.to_string().chars().take(100).collect();
        assert_eq!(answer.status, status, "case: {shown}: {}", answer.text());
        assert_eq!(answer.json()["parameter"], parameter, "case: {shown}");
    }
    assert_eq!(running.server.get(LISTS).json()["lists"].as_array().unwrap().len(), 1);
    assert_eq!(running.server.get(&format!("{LISTS}/7")).status, 404);
    assert_eq!(running.server.get(&format!("{LISTS}/seven")).status, 404);
    assert_eq!(running.server.post(&format!("{LISTS}/7/refresh"), "").status, 404);
    assert_eq!(running.server.patch(&format!("{LISTS}/7"), "{}").status, 404);
    assert_eq!(running.server.patch(&format!("{LISTS}/1"), "{\"colour\": 1}").status, 400);
}

#[test]
fn a_download_under_way_does_not_hold_up_the_end() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("http://{}/slow", listener.local_addr().unwrap());
    let mut running = start("");
    let id = running.post(LISTS, &json!({ "name": "Slow", "url": url }))["id"].clone();
    let (_silent, _) = listener.accept().unwrap();
    assert_eq!(running.wait_for_list(&id, "loading")["loading_bytes"], 0);
    running.restart();
    let (_silent, _) = listener.accept().unwrap();
    assert_eq!(running.list(&id)["failures"], 0, "breaking off is no failure of the list");
}
