//! Tests of looks at lists, over a server that is played.

use parking_lot::Mutex;

use super::*;
use crate::filter::compile::ListKind;
use crate::filter::dialect::Dialect;
use crate::list::LIST_BYTES_MAX;
use crate::verdict::ListId;

/// A server that answers as the test says.
#[derive(Default)]
struct Played {
    text: Mutex<String>,
    etag: Mutex<Option<String>>,
    is_broken: Mutex<bool>,
    n_full: Mutex<u32>,
}

impl Fetch for Played {
    fn fetch(
        &self,
        request: FetchRequest<'_>,
        sink: &mut dyn Write,
    ) -> Result<Fetched, FetchError> {
        let etag = self.etag.lock().clone();
        if etag.is_some() && request.etag == etag.as_deref() {
            return Ok(Fetched::Unchanged);
        }
        let text = self.text.lock().clone();
        if *self.is_broken.lock() {
            sink.write_all(&text.as_bytes()[..text.len() / 2]).map_err(FetchError::Sink)?;
            return Err(FetchError::Transport("reset".into()));
        }
        *self.n_full.lock() += 1;
        sink.write_all(text.as_bytes()).map_err(FetchError::Sink)?;
        Ok(Fetched::New { etag, last_modified: None })
    }
}

struct Bench {
    _folder: tempfile::TempDir,
    store: Store,
    server: Played,
    subscription: Subscription,
    state: ListState,
    now_ms: u64,
    bytes_max: u64,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&folder.path().join("lists")).expect("a store");
        let subscription = Subscription {
            id: ListId(3),
            name: "ads".into(),
            origin: Origin::Url("http://lists.example/ads.txt".into()),
            kind: ListKind::Block,
            dialect: Dialect::AdGuard,
            is_on: true,
            refresh: Duration::from_hours(1),
        };
        Self {
            _folder: folder,
            store,
            server: Played::default(),
            subscription,
            state: ListState::default(),
            now_ms: 1_000_000,
            bytes_max: LIST_BYTES_MAX,
        }
    }

    fn look(&mut self, trust: Trust) -> Result<Refreshed, RefreshError> {
        let look = Look {
            store: &self.store,
            fetch: &self.server,
            bytes_max: self.bytes_max,
            now_ms: self.now_ms,
            random: 0,
            trust,
        };
        refresh(&self.subscription, &mut self.state, &look, &mut |_| {})
    }

    fn copy(&self) -> String {
        std::fs::read_to_string(self.store.text_path(self.subscription.id)).unwrap_or_default()
    }
}

fn names(n_names: usize) -> String {
    let lines: Vec<String> =
        (0..n_names).map(|number| format!("||host{number}.example^")).collect();
    lines.join("\n") + "\n"
}

#[test]
fn a_list_is_fetched_kept_and_asked_for_conditionally() {
    let mut bench = Bench::new();
    *bench.server.text.lock() = names(10);
    *bench.server.etag.lock() = Some("\"one\"".into());
    assert_eq!(bench.look(Trust::Checked).expect("fetched"), Refreshed::Changed);
    assert_eq!((bench.state.n_rules, bench.copy()), (10, names(10)));
    assert_eq!(bench.state.next_at_ms, Some(1_000_000 + 3_600_000));
    assert_eq!(bench.look(Trust::Checked).expect("unchanged"), Refreshed::Unchanged);
    assert_eq!(*bench.server.n_full.lock(), 1);
    std::fs::remove_file(bench.store.text_path(ListId(3))).expect("removed");
    assert_eq!(bench.look(Trust::Checked).expect("fetched"), Refreshed::Changed, "copy was lost");
    bench.store.save_state(ListId(3), &bench.state).expect("kept");
    assert_eq!(bench.store.load_state(ListId(3)).expect("read"), bench.state);
}

