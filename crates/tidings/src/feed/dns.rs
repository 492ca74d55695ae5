//! Turns what happens to DNS into events of the hub; it never slows an answer.

mod rules;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tidings_dns::listed::ListKind;
use tidings_dns::query_log::Batch;
use tidings_http::dns::wire::LogEntry;
use tidings_http::dns::{
    DNS_BLACKLIST, DNS_CACHE, DNS_INFO, DNS_LOG, DNS_LOG_EVENT, DNS_STATUS, DNS_WHITELIST,
    DnsParts, actions, content,
};
use tidings_hub::Hub;
use tidings_hub::channel::ChannelName;
use tidings_hub::event::Event;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc::Receiver;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::event;
use rules::ToldRules;

/// Time between two batches of a live filter.
const LIVE_INTERVAL: Duration = Duration::from_millis(100);
/// Rounds between two contents of a channel: it changes at most once a second.
const ROUNDS_PER_CONTENT: u32 = 10;
/// Rounds between two looks for filters that nobody looks through.
const ROUNDS_PER_FORGETTING: u32 = 50;
/// Rounds between two looks at the rules: their channels change at most twice a second.
const ROUNDS_PER_RULES: u32 = 5;
/// Most questions told one by one in a second; the others are counted.
const TOLD_PER_SECOND_MAX: usize = 1_000;
/// Events of one publish request.
const EVENTS_PER_PUBLISH: usize = 50;

/// What the feed remembers.
struct Feed {
    hub: Arc<Hub>,
    parts: Arc<DnsParts>,
    /// Questions told in this second.
    n_told: usize,
    /// Questions of this second that were not.
    n_untold: usize,
    contents: [Content; 4],
    /// Whether the resolver ran when it was looked at last.
    was_running: bool,
    /// Why it did not start, as of then.
    error: Option<String>,
    rules: ToldRules,
}

/// A content channel.
struct Content {
    channel: &'static str,
    kind: &'static str,
    /// What the content was made of when it was published last.
    published: Option<u64>,
}

/// Publishes what happens until `stop` is cancelled.
pub(crate) async fn run(
    hub: Arc<Hub>,
    parts: Arc<DnsParts>,
    mut batches: Receiver<Batch>,
    stop: CancellationToken,
) {
    let mut events = parts.events.listen();
    let mut changes = parts.dns.changes();
    let content = |channel, kind| Content { channel, kind, published: None };
    let mut feed = Feed {
        hub,
        parts,
        n_told: 0,
        n_untold: 0,
        contents: [
            content(DNS_LOG, "dns_log"),
            content(DNS_CACHE, "dns_cache"),
            content(DNS_BLACKLIST, "dns_blacklist"),
            content(DNS_WHITELIST, "dns_whitelist"),
        ],
        was_running: false,
        error: None,
        rules: ToldRules::default(),
    };
    feed.note_change();
    feed.tell_status().await;
    let mut ticks = interval(LIVE_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut round = 0_u32;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            batch = batches.recv() => match batch {
                Some(batch) => feed.take(&batch).await,
                None => return,
            },
            told = events.recv() => match told {
                Ok(told) => {
                    feed.publish([event(DNS_LOG_EVENT, "dns_log_event", &told)]).await;
                    feed.tell_status().await;
                }
                Err(RecvError::Lagged(_)) => feed.tell_status().await,
                Err(RecvError::Closed) => return,
            },
            outcome = changes.changed() => match outcome {
                Ok(()) => {
                    feed.note_change();
                    feed.tell_status().await;
                }
                Err(_) => return,
            },
            _ = ticks.tick() => {
                round = round.wrapping_add(1);
                feed.tick(round).await;
            }
        }
    }
}

impl Feed {
    /// Publishes events, some at a time: the limit of a request is for publishers.
    async fn publish(&self, events: impl IntoIterator<Item = Option<Event>>) {
        let events: Vec<Event> = events.into_iter().flatten().collect();
        for part in events.chunks(EVENTS_PER_PUBLISH) {
            if let Err(error) = self.hub.publish(part.to_vec(), None).await {
                let cause: &dyn std::error::Error = &error;
                tracing::warn!(cause, "events of DNS were not published");
                return;
            }
        }
    }

    fn is_wanted(&self, channel: &str) -> bool {
        ChannelName::parse(channel).is_ok_and(|channel| self.hub.is_wanted(&channel))
    }

    /// Notes that the resolver started, stopped or failed since the last look.
    fn note_change(&mut self) {
        let status = self.parts.dns.status();
        if status.is_running != self.was_running {
            self.was_running = status.is_running;
            let word = if status.is_running { "started" } else { "stopped" };
            actions::note_change(&self.parts, word, None);
        }
        if status.error != self.error {
            self.error.clone_from(&status.error);
            if status.error.is_some() {
                actions::note_change(&self.parts, "crashed", status.error);
            }
        }
    }

