//! Groups, clients, pauses and local names, from a change by REST to the answer of the next
//! question, against the built binary.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test ends at the first surprise"
)]

use serde_json::{Value, json};
use tidings_testkit::ServerOptions;

#[path = "resolver/harness.rs"]
mod harness;

use harness::{Running, config, start, start_with};

/// Type A.
const A: u16 = 1;
/// NXDOMAIN.
const NX_DOMAIN: u8 = 3;
const GROUPS: &str = "/api/v1/dns/groups";
const CLIENTS: &str = "/api/v1/dns/clients";
const PAUSE: &str = "/api/v1/dns/pause";
const REWRITES: &str = "/api/v1/dns/rewrites";

fn block(running: &Running, domain: &str) {
    running.post("/api/v1/dns/rules", &json!({ "action": "block", "domain": domain }));
}

/// Posts what must be refused and returns status and named member.
fn refused(running: &Running, target: &str, body: &Value) -> (u16, Value) {
    let answer = running.server.post(target, &body.to_string());
    (answer.status, answer.json()["parameter"].clone())
}

#[test]
fn groups_decide_for_their_clients_alone() {
    let mut running = start("");
    block(&running, "ads.example");
    let list = json!({ "name": "List", "text": "||list.example^\n" });
    let list = running.post("/api/v1/dns/lists", &list)["id"].clone();
    let kids = json!({
        "name": "kids", "rules": "||games.example^\n@@||ads.example^\n", "lists_off": [list],
    });
    let made = running.post(GROUPS, &kids);
    assert_eq!((&made["clients"], &made["filtered"]), (&json!(0), &json!(true)));
    let tablet = json!({ "name": "tablet", "addresses": ["127.0.0.2"], "group": "kids" });
    let tablet = running.post(CLIENTS, &tablet);
    let net = json!({ "name": "net", "addresses": ["127.0.0.16/28"], "tags": ["guest"] });
    running.post(CLIENTS, &net);
    running.wait_for("/api/v1/dns/lists", |lists| lists["names"] == 1);
    #[rustfmt::skip]
    let cases = [
        ("127.0.0.2",  "games.example", NX_DOMAIN),
        ("127.0.0.2",  "ads.example",   0),
        ("127.0.0.2",  "list.example",  0),
        ("127.0.0.1",  "games.example", 0),
        ("127.0.0.1",  "ads.example",   NX_DOMAIN),
        ("127.0.0.1",  "list.example",  NX_DOMAIN),
        ("127.0.0.17", "ads.example",   NX_DOMAIN),
    ];
    for round in ["before", "after"] {
        for (client, name, expected) in cases {
            let rcode = running.rcode_from(client, name);
            assert_eq!(rcode, expected, "{name} for {client} {round} the restart");
        }
        running.restart();
    }
    let check = running.server.get("/api/v1/dns/check?name=x.example&client=127.0.0.2").json();
    let client = json!({
        "address": "127.0.0.2", "name": "tablet", "group": "kids", "filtered": true,
    });
    assert_eq!(check["client"], client);
    let target = format!("{GROUPS}/kids");
    running.change("PATCH", &target, &json!({ "filtered": false }));
    assert_eq!(running.rcode_from("127.0.0.2", "games.example"), 0);
    running.change("PATCH", &target, &json!({ "filtered": true, "lists_off": null }));
    assert_eq!(running.rcode_from("127.0.0.2", "list.example"), NX_DOMAIN);
    running.change("PATCH", &target, &json!({ "blocked_answer": "refused" }));
    assert_eq!(running.rcode_from("127.0.0.2", "games.example"), 5);
    assert_eq!(running.server.delete(&target).status, 409, "a client is in it");
    let id = &tablet["id"];
    running.change("PATCH", &format!("{CLIENTS}/{id}"), &json!({ "group": "default" }));
    assert_eq!(running.rcode_from("127.0.0.2", "games.example"), 0);
    assert_eq!(running.server.delete(&target).status, 200);
    assert_eq!(running.server.delete(&format!("{CLIENTS}/{id}")).json()["name"], "tablet");
    assert_eq!(running.server.delete(&format!("{CLIENTS}/{id}")).status, 404);
    running.change("PATCH", &format!("{GROUPS}/default"), &json!({ "rules": "||all.example^\n" }));
    assert_eq!(running.rcode_from("127.0.0.9", "all.example"), NX_DOMAIN);
}

