//! Random runs of a hub, each step compared with the model.

use std::time::Duration;

use tidings_hub::channel::ChannelPattern;
use tidings_hub::config::{ChannelClass, ChannelRule, HubConfig};
use tidings_hub::delivery::Format;
use tidings_log::disk::Durability;
use tidings_log::simulated::Random;

use super::follower::Follower;
use super::model::{CHANNELS, Model, channels_of, name_of};
use super::tally::Tally;
use super::world::{Running, START, World, settle};

/// Runs of one test; with `TIDINGS_TEST_ALL` twenty times as many.
const N_RUNS: u64 = 300;
/// Steps of a run.
const N_STEPS: u64 = 120;
/// What the followers of a run choose from.
const PATTERNS: [&[&str]; 9] = [
    &["**"],
    &["log/**"],
    &["log/few"],
    &["log/all", "log/all/*", "live/p"],
    &["log/*", "state/*"],
    &["state/**", "live/**"],
    &["log/few", "state/x", "live/p"],
    &["log/all/brief", "log/slash/"],
    &["elsewhere", "log/slash/"],
];

/// A hub with everything that a run does to it.
pub(crate) struct Machine {
    pub(crate) world: World,
    pub(crate) running: Option<Running>,
    pub(crate) random: Random,
    pub(crate) model: Model,
    pub(crate) followers: Vec<Follower>,
    pub(crate) tally: Tally,
    pub(crate) n_payloads: u64,
    pub(crate) n_keys: u64,
    /// Time that has passed on the clock that only runs forward.
    pub(crate) passed: Duration,
    pub(crate) clock_step_s: i64,
    /// Whether whole segments may go before retention takes what they hold.
    pub(crate) has_ceiling: bool,
    /// Whether the wall clock is set now and then.
    pub(crate) has_steps: bool,
}

impl Machine {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let segment_size_max_bytes = pick(&mut random, [4_096, 16_384]);
        let has_ceiling = random.below(3) == 0;
        let config = HubConfig {
            durability: pick(&mut random, [Durability::Fsync, Durability::Fsync, Durability::Os]),
            window_size_max_bytes: pick(&mut random, [0, 3_000, 12_000, 1 << 20]),
            ephemeral_size_max_bytes: pick(&mut random, [900, 1 << 20]),
            segment_size_max_bytes,
            log_size_max_bytes: if has_ceiling { 2 * segment_size_max_bytes } else { 1 << 30 },
            idempotency_window: Duration::from_mins(2),
            channels: CHANNELS.iter().map(rule).collect(),
            ..HubConfig::default()
        };
        let has_steps = random.below(2) == 0;
        let world = World::new(config, random.next_u64());
        let running = world.open();
        let epoch = running.hub.head().epoch.to_string();
        Self {
            world,
            running: Some(running),
            model: Model { epoch, kept_now: START, ..Model::default() },
            followers: (0..4).map(|_| draw_follower(&mut random)).collect(),
            random,
            tally: Tally::default(),
            n_payloads: 0,
            n_keys: 0,
            passed: Duration::ZERO,
            clock_step_s: 0,
            has_ceiling,
            has_steps,
        }
    }

    pub(crate) fn hub(&self) -> std::sync::Arc<tidings_hub::Hub> {
        std::sync::Arc::clone(&self.running.as_ref().expect("it runs").hub)
    }

    async fn run(&mut self) {
        for _ in 0..N_STEPS {
            self.step().await;
            self.observe();
        }
        for index in 0..self.followers.len() {
            self.come_back(index);
            self.tally.shown += self.followers[index].n_shown;
            self.tally.resets += self.followers[index].n_resets;
        }
        self.check_history();
        if let Some(running) = self.running.take() {
            self.followers.clear();
            running.stop();
        }
    }

    async fn step(&mut self) {
        let follower = below(&mut self.random, self.followers.len());
        match self.random.below(100) {
            0..34 => self.publish(),
            34..40 => self.publish_at_once(),
            40..54 => {
                let model = &self.model;
                self.followers[follower].read_all(model);
            }
            54..62 => {
                let n_turns = 1 + self.random.below(3);
                self.followers[follower].read_some(&self.model, n_turns);
                self.tally.partial_reads += 1;
            }
            62..76 => self.resume(follower),
            76..82 => self.pass_time(),
            82..84 => self.step_clock(),
            84..86 => self.delete(),
            86..88 => self.patch(follower),
            88..90 => self.keep_alive(follower).await,
            90..92 => self.check_history(),
            92..94 => self.change_settings(),
            94..95 => self.fill_disk(),
            95..96 => self.fail_disk(),
            96..99 => self.restart(),
            _ => self.restore(),
        }
    }

    fn pass_time(&mut self) {
        let time = Duration::from_secs(1 + self.random.below(40));
        self.world.pass(time);
        self.passed += time;
        self.model.kept_now = START + u64::try_from(self.passed.as_millis()).unwrap();
        if self.random.below(2) == 0 {
            self.sweep();
        }
    }

    pub(crate) fn sweep(&mut self) {
        self.hub().sweep();
        settle(&self.hub());
        self.model.sweep();
        self.tally.sweeps += 1;
    }

    /// Sets the wall clock; the hub looks at it every second.
    fn step_clock(&mut self) {
        if !self.has_steps {
            return;
        }
        let to_s = pick(&mut self.random, [0, 3_600, -3_600]);
        self.world.step_clock(to_s - self.clock_step_s);
        self.clock_step_s = to_s;
        self.sweep();
        self.tally.clock_steps += 1;
    }

    /// Lets a stream be quiet until it says where it is.
    async fn keep_alive(&mut self, index: usize) {
        self.come_back(index);
        tokio::time::advance(Duration::from_secs(16)).await;
        self.followers[index].read_all(&self.model);
        let told = self.followers[index].told.as_deref().map(super::wire::offset_of);
        assert_eq!(told.unwrap_or(0), self.model.head, "a quiet client is told the head");
        self.tally.keep_alives += 1;
    }

    /// Compares what every channel holds with the model.
    pub(crate) fn observe(&mut self) {
        let stats = self.hub().channels();
        for channel in channels_of(ChannelClass::Logged) {
            let held = stats.iter().find(|held| held.name == CHANNELS[channel].0);
            let n_held = held.map_or(0, |held| held.n_held);
            let expected = self.model.n_held(channel);
            let is_right = n_held == expected || (self.has_ceiling && n_held < expected);
            let name = name_of(channel);
            assert!(is_right, "{name} holds {n_held}, expected {expected}");
            if n_held < expected {
                self.model.trim_to(channel, n_held);
                self.tally.given_up += 1;
            }
        }
        assert_eq!(self.hub().head().offset, self.model.head);
    }
}