    /// Says whether the resolver runs, and with which settings.
    async fn tell_status(&self) {
        let now_ms = (self.parts.clock)();
        let status = actions::status_json(&self.parts);
        let info = actions::info_json(&self.parts, now_ms);
        let events = [event(DNS_STATUS, "dns_status", &status), event(DNS_INFO, "dns_info", &info)];
        self.publish(events).await;
    }

    /// Tells questions one by one, and hands them to the live filters.
    async fn take(&mut self, batch: &Batch) {
        self.parts.live.offer(batch);
        if !self.is_wanted(DNS_LOG_EVENT) {
            return;
        }
        let n_room = TOLD_PER_SECOND_MAX.saturating_sub(self.n_told).min(batch.len());
        self.n_told += n_room;
        self.n_untold += batch.len() - n_room;
        // The newest are told: the others are seen in the log.
        let told = batch.iter().skip(batch.len() - n_room);
        let events = told.flat_map(|logged| {
            let both = [LogEntry::request(logged), LogEntry::response(logged)];
            both.map(|entry| event(DNS_LOG_EVENT, "dns_log_event", &entry))
        });
        self.publish(events.collect::<Vec<_>>()).await;
    }

    /// Does what is due: live batches every time, contents and counts once a second.
    async fn tick(&mut self, round: u32) {
        let live = self.parts.live.take();
        let live = live.iter().map(|of| event(&of.channel, "dns_log_live", &content::live(of)));
        self.publish(live.collect::<Vec<_>>()).await;
        if round.is_multiple_of(ROUNDS_PER_FORGETTING) {
            let now_ms = (self.parts.clock)();
            self.parts.live.forget_unused(now_ms, |channel| self.is_wanted(channel));
        }
        let is_wanted = !self.parts.live.is_empty() || self.is_wanted(DNS_LOG_EVENT);
        self.parts.log.want_live(is_wanted);
        if round % ROUNDS_PER_RULES == 1 {
            let events = self.rules.news(&self.parts);
            self.publish(events).await;
        }
        if round.is_multiple_of(ROUNDS_PER_CONTENT) {
            self.tell_untold().await;
            self.tell_contents().await;
        }
    }

    /// Says how many questions of the last second were not told.
    async fn tell_untold(&mut self) {
        self.n_told = 0;
        let n_untold = std::mem::take(&mut self.n_untold);
        if n_untold == 0 {
            return;
        }
        let now_ms = (self.parts.clock)();
        let dropped = json!({
            "id": format!("d{now_ms}"),
            "timestamp": now_ms,
            "type": "server_event",
            "level": "info",
            "eventType": "dropped",
            "message": format!("{n_untold} queries are not shown here; the log has them"),
            "dropped": n_untold,
        });
        self.publish([event(DNS_LOG_EVENT, "dns_log_event", &dropped)]).await;
    }

    /// Publishes the contents that changed and that somebody wants.
    async fn tell_contents(&mut self) {
        for index in 0..self.contents.len() {
            let Some(content) = self.contents.get(index) else { continue };
            let (channel, kind, published) = (content.channel, content.kind, content.published);
            if !self.is_wanted(channel) {
                continue;
            }
            let made_of = self.made_of(channel);
            if published == Some(made_of) {
                continue;
            }
            let (parts, now_ms) = (Arc::clone(&self.parts), (self.parts.clock)());
            let made = tokio::task::spawn_blocking(move || body(&parts, channel, now_ms)).await;
            let Ok(body) = made else { continue };
            self.publish([event(channel, kind, &body)]).await;
            if let Some(content) = self.contents.get_mut(index) {
                content.published = Some(made_of);
            }
        }
    }

    /// Returns a number that changes with a content.
    fn made_of(&self, channel: &str) -> u64 {
        match channel {
            DNS_LOG => {
                let n_all: u64 =
                    self.parts.log.statistics(|statistics| statistics.n_by_status()).iter().sum();
                // A cleared log, or another driver, changes what is there without a question.
                let n_recent = self.parts.log.status().n_recent;
                n_all.wrapping_mul(31).wrapping_add(u64::try_from(n_recent).unwrap_or(0))
            }
            DNS_CACHE => {
                let stats = self.parts.dns.cache().stats();
                let n_entries = u64::try_from(stats.n_entries).unwrap_or(0);
                (stats.n_misses + stats.n_evicted).wrapping_mul(31).wrapping_add(n_entries)
            }
            _ => *self.parts.listed.changes().borrow(),
        }
    }
}

/// Makes the content of a channel.
fn body(parts: &DnsParts, channel: &str, now_ms: u64) -> Value {
    match channel {
        DNS_LOG => content::log(parts, now_ms),
        DNS_CACHE => content::cache(parts, now_ms),
        DNS_BLACKLIST => content::list(parts, ListKind::Blacklist),
        _ => content::list(parts, ListKind::Whitelist),
    }
}
