//! Rules decide: from a change by REST to the answer of the next question, against the built binary
//! and an upstream on loopback.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test ends at the first surprise"
)]

use serde_json::{Value, json};

#[path = "resolver/harness.rs"]
mod harness;

use harness::{Running, message, start};

/// Type A.
const A: u16 = 1;
/// NXDOMAIN.
const NX_DOMAIN: u8 = 3;
/// Extended DNS Error 15, "Blocked" (RFC 8914 §4.16), as an option's data begins.
const BLOCKED: [u8; 2] = [0, 15];

impl Running {
    /// Asks with EDNS and returns the extended errors of the answer.
    fn extended_errors(&self, name: &str) -> Vec<[u8; 2]> {
        let mut question = message(name, A);
        question[11] = 1;
        question.extend([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]);
        self.socket.send(&question).unwrap();
        let mut buffer = [0; 1_500];
        let n_bytes = self.socket.recv(&mut buffer).unwrap();
        let answer = &buffer[..n_bytes];
        // The OPT record is the last one here: root, type 41.
        let opt = answer.windows(3).rposition(|bytes| bytes == [0, 0, 41]).unwrap();
        let mut options = &answer[opt + 11..];
        let mut errors = Vec::new();
        while options.len() >= 4 {
            let n_bytes = usize::from(u16::from_be_bytes([options[2], options[3]]));
            if options[..2] == [0, 15] {
                errors.push([options[4], options[5]]);
            }
            options = &options[4 + n_bytes..];
        }
        errors
    }

    fn block(&self, domain: &str) {
        self.post("/api/v1/dns/rules", &json!({ "action": "block", "domain": domain }));
    }

    fn allow(&self, domain: &str) {
        self.post("/api/v1/dns/rules", &json!({ "action": "allow", "domain": domain }));
    }