#[test]
fn a_client_is_known_by_the_hardware_address_of_its_lease() {
    let folder = tempfile::tempdir().unwrap();
    let leases = folder.path().join("leases");
    std::fs::write(&leases, "0 02:00:00:00:00:07 127.0.0.3 tv *\n").unwrap();
    let running = start_with(ServerOptions {
        config: Some(config("")),
        arguments: vec!["--leases".into(), leases.clone().into()],
        ..ServerOptions::default()
    });
    running.post(GROUPS, &json!({ "name": "screens", "rules": "||films.example^\n" }));
    let tv = json!({ "name": "TV", "addresses": ["02-00-00-00-00-07"], "group": "screens" });
    assert_eq!(running.post(CLIENTS, &tv)["addresses"], json!(["02:00:00:00:00:07"]));
    let check = "/api/v1/dns/check?name=films.example&client=127.0.0.3";
    running.wait_for(check, |check| check["client"]["name"] == "TV");
    assert_eq!(running.rcode_from("127.0.0.3", "films.example"), NX_DOMAIN);
    assert_eq!(running.rcode_from("127.0.0.4", "films.example"), 0);
    // The device moves; so do its rules.
    std::fs::write(&leases, "0 02:00:00:00:00:07 127.0.0.4 tv *\n").unwrap();
    running.wait_for(check, |check| check["client"]["name"].is_null());
    assert_eq!(running.rcode_from("127.0.0.3", "films.example"), 0);
    assert_eq!(running.rcode_from("127.0.0.4", "films.example"), NX_DOMAIN);
}

#[test]
fn blocking_is_paused_for_all_a_group_or_a_client_over_a_restart() {
    let mut running = start("");
    block(&running, "ads.example");
    let client = |running: &Running, name: &str, address: &str, group: &str| {
        let body = json!({ "name": name, "addresses": [address], "group": group });
        running.post(CLIENTS, &body)
    };
    running.post(GROUPS, &json!({ "name": "kids" }));
    client(&running, "tablet", "127.0.0.2", "kids");
    let desk = client(&running, "desk", "127.0.0.3", "default");
    let paused = |running: &Running| {
        let ask = |client| running.rcode_from(client, "ads.example") == 0;
        [ask("127.0.0.1"), ask("127.0.0.2"), ask("127.0.0.3")]
    };
    assert_eq!(paused(&running), [false; 3]);
    running.post(PAUSE, &json!({ "minutes": 5, "client": desk["id"].to_string() }));
    assert_eq!(paused(&running), [false, false, true]);
    running.post(PAUSE, &json!({ "minutes": 5, "group": "kids" }));
    assert_eq!(paused(&running), [false, true, true]);
    running.restart();
    assert_eq!(paused(&running), [false, true, true]);
    let mut stream = running.server.stream("/api/sse/stream?format=named&channels=dns/pauses");
    stream.collect_until_ready();
    running.post(PAUSE, &json!({ "minutes": 5 }));
    assert_eq!(paused(&running), [true; 3]);
    while stream.expect_event("dns_pauses").json()["pauses"].as_array().unwrap().len() != 3 {}
    let status = running.server.get("/api/v1/dns/status").json();
    let scopes: Vec<&Value> =
        status["pauses"].as_array().unwrap().iter().map(|pause| &pause["scope"]).collect();
    assert_eq!(scopes, ["all", "group", "client"]);
    assert_eq!(running.server.delete(&format!("{PAUSE}?all=true")).status, 200);
    assert_eq!(paused(&running), [false, true, true]);
    assert_eq!(running.server.delete(&format!("{PAUSE}?client=127.0.0.3")).status, 200);
    assert_eq!(paused(&running), [false, true, false]);
    let none = running.server.delete(PAUSE).json();
    assert_eq!((none, paused(&running)), (json!({ "pauses": [] }), [false; 3]));
    for (body, status) in [
        (json!({ "minutes": 0 }), 400),
        (json!({ "minutes": 43_201 }), 400),
        (json!({ "minutes": 5, "group": "nobody" }), 404),
        (json!({ "minutes": 5, "client": "nobody" }), 404),
        (json!({ "minutes": 5, "all": true, "group": "kids" }), 400),
        (json!({ "hours": 5 }), 400),
    ] {
        assert_eq!(refused(&running, PAUSE, &body).0, status, "case: {body}");
    }
}

