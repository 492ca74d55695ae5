//! Tests of the rules that people manage, with lists that are pasted.

use std::time::Duration;

use super::*;
use crate::client::{ClientView, Selector};
use crate::filter::Query;
use crate::filter::compile::ListKind;
use crate::filter::dialect::Dialect;
use crate::list::fetch::{Fetch, FetchError, FetchRequest, Fetched};
use crate::list::refresh::{Look, Trust};
use crate::list::{LIST_BYTES_MAX, Origin};
use crate::record_type::RecordType;
use crate::safe_search::Engine;
use crate::verdict::{Reason, Verdict};

struct NoServer;

impl Fetch for NoServer {
    fn fetch(&self, _: FetchRequest<'_>, _: &mut dyn io::Write) -> Result<Fetched, FetchError> {
        Err(FetchError::Transport("there is no server".into()))
    }
}

fn subscription(id: u16, kind: ListKind) -> Subscription {
    Subscription {
        id: ListId(id),
        name: "a list".into(),
        origin: Origin::Pasted,
        kind,
        dialect: Dialect::AdGuard,
        is_on: true,
        refresh: Duration::from_hours(1),
    }
}

fn open(folder: &Path) -> (Rulebook, Arc<Mutex<Vec<Arc<Filter>>>>) {
    let published = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&published);
    let publish: Publish = Box::new(move |filter| sink.lock().push(filter));
    let rulebook = Rulebook::open(folder, HashKey::new([1, 2]), publish).expect("opened");
    (rulebook, published)
}

fn paste(rulebook: &Rulebook, id: u16, text: &str) {
    rulebook.store().put_text(ListId(id), text).expect("kept");
    let look = Look {
        store: rulebook.store(),
        fetch: &NoServer,
        bytes_max: LIST_BYTES_MAX,
        now_ms: 1_000,
        random: 0,
        trust: Trust::Checked,
    };
    rulebook.refresh(ListId(id), &look).expect("read");
}

/// What the filter says of `name` asked for from `address`, in a word.
fn verdict(filter: &Filter, name: &str, address: &str, now_ms: u64) -> String {
    let client: ClientView<'_> = filter.client(address.parse().expect("an address"), now_ms);
    match filter.judge(&Query { name, kind: RecordType::A, client }) {
        Verdict::Pass => "pass".into(),
        Verdict::Allowed(reason) => format!("allowed by {}", reason.list.0),
        Verdict::Blocked { reason, .. } => format!("blocked by {}", reason.list.0),
        Verdict::Rewritten { reason, .. } => format!("rewritten by {}", reason.list.0),
        Verdict::Dropped(reason) => format!("dropped by {}", reason.list.0),
    }
}

const ADDRESS: &str = "192.0.2.1";

#[test]
fn tiers_decide_in_their_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let (rulebook, _) = open(folder.path());
    let lists = vec![subscription(1, ListKind::Block), subscription(2, ListKind::Allow)];
    rulebook.set_subscriptions(lists).expect("set");
    paste(&rulebook, 1, "||ads.example^\n||both.example^\n||strict.example^$important\n");
    paste(&rulebook, 2, "||both.example^\n||strict.example^\n");
    rulebook.set_own_rules("@@||mine.ads.example^\n||own.both.example^\n").expect("set");
    let filter = rulebook.filter();
    let cases = [
        ("ads.example", "blocked by 1"),
        ("both.example", "allowed by 2"),
        ("strict.example", "blocked by 1"),
        ("mine.ads.example", "allowed by 0"),
        ("own.both.example", "blocked by 0"),
        ("plain.example", "pass"),
    ];
    for (name, expected) in cases {
        assert_eq!(verdict(&filter, name, ADDRESS, 0), expected, "case: {name}");
    }
    assert_eq!(filter.hits.of(ListId(1)), 2);
    let reason = |list, rule: &str| Reason { list: ListId(list), rule: rule.into(), line: None };
    let found = rulebook.find_line(&reason(1, "||both.example^")).expect("read");
    assert_eq!(found, Some((2, "||both.example^".to_owned())));
    let found = rulebook.find_line(&reason(0, "||own.both.example^")).expect("read");
    assert_eq!(found.map(|(line, _)| line), Some(2));
}

