//! Rules that change while questions come.

use std::fmt::Write as _;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tidings_dns::filter::compile::ListKind;
use tidings_dns::filter::dialect::Dialect;
use tidings_dns::filter::suffixes::HashKey;
use tidings_dns::list::fetch::{Fetch, FetchError, FetchRequest, Fetched};
use tidings_dns::list::refresh::{Look, Trust};
use tidings_dns::list::rulebook::Rulebook;
use tidings_dns::list::{LIST_BYTES_MAX, Origin, Subscription};
use tidings_dns::verdict::ListId;

use crate::harness::{Answer, Resolver, Upstream, config, plain_query};

/// Names that are asked for all the time, with the code that is right whatever the rules are.
const ASKED: [(&str, u16); 3] =
    [("www.ads.example", 3), ("www.example", 0), ("good.ads.example", 0)];

/// What came of many questions.
#[derive(Debug, Default)]
struct Tally {
    right: usize,
    wrong: usize,
    missing: usize,
}

/// Asks all the time until told to stop.
fn asking(address: SocketAddr, stop: &AtomicBool) -> Tally {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    let (mut buffer, mut tally, mut id) = ([0; 4096], Tally::default(), 0_u16);
    while !stop.load(Ordering::SeqCst) {
        id = id.wrapping_add(1);
        let (name, code) = ASKED[usize::from(id) % ASKED.len()];
        let mut message = plain_query(name, 1);
        message[..2].copy_from_slice(&id.to_be_bytes());
        // Nobody listens while it is stopped; the system may say so.
        let answered = socket.send_to(&message, address).and_then(|_| socket.recv(&mut buffer));
        match answered {
            Ok(n_bytes) if buffer[..2] == message[..2] => {
                let answer = Answer::new(buffer[..n_bytes].to_vec());
                if answer.code() == code {
                    tally.right += 1;
                } else {
                    tally.wrong += 1;
                }
            }
            // What comes too late is the answer to a question that counts as missing.
            Ok(_) | Err(_) => tally.missing += 1,
        }
    }
    tally
}

/// Asks in several threads while `change` is under way.
fn ask_while(address: SocketAddr, change: impl FnOnce()) -> Tally {
    let stop = Arc::<AtomicBool>::default();
    let threads: Vec<_> = (0..3)
        .map(|_| {
            let stop = Arc::clone(&stop);
            std::thread::spawn(move || asking(address, &stop))
        })
        .collect();
    change();
    stop.store(true, Ordering::SeqCst);
    let mut all = Tally::default();
    for tally in threads.into_iter().map(|thread| thread.join().unwrap()) {
        all.right += tally.right;
        all.wrong += tally.wrong;
        all.missing += tally.missing;
    }
    all
}

struct NoServer;

impl Fetch for NoServer {
    fn fetch(
        &self,
        _: FetchRequest<'_>,
        _: &mut dyn std::io::Write,
    ) -> Result<Fetched, FetchError> {
        Err(FetchError::Transport("there is no server".into()))
    }
}

/// A rulebook whose rules reach a resolver.
struct Ruled {
    resolver: Resolver,
    rulebook: Rulebook,
    _upstream: Upstream,
    _folder: tempfile::TempDir,
}

impl Ruled {
    fn start() -> Self {
        let upstream = Upstream::start(|asked| asked.address([192, 0, 2, 1], 600));
        let resolver = Resolver::start(config(&[&upstream]));
        let folder = tempfile::tempdir().unwrap();
        let target = Arc::clone(&resolver.dns);
        let publish = Box::new(move |filter| target.set_filter(filter));
        let rulebook = Rulebook::open(folder.path(), HashKey::new([1, 2]), publish).unwrap();
        rulebook.set_own_rules("@@||good.ads.example^\n").unwrap();
        let ruled = Self { resolver, rulebook, _upstream: upstream, _folder: folder };
        ruled.load(0);
        ruled
    }

    /// Takes a list that is another one each round, with one name that stays.
    fn load(&self, round: usize) {
        let list = ListId(1);
        let mut text = String::from("||ads.example^\n");
        for n in 0..5_000 {
            writeln!(text, "||n{n}.r{round}.example.net^").unwrap();
        }
        self.rulebook
            .subscribe(Subscription {
                id: list,
                name: "list".into(),
                origin: Origin::Pasted,
                kind: ListKind::Block,
                dialect: Dialect::AdGuard,
                is_on: true,
                refresh: Duration::from_hours(1),
            })
            .unwrap();
        self.rulebook.paste(list, &text).unwrap();
        let look = Look {
            store: self.rulebook.store(),
            fetch: &NoServer,
            bytes_max: LIST_BYTES_MAX,
            now_ms: u64::try_from(round).unwrap(),
            random: 0,
            trust: Trust::Checked,
        };
        self.rulebook.refresh(list, &look).unwrap();
    }
}

#[test]
fn lists_and_own_rules_change_under_load_without_a_wrong_or_lost_answer() {
    let ruled = Ruled::start();
    let tally = ask_while(ruled.resolver.address, || {
        for round in 1..20 {
            ruled.load(round);
            ruled.rulebook.set_hand_rules(|| (format!("||h{round}.example^\n"), false)).unwrap();
            ruled.rulebook.set_clients(&[], &[], None).unwrap();
        }
    });
    assert!(tally.right > 100, "{tally:?}");
    assert_eq!((tally.wrong, tally.missing), (0, 0), "{tally:?}");
}

#[test]
fn stop_and_start_under_load_lose_answers_and_give_no_wrong_one() {
    let ruled = Ruled::start();
    let address = ruled.resolver.address;
    // The port must stay the same, so it is named from now on.
    let mut settings = (*ruled.resolver.dns.config()).clone();
    settings.listen = vec![address];
    ruled.resolver.runtime.block_on(ruled.resolver.dns.stop());
    ruled.resolver.apply(settings);
    ruled.resolver.runtime.block_on(ruled.resolver.dns.start()).unwrap();
    let tally = ask_while(address, || {
        for _ in 0..10 {
            std::thread::sleep(Duration::from_millis(20));
            ruled.resolver.runtime.block_on(async {
                ruled.resolver.dns.stop().await;
                ruled.resolver.dns.start().await.unwrap();
            });
        }
    });
    assert!(tally.right > 0, "{tally:?}");
    assert_eq!(tally.wrong, 0, "{tally:?}");
}
