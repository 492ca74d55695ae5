//! A shard with sockets that take little, nothing, or break: what every client reads must be what
//! was published.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use parking_lot::Mutex;
use tidings_log::simulated::SimulatedDisk;
use tokio::sync::oneshot;

use super::conn::{Mode, Socket};
use super::mailbox::Mailbox;
use super::{Order, Shard};
use crate::channel::{ChannelName, ChannelPattern};
use crate::config::{ChannelClass, ChannelRule, HubConfig};
use crate::delivery::{CloseReason, Format, Start, SubscribeRequest};
use crate::event::{Audience, Data, Event, EventType};
use crate::hub::{Hub, HubEnvironment, HubThreads};
use crate::registry::ClientKey;

/// Seeds of a run.
const SEEDS: u64 = 500;
/// Steps of a seed.
const STEPS: u32 = 200;
/// Channels by class.
const CHANNELS: [(&str, ChannelClass); 5] = [
    ("log/a", ChannelClass::Logged),
    ("log/b", ChannelClass::Logged),
    ("other", ChannelClass::Logged),
    ("state/x", ChannelClass::State),
    ("brief/y", ChannelClass::Ephemeral),
];

/// The client's end of a socket.
#[derive(Debug, Default)]
struct Pipe {
    room: usize,
    write_max: usize,
    received: Vec<u8>,
    is_reset: bool,
    is_finished: bool,
}

#[derive(Debug, Clone, Default)]
struct FakeSocket(Arc<Mutex<Pipe>>);

impl Socket for FakeSocket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut pipe = self.0.lock();
        if pipe.is_reset {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        let n_bytes = bytes.len().min(pipe.room).min(pipe.write_max);
        if n_bytes == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        pipe.room -= n_bytes;
        pipe.received.extend_from_slice(&bytes[..n_bytes]);
        Ok(n_bytes)
    }

    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn finish(&mut self) {
        self.0.lock().is_finished = true;
    }
}

/// Publications of `other` that are kept: fewer than clients may lack.
const OTHER_KEPT: u32 = 20;

/// A stream as a client sees it.
struct Client {
    id: String,
    slot: u32,
    pipe: Arc<Mutex<Pipe>>,
    /// What it read over earlier connections, in whole blocks.
    before: String,
    n_connects: u32,
    patterns: Vec<&'static str>,
    /// Next number by channel that was not published when the client came, or came to follow it.
    from: BTreeMap<&'static str, u64>,
}

struct World {
    hub: Arc<Hub>,
    threads: Option<HubThreads>,
    shard: Shard<FakeSocket>,
    clients: Vec<Client>,
    /// Publications by channel.
    published: BTreeMap<&'static str, u64>,
    addressed: BTreeMap<String, Vec<u64>>,
    random: u64,
    tally: Tally,
}

/// What a run went through, so that it cannot pass by doing nothing.
#[derive(Debug, Default)]
struct Tally {
    events: u64,
    parked: u64,
    short: u64,
    overruns: u64,
    addressed: u64,
    dropped: u64,
    patched: u64,
    resumed: u64,
    resets: u64,
}

impl World {
    fn new(seed: u64) -> Self {
        let rule = |(name, class): &(&str, ChannelClass)| ChannelRule {
            pattern: (*name).to_owned(),
            class: Some(*class),
            history_events_max: (*name == "other").then_some(OTHER_KEPT),
            history_age_max: None,
            history_bytes_max: None,
        };
        let window_size_max_bytes = if seed.is_multiple_of(3) { 32_768 } else { 64 * 1_048_576 };
        let config = HubConfig {
            channels: CHANNELS.iter().map(rule).collect(),
            window_size_max_bytes,
            ..HubConfig::default()
        };
        let environment = HubEnvironment {
            version: "0.0.0".to_owned(),
            clock: Arc::new(|| 1_795_217_100_000),
            elapsed: Arc::new(|| 0),
            entropy: entropy(seed),
            boot_id: String::new(),
            commit_requests_max: 1_024,
            n_shards: 0,
        };
        let (hub, threads) =
            Hub::open(config, Arc::new(SimulatedDisk::new()), environment).unwrap();
        let poll = mio::Poll::new().unwrap();
        let waker = mio::Waker::new(poll.registry(), mio::Token(0)).unwrap();
        let shard = Shard::new(&hub, 0, Arc::new(Mailbox::new(waker)));
        Self {
            hub,
            threads: Some(threads),
            shard,
            clients: Vec::new(),
            published: BTreeMap::new(),
            addressed: BTreeMap::new(),
            random: seed | 1,
            tally: Tally::default(),
        }
    }

