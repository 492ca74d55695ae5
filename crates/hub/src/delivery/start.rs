//! Where a new stream's cursor stands, and whether the client must reload.

use std::sync::Arc;

use super::{Probe, Start};
use crate::frame::ResetReason;
use crate::hub::State;
use crate::position::Position;
use crate::registry::Follows;
use crate::window::Place;
use tidings_log::log::Log;

/// The beginning of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Decision {
    /// What counts as passed.
    pub cursor: Place,
    /// Reset that comes before anything else.
    pub reset: Option<ResetReason>,
    /// Whether nothing was missed; `None` when no position was given.
    pub is_recovered: Option<bool>,
    /// Floor that costs the subscriber nothing.
    pub floor: u64,
    /// What must be read first; the cursor is final only then.
    pub probe: Option<Probe>,
}

/// Decides where a stream begins; the first rule that applies holds.
///
/// A client that names no position is promised nothing of the past, so what was trimmed before it
/// came is marked as costing it nothing.
pub(super) fn decide(state: &State, log: &Log, follows: &mut Follows, start: &Start) -> Decision {
    let window = &state.journal.window;
    let floor = log.floor();
    let fresh = |cursor| Decision { cursor, reset: None, is_recovered: None, floor, probe: None };
    let probe = match start {
        Start::Live => return fresh(window.head()),
        Start::After(id) => return resume(state, log, follows, id),
        Start::Earliest => None,
        Start::Since(time) => Some(Probe::Since(*time)),
        Start::Tail(n) => Some(Probe::Tail(*n)),
    };
    let gone = log.gone_after(0, &mut follows.ids());
    for (id, to) in gone.channels {
        Arc::make_mut(&mut follows.sinces).entry(id).or_default().offset = to;
    }
    Decision { probe, ..fresh(place_at(state, 0)) }
}

/// Returns the place of an offset; its number is only right within the window.
pub(super) fn place_at(state: &State, offset: u64) -> Place {
    let window = &state.journal.window;
    if offset < window.base().offset {
        return Place { seq: 0, offset, check: None };
    }
    Place { seq: window.seq_of(offset), offset, check: window.check_at(offset) }
}

/// Decides for a client that comes back.
fn resume(state: &State, log: &Log, follows: &Follows, id: &str) -> Decision {
    let window = &state.journal.window;
    let head = window.head_position();
    let reset = |reason| Decision {
        cursor: window.head(),
        reset: Some(reason),
        is_recovered: Some(false),
        floor: log.floor(),
        probe: None,
    };
    let Some(position) = Position::parse(id) else { return reset(ResetReason::BadId) };
    if position.epoch != head.epoch {
        return reset(ResetReason::Epoch);
    }
    if position.offset > head.offset {
        return reset(ResetReason::Future);
    }
    let cursor = place_at(state, position.offset);
    let gone = log.gone_after(position.offset, &mut follows.ids());
    let is_behind = gone.floor > position.offset || !gone.channels.is_empty();
    let decision =
        Decision { cursor, reset: None, is_recovered: Some(!is_behind), floor: 0, probe: None };
    match cursor.check {
        // Before the first publication there is nothing to compare.
        _ if position.offset == 0 => decision,
        None => Decision { probe: Some(Probe::Check(position)), ..decision },
        Some(check) if check != position.check && !is_trimmed(state, log, position.offset) => {
            reset(ResetReason::Diverged)
        }
        Some(_) => decision,
    }
}

/// Returns whether a publication of the window is trimmed: its check is not compared.
fn is_trimmed(state: &State, log: &Log, offset: u64) -> bool {
    let window = &state.journal.window;
    let entry = window.seq_of(offset).checked_sub(1).and_then(|seq| window.after(seq).next());
    entry.is_some_and(|(_, entry)| {
        let trimmed_to = log.channel(entry.channel).map_or(0, |channel| channel.trimmed_to);
        entry.offset == offset && trimmed_to >= offset
    })
}