#[test]
fn groups_and_clients_that_cannot_be_are_refused() {
    let running = start("");
    running.post(GROUPS, &json!({ "name": "kids" }));
    running.post(CLIENTS, &json!({ "name": "tv", "addresses": ["192.0.2.7"] }));
    #[rustfmt::skip]
    let cases = [
        (GROUPS,  json!({ "name": "kids" }),                                         409, "name"),
        (GROUPS,  json!({ "name": "default" }),                                      409, "name"),
        (GROUPS,  json!({ "name": "" }),                                             400, "name"),
        (GROUPS,  json!({ "name": "x", "lists_off": [9] }),                          400, "lists_off"),
        (GROUPS,  json!({ "name": "x", "upstreams": "none" }),                       400, "upstreams"),
        (GROUPS,  json!({ "name": "x", "blocked_answer": "no" }),                    400, "blocked_answer"),
        (GROUPS,  json!({ "name": "x", "safe_search": ["altavista"] }),              400, "safe_search"),
        (GROUPS,  json!({ "name": "x", "rules": "a".repeat(65_537) }),               400, "rules"),
        (CLIENTS, json!({ "name": "tv", "addresses": ["192.0.2.8"] }),               409, "name"),
        (CLIENTS, json!({ "name": "x", "addresses": ["192.0.2.7"] }),                409, "addresses"),
        (CLIENTS, json!({ "name": "x", "addresses": [] }),                           400, "addresses"),
        (CLIENTS, json!({ "name": "x", "addresses": ["x"] }),                        400, "addresses"),
        (CLIENTS, json!({ "name": "x", "addresses": ["192.0.2.9"], "group": "no" }), 400, "group"),
        (CLIENTS, json!({ "name": "x", "addresses": ["192.0.2.9"], "tags": ["a b"] }), 400, "tags"),
    ];
    for (target, body, status, parameter) in cases {
        let shown: String = body.to_string().chars().take(100).collect();
        let expected = (status, json!(parameter));
        assert_eq!(refused(&running, target, &body), expected, "case: {shown}");
    }
    assert_eq!(running.server.delete(&format!("{GROUPS}/default")).status, 409);
    assert_eq!(running.server.delete(&format!("{GROUPS}/nobody")).status, 404);
    assert_eq!(running.server.patch(&format!("{GROUPS}/kids"), "{\"colour\": 1}").status, 400);
    let clients = running.server.get(CLIENTS).json();
    assert_eq!(clients["clients"].as_array().unwrap().len(), 1, "{clients}");
}

#[test]
fn local_names_count_with_the_next_question() {
    let more = "[[dns.local.rewrites]]\nname = \"fixed.example\"\nvalue = \"192.0.2.9\"\n";
    let mut running = start(more);
    assert_eq!(running.ask("nas.example", A).last_chunk(), Some(&[198, 51, 100, 7]));
    let nas = running.post(REWRITES, &json!({ "name": "NAS.example.", "value": "192.0.2.7" }));
    assert_eq!((&nas["name"], &nas["type"]), (&json!("nas.example"), &json!("A")));
    running.post(REWRITES, &json!({ "name": "*.lab.example", "value": "192.0.2.8" }));
    let alias = running.post(REWRITES, &json!({ "name": "files.example", "value": "nas.example" }));
    assert_eq!(alias["type"], "CNAME");
    for round in ["before", "after"] {
        for (name, address) in [
            ("nas.example", [192, 0, 2, 7]),
            ("files.example", [192, 0, 2, 7]),
            ("a.lab.example", [192, 0, 2, 8]),
            ("fixed.example", [192, 0, 2, 9]),
        ] {
            let answer = running.ask(name, A);
            assert_eq!(answer.last_chunk(), Some(&address), "{name} {round} the restart");
        }
        let rewrites = running.server.get(REWRITES).json()["rewrites"].clone();
        let ids: Vec<&Value> =
            rewrites.as_array().unwrap().iter().map(|rewrite| &rewrite["id"]).collect();
        assert_eq!(ids, [&Value::Null, &json!(1), &json!(2), &json!(3)]);
        running.restart();
    }
    let same = json!({ "name": "nas.example", "value": "192.0.2.7" });
    assert_eq!(refused(&running, REWRITES, &same).0, 409);
    for body in [
        json!({ "name": "a..b.example", "value": "192.0.2.7" }),
        json!({ "name": "x.example", "value": "a..name" }),
        json!({ "name": "x.example", "value": "not a name" }),
        json!({ "name": "x.example", "type": "AAAA", "value": "192.0.2.7" }),
        json!({ "name": "x.example", "type": "NOPE", "value": "x" }),
    ] {
        assert_eq!(refused(&running, REWRITES, &body), (400, json!("value")), "case: {body}");
    }
    assert_eq!(running.server.delete(&format!("{REWRITES}/1")).status, 200);
    assert_eq!(running.ask("nas.example", A).last_chunk(), Some(&[198, 51, 100, 7]));
    assert_eq!(running.server.delete(&format!("{REWRITES}/1")).status, 404);
}