    fn below(&mut self, n: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) % n
    }

    fn connect(&mut self) {
        const SETS: [&[&str]; 4] =
            [&["log/a", "state/x"], &["**"], &["log/**", "brief/*"], &["other"]];
        let choice = usize::try_from(self.below(4)).unwrap();
        let patterns = SETS[choice].to_vec();
        let (id, slot, pipe) = self.subscribe(&patterns, Start::Live);
        let from = CHANNELS.iter().map(|(name, _)| (*name, self.next(name))).collect();
        let (before, n_connects) = (String::new(), 1);
        self.clients.push(Client { id, slot, pipe, before, n_connects, patterns, from });
    }

    /// Loses a client's connection and has it come back with the last id that it read.
    fn reconnect(&mut self, index: usize, seed: u64) {
        let client = &self.clients[index];
        let slot = client.slot;
        let received = client.pipe.lock().received.clone();
        let text = String::from_utf8_lossy(&unchunk(&received, seed)).into_owned();
        let whole = text.rfind("\n\n").map_or("", |end| &text[..end + 2]);
        let before = client.before.clone() + whole;
        let last_id = before.lines().rev().find_map(|line| line.strip_prefix("id: "));
        // One that was never told a position begins anew.
        let Some(last_id) = last_id.map(ToOwned::to_owned) else { return };
        let patterns = client.patterns.clone();
        client.pipe.lock().is_reset = true;
        self.shard.on_event(slot, true, false, false);
        let (id, slot, pipe) = self.subscribe(&patterns, Start::After(last_id));
        let client = &mut self.clients[index];
        (client.id, client.slot, client.pipe, client.before) = (id, slot, pipe, before);
        client.n_connects += 1;
        self.tally.resumed += 1;
    }

    /// Opens a stream; returns its id, its slot, and the client's end.
    fn subscribe(&mut self, patterns: &[&str], start: Start) -> (String, u32, Arc<Mutex<Pipe>>) {
        let id = self.hub.new_client_id();
        let request = SubscribeRequest {
            client_id: id.clone(),
            patterns: patterns.iter().map(|text| ChannelPattern::parse(text).unwrap()).collect(),
            format: Format::Named,
            rename: &[],
            start,
            heartbeat: Duration::from_secs(30),
            message: "hello",
            peer: None,
            grants: None,
            expires_at: None,
        };
        let write_max = usize::try_from(1 + self.below(3_000)).unwrap();
        let pipe = Arc::new(Mutex::new(Pipe { room: 2_000, write_max, ..Pipe::default() }));
        let subscription = self.hub.subscribe(request).unwrap();
        let slot = self.shard.adopt(FakeSocket(Arc::clone(&pipe)), subscription, None);
        (id, slot, pipe)
    }

    /// Number of the next publication of a channel.
    fn next(&self, channel: &str) -> u64 {
        self.published.get(channel).copied().unwrap_or(0)
    }

    fn publish(&mut self) {
        let choice = usize::try_from(self.below(5)).unwrap();
        let name = CHANNELS[choice].0;
        let n = self.next(name);
        let size = usize::try_from(self.below(2_000)).unwrap();
        let mut event = numbered(name, "news", n, size);
        if name == "log/b" && !self.clients.is_empty() && self.below(3) == 0 {
            // For one client alone, under a type of its own.
            let client = usize::try_from(self.random).unwrap_or(0) % self.clients.len();
            let id = self.clients[client].id.clone();
            let number = self.tally.addressed;
            self.tally.addressed += 1;
            event = numbered(name, "alone", number, 0);
            event.audience = Audience::Connection(id.as_str().into());
            self.addressed.entry(id).or_default().push(number);
        } else {
            self.published.insert(name, n + 1);
        }
        wait(self.hub.publish(vec![event], None)).unwrap();
        self.shard.mailbox.wake_for_news();
    }

    fn change(&mut self) {
        let Some(index) = self.some_client() else { return };
        let (slot, id) = (self.clients[index].slot, self.clients[index].id.clone());
        if self.clients[index].patterns.contains(&"**") {
            return;
        }
        let key = ClientKey::parse(&id).unwrap();
        assert!(self.shard.conn(slot).is_some(), "the client is there");
        let (reply, _answer) = oneshot::channel();
        let add = vec![ChannelPattern::parse("log/b").unwrap()];
        self.shard.patch(key, (add, Vec::new()), reply);
        let next = self.next("log/b");
        let client = &mut self.clients[index];
        if !client.patterns.iter().any(|pattern| ["log/b", "log/**"].contains(pattern)) {
            client.from.insert("log/b", next);
            client.patterns.push("log/b");
            self.tally.patched += 1;
        }
    }

    fn some_client(&mut self) -> Option<usize> {
        let n_clients = u64::try_from(self.clients.len()).unwrap();
        (n_clients > 0).then(|| usize::try_from(self.below(n_clients)).unwrap())
    }

    fn step(&mut self, seed: u64) {
        match self.below(21) {
            0 if self.clients.len() < 12 => self.connect(),
            1 => self.change(),
            2..=9 => {
                for _ in 0..=self.below(6) {
                    self.publish();
                }
            }
            10..=14 => {
                if let Some(index) = self.some_client() {
                    let more = usize::try_from(self.below(20_000)).unwrap();
                    self.clients[index].pipe.lock().room += more;
                    self.shard.on_event(self.clients[index].slot, false, false, true);
                }
            }
            15 => {
                if let Some(index) = self.some_client().filter(|_| self.clients.len() > 4) {
                    let client = self.clients.swap_remove(index);
                    client.pipe.lock().is_reset = true;
                    self.shard.on_event(client.slot, true, false, false);
                }
            }
            16 => {
                if let Some(index) = self.some_client() {
                    self.reconnect(index, seed);
                }
            }
            _ => {
                self.shard.take_signal();
                self.shard.turn();
            }
        }
    }

    /// Lets everything through and waits until it has come.
    fn settle(&mut self, seed: u64) {
        for client in &self.clients {
            let mut pipe = client.pipe.lock();
            (pipe.room, pipe.write_max) = (usize::MAX, usize::MAX);
        }
        let slots: Vec<u32> = self.clients.iter().map(|client| client.slot).collect();
        for round in 0.. {
            for slot in &slots {
                self.shard.on_event(*slot, false, false, true);
            }
            self.shard.take_signal();
            self.shard.turn();
            let is_quiet = !self.shard.has_work()
                && self
                    .shard
                    .conns
                    .iter()
                    .flatten()
                    .all(|conn| matches!(conn.mode, Mode::Parked(_)));
            if is_quiet {
                return;
            }
            assert!(round < 200_000, "seed {seed}: never quiet");
            std::thread::yield_now();
        }
    }

    /// Compares what a client read with what was published.
    fn check(&mut self, client: &Client, seed: u64) {
        let received = client.pipe.lock().received.clone();
        let text = client.before.clone() + &String::from_utf8(unchunk(&received, seed)).unwrap();
        let mut shown: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
        let (mut last_offset, mut n_dropped) = (0, 0);
        let mut holes: BTreeSet<&str> = BTreeSet::new();
        // Who comes back, or is told to reload, is shown the newest values once more.
        let mut is_state_repeated = client.n_connects > 1;
        for block in text.split("\n\n") {
            let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name));
            let Some(data) = field("data: ") else { continue };
            let data: serde_json::Value = serde_json::from_str(data).unwrap();
            if field("event: ") == Some("dropped") {
                n_dropped += data["dropped"].as_u64().unwrap();
            }
            let is_reset = field("event: ") == Some("reset");
            if is_reset {
                // Only what retention took may be missing, and only where it is named.
                assert_eq!(data["channels"], serde_json::json!(["other"]), "seed {seed}: {block}");
                holes.insert("other");
                is_state_repeated = true;
                self.tally.resets += 1;
            }
            if let Some(id) = field("id: ") {
                let offset: u64 = id.split('-').nth(1).unwrap().parse().unwrap();
                let is_next = offset > last_offset || (is_reset && offset == last_offset);
                assert!(is_next, "seed {seed}: {offset} after {last_offset}");
                last_offset = offset;
            }
            let (Some(channel), Some(n)) = (data["channel"].as_str(), data["n"].as_u64()) else {
                continue;
            };
            let key = if field("event: ") == Some("alone") { "alone" } else { channel };
            let (name, class) = CHANNELS.iter().find(|(name, _)| *name == channel).unwrap();
            if *class == ChannelClass::Logged && key != "alone" {
                let after = shown.get(name).and_then(|shown| shown.last()).map(|last| last + 1);
                let expected = after.unwrap_or(client.from[name]);
                let is_hole = holes.remove(name);
                // Who followed a channel and came back before that was shown resumes it from the
                // last id, which is older.
                let is_older = after.is_none() && client.n_connects > 1 && n < expected;
                let is_right = n == expected || (is_hole && n > expected) || is_older;
                assert!(is_right, "seed {seed}: {name} {n} instead of {expected}");
            }
            shown.entry(if key == "alone" { "alone" } else { name }).or_default().push(n);
            self.tally.events += 1;
        }
        self.tally.dropped += n_dropped;
        self.compare(client, &shown, (n_dropped, is_state_repeated), seed);
    }

    fn compare(
        &self,
        client: &Client,
        shown: &BTreeMap<&str, Vec<u64>>,
        (n_dropped, is_state_repeated): (u64, bool),
        seed: u64,
    ) {
        let follows = |name: &str| {
            let name = ChannelName::parse(name).unwrap();
            client.patterns.iter().any(|text| ChannelPattern::parse(text).unwrap().matches(&name))
        };
        for (name, class) in CHANNELS {
            let shown = shown.get(name).cloned().unwrap_or_default();
            if !follows(name) {
                assert_eq!(shown, [0; 0], "seed {seed}: {name}");
                continue;
            }
            let from = client.from[name];
            let expected: Vec<u64> = (from..self.next(name)).collect();
            match class {
                ChannelClass::Logged => {
                    // That nothing is missing between was checked block by block.
                    let is_older = client.n_connects > 1 && expected.is_empty();
                    let is_whole = shown.last() == expected.last() || is_older;
                    assert!(is_whole, "seed {seed}: {name} {shown:?} {expected:?}");
                    if name != "other" {
                        assert!(shown.ends_with(&expected), "seed {seed}: {name} {shown:?}");
                        assert!(client.n_connects > 1 || shown == expected, "seed {seed}: {name}");
                    }
                }
                ChannelClass::State => {
                    let is_sorted = shown.is_sorted_by(|a, b| a < b)
                        || (is_state_repeated && shown.is_sorted());
                    assert!(is_sorted, "seed {seed}: {shown:?}");
                    let newest = self.next(name).checked_sub(1);
                    assert_eq!(shown.last().copied(), newest, "seed {seed}: {name}");
                }
                // What came while nobody was connected is not told.
                ChannelClass::Ephemeral if client.n_connects > 1 => {
                    assert!(shown.is_sorted_by(|a, b| a < b), "seed {seed}: {shown:?}");
                }
                ChannelClass::Ephemeral => {
                    let n_seen = u64::try_from(shown.len()).unwrap();
                    let n_expected = u64::try_from(expected.len()).unwrap();
                    assert_eq!(n_seen + n_dropped, n_expected, "seed {seed}: {name} {shown:?}");
                }
            }
        }
        let expected = self.addressed.get(&client.id).cloned().unwrap_or_default();
        let shown = shown.get("alone").cloned().unwrap_or_default();
        let is_first = client.n_connects == 1;
        if is_first && (client.patterns.contains(&"**") || client.patterns.contains(&"log/**")) {
            assert_eq!(shown, expected, "seed {seed}: addressed");
        }
    }
}