    fn undo(&self, action: &str, domain: &str) {
        let answer = self.server.delete(&format!("/api/v1/dns/rules/{action}/{domain}"));
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
}

#[test]
fn a_rule_counts_with_the_next_question_and_so_does_its_undoing() {
    let mut running = start("");
    // What is cached is blocked all the same.
    assert_eq!(running.rcode("www.ads.example", A), 0);
    running.block("ads.example");
    running.block("*.below.example");
    #[rustfmt::skip]
    let cases = [
        ("ads.example",       NX_DOMAIN),
        ("www.ads.example",   NX_DOMAIN),
        ("notads.example",    0),
        ("below.example",     0),
        ("www.below.example", NX_DOMAIN),
    ];
    for round in ["before", "after"] {
        for (name, expected) in cases {
            assert_eq!(running.rcode(name, A), expected, "{name} {round} the restart");
        }
        assert_eq!(running.extended_errors("ads.example"), [BLOCKED]);
        assert!(running.extended_errors("other.example").is_empty());
        running.restart();
    }
    running.undo("block", "ads.example");
    assert_eq!(running.rcode("www.ads.example", A), 0);
    assert_eq!(running.rcode("www.below.example", A), NX_DOMAIN);
    let target = "/api/v1/dns/log?filter=status:blocked%20list:own%20name:=www.ads.example";
    let page = running.wait_for(target, |page| page["entries"][0].is_object());
    assert_eq!(page["entries"][0]["reason"]["rule"], "||ads.example^");
}

#[test]
fn what_is_allowed_is_never_blocked() {
    let running = start("");
    running.block("example");
    running.allow("good.example");
    assert_eq!(running.rcode("www.example", A), NX_DOMAIN);
    assert_eq!(running.rcode("www.good.example", A), 0);
    let check = running.server.get("/api/v1/dns/check?name=www.good.example").json();
    assert_eq!((&check["verdict"], &check["reason"]["list"]), (&json!("allowed"), &json!(0)));
    running.undo("allow", "good.example");
    assert_eq!(running.rcode("www.good.example", A), NX_DOMAIN);
    running.undo("block", "example");
    assert_eq!(running.rcode("www.good.example", A), 0);
}

#[test]
fn lists_of_the_earlier_systems_decide() {
    let running = start("");
    let black = |body: &Value| running.post("/api/dns/blacklist", body);
    let entries = json!([{ "domain": "one.example" }, { "domain": "two.example" }]);
    black(&json!({ "method": "IMPORT", "entries": entries }));
    assert_eq!(running.rcode("two.example", A), NX_DOMAIN);
    black(&json!({ "method": "REMOVE", "key": "two.example" }));
    assert_eq!(running.rcode("two.example", A), 0);
    assert_eq!(running.rcode("one.example", A), NX_DOMAIN);
    // One entry of the whitelist lets that name through and blocks nobody else.
    running.post("/api/dns/whitelist", &json!({ "method": "ADD", "key": "one.example" }));
    assert_eq!(running.rcode("one.example", A), 0);
    assert_eq!(running.rcode("other.example", A), 0);
    black(&json!({ "method": "SET", "driver": "file" }));
    running.post("/api/dns/whitelist", &json!({ "method": "CLEAR" }));
    assert_eq!(running.rcode("one.example", A), 0, "the file has no names yet");
    black(&json!({ "method": "SET", "driver": "sqlite" }));
    assert_eq!(running.rcode("one.example", A), NX_DOMAIN);
    black(&json!({ "method": "CLEAR" }));
    assert_eq!(running.rcode("one.example", A), 0);
}

#[test]
fn the_strict_mode_blocks_what_is_not_listed_but_names_of_this_network() {
    let more = "[[dns.local.rewrites]]\nname = \"nas.home.arpa\"\nvalue = \"192.0.2.9\"\n";
    let running = start(more);
    running.allow("good.example");
    let strict = json!({ "whitelistMode": "strict" });
    running.change("PUT", "/api/dns/config", &strict);
    assert_eq!(running.rcode("www.good.example", A), 0);
    assert_eq!(running.rcode("other.example", A), NX_DOMAIN);
    assert_eq!(running.extended_errors("other.example"), [BLOCKED]);
    assert_eq!(running.rcode("nas.home.arpa", A), 0);
    assert_eq!(running.rcode("localhost", A), 0);
    running.allow("other.example");
    assert_eq!(running.rcode("other.example", A), 0);
    running.undo("allow", "other.example");
    running.wait_for("/api/v1/dns/log?filter=list:strict", |page| page["entries"][0].is_object());
    running.change("PUT", "/api/dns/config", &json!({ "whitelistMode": "off" }));
    assert_eq!(running.rcode("other.example", A), 0);
}

#[test]
fn blocked_names_are_answered_as_the_setting_says() {
    let running = start("");
    running.block("ads.example");
    let set = |answer: &str| {
        let patch = json!({ "blocked_answer": answer }).to_string();
        assert_eq!(running.server.patch("/api/v1/dns/settings", &patch).status, 200);
    };
    #[rustfmt::skip]
    let cases: [(&str, u8, &[u8]); 5] = [
        ("nxdomain",   3, &[]),
        ("refused",    5, &[]),
        ("nodata",     0, &[]),
        ("null",       0, &[0, 0, 0, 0]),
        ("192.0.2.66", 0, &[192, 0, 2, 66]),
    ];
    for (word, rcode, address) in cases {
        set(word);
        let answer = running.ask("ads.example", A);
        assert_eq!(answer[3] & 0x0f, rcode, "case: {word}");
        if !address.is_empty() {
            assert_eq!(answer[7], 1, "case: {word}");
            assert!(answer.windows(4).any(|bytes| bytes == address), "case: {word}");
        }
    }
}

#[test]
fn the_text_of_own_rules_decides_and_names_its_ignored_lines() {
    let mut running = start("");
    let text = "! mine\n||ads.example^\n@@||good.ads.example^\n||x.example^$nosuch\n";
    let answer = running.change("PUT", "/api/v1/dns/rules/text", &json!({ "text": text }));
    assert_eq!((&answer["rules"], &answer["ignored"]), (&json!(2), &json!(1)));
    assert_eq!(answer["ignored_lines"][0]["line"], 4);
    running.block("hand.example");
    for round in ["before", "after"] {
        assert_eq!(running.rcode("www.ads.example", A), NX_DOMAIN, "{round} the restart");
        assert_eq!(running.rcode("good.ads.example", A), 0, "{round} the restart");
        assert_eq!(running.rcode("hand.example", A), NX_DOMAIN, "{round} the restart");
        assert_eq!(running.server.get("/api/v1/dns/rules/text").json()["text"], text);
        let check = running.server.get("/api/v1/dns/check?name=www.ads.example").json();
        let reason = &check["reason"];
        assert_eq!((&reason["list_name"], &reason["line"]), (&json!("own"), &json!(2)));
        let check = running.server.get("/api/v1/dns/check?name=hand.example").json();
        assert_eq!(check["reason"]["list_name"], "blacklist");
        running.restart();
    }
    running.change("PUT", "/api/v1/dns/rules/text", &json!({ "text": "" }));
    assert_eq!(running.rcode("www.ads.example", A), 0);
    assert_eq!(running.rcode("hand.example", A), NX_DOMAIN);
    let large = json!({ "text": "a".repeat(4 * 1_024 * 1_024 + 1) }).to_string();
    let headers = [("content-type", "application/json")];
    let target = "/api/v1/dns/rules/text";
    let refused = running.server.send(tidings_testkit::http::Request {
        method: "PUT",
        target,
        headers: &headers,
        body: large.as_bytes(),
    });
    assert_eq!((refused.status, &refused.json()["limit"]), (400, &json!(4 * 1_024 * 1_024)));
}
