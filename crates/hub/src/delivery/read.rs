//! Reading the log for a stream: where it begins, and chunks of frames below the memory window.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use bytes::Bytes;
use tidings_log::log::Log;
use tidings_log::reader::{Channels, ReadError};
use tidings_log::record::{ChannelId, Record, RecordKind};

use super::{BATCH_MAX_BYTES, Format, SubscribeRequest};
use crate::event::EpochMillis;
use crate::frame;
use crate::position::{Check, Epoch, Position};
use crate::readers::ReadBytes;
use crate::registry::Follows;
use crate::stored::StoredEvent;

/// Most channels whose positions are looked up one by one; for more everything is read.
const CHANNELS_LISTED_MAX: usize = 256;

/// What has to be read before a stream can begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Probe {
    /// Whether the log holds what the client's position says.
    Check(Position),
    /// Where the first publication at or after a time stands.
    Since(EpochMillis),
    /// Where the last so many publications of the stream's channels begin.
    Tail(u32),
}

/// What a probe found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Probed {
    /// Offset that the stream begins after.
    pub offset: u64,
    /// Whether the log holds something else at the client's position.
    pub is_diverged: bool,
}

/// Part of the log, as frames.
#[derive(Debug)]
pub(crate) struct Chunk {
    pub frames: Bytes,
    pub n_events: u64,
    /// Everything up to here is in the frames, or not for this stream.
    pub reached: u64,
    /// The last publication of the frames.
    pub shown: Option<(u64, Check)>,
    /// Everything up to here is gone.
    pub gone_to: Option<u64>,
    /// Everything up to here cannot be read.
    pub lost_to: Option<u64>,
    /// Counts the frames until they are taken.
    pub held: Option<ReadBytes>,
}

/// What is read from the disk for a stream.
#[derive(Debug, Default)]
pub(crate) enum Reading {
    /// Nothing.
    #[default]
    Idle,
    /// Something, by a reader.
    Asked,
    /// The reader found where the stream begins.
    Probed(Result<Probed, ReadError>),
    /// The reader read a chunk.
    Read(Result<Chunk, ReadError>),
}

impl Probe {
    /// Looks into the log.
    pub(super) fn run(&self, log: &Log, follows: &Follows) -> Result<Probed, ReadError> {
        let found = |offset| Probed { offset, is_diverged: false };
        match self {
            Self::Since(time) => log.offset_before(*time).map(found),
            Self::Tail(n) => {
                let channels: Vec<ChannelId> = follows.ids().collect();
                log.offset_before_tail(&channels, *n).map(found)
            }
            Self::Check(position) => {
                let mut names = Names { log, known: HashMap::new() };
                let held = log.record(position.offset, |record| {
                    let RecordKind::Event(channel) = record.kind else { return None };
                    let check = StoredEvent::decode(record.body)?.check(&names.of(channel));
                    Some((channel, check))
                })?;
                let is_diverged = held.flatten().is_some_and(|(channel, check)| {
                    // What is trimmed counts as gone, whatever stands there.
                    let trimmed_to = log.channel(channel).map_or(0, |held| held.trimmed_to);
                    trimmed_to < position.offset && check != position.check
                });
                Ok(Probed { offset: position.offset, is_diverged })
            }
        }
    }
}

/// What a chunk is to hold.
#[derive(Debug)]
pub(super) struct ChunkJob {
    pub after: u64,
    pub until: u64,
    pub epoch: Epoch,
    pub follows: Follows,
    /// Channels of which publications up to an offset are gone.
    pub trimmed: Vec<(ChannelId, u64)>,
    pub request: Arc<SubscribeRequest>,
    /// Time on the clock that only runs forward.
    pub kept_now: EpochMillis,
}

impl ChunkJob {
    /// Reads a chunk and encodes it.
    pub(super) fn run(&self, log: &Log) -> Result<Chunk, ReadError> {
        let listed: Vec<ChannelId> = if self.follows.channels.len() <= CHANNELS_LISTED_MAX {
            self.follows.ids().collect()
        } else {
            Vec::new()
        };
        let channels = if listed.is_empty() { Channels::All } else { Channels::Only(&listed) };
        let mut names = Names { log, known: HashMap::new() };
        let mut frames = String::new();
        let mut n_events = 0;
        let mut shown = None;
        let reached = log.scan(self.after, self.until, channels, &mut |record| {
            if let Some(check) = self.push(record, &mut names, &mut frames) {
                n_events += 1;
                shown = Some((record.offset, check));
            }
            if frames.len() < BATCH_MAX_BYTES {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        })?;
        Ok(Chunk {
            frames: frames.into(),
            n_events,
            reached: reached.offset,
            shown,
            gone_to: reached.gone_to,
            lost_to: reached.lost_to,
            held: None,
        })
    }

    /// Appends the frame of a record, if it is for the stream, and returns its check.
    fn push(
        &self,
        record: &Record<'_>,
        names: &mut Names<'_>,
        frames: &mut String,
    ) -> Option<Check> {
        let RecordKind::Event(channel) = record.kind else { return None };
        let since = self.follows.get(channel)?;
        let is_trimmed = |(id, to): &(ChannelId, u64)| *id == channel && record.offset <= *to;
        if record.offset <= since.offset || self.trimmed.iter().any(is_trimmed) {
            return None;
        }
        let event = StoredEvent::decode(record.body)?;
        let is_due = event.expires_at(record.kept_at()).is_none_or(|end| self.kept_now < end);
        if !is_due || !event.is_for(&self.request.client_id) {
            return None;
        }
        let name = names.of(channel);
        let check = event.check(&name);
        let position = Some(Position { epoch: self.epoch, offset: record.offset, check });
        match self.request.format {
            Format::Named => {
                let kind = self.request.renamed(event.kind);
                frame::push_named(frames, position, kind, event.data);
            }
            Format::Envelope if event.is_text => {
                let data = serde_json::Value::from(event.data).to_string();
                let names = (name.as_ref(), event.kind);
                frame::push_envelope(frames, position, names, &data, record.at);
            }
            Format::Envelope => {
                let names = (name.as_ref(), event.kind);
                frame::push_envelope(frames, position, names, event.data, record.at);
            }
        }
        Some(check)
    }
}

/// Names of channels, asked for once.
struct Names<'a> {
    log: &'a Log,
    known: HashMap<ChannelId, Arc<str>>,
}

impl Names<'_> {
    fn of(&mut self, channel: ChannelId) -> Arc<str> {
        let name = self.known.entry(channel).or_insert_with(|| {
            self.log.channel(channel).map_or_else(|| "".into(), |channel| channel.name)
        });
        Arc::clone(name)
    }
}