#[test]
fn an_own_rule_leaves_the_compiled_lists_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let (rulebook, published) = open(folder.path());
    rulebook.set_subscriptions(vec![subscription(1, ListKind::Block)]).expect("set");
    paste(&rulebook, 1, "||ads.example^\n");
    let before = rulebook.filter();
    let report = rulebook.set_own_rules("@@||ads.example^\n||x^$nosuch\n").expect("set");
    assert_eq!((report.n_rules, report.n_ignored), (1, 1));
    let after = rulebook.filter();
    assert!(Arc::ptr_eq(&before.lists, &after.lists), "the lists were compiled again");
    let newest = published.lock().last().cloned().expect("published");
    assert_eq!(verdict(&newest, "ads.example", ADDRESS, 0), "allowed by 0");
    assert_eq!(verdict(&before, "ads.example", ADDRESS, 0), "blocked by 1");
}

#[test]
fn everything_is_there_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    {
        let (rulebook, _) = open(folder.path());
        rulebook.set_subscriptions(vec![subscription(1, ListKind::Block)]).expect("set");
        paste(&rulebook, 1, "||ads.example^\n/^track[0-9]/\n");
        rulebook.set_own_rules("||own.example^\n").expect("set");
        rulebook.pause(PauseScope::All, 5, 1_000).expect("paused");
    }
    let (rulebook, _) = open(folder.path());
    rulebook.set_subscriptions(vec![subscription(1, ListKind::Block)]).expect("set");
    rulebook.reload().expect("loaded");
    let filter = rulebook.filter();
    assert_eq!(verdict(&filter, "ads.example", ADDRESS, 2_000), "pass", "the pause goes on");
    assert_eq!(verdict(&filter, "ads.example", ADDRESS, 400_000), "blocked by 1");
    assert_eq!(verdict(&filter, "track7.example", ADDRESS, 400_000), "blocked by 1");
    assert_eq!(verdict(&filter, "own.example", ADDRESS, 400_000), "blocked by 0");
}

#[test]
fn groups_have_lists_rules_and_safe_search_of_their_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let (rulebook, _) = open(folder.path());
    rulebook.set_subscriptions(vec![subscription(1, ListKind::Block)]).expect("set");
    paste(&rulebook, 1, "||ads.example^\n");
    let group = |name: &str| GroupSettings {
        name: name.into(),
        lists_off: Vec::new(),
        rules: String::new(),
        upstreams: None,
        block_answer: None,
        safe_search: SafeSearch::OFF,
        is_filtered: true,
    };
    let groups = [
        GroupSettings {
            rules: "||games.example^\n".into(),
            safe_search: [Engine::Bing].into_iter().collect(),
            ..group("kids")
        },
        GroupSettings { lists_off: vec![ListId(1)], ..group("work") },
        GroupSettings { is_filtered: false, ..group("off") },
    ];
    let client = |name: &str, group: &str, address: &str| Client {
        name: name.into(),
        selectors: vec![Selector::Network(address.parse().expect("an address"))],
        tags: Vec::new(),
        group: group.into(),
    };
    let clients = [
        client("tablet", "kids", "192.0.2.10"),
        client("desk", "work", "192.0.2.20"),
        client("lab", "off", "192.0.2.30"),
    ];
    rulebook.set_clients(&groups, &clients, None).expect("they fit");
    let filter = rulebook.filter();
    #[rustfmt::skip]
    let cases = [
        ("192.0.2.10", "games.example", "blocked by 0"),
        ("192.0.2.10", "ads.example",   "blocked by 1"),
        ("192.0.2.10", "www.bing.com",  "rewritten by 65535"),
        ("192.0.2.20", "ads.example",   "pass"),
        ("192.0.2.20", "games.example", "pass"),
        ("192.0.2.30", "ads.example",   "pass"),
        ("192.0.2.40", "ads.example",   "blocked by 1"),
        ("192.0.2.40", "www.bing.com",  "pass"),
    ];
    for (address, name, expected) in cases {
        assert_eq!(verdict(&filter, name, address, 0), expected, "case: {name} for {address}");
    }
    rulebook.pause(PauseScope::Group("kids"), 10, 0).expect("paused");
    assert_eq!(verdict(&filter, "ads.example", "192.0.2.10", 1_000), "pass");
    assert_eq!(verdict(&filter, "ads.example", "192.0.2.40", 1_000), "blocked by 1");
}

