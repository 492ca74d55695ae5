//! Looking back: the publications that a channel holds.

use std::ops::ControlFlow;
use std::sync::Arc;

use tidings_log::log::Log;
use tidings_log::reader::{Channels, ReadError};
use tidings_log::record::{ChannelId, Record, RecordKind};
use tidings_log::writer::CommitError;
use tokio::sync::oneshot;

use crate::channel::ChannelName;
use crate::commit::Request;
use crate::config::ChannelClass;
use crate::event::{EpochMillis, EventType, Publication};
use crate::hub::Hub;
use crate::position::Position;
use crate::stored::StoredEvent;

/// Most publications of one page.
pub const PAGE_MAX: usize = 1_000;
/// Payload bytes after which a page ends.
const PAGE_BYTES_MAX: usize = 8 * 1_048_576;
/// Most publications looked at for one page; more only with a type that is rare.
const READ_MAX: usize = 100_000;

/// Which end of the history comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HistoryOrder {
    /// Oldest first.
    #[default]
    OldestFirst,
    /// Newest first.
    NewestFirst,
}

/// What part of a channel's history is wanted.
#[derive(Debug, Clone, Default)]
pub struct HistoryQuery {
    /// Only publications after this position.
    pub after: Option<Position>,
    /// Only publications before this position.
    pub before: Option<Position>,
    /// Only events of this type.
    pub kind: Option<EventType>,
    /// Which end comes first.
    pub order: HistoryOrder,
    /// Most publications returned, at most [`PAGE_MAX`].
    pub limit: usize,
}

/// Part of a channel's history.
#[derive(Debug, Clone)]
pub struct HistoryPage {
    /// The publications, in the order asked for.
    pub publications: Vec<Arc<Publication>>,
    /// Whether there are more in that direction.
    pub has_more: bool,
    /// Position that the next page goes on from; with a type that is rare it may lie beyond the
    /// last publication of this page.
    pub next: Option<Position>,
    /// Whether publications of this channel are gone already (or may be).
    pub is_trimmed: bool,
    /// Position of the last logged publication of the hub.
    pub head: Position,
}

/// Why there is no history to show.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// Nothing was ever published there, or it is forgotten.
    #[error("no channel `{channel}` is known")]
    UnknownChannel {
        /// The channel.
        channel: ChannelName,
    },
    /// The disk failed.
    #[error("the history cannot be read")]
    Read(#[source] ReadError),
    /// The server stops.
    #[error("the server is shutting down")]
    ShuttingDown,
    /// `after` or `before` belongs to another life of the log.
    #[error("the position belongs to another epoch of the log")]
    OtherEpoch,
}

/// Why a channel's history was not deleted; it is as it was.
#[derive(Debug, thiserror::Error)]
pub enum DeleteError {
    /// Nothing was ever published there, or it is forgotten.
    #[error("no channel `{channel}` is known")]
    UnknownChannel {
        /// The channel.
        channel: ChannelName,
    },
    /// The log could not note it.
    #[error("the log did not note the deletion")]
    Log(#[source] CommitError),
    /// The server stops.
    #[error("the server is shutting down")]
    ShuttingDown,
}

impl Hub {
    /// Deletes what a channel holds; a stream that is behind is told. False when it held nothing.
    ///
    /// Carried out also when it is dropped half way.
    ///
    /// # Errors
    ///
    /// [`DeleteError`]
    pub async fn delete_history(&self, channel: &ChannelName) -> Result<bool, DeleteError> {
        let Some(id) = self.state.lock().journal.find(channel) else {
            return Err(DeleteError::UnknownChannel { channel: channel.clone() });
        };
        let (reply, answer) = oneshot::channel();
        if self.queue.push(Request::Delete(id, reply)).is_err() {
            return Err(DeleteError::ShuttingDown);
        }
        let deleted = answer.await.map_err(|_| DeleteError::ShuttingDown)?;
        deleted.map_err(DeleteError::Log)
    }

