//! The steps of a run: publish, resume, delete, fail, restart, restore.

use std::collections::BTreeMap;
use std::time::Duration;

use tidings_hub::Hub;
use tidings_hub::config::ChannelClass;
use tidings_hub::delivery::{Start, SubscribeRequest};
use tidings_hub::event::{Audience, Data, Event, EventType};
use tidings_hub::history::{DeleteError, HistoryError, HistoryOrder, HistoryQuery};
use tidings_hub::position::Position;
use tidings_hub::publish::{PublishRefusal, Published};
use tidings_log::disk::{Disk, Durability};
use tidings_log::simulated::SimulatedDisk;

use super::follower::Beginning;
use super::machine::{Machine, below, draw_patterns, pick};
use super::model::{Answered, CHANNELS, Entry, N_CHANNELS, channels_of, class_of, name_of};
use super::world::{begin_publish, request, wait};

/// The first channels are the logged ones; the next two are of state.
const N_LOGGED: usize = 4;
/// Window of the keys, in milliseconds.
const KEYS_MS: u64 = 120_000;

impl Machine {
    /// Makes an event unlike all others.
    fn draw_event(&mut self, channel: usize) -> (u64, Event) {
        self.n_payloads += 1;
        let n = self.n_payloads;
        let filler = "x".repeat(pick(&mut self.random, [0, 20, 300]));
        let data = match self.random.below(3) {
            0 => Data::text(&format!("{n} {filler}\nsecond line")),
            1 => Data::json(&format!("{{ \"n\": {n}, \"x\": \"{filler}\" }}")),
            _ => Data::json(&n.to_string()),
        };
        let kind = EventType::parse(pick(&mut self.random, ["made", "other"])).unwrap();
        let mut event = Event::new(name_of(channel), kind, data.unwrap());
        if self.random.below(10) == 0 && class_of(channel) != ChannelClass::Ephemeral {
            event.ttl = Some(Duration::from_secs(1 + self.random.below(60)));
        }
        let only = below(&mut self.random, self.followers.len());
        let only = self.followers[only].client_id.clone();
        let is_logged = class_of(channel) == ChannelClass::Logged;
        if self.random.below(10) == 0 && is_logged && !only.is_empty() {
            event.audience = Audience::Connection(only.into());
        }
        (n, event)
    }

    fn draw_channel(&mut self) -> usize {
        below(&mut self.random, N_CHANNELS)
    }

    /// Enters events that were accepted now.
    fn accept(&mut self, events: Vec<(u64, Event)>, published: &Published) {
        let positions = published.positions.iter();
        for ((n, event), position) in events.into_iter().zip(positions) {
            let channel = super::model::channel_index(event.channel.as_str());
            let is_logged = class_of(channel) == ChannelClass::Logged;
            assert_eq!(position.is_some(), is_logged, "{event:?}");
            let offset = position.map_or(0, |position| position.offset);
            if is_logged {
                assert_eq!(offset, self.model.head + 1, "offsets go on");
            }
            let client_id = match &event.audience {
                Audience::All => None,
                Audience::Connection(id) => Some(id.to_string()),
            };
            self.model.accept(Entry {
                channel,
                n,
                event,
                at: self.world.wall(),
                kept_at: self.model.kept_now,
                client_id,
                id: position.map(|position| position.to_string()),
                offset,
            });
            self.tally.published += 1;
        }
    }

    /// Applies the retention that a commit of these events calls for.
    fn trim_after(&mut self, events: &[(u64, Event)]) {
        let channels = events.iter().map(|(_, event)| event.channel.as_str());
        for channel in channels.map(super::model::channel_index).collect::<Vec<_>>() {
            self.model.trim(channel);
        }
    }

