//! Runs rules against questions: those of `tests/rules`, and the examples of `docs/dns-rules.md`.
//!
//! A case is some lines of rules and the questions to them, which begin with `?`:
//!
//! ```text
//! ||example.org^$client=192.0.2.7
//! ? www.example.org AAAA client=192.0.2.7 = blocked
//! ? www.example.org = pass
//! ```
//!
//! A blank line ends a case; lines that begin with `;` are comments between them.

use std::path::Path;
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use tidings_dns::client::{ClientView, Group};
use tidings_dns::filter::compile::{self, ListKind, ListSource, ListText};
use tidings_dns::filter::dialect::Dialect;
use tidings_dns::filter::suffixes::HashKey;
use tidings_dns::filter::{Filter, Query};
use tidings_dns::record_type::RecordType;
use tidings_dns::verdict::{BlockAnswer, ListId, Rewrite, Verdict};

/// One case with the line where it begins.
struct Case {
    line: usize,
    rules: String,
    questions: Vec<(usize, String)>,
}

fn parse_cases(text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let mut is_open = false;
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim().is_empty() {
            is_open = false;
        } else if !line.starts_with(';') {
            if !is_open {
                cases.push(Case { line: number, rules: String::new(), questions: Vec::new() });
                is_open = true;
            }
            let case = cases.last_mut().expect("one is open");
            if let Some(question) = line.strip_prefix("? ") {
                case.questions.push((number, question.to_owned()));
            } else {
                case.rules.push_str(line);
                case.rules.push('\n');
            }
        }
    }
    cases
}

fn filter_of(dialect: Dialect, kind: ListKind, rules: &str) -> Filter {
    let text = ListText::Inline(rules.into());
    let source = ListSource { list: ListId(1), kind, dialect, text };
    let (lists, _) =
        compile::compile(HashKey::new([1, 2]), &[source], &mut |_, _| {}).expect("text in memory");
    Filter { lists: Arc::new(lists), ..Filter::default() }
}

/// Asks `name TYPE client=… client-name=… tag=…` and writes the verdict down.
fn ask(filter: &Filter, question: &str) -> String {
    let mut words = question.split_ascii_whitespace();
    let name = words.next().expect("a name").to_ascii_lowercase();
    let (mut kind, mut address) = (RecordType::A, None);
    let (mut names, mut tags): (Vec<Arc<str>>, Vec<Arc<str>>) = (Vec::new(), Vec::new());
    for word in words {
        match word.split_once('=') {
            Some(("client", value)) => address = Some(value.parse().expect("an address")),
            Some(("client-name", value)) => names.push(value.replace('_', " ").into()),
            Some(("tag", value)) => tags.push(value.into()),
            _ => kind = RecordType::parse(word).expect("a type"),
        }
    }
    tags.sort_unstable();
    let group = Group::default();
    let client =
        ClientView { address, names: &names, tags: &tags, group: &group, is_filtered: true };
    let name = if name == "." { "" } else { &name };
    describe(&filter.judge(&Query { name, kind, client }))
}

fn describe(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Pass => "pass".into(),
        Verdict::Allowed(_) => "allowed".into(),
        Verdict::Dropped(_) => "dropped".into(),
        Verdict::Blocked { answer, .. } => match answer {
            None => "blocked".into(),
            Some(BlockAnswer::NxDomain) => "blocked nxdomain".into(),
            Some(BlockAnswer::NoData) => "blocked nodata".into(),
            Some(BlockAnswer::NullAddress) => "blocked null".into(),
            Some(BlockAnswer::Refused) => "blocked refused".into(),
            Some(BlockAnswer::Own { v4, v6 }) => {
                let v4 = v4.map(|address| address.to_string());
                let v6 = v6.map(|address| address.to_string());
                let addresses: Vec<String> = v4.into_iter().chain(v6).collect();
                format!("blocked {}", addresses.join(" "))
            }
        },
        Verdict::Rewritten { rewrites, .. } => {
            let rewrites: Vec<String> = rewrites.iter().map(describe_rewrite).collect();
            format!("rewritten {}", rewrites.join(", "))
        }
    }
}

fn describe_rewrite(rewrite: &Rewrite) -> String {
    match rewrite {
        Rewrite::Address(address) => address.to_string(),
        Rewrite::CanonicalName(name) => format!("CNAME {name}"),
        Rewrite::Record { kind, data } => format!("{kind} {data}"),
        Rewrite::ResponseCode(code) => format!("code {code}"),
    }
}