#[test]
fn what_cannot_be_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let (rulebook, published) = open(folder.path());
    for id in [0, 256, u16::MAX] {
        let error = rulebook.set_subscriptions(vec![subscription(id, ListKind::Block)]);
        assert!(matches!(error, Err(RulebookError::BadNumber(_))), "case: {id}");
    }
    let large = "a".repeat(OWN_RULES_BYTES_MAX + 1);
    assert!(matches!(rulebook.set_own_rules(&large), Err(RulebookError::TooLarge)));
    assert!(published.lock().is_empty());
    assert_eq!(rulebook.due(0), None);
}

#[test]
fn names_one_by_one_stand_beside_the_text() {
    let folder = tempfile::tempdir().expect("a folder");
    let (rulebook, _) = open(folder.path());
    rulebook.set_own_rules("||text.example^\n").expect("set");
    let hand = "||ads.example^\n*.below.example^\n@@||good.text.example^\n";
    rulebook.set_hand_rules(|| (hand.into(), false)).expect("set");
    #[rustfmt::skip]
    let cases = [
        ("www.ads.example",   "blocked by 0"),
        ("below.example",     "pass"),
        ("www.below.example", "blocked by 0"),
        ("text.example",      "blocked by 0"),
        ("good.text.example", "allowed by 0"),
        ("other.example",     "pass"),
    ];
    for (name, expected) in cases {
        assert_eq!(verdict(&rulebook.filter(), name, ADDRESS, 0), expected, "case: {name}");
    }
    rulebook.set_own_rules("").expect("set");
    assert_eq!(verdict(&rulebook.filter(), "ads.example", ADDRESS, 0), "blocked by 0");
    rulebook.set_hand_rules(|| ("@@||good.example^\n".into(), true)).expect("set");
    let strict = format!("blocked by {}", ListId::STRICT.0);
    assert_eq!(verdict(&rulebook.filter(), "other.example", ADDRESS, 0), strict);
    assert_eq!(verdict(&rulebook.filter(), "www.good.example", ADDRESS, 0), "allowed by 0");
    rulebook.set_hand_rules(|| (String::new(), false)).expect("set");
    assert_eq!(verdict(&rulebook.filter(), "other.example", ADDRESS, 0), "pass");
}