    /// Publishes a request of one to three events, perhaps with a key.
    pub(crate) fn publish(&mut self) {
        if self.random.below(4) == 0 {
            return self.publish_with_key();
        }
        let n = 1 + self.random.below(3);
        let events: Vec<(u64, Event)> = (0..n)
            .map(|_| {
                let channel = self.draw_channel();
                self.draw_event(channel)
            })
            .collect();
        let handed = events.iter().map(|(_, event)| event.clone()).collect();
        let published = wait(self.hub().publish(handed, None)).unwrap();
        assert!(!published.is_repeat);
        self.accept(events.clone(), &published);
        self.trim_after(&events);
    }

    /// Publishes with a key that may be known, and then with the same body or another.
    fn publish_with_key(&mut self) {
        let now = self.model.kept_now;
        self.model.keys.retain(|_, answered| answered.until > now);
        let key = format!("key {}", self.n_keys + self.random.below(3));
        if self.random.below(8) == 0 {
            self.n_keys += 1;
        }
        let known = self.model.keys.get(&key).cloned();
        if let Some(known) = known.clone().filter(|_| self.random.below(3) > 0) {
            let again = wait(self.hub().publish(known.events, Some(key.into()))).unwrap();
            assert!(again.is_repeat);
            assert_eq!(ids_of(&again), known.ids, "the first outcome");
            self.tally.repeats += 1;
            return;
        }
        let n = 1 + self.random.below(2);
        let events: Vec<(u64, Event)> = (0..n)
            .map(|_| {
                let channel = self.draw_channel();
                self.draw_event(channel)
            })
            .collect();
        let handed: Vec<Event> = events.iter().map(|(_, event)| event.clone()).collect();
        let answer = wait(self.hub().publish(handed.clone(), Some(key.as_str().into())));
        if known.is_some() {
            assert_eq!(answer.unwrap_err().reason, PublishRefusal::KeyConflict);
            self.tally.conflicts += 1;
            return;
        }
        let published = answer.unwrap();
        assert!(!published.is_repeat, "{key} was not known");
        self.accept(events.clone(), &published);
        self.trim_after(&events);
        let answered = Answered { events: handed, ids: ids_of(&published), until: now + KEYS_MS };
        self.model.keys.insert(key, answered);
    }

    /// Publishes some requests to logged channels at once.
    pub(crate) fn publish_at_once(&mut self) {
        let requests: Vec<Vec<(u64, Event)>> = (0..2 + self.random.below(3))
            .map(|_| {
                (0..=self.random.below(2))
                    .map(|_| {
                        let channel = below(&mut self.random, N_LOGGED);
                        self.draw_event(channel)
                    })
                    .collect()
            })
            .collect();
        let hub = self.hub();
        let begun: Vec<_> = requests
            .iter()
            .map(|events| {
                let handed = events.iter().map(|(_, event)| event.clone()).collect();
                begin_publish(&hub, handed, None)
            })
            .collect();
        let answers = begun.into_iter().map(|publishing| wait(publishing).unwrap());
        let mut accepted: Vec<(Published, Vec<(u64, Event)>)> = answers.zip(requests).collect();
        accepted.sort_by_key(|(published, _)| published.positions[0].map(|at| at.offset));
        for (published, events) in accepted {
            self.accept(events.clone(), &published);
            self.trim_after(&events);
        }
        self.tally.at_once += 1;
    }

    /// Drops a stream and opens it anew, with what the client got last, or anything else.
    pub(crate) fn resume(&mut self, index: usize) {
        let (start, beginning) = self.draw_start(index);
        self.open(index, start, beginning);
        self.tally.resumes += 1;
        if self.random.below(4) > 0 {
            self.followers[index].read_all(&self.model);
        }
    }

    /// Brings a stream that was dropped back, and reads it.
    pub(crate) fn come_back(&mut self, index: usize) {
        if self.followers[index].stream.is_none() {
            let (start, beginning) = match self.followers[index].told.clone() {
                Some(told) => self.after(index, &told, true),
                None => (Start::Live, self.fresh(self.model.head)),
            };
            self.open(index, start, beginning);
        }
        self.followers[index].read_all(&self.model);
    }