fn numbered(channel: &'static str, kind: &str, n: u64, size: usize) -> Event {
    let data = serde_json::json!({ "channel": channel, "n": n, "pad": "x".repeat(size) });
    let name = ChannelName::parse(channel).unwrap();
    Event::new(name, EventType::parse(kind).unwrap(), Data::json(&data.to_string()).unwrap())
}

/// Takes chunked transfer coding off; a last chunk that is not whole is left out.
fn unchunk(mut bytes: &[u8], seed: u64) -> Vec<u8> {
    let mut body = Vec::new();
    while !bytes.is_empty() {
        let Some(end) = bytes.windows(2).position(|pair| pair == b"\r\n") else { break };
        let size = usize::from_str_radix(str::from_utf8(&bytes[..end]).unwrap(), 16).unwrap();
        let data = &bytes[end + 2..];
        if data.len() < size + 2 {
            break;
        }
        assert_eq!(&data[size..size + 2], b"\r\n", "seed {seed}");
        body.extend_from_slice(&data[..size]);
        bytes = &data[size + 2..];
    }
    body
}

/// Waits for what another thread does.
fn wait<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}

#[test]
fn every_client_reads_what_was_published_whatever_its_socket_takes() {
    let mut sum = Tally::default();
    for seed in 1..=SEEDS {
        let mut world = World::new(seed);
        for _ in 0..STEPS {
            world.step(seed);
        }
        sum.parked += world.shard.stats.n_parked;
        sum.short += world.shard.stats.n_short_writes;
        world.settle(seed);
        let clients = std::mem::take(&mut world.clients);
        for client in &clients {
            world.check(client, seed);
        }
        sum.overruns += world.shard.stats.n_overruns;
        sum.events += world.tally.events;
        sum.addressed += world.tally.addressed;
        sum.dropped += world.tally.dropped;
        sum.patched += world.tally.patched;
        sum.resumed += world.tally.resumed;
        sum.resets += world.tally.resets;
        assert_eq!(world.shard.groups.ring_bytes(), 0, "seed {seed}: a ring is not forgotten");
        assert_eq!(world.shard.tail_bytes, 0, "seed {seed}: a tail is left");
        world.threads.take().unwrap().stop();
    }
    println!("{sum:?}");
    assert!(sum.events > 10_000 && sum.short > 1_000 && sum.parked > 100, "{sum:?}");
    assert!(sum.overruns > 0 && sum.addressed > 100 && sum.patched > 10, "{sum:?}");
    assert!(sum.resumed > 1_000 && sum.resets > 100, "{sum:?}");
}

