//! A client that follows channels over many connections, and checks what it is shown.

use std::collections::BTreeMap;
use std::task::Waker;

use serde_json::Value;
use tidings_hub::channel::ChannelPattern;
use tidings_hub::config::ChannelClass;
use tidings_hub::delivery::{Format, Subscription, Turn};

use super::model::{Entry, Model, N_CHANNELS, channel_index, channels_of, class_of, name_of};
use super::wire::{Block, offset_of, parse};

/// How a stream must begin.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Beginning {
    /// Offset that counts as passed.
    pub(crate) cursor: u64,
    /// Reason of the reset that comes first.
    pub(crate) reset: Option<&'static str>,
    /// What the first frame says.
    pub(crate) is_recovered: Option<bool>,
    /// Whether it may say that more is missing than the model knows.
    pub(crate) may_be_behind: bool,
    /// Offsets up to which the channels owe nothing.
    pub(crate) since: [u64; N_CHANNELS],
    /// Whether it goes on with what the client got last.
    pub(crate) is_chain: bool,
}

/// A client.
#[derive(Debug)]
pub(crate) struct Follower {
    pub(crate) stream: Option<Subscription>,
    pub(crate) client_id: String,
    pub(crate) patterns: Vec<ChannelPattern>,
    pub(crate) format: Format,
    /// Last event id that the client holds.
    pub(crate) told: Option<String>,
    pub(crate) is_ready: bool,
    beginning: Option<Beginning>,
    /// Head when the stream was opened, or its channels were changed.
    joined: u64,
    /// Every event up to here was shown, or is gone.
    cursor: u64,
    last_event: u64,
    last_id: u64,
    /// Events of each channel up to here were shown, or a reset told of them.
    settled: [u64; N_CHANNELS],
    /// Events that are gone, of which no reset told yet.
    untold: BTreeMap<u64, usize>,
    /// Number of the state value that was shown last.
    state_shown: [Option<u64>; N_CHANNELS],
    /// From which entry on each channel that is not logged is followed.
    first_entry: [usize; N_CHANNELS],
    last_ephemeral: Option<usize>,
    n_ephemeral: usize,
    /// The stream was left in the middle: it may show what was read before it was gone.
    is_mid_way: bool,
    previous: Option<Block>,
    pub(crate) n_shown: u64,
    pub(crate) n_resets: u64,
}

impl Follower {
    pub(crate) fn new(patterns: Vec<ChannelPattern>, format: Format) -> Self {
        Self {
            stream: None,
            client_id: String::new(),
            patterns,
            format,
            told: None,
            is_ready: false,
            beginning: None,
            joined: 0,
            cursor: 0,
            last_event: 0,
            last_id: 0,
            settled: [0; N_CHANNELS],
            untold: BTreeMap::new(),
            state_shown: [None; N_CHANNELS],
            first_entry: [0; N_CHANNELS],
            last_ephemeral: None,
            n_ephemeral: 0,
            is_mid_way: false,
            previous: None,
            n_shown: 0,
            n_resets: 0,
        }
    }

    /// Begins a connection.
    pub(crate) fn connect(&mut self, stream: Subscription, beginning: Beginning, model: &Model) {
        stream.client_id().clone_into(&mut self.client_id);
        self.stream = Some(stream);
        self.is_ready = false;
        self.joined = model.head;
        self.cursor = beginning.cursor;
        self.last_event = 0;
        self.last_id = 0;
        for channel in 0..N_CHANNELS {
            self.settled[channel] = beginning.cursor.max(beginning.since[channel]);
            self.first_entry[channel] = model.entries.len();
        }
        // What the client passed without a word is still to be told.
        let passed = if beginning.is_chain { beginning.cursor } else { 0 };
        self.untold.retain(|offset, _| *offset <= passed);
        self.state_shown = [None; N_CHANNELS];
        self.last_ephemeral = None;
        self.n_ephemeral = 0;
        self.is_mid_way = false;
        self.previous = None;
        self.beginning = Some(beginning);
    }

    pub(crate) fn follows(&self, channel: usize) -> bool {
        let name = name_of(channel);
        self.patterns.iter().any(|pattern| pattern.matches(&name))
    }

    /// Takes other channels, as the hub was asked to; everything before was read.
    pub(crate) fn patch(&mut self, patterns: Vec<ChannelPattern>, model: &Model) {
        let before: Vec<bool> = (0..N_CHANNELS).map(|channel| self.follows(channel)).collect();
        self.patterns = patterns;
        for channel in (0..N_CHANNELS).filter(|channel| !before[*channel]) {
            self.settled[channel] = model.head;
            self.first_entry[channel] = model.entries.len();
            self.state_shown[channel] = None;
        }
        self.joined = model.head;
        // Ephemeral events are counted anew.
        self.n_ephemeral = 0;
        for channel in channels_of(ChannelClass::Ephemeral) {
            self.first_entry[channel] = model.entries.len();
        }
    }

