//! A hub on a simulated disk, with clocks that the test moves.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use parking_lot::Mutex;
use tidings_hub::channel::{ChannelName, ChannelPattern};
use tidings_hub::config::{ChannelClass, ChannelRule, HubConfig};
use tidings_hub::delivery::{Format, Start, SubscribeRequest, Subscription, Turn};
use tidings_hub::event::{Data, Event, EventType};
use tidings_hub::publish::{PublishError, Published};
use tidings_hub::{Hub, HubEnvironment, HubError, HubThreads};
use tidings_log::disk::Disk;
use tidings_log::simulated::{Random, SimulatedDisk};

/// Wall time at which every world begins, in milliseconds since 1970.
pub(crate) const START: u64 = 1_795_217_100_000;

/// The clocks and the disk of a machine.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) disk: SimulatedDisk,
    pub(crate) config: HubConfig,
    wall: Arc<AtomicU64>,
    elapsed: Arc<AtomicU64>,
    /// Counts the starts of the machine.
    boot: u64,
    entropy: Arc<Mutex<Random>>,
}

/// A hub that runs.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) hub: Arc<Hub>,
    threads: HubThreads,
}

impl Running {
    pub(crate) fn stop(self) {
        self.threads.stop();
    }
}

impl World {
    pub(crate) fn new(config: HubConfig, seed: u64) -> Self {
        Self {
            disk: SimulatedDisk::new(),
            config,
            wall: Arc::new(AtomicU64::new(START)),
            elapsed: Arc::new(AtomicU64::new(1_000)),
            boot: 1,
            entropy: Arc::new(Mutex::new(Random::new(seed))),
        }
    }

    pub(crate) fn open(&self) -> Running {
        self.try_open(Arc::new(self.disk.clone())).expect("it opens")
    }

    pub(crate) fn try_open(&self, disk: Arc<dyn Disk>) -> Result<Running, HubError> {
        let (wall, elapsed) = (Arc::clone(&self.wall), Arc::clone(&self.elapsed));
        let entropy = Arc::clone(&self.entropy);
        let environment = HubEnvironment {
            version: "0.0.0".to_owned(),
            clock: Arc::new(move || wall.load(Ordering::Relaxed)),
            elapsed: Arc::new(move || elapsed.load(Ordering::Relaxed)),
            entropy: Arc::new(move || entropy.lock().next_u64()),
            boot_id: format!("boot {}", self.boot),
            commit_requests_max: 1_024,
            n_shards: 0,
        };
        let (hub, threads) = Hub::open(self.config.clone(), disk, environment)?;
        Ok(Running { hub, threads })
    }

    pub(crate) fn wall(&self) -> u64 {
        self.wall.load(Ordering::Relaxed)
    }

    /// Lets time pass.
    pub(crate) fn pass(&self, time: Duration) {
        let ms = u64::try_from(time.as_millis()).unwrap();
        self.wall.fetch_add(ms, Ordering::Relaxed);
        self.elapsed.fetch_add(ms, Ordering::Relaxed);
    }

    /// Sets the wall clock ahead, or back, without time passing.
    pub(crate) fn step_clock(&self, seconds: i64) {
        let stepped = self.wall().checked_add_signed(seconds * 1_000).expect("after 1970");
        self.wall.store(stepped, Ordering::Relaxed);
    }

    /// The process dies.
    pub(crate) fn kill(&mut self) {
        self.disk = self.disk.kill();
    }

    /// The machine dies and starts again.
    pub(crate) fn cut_power(&mut self, seed: u64) {
        self.disk = self.disk.crash(seed);
        self.reboot();
    }

    /// The machine starts again: its clock that nobody sets begins anew.
    pub(crate) fn reboot(&mut self) {
        self.boot += 1;
        self.elapsed.store(500, Ordering::Relaxed);
    }
}

/// Waits for what another thread does, without letting a paused clock run on.
pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
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

/// A publish request that was handed over and may not be answered yet.
pub(crate) type Publishing = Pin<Box<dyn Future<Output = Result<Published, PublishError>>>>;

/// Hands a publish request over without waiting for the answer.
pub(crate) fn begin_publish(hub: &Arc<Hub>, events: Vec<Event>, key: Option<&str>) -> Publishing {
    let (hub, key) = (Arc::clone(hub), key.map(Into::into));
    let mut publishing: Publishing = Box::pin(async move { hub.publish(events, key).await });
    let mut context = Context::from_waker(Waker::noop());
    match publishing.as_mut().poll(&mut context) {
        Poll::Ready(answer) => Box::pin(std::future::ready(answer)),
        Poll::Pending => publishing,
    }
}

pub(crate) fn publish(hub: &Hub, channel: &str, data: &str) -> Published {
    wait(hub.publish(vec![event(channel, data)], None)).unwrap()
}

pub(crate) fn event(channel: &str, data: &str) -> Event {
    let channel = ChannelName::parse(channel).unwrap();
    Event::new(channel, EventType::default(), Data::json(data).unwrap())
}

pub(crate) fn rule(pattern: &str, class: ChannelClass) -> ChannelRule {
    ChannelRule {
        pattern: pattern.to_owned(),
        class: Some(class),
        history_events_max: None,
        history_age_max: None,
        history_bytes_max: None,
    }
}

pub(crate) fn request(hub: &Hub, patterns: &[&str], start: Start) -> SubscribeRequest {
    SubscribeRequest {
        client_id: hub.new_client_id(),
        patterns: patterns.iter().map(|text| ChannelPattern::parse(text).unwrap()).collect(),
        format: Format::Named,
        rename: &[],
        start,
        heartbeat: Duration::from_secs(30),
        message: "hello",
        peer: None,
        grants: None,
        expires_at: None,
    }
}

/// Waits until nothing that was asked before is still to be done by the commit thread.
pub(crate) fn settle(hub: &Arc<Hub>) {
    wait(hub.settings("barrier").delete("none")).unwrap();
}

/// Takes all that a stream has to say now.
pub(crate) fn take_all(stream: &mut Subscription) -> String {
    let mut text = String::new();
    loop {
        match stream.turn(Waker::noop()) {
            Turn::Frames(frames) => text.push_str(std::str::from_utf8(&frames).unwrap()),
            Turn::Wait(_) if stream.is_reading() => std::thread::yield_now(),
            Turn::Wait(_) | Turn::End => return text,
        }
    }
}