#[test]
fn lists_come_change_and_go() {
    let folder = tempfile::tempdir().expect("a folder");
    let (rulebook, _) = open(folder.path());
    let one = subscription(1, ListKind::Block);
    rulebook.subscribe(one.clone()).expect("subscribed");
    assert_eq!(rulebook.due(0), Some(ListId(1)));
    paste(&rulebook, 1, "||ads.example^\n");
    assert_eq!(verdict(&rulebook.filter(), "ads.example", ADDRESS, 0), "blocked by 1");
    assert_eq!(rulebook.due(1_000), None);
    assert!(rulebook.next_due_ms().is_some_and(|due_ms| due_ms > 1_000));
    rulebook.paste(ListId(1), "||new.example^\n||x^$nosuch\n").expect("kept");
    assert_eq!(rulebook.due(1_000), Some(ListId(1)), "the same number of rules is no excuse");
    paste(&rulebook, 1, "||new.example^\n||x^$nosuch\n");
    assert_eq!(verdict(&rulebook.filter(), "ads.example", ADDRESS, 0), "pass");
    let ignored = rulebook.ignored_lines(ListId(1)).expect("read").ignored;
    assert_eq!(ignored.iter().map(|line| line.line).collect::<Vec<_>>(), [2]);
    rulebook.subscribe(Subscription { is_on: false, ..one.clone() }).expect("set");
    rulebook.reload().expect("compiled");
    assert_eq!(verdict(&rulebook.filter(), "new.example", ADDRESS, 0), "pass");
    rulebook.subscribe(Subscription { kind: ListKind::Allow, ..one }).expect("set");
    rulebook.reload().expect("compiled");
    assert_eq!(verdict(&rulebook.filter(), "new.example", ADDRESS, 0), "allowed by 1");
    rulebook.unsubscribe(ListId(1)).expect("there");
    rulebook.reload().expect("compiled");
    assert_eq!(verdict(&rulebook.filter(), "new.example", ADDRESS, 0), "pass");
    assert!(!rulebook.store().text_path(ListId(1)).exists());
    assert!(matches!(rulebook.unsubscribe(ListId(1)), Err(RulebookError::NoSuchList(_))));
}

/// Ends the program, so to speak, in the middle of a list.
struct Stopping;

impl Fetch for Stopping {
    fn fetch(&self, _: FetchRequest<'_>, _: &mut dyn io::Write) -> Result<Fetched, FetchError> {
        Err(FetchError::Stopped)
    }
}

#[test]
fn a_look_that_is_broken_off_is_no_failure_of_the_list() {
    let folder = tempfile::tempdir().expect("a folder");
    let (rulebook, _) = open(folder.path());
    let origin = Origin::Url("https://lists.example/ads".into());
    rulebook.subscribe(Subscription { origin, ..subscription(1, ListKind::Block) }).expect("set");
    let look = Look {
        store: rulebook.store(),
        fetch: &Stopping,
        bytes_max: LIST_BYTES_MAX,
        now_ms: 1_000,
        random: 0,
        trust: Trust::Checked,
    };
    rulebook.refresh(ListId(1), &look).expect_err("broken off");
    let state = rulebook.lists().remove(0).state;
    assert_eq!(state, ListState::default());
    rulebook.refresh(ListId(1), &Look { fetch: &NoServer, ..look }).expect_err("no server");
    assert_eq!(rulebook.lists().remove(0).state.n_failures, 1);
}

#[test]
fn groups_share_what_is_cached_unless_they_ask_elsewhere() {
    let folder = tempfile::tempdir().expect("a folder");
    let (rulebook, _) = open(folder.path());
    let group = |name: &str, upstreams: Option<&str>| GroupSettings {
        name: name.into(),
        lists_off: Vec::new(),
        rules: String::new(),
        upstreams: upstreams.map(Into::into),
        block_answer: None,
        safe_search: SafeSearch::OFF,
        is_filtered: true,
    };
    let views = |groups: &[GroupSettings]| {
        rulebook.set_clients(groups, &[], None).expect("they fit");
        let filter = rulebook.filter();
        let views = filter.clients.groups().map(|group| (group.name.to_string(), group.view));
        views.collect::<BTreeMap<_, _>>()
    };
    let first = views(&[group("a", Some("x")), group("b", None), group("c", Some("y"))]);
    assert_eq!((first["b"], first["default"]), (0, 0));
    assert!(first["a"] != 0 && first["c"] != 0 && first["a"] != first["c"]);
    let later = views(&[group("c", Some("y")), group("d", Some("x"))]);
    assert_eq!((later["c"], later["d"]), (first["c"], first["a"]));
}