    /// Reads a little, and checks it.
    pub(crate) fn read_some(&mut self, model: &Model, n_turns: u64) {
        let Some(stream) = &mut self.stream else { return };
        let mut text = String::new();
        for _ in 0..n_turns {
            match stream.turn(Waker::noop()) {
                Turn::Frames(frames) => text.push_str(std::str::from_utf8(&frames).unwrap()),
                Turn::Wait(_) | Turn::End => break,
            }
        }
        self.check_blocks(model, &text);
        self.is_mid_way = true;
    }

    /// Reads all that there is, and checks that it is all.
    pub(crate) fn read_all(&mut self, model: &Model) {
        let Some(stream) = &mut self.stream else { return };
        let text = super::world::take_all(stream);
        self.check_blocks(model, &text);
        self.pass(model, model.head + 1);
        assert!(self.untold.is_empty(), "no reset told of {:?} in {text}", self.untold);
        assert!(self.is_ready, "not ready: {text}");
        self.check_values(model);
        let due = self.n_ephemeral_published(model);
        assert_eq!(self.n_ephemeral, due, "ephemeral events shown or counted: {text}");
        self.is_mid_way = false;
    }

    fn n_ephemeral_published(&self, model: &Model) -> usize {
        let of = |channel: usize| {
            let from = self.first_entry[channel].min(model.entries.len());
            model.entries[from..].iter().filter(move |entry| entry.channel == channel).count()
        };
        let followed = channels_of(ChannelClass::Ephemeral).filter(|c| self.follows(*c));
        followed.map(of).sum()
    }

    /// Checks that the newest value of every state channel was shown.
    fn check_values(&self, model: &Model) {
        for channel in channels_of(ChannelClass::State).filter(|c| self.follows(*c)) {
            let Some(newest) = model.newest[channel].map(|index| &model.entries[index]) else {
                continue;
            };
            if newest.is_due(model.kept_now) && newest.is_for(&self.client_id) {
                assert_eq!(self.state_shown[channel], Some(newest.n), "newest value");
            }
        }
    }

    fn check_blocks(&mut self, model: &Model, text: &str) {
        for block in parse(text) {
            self.check_block(model, &block);
            self.previous = Some(block);
        }
    }

    fn check_block(&mut self, model: &Model, block: &Block) {
        let envelope: Option<Value> = (self.format == Format::Envelope && block.kind == "message")
            .then(|| serde_json::from_str(block.data.as_deref().unwrap_or("null")).unwrap());
        let envelope = envelope.filter(|value| !value.is_null());
        let kind = match &envelope {
            Some(value) => value["type"].as_str().unwrap().to_owned(),
            None => block.kind.clone(),
        };
        if let Some(id) = &block.id {
            assert_eq!(id.split('-').next(), Some(model.epoch.as_str()), "epoch of {block:?}");
            assert!(offset_of(id) >= self.last_id, "ids never decrease: {block:?}");
            self.last_id = offset_of(id);
            self.told = Some(id.clone());
        }
        let data = || -> Value { serde_json::from_str(block.data.as_deref().unwrap()).unwrap() };
        match kind.as_str() {
            "message" if block.data.is_none() => self.pass(model, self.last_id + 1),
            "connection_established" => self.check_greeting(&data()),
            "connected" => self.check_greeting(&envelope.unwrap()["data"]),
            "reset" => self.check_reset(model, block, &data()),
            "ready" => self.check_ready(block),
            "dropped" => {
                self.n_ephemeral += usize::try_from(data()["dropped"].as_u64().unwrap()).unwrap();
            }
            "heartbeat" | "system/heartbeat" => assert_eq!(block.id, None, "{block:?}"),
            _ => self.check_publication(model, block, envelope.as_ref()),
        }
        self.check_told(model);
    }

    /// Checks that a client that comes back now would be told of what it was not told yet.
    fn check_told(&self, model: &Model) {
        for (offset, channel) in &self.untold {
            assert!(
                model.trimmed[*channel] > self.last_id,
                "{offset} is gone untold, and the client is at {}",
                self.last_id
            );
        }
    }

    fn check_greeting(&mut self, data: &Value) {
        let beginning = self.beginning.as_ref().expect("the stream is greeted once");
        let is_recovered = data.get("recovered").and_then(Value::as_bool);
        let is_right = is_recovered == beginning.is_recovered
            || (beginning.may_be_behind && is_recovered == Some(false));
        assert!(is_right, "{data} for {beginning:?}");
        assert_eq!(data["client_id"], self.client_id.as_str());
        if beginning.reset.is_none() {
            self.beginning = None;
        }
    }

    fn check_ready(&mut self, block: &Block) {
        let before = self.previous.as_ref().expect("a block is before");
        let is_position = before.data.is_none()
            && before.id.as_deref().map(offset_of) == Some(self.joined.max(self.cursor));
        assert!(is_position, "{before:?} before {block:?}, joined at {}", self.joined);
        assert_eq!(block.id, None);
        self.is_ready = true;
    }