#[test]
fn a_client_that_takes_nothing_is_cut_and_one_that_closes_is_gone() {
    let mut world = World::new(1);
    world.connect();
    world.connect();
    world.settle(1);
    let (stuck, left) = (world.clients[0].slot, world.clients[1].slot);
    world.clients[0].pipe.lock().room = 0;
    world.shard.on_event(left, true, false, false);
    assert_eq!((world.shard.n_conns, world.hub.n_connections()), (1, 1));
    world.shard.close(stuck, Some(CloseReason::SlowConsumer));
    assert_eq!((world.shard.n_conns, world.hub.n_connections()), (0, 0));
    let closed = world.hub.stats().n_closed;
    assert!(closed.contains(&("slow_consumer", 1)), "{closed:?}");
}

#[test]
fn a_shard_that_panics_cuts_its_streams_and_everything_else_goes_on() {
    let environment = HubEnvironment {
        version: "0.0.0".to_owned(),
        clock: Arc::new(|| 1_795_217_100_000),
        elapsed: Arc::new(|| 0),
        entropy: entropy(4),
        boot_id: String::new(),
        commit_requests_max: 1,
        n_shards: 1,
    };
    let disk = Arc::new(SimulatedDisk::new());
    let (hub, threads) = Hub::open(HubConfig::default(), disk, environment).unwrap();
    let publish = |n| {
        let event = numbered("log/a", "news", n, 0);
        wait(hub.publish(vec![event], None)).unwrap().positions
    };
    let mut stream = open_over_tcp(&hub);
    publish(0);
    read_until(&mut stream, "\"n\":0");
    hub.shards.order_all(|| Order::Panic);
    assert_eq!(stream.read_to_end(&mut Vec::new()).unwrap_or(0), 0, "the stream is cut");
    while hub.stats().shards.n_restarts == 0 {
        std::thread::yield_now();
    }
    // Publishing, history and figures answer, and the next stream is served.
    assert!(publish(1)[0].is_some());
    assert_eq!((hub.n_connections(), hub.stats().n_connections), (0, 0));
    assert_eq!(wait(hub.connections()).len(), 0);
    let mut stream = open_over_tcp(&hub);
    publish(2);
    read_until(&mut stream, "\"n\":2");
    assert_eq!(wait(hub.connections()).len(), 1);
    drop(stream);
    threads.stop();
}