    fn open(&mut self, index: usize, start: Start, beginning: Beginning) {
        let hub = self.hub();
        let follower = &mut self.followers[index];
        follower.stream = None;
        let must_read =
            !matches!(start, Start::Live | Start::After(_)) || beginning.reset == Some("diverged");
        let ask = SubscribeRequest {
            patterns: follower.patterns.clone(),
            format: follower.format,
            ..request(&hub, &[], start)
        };
        let stream = hub.subscribe(ask).unwrap();
        follower.connect(stream, beginning, &self.model);
        // Where such a stream begins is decided when it is read first.
        if must_read {
            follower.read_all(&self.model);
        }
    }

    fn fresh(&self, cursor: u64) -> Beginning {
        Beginning { cursor, since: self.model.trimmed, ..Beginning::default() }
    }

    fn draw_start(&mut self, index: usize) -> (Start, Beginning) {
        let told = self.followers[index].told.clone();
        if let Some(told) = told.filter(|_| self.random.below(2) == 0) {
            return self.after(index, &told, true);
        }
        match self.random.below(12) {
            0 => (Start::Live, self.fresh(self.model.head)),
            1 => (Start::Earliest, self.fresh(0)),
            2 if !self.has_steps => self.since(),
            3 => self.tail(index),
            4..7 => {
                let offset = self.random.below(self.model.head + 1);
                let id = self.model.id_at(offset);
                self.after(index, &id, false)
            }
            _ => self.strange(index),
        }
    }

    fn since(&mut self) -> (Start, Beginning) {
        // Without steps both clocks are the same.
        let time = self.model.kept_now.saturating_sub(self.random.below(200_000));
        let first = self.model.logged().find(|entry| entry.at >= time);
        let cursor = first.map_or(self.model.head, |entry| entry.offset - 1);
        (Start::Since(time), self.fresh(cursor))
    }

    fn tail(&mut self, index: usize) -> (Start, Beginning) {
        let n = self.random.below(8);
        let (model, follower) = (&self.model, &self.followers[index]);
        let held =
            model.logged().filter(|entry| follower.follows(entry.channel) && !model.is_gone(entry));
        let held: Vec<u64> = held.map(|entry| entry.offset).collect();
        let n_last = held.len().min(usize::try_from(n).unwrap());
        let first = held.get(held.len() - n_last);
        let cursor = first.map_or(model.head, |offset| offset - 1);
        (Start::Tail(u32::try_from(n).unwrap()), self.fresh(cursor))
    }

    /// Resumes behind a position of this life of the log.
    fn after(&self, index: usize, id: &str, is_chain: bool) -> (Start, Beginning) {
        let Some(position) = Position::parse(id) else { panic!("{id} is no position") };
        if position.epoch.to_string() != self.model.epoch {
            return (Start::After(id.to_owned()), self.refused("epoch"));
        }
        let follower = &self.followers[index];
        let is_behind = channels_of(ChannelClass::Logged).any(|channel| {
            follower.follows(channel) && self.model.trimmed[channel] > position.offset
        });
        let beginning = Beginning {
            cursor: position.offset,
            is_recovered: Some(!is_behind),
            may_be_behind: self.model.may_have_floor,
            is_chain,
            ..Beginning::default()
        };
        (Start::After(id.to_owned()), beginning)
    }

    fn refused(&self, reason: &'static str) -> Beginning {
        Beginning {
            cursor: self.model.head,
            reset: Some(reason),
            is_recovered: Some(false),
            ..Beginning::default()
        }
    }

    /// Resumes behind what is no position of a publication.
    fn strange(&mut self, index: usize) -> (Start, Beginning) {
        self.tally.strange += 1;
        let head = self.model.head;
        let ahead = head + 1 + self.random.below(3);
        let (id, reason) = match self.random.below(4) {
            0 => (pick(&mut self.random, ["", "17", "a-b-c", "\u{2028}"]).to_owned(), "bad_id"),
            1 => (format!("{}-{ahead}-aaaa", self.model.epoch), "future"),
            2 => (format!("zzzzzz-{head}-aaaa"), "epoch"),
            _ => return self.diverged(index),
        };
        (Start::After(id), self.refused(reason))
    }