    fn check_reset(&mut self, model: &Model, block: &Block, data: &Value) {
        self.n_resets += 1;
        // All values are shown again.
        self.state_shown = [None; N_CHANNELS];
        let to = data["to"].as_str().unwrap();
        assert_eq!(block.id.as_deref(), Some(to), "the position behind the hole");
        let to = offset_of(to);
        let reason = data["reason"].as_str().unwrap();
        if let Some(beginning) = self.beginning.take() {
            assert_eq!((Some(reason), &data["channels"]), (beginning.reset, &Value::Null));
            assert_eq!(to, self.joined, "the head");
            self.cursor = to;
            self.settled = self.settled.map(|settled| settled.max(to));
            self.untold.clear();
            return;
        }
        let expected = if self.is_ready { "lagged" } else { "trimmed" };
        assert_eq!(reason, expected, "{data}");
        self.pass(model, to + 1);
        let Some(names) = data["channels"].as_array() else {
            assert!(model.may_have_floor, "nothing was forgotten: {data}");
            self.settled = self.settled.map(|settled| settled.max(to));
            self.untold.retain(|offset, _| *offset > to);
            return;
        };
        assert!(!names.is_empty());
        for name in names {
            let channel = channel_index(name.as_str().unwrap());
            assert!(self.follows(channel), "{data}");
            let (from, end) = (self.settled[channel], to.min(model.trimmed[channel]));
            let is_missed = |entry: &Entry| entry.offset > from && entry.offset <= end;
            assert!(model.of(channel).any(is_missed), "nothing was missed after {from}: {data}");
            self.settled[channel] = to;
            self.untold.retain(|offset, of| *of != channel || *offset > to);
        }
    }

    /// Notes what was not shown before an offset: all of that must be gone.
    fn pass(&mut self, model: &Model, until: u64) {
        for entry in model.logged() {
            let channel = entry.channel;
            let is_in = entry.offset > self.cursor && entry.offset < until;
            if !is_in || entry.offset <= self.settled[channel] || !self.follows(channel) {
                continue;
            }
            if !entry.is_due(model.kept_now) || !entry.is_for(&self.client_id) {
                continue;
            }
            assert!(
                model.is_gone(entry),
                "{} of {} was skipped before {until}",
                entry.offset,
                name_of(channel)
            );
            self.untold.insert(entry.offset, channel);
        }
        self.cursor = self.cursor.max(until - 1);
    }

    fn check_publication(&mut self, model: &Model, block: &Block, envelope: Option<&Value>) {
        assert!(self.beginning.is_none(), "before greeting or reset: {block:?}");
        let data = match envelope {
            Some(envelope) => envelope["data"].clone(),
            None => Value::from(block.data.clone().unwrap()),
        };
        let text = data.as_str().map_or_else(|| data.to_string(), str::to_owned);
        let n = number_of(&text);
        let Some(index) = model.by_number.get(&n).copied() else {
            panic!("nobody published {block:?}, or it was taken back")
        };
        let entry = &model.entries[index];
        assert_eq!(text, entry.event.data.as_str(), "{block:?}");
        assert_eq!(block.id, entry.id, "{block:?}");
        match envelope {
            None => assert_eq!(block.kind, entry.event.kind.as_str()),
            Some(envelope) => {
                assert_eq!(envelope["type"], entry.event.channel.as_str());
                assert_eq!(envelope["event"], entry.event.kind.as_str());
                assert_eq!(envelope["timestamp"], entry.at);
            }
        }
        assert!(self.follows(entry.channel) && entry.is_for(&self.client_id), "{block:?}");
        assert!(self.is_mid_way || entry.is_due(model.kept_now), "expired: {block:?}");
        self.n_shown += 1;
        match class_of(entry.channel) {
            ChannelClass::Logged => self.check_logged(model, entry),
            ChannelClass::State => {
                let newest = model.newest[entry.channel].map(|index| model.entries[index].n);
                assert!(self.is_mid_way || newest == Some(n), "an old value: {block:?}");
                let shown = self.state_shown[entry.channel].replace(n);
                assert!(shown <= Some(n), "{shown:?} before {n}: never an older after a newer");
            }
            ChannelClass::Ephemeral => {
                assert!(index >= self.first_entry[entry.channel], "from before: {block:?}");
                assert!(self.last_ephemeral < Some(index), "in order, once: {block:?}");
                self.last_ephemeral = Some(index);
                self.n_ephemeral += 1;
            }
        }
    }

    fn check_logged(&mut self, model: &Model, entry: &Entry) {
        let (offset, channel) = (entry.offset, entry.channel);
        assert!(offset > self.last_event, "offsets increase: {entry:?}");
        assert!(offset > self.cursor, "{offset} was passed: {}", self.cursor);
        assert!(offset > self.settled[channel], "{offset} was settled: {entry:?}");
        self.pass(model, offset);
        assert!(self.is_mid_way || !model.is_gone(entry), "{entry:?} is gone");
        let is_untold = self.untold.values().any(|of| *of == channel);
        assert!(!is_untold, "{entry:?} before a reset that tells of {:?}", self.untold);
        self.last_event = offset;
        self.cursor = offset;
        self.settled[channel] = offset;
    }
}

/// Returns the number that every payload begins or ends with.
fn number_of(text: &str) -> u64 {
    let digits: String =
        text.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or_else(|_| panic!("no number in {text}"))
}