fn rule(channel: &(&str, ChannelClass, u64, u64)) -> ChannelRule {
    let (name, class, events_max, age_max_s) = channel;
    ChannelRule {
        pattern: (*name).to_owned(),
        class: Some(*class),
        history_events_max: Some(u32::try_from(*events_max).unwrap_or(u32::MAX)),
        history_age_max: Some(Duration::from_secs(*age_max_s)),
        history_bytes_max: None,
    }
}

fn draw_follower(random: &mut Random) -> Follower {
    let patterns = draw_patterns(random);
    Follower::new(patterns, pick(random, [Format::Named, Format::Envelope]))
}

pub(crate) fn draw_patterns(random: &mut Random) -> Vec<ChannelPattern> {
    let texts = pick(random, PATTERNS);
    texts.iter().map(|text| ChannelPattern::parse(text).unwrap()).collect()
}

/// Draws one of some values.
pub(crate) fn pick<T: Copy, const N: usize>(random: &mut Random, values: [T; N]) -> T {
    values[below(random, N)]
}

/// Draws an index below a length.
pub(crate) fn below(random: &mut Random, len: usize) -> usize {
    usize::try_from(random.below(u64::try_from(len).unwrap())).unwrap()
}

/// Prints the seed when a run fails.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("failed with seed {}; TIDINGS_TEST_SEED runs it alone", self.0);
        }
    }
}

fn run_all(which: u64) {
    let n = if std::env::var_os("TIDINGS_TEST_ALL").is_some() { 20 } else { 1 } * N_RUNS;
    let one = std::env::var_os("TIDINGS_TEST_SEED");
    let one = one.map(|seed| seed.to_str().unwrap().parse::<u64>().expect("a number"));
    let first = which << 32;
    let seeds = one.map_or(first..first + n, |seed| seed..seed + 1);
    let mut tally = Tally::default();
    for seed in seeds {
        let _printed = Seed(seed);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let mut machine = Machine::new(seed);
        runtime.block_on(machine.run());
        tally.add(&machine.tally);
    }
    println!("{tally}");
    if one.is_none() {
        tally.assert_all_met(n);
    }
}

#[test]
fn followers_see_what_the_model_says_1() {
    run_all(0);
}

#[test]
fn followers_see_what_the_model_says_2() {
    run_all(1);
}