    /// Resumes behind another publication than the one that stands there.
    fn diverged(&mut self, index: usize) -> (Start, Beginning) {
        let offset = self.random.below(self.model.head + 1);
        let id = self.model.id_at(offset);
        let other = self.model.id_at(1 + self.random.below(self.model.head + 1));
        let check = other.rsplit('-').next().unwrap();
        let (before, own) = id.rsplit_once('-').unwrap();
        let id = format!("{before}-{check}");
        let is_gone = self.model.at(offset).is_none_or(|entry| self.model.is_gone(entry));
        if own == check || is_gone {
            // What is gone need not be compared.
            let own = format!("{before}-{own}");
            return self.after(index, &own, false);
        }
        (Start::After(id), self.refused("diverged"))
    }

    /// Deletes the history of a channel.
    pub(crate) fn delete(&mut self) {
        let channel = self.draw_channel();
        let was_held = match class_of(channel) {
            ChannelClass::Logged => self.model.n_held(channel) > 0,
            ChannelClass::State => self.model.newest[channel].is_some(),
            ChannelClass::Ephemeral => false,
        };
        match wait(self.hub().delete_history(&name_of(channel))) {
            Ok(is_deleted) => assert_eq!(is_deleted, was_held, "{}", name_of(channel)),
            Err(DeleteError::UnknownChannel { .. }) => assert!(!was_held),
            Err(error) => panic!("{error}"),
        }
        let last = self.model.of(channel).next_back().map_or(0, |entry| entry.offset);
        self.model.trimmed[channel] = self.model.trimmed[channel].max(last);
        self.model.newest[channel] = None;
        self.tally.deletes += u64::from(was_held);
    }

    /// Changes the channels of a stream.
    pub(crate) fn patch(&mut self, index: usize) {
        self.come_back(index);
        let patterns = draw_patterns(&mut self.random);
        let hub = self.hub();
        let follower = &mut self.followers[index];
        let remove = follower.patterns.clone();
        let remove = remove.into_iter().filter(|old| !patterns.contains(old)).collect();
        let id = follower.client_id.clone();
        let mut after = wait(hub.patch(&id, patterns.clone(), remove)).unwrap();
        let mut expected = patterns.clone();
        after.sort_by(|left, right| left.as_str().cmp(right.as_str()));
        expected.sort_by(|left, right| left.as_str().cmp(right.as_str()));
        assert_eq!(after, expected);
        follower.patch(patterns, &self.model);
        follower.read_all(&self.model);
        self.tally.patches += 1;
    }

    /// Pages through what a channel holds, either way.
    pub(crate) fn check_history(&mut self) {
        let channel = self.draw_channel();
        let hub = self.hub();
        let kind = pick(&mut self.random, [None, None, Some("made")]);
        let order = pick(&mut self.random, [HistoryOrder::OldestFirst, HistoryOrder::NewestFirst]);
        let limit = usize::try_from(1 + self.random.below(9)).unwrap();
        let mut query = HistoryQuery {
            kind: kind.map(|kind| EventType::parse(kind).unwrap()),
            order,
            limit,
            ..HistoryQuery::default()
        };
        let mut shown = Vec::new();
        loop {
            let page = match wait(hub.history(&name_of(channel), query.clone())) {
                Ok(page) => page,
                Err(HistoryError::UnknownChannel { .. }) => break,
                Err(error) => panic!("{error}"),
            };
            assert!(page.publications.len() <= limit);
            shown.extend(page.publications.iter().map(|held| held.data.as_str().to_owned()));
            if !page.has_more {
                break;
            }
            match order {
                HistoryOrder::OldestFirst => query.after = page.next,
                HistoryOrder::NewestFirst => query.before = page.next,
            }
        }
        let model = &self.model;
        let newest = model.newest[channel].map(|index| &model.entries[index]);
        let held = model.of(channel).filter(|entry| !model.is_gone(entry)).chain(newest);
        let held = held.filter(|entry| {
            let is_kind = kind.is_none_or(|kind| entry.event.kind.as_str() == kind);
            is_kind && entry.is_due(model.kept_now) && entry.client_id.is_none()
        });
        let mut expected: Vec<&str> = held.map(|entry| entry.event.data.as_str()).collect();
        if order == HistoryOrder::NewestFirst {
            expected.reverse();
        }
        assert_eq!(shown, expected, "{} {order:?} {kind:?}", name_of(channel));
        self.tally.histories += 1;
    }