    /// Returns what a channel holds; a state channel holds its newest value, an ephemeral one
    /// nothing.
    ///
    /// # Errors
    ///
    /// The channel is not known, a position is of another epoch, or the disk failed.
    pub async fn history(
        self: &Arc<Self>,
        channel: &ChannelName,
        query: HistoryQuery,
    ) -> Result<HistoryPage, HistoryError> {
        let (id, class, newest, head, kept_now) = {
            let mut state = self.state.lock();
            let now = state.now(&self.environment);
            let journal = &state.journal;
            let id = journal.find(channel);
            let Some((id, known)) = id.and_then(|id| Some((id, journal.channel(id)?))) else {
                return Err(HistoryError::UnknownChannel { channel: channel.clone() });
            };
            let newest = known.newest.as_ref().map(|(_, value)| Arc::clone(value));
            (id, known.class, newest, journal.window.head_position(), now.kept_at)
        };
        let mut positions = query.after.iter().chain(&query.before);
        if positions.any(|position| position.epoch != head.epoch) {
            return Err(HistoryError::OtherEpoch);
        }
        let page = HistoryPage {
            publications: Vec::new(),
            has_more: false,
            next: None,
            is_trimmed: false,
            head,
        };
        match class {
            ChannelClass::Ephemeral => return Ok(page),
            ChannelClass::State => {
                let is_kind = |value: &Arc<Publication>| {
                    query.kind.as_ref().is_none_or(|kind| *kind == value.kind)
                };
                let shown = newest
                    .filter(|value| is_kind(value) && value.is_due(kept_now) && value.is_for(""));
                return Ok(HistoryPage { publications: shown.into_iter().collect(), ..page });
            }
            ChannelClass::Logged => {}
        }
        let (reply, answer) = oneshot::channel();
        let search =
            Search { id, channel: channel.clone(), query, kept_now, page, n_read: 0, n_bytes: 0 };
        let hub = Arc::clone(self);
        self.readers.submit(move || {
            reply.send(search.run(&hub.log)).ok();
        });
        answer.await.unwrap_or(Err(HistoryError::ShuttingDown))
    }
}

/// A search of the log for a page.
struct Search {
    id: ChannelId,
    channel: ChannelName,
    query: HistoryQuery,
    kept_now: EpochMillis,
    page: HistoryPage,
    n_read: usize,
    n_bytes: usize,
}

impl Search {
    fn run(mut self, log: &Log) -> Result<HistoryPage, HistoryError> {
        let trimmed_to = log.channel(self.id).map_or(0, |channel| channel.trimmed_to);
        self.page.is_trimmed = trimmed_to > 0;
        let after = self.query.after.map_or(0, |position| position.offset).max(trimmed_to);
        let head = self.page.head.offset;
        let before = self.query.before.map_or(head + 1, |position| position.offset).min(head + 1);
        match self.query.order {
            HistoryOrder::NewestFirst => {
                log.scan_back(self.id, before, &mut |record| self.take(record, after))
                    .map_err(HistoryError::Read)?;
            }
            HistoryOrder::OldestFirst => {
                let mut from = after;
                let until = before.saturating_sub(1);
                // Each round ends the page, passes what is gone or damaged, or is the last.
                while from < until {
                    let id = self.id;
                    let channels = Channels::Only(std::slice::from_ref(&id));
                    let mut is_full = false;
                    let reached = log.scan(from, until, channels, &mut |record| {
                        if record.kind != RecordKind::Event(id) {
                            return ControlFlow::Continue(());
                        }
                        let flow = self.take(record, after);
                        is_full = flow.is_break();
                        flow
                    });
                    let reached = reached.map_err(HistoryError::Read)?;
                    let next = reached.gone_to.or(reached.lost_to).unwrap_or(reached.offset);
                    if is_full || next <= from {
                        break;
                    }
                    from = next;
                }
            }
        }
        Ok(self.page)
    }

    /// Takes a record into the page; ends when the page is full, or enough was read.
    fn take(&mut self, record: &Record<'_>, after: u64) -> ControlFlow<()> {
        if record.offset <= after {
            return ControlFlow::Break(());
        }
        let limit = self.query.limit.clamp(1, PAGE_MAX);
        let is_full = self.page.publications.len() == limit || self.n_bytes >= PAGE_BYTES_MAX;
        if is_full || self.n_read == READ_MAX {
            self.page.has_more = true;
            return ControlFlow::Break(());
        }
        self.n_read += 1;
        let Some(stored) = StoredEvent::decode(record.body) else {
            return ControlFlow::Continue(());
        };
        let check = stored.check(self.channel.as_str());
        let position = Position { epoch: self.page.head.epoch, offset: record.offset, check };
        self.page.next = Some(position);
        let times = (record.at, record.kept_at());
        let publication = stored.to_publication(self.channel.clone(), Some(position), times);
        let is_kind = |publication: &Publication| {
            self.query.kind.as_ref().is_none_or(|kind| *kind == publication.kind)
        };
        let shown = publication.filter(|publication| {
            is_kind(publication) && publication.is_due(self.kept_now) && publication.is_for("")
        });
        if let Some(publication) = shown {
            self.n_bytes += publication.data.as_str().len();
            self.page.publications.push(Arc::new(publication));
        }
        ControlFlow::Continue(())
    }
}