fn entropy(seed: u64) -> Arc<dyn Fn() -> u64 + Send + Sync> {
    let numbers = AtomicU64::new(seed);
    Arc::new(move || numbers.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed).rotate_left(17))
}

/// Opens a stream of everything whose socket a shard has; returns the client's end.
fn open_over_tcp(hub: &Arc<Hub>) -> TcpStream {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let (socket, _) = listener.accept().unwrap();
    socket.set_nonblocking(true).unwrap();
    let request = SubscribeRequest {
        client_id: hub.new_client_id(),
        patterns: vec![ChannelPattern::all()],
        format: Format::Named,
        rename: &[],
        start: Start::Live,
        heartbeat: Duration::from_secs(30),
        message: "hello",
        peer: None,
        grants: None,
        expires_at: None,
    };
    hub.adopt(socket, hub.subscribe(request).unwrap(), None);
    client
}

fn read_until(stream: &mut TcpStream, mark: &str) {
    let (mut text, mut buffer) = (String::new(), [0; 4_096]);
    while !text.contains(mark) {
        let n_bytes = stream.read(&mut buffer).unwrap();
        assert!(n_bytes > 0, "the stream ended after {text}");
        text.push_str(str::from_utf8(&buffer[..n_bytes]).unwrap());
    }
}