/// Runs the cases of `text` and returns how many questions were asked.
fn run(origin: &str, dialect: Dialect, kind: ListKind, text: &str) -> usize {
    let (mut wrong, mut n_questions) = (Vec::new(), 0);
    for case in parse_cases(text) {
        assert!(!case.questions.is_empty(), "{origin}:{} asks nothing", case.line);
        let filter = filter_of(dialect, kind, &case.rules);
        for (line, question) in &case.questions {
            n_questions += 1;
            let (asked, expected) = question.rsplit_once(" = ").expect("` = ` and a verdict");
            let verdict = ask(&filter, asked);
            if verdict != expected {
                wrong.push(format!("{origin}:{line}: {asked}: {verdict}, not {expected}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {n_questions}:\n{}", wrong.len(), wrong.join("\n"));
    n_questions
}

#[test]
fn adguard_rules_judge_as_they_say() {
    let n_questions =
        run("adguard.txt", Dialect::AdGuard, ListKind::Block, include_str!("rules/adguard.txt"));
    assert!(n_questions > 200, "only {n_questions} questions were found");
}

#[test]
fn hosts_files_judge_as_they_say() {
    run("hosts.txt", Dialect::Hosts, ListKind::Block, include_str!("rules/hosts.txt"));
}

#[test]
fn plain_names_judge_as_they_say() {
    run("domains.txt", Dialect::Domains, ListKind::Block, include_str!("rules/domains.txt"));
}

#[test]
fn dnsmasq_options_judge_as_dnsmasq_answers() {
    run("dnsmasq.txt", Dialect::Dnsmasq, ListKind::Block, include_str!("rules/dnsmasq.txt"));
}

#[test]
fn pihole_entries_judge_as_they_say() {
    run("pihole.txt", Dialect::PiHole, ListKind::Block, include_str!("rules/pihole.txt"));
}

#[test]
fn blocky_lists_judge_as_they_say() {
    run("blocky.txt", Dialect::Blocky, ListKind::Block, include_str!("rules/blocky.txt"));
}

#[test]
fn lists_that_allow_turn_rules_round() {
    run("allow.txt", Dialect::AdGuard, ListKind::Allow, include_str!("rules/allow.txt"));
}

#[test]
fn the_examples_of_the_documentation_are_true() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/dns-rules.md");
    let text = std::fs::read_to_string(&path).expect("docs/dns-rules.md is there");
    let mut n_questions = 0;
    let mut rest = text.as_str();
    while let Some((_, after)) = rest.split_once("\n```rules ") {
        let (head, body) = after.split_once('\n').expect("the block has a first line");
        let (example, after) = body.split_once("\n```").expect("the block ends");
        let dialect = Dialect::parse(head.trim()).expect("the block names a dialect");
        n_questions += run("docs/dns-rules.md", dialect, ListKind::Block, example);
        rest = after;
    }
    assert!(n_questions >= 30, "only {n_questions} questions are in the examples");
}

/// Compiles one list, without a say of anybody else.
fn compiled(dialect: Dialect, text: ListText) -> Filter {
    let list = ListSource { list: ListId(1), kind: ListKind::Block, dialect, text };
    let (lists, reports) =
        compile::compile(HashKey::new([1, 2]), &[list], &mut |_, _| {}).expect("it can be read");
    assert!(reports.iter().all(|report| report.ignored.len() <= report.n_ignored));
    Filter { lists: Arc::new(lists), ..Filter::default() }
}

fn judge(filter: &Filter, name: &str) -> Verdict {
    let group = Group::default();
    let client =
        ClientView { address: None, names: &[], tags: &[], group: &group, is_filtered: true };
    filter.judge(&Query { name, kind: RecordType::A, client })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_are_read_in_every_dialect(bytes in vec(any::<u8>(), 0..600)) {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), &bytes).expect("written");
        for (dialect, _) in Dialect::ALL {
            let filter = compiled(dialect, ListText::File(file.path().to_owned()));
            judge(&filter, "www.example.org");
        }
    }

    #[test]
    fn what_looks_like_rules_is_read_in_every_dialect(
        text in "([|@/$^*.,=~!#:;{}\\[\\]\"\\\\ a-c0-9-]{0,40}|address=/[a.*]{0,9}/[0-9.#]{0,8}|\\{\"list\":\"(gravity|deny-regex)\",\"entry\":\"[a.^\\[(+;=]{0,12}\"\\})(\n[|@/$^*.,=~a-c0-9-]{0,30}){0,8}",
    ) {
        for (dialect, _) in Dialect::ALL {
            let filter = compiled(dialect, ListText::Inline(text.as_str().into()));
            for name in ["a", "a.b", "c.a.b", "192.0.2.1"] {
                judge(&filter, name);
            }
        }
    }

    #[test]
    fn compiled_names_say_what_names_one_by_one_say(
        rules in vec((0_u8..4, "[ab]{2,3}(\\.[ab]{2,3}){1,3}"), 0..40),
        names in vec("[ab]{2,3}(\\.[ab]{2,3}){0,4}", 20),
    ) {
        let is_below = |name: &str, domain: &str| {
            name.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
        };
        let mut text = String::new();
        for (shape, domain) in &rules {
            let line = match shape {
                0 => domain.clone(),
                1 => format!("||{domain}^"),
                2 => format!("*.{domain}^"),
                _ => format!("@@||{domain}^"),
            };
            text.push_str(&line);
            text.push('\n');
        }
        let filter = compiled(Dialect::AdGuard, ListText::Inline(text.as_str().into()));
        for name in &names {
            let matches = |(shape, domain): &&(u8, String)| match shape {
                0 => name == domain,
                2 => is_below(name, domain),
                _ => name == domain || is_below(name, domain),
            };
            let is_allowed = rules.iter().filter(matches).any(|(shape, _)| *shape == 3);
            let is_blocked = rules.iter().filter(matches).any(|(shape, _)| *shape != 3);
            match judge(&filter, name) {
                Verdict::Allowed(_) => prop_assert!(is_allowed, "{} by\n{}", name, text),
                Verdict::Blocked { .. } => {
                    prop_assert!(is_blocked && !is_allowed, "{} by\n{}", name, text);
                }
                Verdict::Pass => {
                    prop_assert!(!is_blocked && !is_allowed, "{} by\n{}", name, text);
                }
                other @ (Verdict::Rewritten { .. } | Verdict::Dropped(_)) => {
                    prop_assert!(false, "{:?}", other);
                }
            }
        }
    }
}