    /// Changes the settings of another part of the program, and compares all of them.
    pub(crate) fn change_settings(&mut self) {
        let settings = self.hub().settings("model");
        let key = format!("key {}", self.random.below(4));
        if self.random.below(3) == 0 {
            wait(settings.delete(&key)).unwrap();
            self.model.settings.remove(&key);
        } else {
            let value = self.random.next_u64().to_le_bytes().to_vec();
            wait(settings.put(&key, value.clone())).unwrap();
            self.model.settings.insert(key, value);
        }
        self.check_settings();
    }

    fn check_settings(&self) {
        let shown = self.hub().settings("model").list("");
        let shown: Vec<(String, Vec<u8>)> =
            shown.into_iter().map(|(key, value)| (key, value.to_vec())).collect();
        let expected: Vec<_> = self.model.settings.clone().into_iter().collect();
        assert_eq!(shown, expected);
    }

    /// Publishes while the disk has hardly any room.
    pub(crate) fn fill_disk(&mut self) {
        // Without room for a note, the next start takes a whole segment for a hole of everybody.
        self.model.may_have_floor = true;
        let room = self.random.below(300);
        self.world.disk.set_capacity(Some(self.world.disk.used_bytes() + room));
        for _ in 0..3 {
            let channel = below(&mut self.random, N_LOGGED + 2);
            let (n, event) = self.draw_event(channel);
            match wait(self.hub().publish(vec![event.clone()], None)) {
                Ok(published) => {
                    self.accept(vec![(n, event.clone())], &published);
                    self.trim_after(&[(n, event)]);
                }
                Err(error) => {
                    assert_eq!(error.reason, PublishRefusal::StorageFull);
                    self.tally.refused_full += 1;
                }
            }
        }
        self.observe();
        for follower in &mut self.followers {
            if follower.stream.is_some() {
                follower.read_all(&self.model);
            }
        }
        self.world.disk.set_capacity(None);
    }

    /// Publishes until a sync fails: nobody is shown what is not sure, and it may be found or not
    /// after the restart.
    pub(crate) fn fail_disk(&mut self) {
        if self.world.config.durability == Durability::Os {
            return;
        }
        self.world.disk.fail_sync(1 + self.random.below(4));
        let unsure = loop {
            let channel = below(&mut self.random, N_LOGGED);
            let (n, event) = self.draw_event(channel);
            match wait(self.hub().publish(vec![event.clone()], None)) {
                Ok(published) => {
                    self.accept(vec![(n, event.clone())], &published);
                    self.trim_after(&[(n, event)]);
                }
                Err(error) => {
                    let reason = error.reason;
                    let is_failure =
                        matches!(reason, PublishRefusal::Unknown | PublishRefusal::Failed);
                    assert!(is_failure, "{reason:?}");
                    break (n, event, reason);
                }
            }
        };
        self.tally.failed_disks += 1;
        wait(self.hub().failed().cancelled());
        for follower in &mut self.followers {
            if follower.stream.is_some() {
                follower.read_all(&self.model);
            }
        }
        self.end_process();
        if self.random.below(2) == 0 {
            self.world.kill();
        } else {
            let seed = self.random.next_u64();
            self.world.cut_power(seed);
        }
        self.start_process();
        let head = self.hub().head();
        if head.offset == self.model.head + 1 {
            let (n, event, reason) = unsure;
            assert_eq!(reason, PublishRefusal::Unknown, "what was refused is there");
            let published = Published { positions: vec![Some(head)], matched: 0, is_repeat: false };
            self.accept(vec![(n, event)], &published);
            self.tally.found_unsure += 1;
        }
        self.model.sweep();
        if self.has_ceiling {
            // A segment that the failing disk did not let go is there again.
            self.adopt_held();
            for follower in &mut self.followers {
                follower.told = None;
            }
        }
    }

