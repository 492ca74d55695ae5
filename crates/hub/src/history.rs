//! Looking back: the publications that a channel holds.

use std::sync::Arc;

use crate::channel::ChannelName;
use crate::event::{EventType, Publication};
use crate::hub::Hub;
use crate::position::Position;

/// Most publications of one page.
pub const PAGE_MAX: usize = 1_000;

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
    /// Whether publications of this channel are gone already (or may be).
    pub is_trimmed: bool,
    /// Position of the last logged publication of the hub.
    pub head: Position,
}

/// Why there is no history to show.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HistoryError {
    /// Nothing was ever published there, or it is forgotten.
    #[error("no channel `{channel}` is known")]
    UnknownChannel {
        /// The channel.
        channel: ChannelName,
    },
    /// `after` or `before` belongs to another life of the log.
    #[error("the position belongs to another epoch of the log")]
    OtherEpoch,
}

impl Hub {
    /// Returns what a channel holds; a state channel holds its newest value.
    ///
    /// # Errors
    ///
    /// The channel is not known, or a position is of another epoch.
    pub fn history(
        &self,
        channel: &ChannelName,
        query: &HistoryQuery,
    ) -> Result<HistoryPage, HistoryError> {
        let now = self.now();
        let state = self.state.lock();
        let journal = &state.journal;
        let head = journal.window.head();
        let positions = query.after.iter().chain(&query.before);
        if positions.into_iter().any(|position| position.epoch != head.epoch) {
            return Err(HistoryError::OtherEpoch);
        }
        let known = journal.find(channel).and_then(|id| journal.channel(id));
        let Some(found) = known else {
            return Err(HistoryError::UnknownChannel { channel: channel.clone() });
        };
        let wanted = |publication: &&Arc<Publication>| {
            let offset = publication.position.map(|position| position.offset);
            let is_within = offset.is_none_or(|offset| {
                query.after.is_none_or(|after| offset > after.offset)
                    && query.before.is_none_or(|before| offset < before.offset)
            });
            let is_kind = query.kind.as_ref().is_none_or(|kind| *kind == publication.kind);
            is_within && is_kind && publication.is_due(now) && publication.is_for("")
        };
        let publication_of = |seq: &u64| journal.window.entry(*seq)?.publication.as_ref();
        let limit = query.limit.clamp(1, PAGE_MAX);
        let mut publications: Vec<Arc<Publication>> = match query.order {
            HistoryOrder::OldestFirst => found
                .held
                .iter()
                .filter_map(publication_of)
                .filter(wanted)
                .take(limit + 1)
                .cloned()
                .collect(),
            HistoryOrder::NewestFirst => {
                let newest = found.held.iter().rev().filter_map(publication_of).filter(wanted);
                newest.take(limit + 1).cloned().collect()
            }
        };
        let has_more = publications.len() > limit;
        publications.truncate(limit);
        Ok(HistoryPage { publications, has_more, is_trimmed: found.trimmed_to > 0, head })
    }
}