#[test]
fn broken_lists_leave_the_last_good_copy() {
    let mut bench = Bench::new();
    *bench.server.text.lock() = names(100);
    bench.look(Trust::Checked).expect("fetched");
    let cases = [
        ("! nothing but comments\n".to_owned(), "no rule that counts"),
        ("<html><body>503</body></html>\n".to_owned(), "no rule that counts"),
        (names(49), "49 rules instead of 100"),
    ];
    for (text, expected) in cases {
        *bench.server.text.lock() = text;
        let error = bench.look(Trust::Checked).expect_err("refused").to_string();
        assert!(error.contains(expected), "case: {expected}: {error}");
        assert_eq!(bench.copy(), names(100), "case: {expected}");
        assert_eq!(bench.state.error.as_ref().map(|error| error.at_ms), Some(1_000_000));
    }
    *bench.server.text.lock() = names(80);
    *bench.server.is_broken.lock() = true;
    let error = bench.look(Trust::Checked).expect_err("cut short").to_string();
    assert!(error.contains("broke off"), "{error}");
    assert_eq!(bench.copy(), names(100));
    assert_eq!(bench.state.n_failures, 4);
    *bench.server.is_broken.lock() = false;
    bench.look(Trust::Checked).expect("fetched");
    assert_eq!((bench.state.n_failures, bench.state.error.clone()), (0, None));
}

#[test]
fn a_person_can_take_a_list_that_shrank() {
    let mut bench = Bench::new();
    *bench.server.text.lock() = names(100);
    bench.look(Trust::Checked).expect("fetched");
    *bench.server.text.lock() = names(3);
    bench.look(Trust::Checked).expect_err("refused");
    bench.look(Trust::Forced).expect("taken");
    assert_eq!(bench.state.n_rules, 3);
    *bench.server.text.lock() = String::new();
    bench.look(Trust::Forced).expect_err("an empty list is no list");
}

#[test]
fn a_list_that_is_too_large_is_refused() {
    let mut bench = Bench::new();
    bench.bytes_max = 100;
    *bench.server.text.lock() = names(100);
    let error = bench.look(Trust::Checked).expect_err("too large").to_string();
    assert!(error.contains("larger than 100 bytes"), "{error}");
    assert_eq!(bench.copy(), "");
}

#[test]
fn files_and_pasted_text_are_lists_too() {
    let mut bench = Bench::new();
    bench.subscription.origin = Origin::Pasted;
    bench.store.put_text(ListId(3), &names(2)).expect("kept");
    assert_eq!(bench.look(Trust::Checked).expect("read"), Refreshed::Changed);
    assert_eq!(bench.look(Trust::Checked).expect("read"), Refreshed::Unchanged);
    let path = bench.store.text_path(ListId(9));
    std::fs::write(&path, names(5)).expect("written");
    bench.subscription.origin = Origin::File(path.clone());
    assert_eq!(bench.look(Trust::Checked).expect("read"), Refreshed::Changed);
    assert_eq!(bench.look(Trust::Checked).expect("read"), Refreshed::Unchanged);
    assert_eq!(bench.state.n_rules, 5);
    std::fs::remove_file(path).expect("removed");
    bench.look(Trust::Checked).expect_err("the file is gone");
    assert_eq!(bench.copy(), names(5));
}

#[test]
fn waits_grow_after_failures_and_are_spread() {
    let hour = Duration::from_hours(1);
    assert_eq!(wait_until_next(hour, 0, 0), hour);
    assert_eq!(wait_until_next(hour, 1, 0), Duration::from_mins(1));
    assert_eq!(wait_until_next(hour, 4, 0), Duration::from_mins(8));
    assert_eq!(wait_until_next(hour, 1_000, 0), hour);
    assert_eq!(wait_until_next(Duration::ZERO, 0, 0), REFRESH_MIN);
    for random in [1, 99_999, u64::MAX] {
        let wait = wait_until_next(hour, 0, random);
        assert!(wait <= hour && wait >= hour * 9 / 10, "{wait:?} for {random}");
    }
}