    fn end_process(&mut self) {
        for follower in &mut self.followers {
            follower.stream = None;
        }
        if let Some(running) = self.running.take() {
            running.stop();
        }
    }

    fn start_process(&mut self) {
        self.running = Some(self.world.open());
        if self.has_ceiling {
            // The keys went with their segments, perhaps.
            self.model.keys.clear();
            self.n_keys += 3;
        }
        self.check_settings();
    }

    /// Ends the server in some way and starts it again.
    pub(crate) fn restart(&mut self) {
        self.tally.restarts += 1;
        let is_unsynced = self.world.config.durability == Durability::Os;
        match self.random.below(3) {
            0 => self.end_process(),
            1 => {
                self.world.kill();
                self.end_process();
            }
            _ => {
                let seed = self.random.next_u64();
                self.world.cut_power(seed);
                self.end_process();
                if is_unsynced {
                    // Settings are synced all the same.
                    let settings = self.model.settings.clone();
                    return self.begin_epoch(settings);
                }
            }
        }
        self.start_process();
        assert_eq!(self.hub().head().epoch.to_string(), self.model.epoch, "the epoch goes on");
        self.model.sweep();
    }

    /// Starts on what is left of the log: a new epoch, with the beginning of what was there.
    fn begin_epoch(&mut self, settings: BTreeMap<String, Vec<u8>>) {
        let running = self.world.open();
        let head = running.hub.head();
        let epoch = head.epoch.to_string();
        assert_ne!(epoch, self.model.epoch, "positions of before must not be resumed");
        assert!(head.offset <= self.model.head);
        // What channels lost with segments that are gone may be known of all of them alone.
        self.model.may_have_floor |= running.hub.stats().log.first > 1;
        self.model.cut(head.offset, &epoch);
        self.n_keys += 3;
        self.model.settings = settings;
        remove_values(&running.hub);
        self.running = Some(running);
        self.check_settings();
        // What was trimmed or deleted may be there again.
        self.adopt_held();
        self.tally.epochs += 1;
    }

    /// Takes over how many events each channel holds.
    fn adopt_held(&mut self) {
        for channel in channels_of(ChannelClass::Logged) {
            let mut held = self.hub().channels().into_iter();
            let held = held.find(|held| held.name == CHANNELS[channel].0);
            self.model.trim_to(channel, held.map_or(0, |held| held.n_held));
        }
    }

    /// Goes back to the complete segments alone, as a restored copy does.
    pub(crate) fn restore(&mut self) {
        if self.has_steps {
            // A copy of segments does not tell of a step since its last event.
            return;
        }
        let names = self.world.disk.names();
        let sealed = names.iter().filter_map(|name| name.strip_suffix(".idx"));
        let sealed: Vec<String> = sealed.map(str::to_owned).collect();
        let copy = SimulatedDisk::new();
        for stem in &sealed {
            for name in [format!("{stem}.log"), format!("{stem}.idx")] {
                let file = copy.create(&name).unwrap();
                file.write_all_at(&self.world.disk.content(&name).unwrap(), 0).unwrap();
                file.sync().unwrap();
            }
        }
        copy.sync_folder().unwrap();
        self.end_process();
        self.world.disk = copy;
        self.begin_epoch(BTreeMap::new());
        self.tally.restores += 1;
    }
}

/// Removes what state channels have, so that the model need not know which older value it is.
fn remove_values(hub: &Hub) {
    for channel in channels_of(ChannelClass::State) {
        match wait(hub.delete_history(&name_of(channel))) {
            Ok(_) | Err(DeleteError::UnknownChannel { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

fn ids_of(published: &Published) -> Vec<Option<String>> {
    published.positions.iter().map(|at| at.map(|at| at.to_string())).collect()
}
