//! Where a new stream's cursor stands, and whether the client must reload.

use crate::config::ChannelClass;
use crate::frame::ResetReason;
use crate::journal::Journal;
use crate::position::Position;
use crate::registry::Since;

use super::{Follows, Start};

/// The beginning of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Decision {
    /// What counts as passed.
    pub cursor: Since,
    /// Reset that comes before anything else.
    pub reset: Option<ResetReason>,
    /// Whether nothing was missed; `None` when no position was given.
    pub is_recovered: Option<bool>,
    /// Floor that costs the subscriber nothing.
    pub floor: u64,
}

/// Decides where a stream begins; the first rule that applies holds.
///
/// A client that names no position is promised nothing of the past, so what was trimmed before it
/// came is marked as costing it nothing.
pub(super) fn decide(journal: &Journal, follows: &mut Follows, start: &Start) -> Decision {
    let window = &journal.window;
    let head = Since { seq: window.head_seq(), offset: window.head().offset };
    let at = |offset: u64| Since { seq: window.seq_at(offset), offset };
    let fresh = |cursor| Decision { cursor, reset: None, is_recovered: None, floor: journal.floor };
    let cursor = match start {
        Start::Live => return fresh(head),
        Start::After(id) => return resume(journal, follows, id),
        Start::Earliest => at(0),
        Start::Since(time) => at(window.offset_before(*time)),
        Start::Tail(n) => at(offset_before_tail(journal, follows, *n)),
    };
    for (id, since) in follows {
        since.offset = journal.channel(*id).map_or(0, |channel| channel.trimmed_to);
    }
    fresh(cursor)
}

/// Decides for a client that comes back.
fn resume(journal: &Journal, follows: &Follows, id: &str) -> Decision {
    let window = &journal.window;
    let head = window.head();
    let reset = |reason| Decision {
        cursor: Since { seq: window.head_seq(), offset: head.offset },
        reset: Some(reason),
        is_recovered: Some(false),
        floor: journal.floor,
    };
    let Some(position) = Position::parse(id) else { return reset(ResetReason::BadId) };
    if position.epoch != head.epoch {
        return reset(ResetReason::Epoch);
    }
    if position.offset > head.offset {
        return reset(ResetReason::Future);
    }
    if window.check_at(position.offset).is_some_and(|check| check != position.check) {
        return reset(ResetReason::Diverged);
    }
    let is_behind = journal.floor > position.offset
        || follows.keys().any(|id| {
            journal.channel(*id).is_some_and(|channel| channel.trimmed_to > position.offset)
        });
    Decision {
        cursor: Since { seq: window.seq_at(position.offset), offset: position.offset },
        reset: None,
        is_recovered: Some(!is_behind),
        floor: 0,
    }
}

/// Returns the offset before the last `n` publications that the channels hold.
fn offset_before_tail(journal: &Journal, follows: &Follows, n: u32) -> u64 {
    let n = usize::try_from(n).unwrap_or(usize::MAX);
    let logged = follows.keys().filter_map(|id| journal.channel(*id));
    let logged = logged.filter(|channel| channel.class == ChannelClass::Logged);
    let mut seqs: Vec<u64> =
        logged.flat_map(|channel| channel.held.iter().rev().take(n).copied()).collect();
    seqs.sort_unstable_by(|left, right| right.cmp(left));
    let head = journal.window.head().offset;
    match seqs.get(..n.min(seqs.len())).and_then(<[u64]>::last) {
        Some(seq) => journal.window.entry(*seq).map_or(head, |entry| entry.offset - 1),
        None => head,
    }
}
