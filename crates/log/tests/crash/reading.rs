//! Reading all of a log in every way, and comparing it with the model.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use bytes::Bytes;
use tidings_log::log::Log;
use tidings_log::reader::Channels;
use tidings_log::record::{ChannelId, Record, RecordKind};
use tidings_log::writer::LogWriter;

use super::model::{CHANNELS, Event, Mark, Model, SETTINGS, Settings};

/// All that a log shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) head: u64,
    pub(crate) first: u64,
    /// First offset of the second segment.
    pub(crate) second: u64,
    pub(crate) floor: u64,
    pub(crate) epoch: u64,
    pub(crate) events: BTreeMap<u64, Event>,
    pub(crate) notes: Vec<(u64, Bytes)>,
    pub(crate) settings: Settings,
    /// For each channel that is known: what was trimmed.
    pub(crate) trimmed: BTreeMap<usize, u64>,
}

/// Returns the index of a channel's name.
pub(crate) fn channel_index(name: &str) -> usize {
    CHANNELS.iter().position(|known| *known == name).expect("only these names are used")
}

/// Turns a record into what was handed over.
pub(crate) fn to_event(record: &Record<'_>, names: &BTreeMap<ChannelId, usize>) -> Option<Event> {
    let RecordKind::Event(id) = record.kind else { return None };
    let channel = *names.get(&id)?;
    let (at, correction_s) = (record.at, record.correction_s);
    Some(Event { channel, at, correction_s, body: Bytes::copy_from_slice(record.body) })
}

/// Returns the names of the channels that a log knows.
pub(crate) fn names_of(log: &Log) -> BTreeMap<ChannelId, usize> {
    log.channels().into_iter().map(|held| (held.id, channel_index(&held.name))).collect()
}

/// Reads everything; nothing may be lost.
pub(crate) fn read_all(log: &Log, writer: &LogWriter, second: u64) -> Shown {
    let names = names_of(log);
    let events = scan(log, Channels::All, &names);
    for (id, channel) in &names {
        let of_channel: Vec<u64> =
            events.iter().filter(|(_, event)| event.channel == *channel).map(|(n, _)| *n).collect();
        let only = scan(log, Channels::Only(&[*id]), &names);
        assert!(of_channel.iter().all(|n| only.get(n) == events.get(n)), "by channel: {only:?}");
        let mut back = Vec::new();
        log.scan_back(*id, u64::MAX, &mut |record| {
            back.push(record.offset);
            ControlFlow::Continue(())
        })
        .unwrap();
        back.reverse();
        assert_eq!(back, of_channel, "backwards");
    }
    let mut notes = Vec::new();
    log.notes(0, &mut |record| {
        notes.push((record.offset, Bytes::copy_from_slice(record.body)));
        ControlFlow::Continue(())
    })
    .unwrap();
    let settings = writer.meta().with_prefix(SETTINGS);
    let channels = log.channels().into_iter();
    Shown {
        head: log.head(),
        first: log.stats().first,
        second,
        floor: log.floor(),
        epoch: log.epoch(),
        events,
        notes,
        settings: settings.map(|(key, value)| (key.into(), value.clone())).collect(),
        trimmed: channels.map(|held| (channel_index(&held.name), held.trimmed_to)).collect(),
    }
}

fn scan(
    log: &Log,
    channels: Channels<'_>,
    names: &BTreeMap<ChannelId, usize>,
) -> BTreeMap<u64, Event> {
    let mut events = BTreeMap::new();
    let mut last = 0;
    let mut from = 0;
    while from < log.head() {
        let reached = log
            .scan(from, log.head(), channels, &mut |record| {
                assert!(record.offset > last, "offsets increase");
                last = record.offset;
                events.insert(last, to_event(record, names).expect("its channel is known"));
                ControlFlow::Continue(())
            })
            .unwrap();
        assert_eq!(reached.lost_to, None, "nothing is damaged");
        let next = reached.gone_to.unwrap_or(reached.offset);
        assert!(next > from, "a scan comes on from {from}");
        from = next;
    }
    events
}

/// Checks that a log that is open shows what the model says.
pub(crate) fn check_shown(model: &Model, shown: &Shown) {
    assert_eq!(shown.head, model.head(), "head");
    assert!(&shown.settings == model.settings(), "settings");
    // The first of an empty log is behind its head.
    let there = model.events.range(shown.first..).take_while(|(offset, _)| **offset <= shown.head);
    assert!(
        shown.events.iter().eq(there),
        "events {:?} from {} to {}",
        shown.events.keys(),
        shown.first,
        shown.head
    );
    check_notes(&model.notes[..model.marks[model.acked].n_notes], shown).expect("notes");
    check_trims(model, shown);
    assert!(shown.first >= model.first, "segment {} is back at {}", shown.first, model.first);
}

/// Checks that the notes are those that stand in the segments that are there.
fn check_notes(expected: &[(u64, Bytes)], shown: &Shown) -> Result<(), String> {
    let n_gone = expected.len().checked_sub(shown.notes.len()).ok_or("too many notes")?;
    let (gone, there) = expected.split_at(n_gone);
    if there != shown.notes {
        return Err(format!("{:?} are not the last of {expected:?}", shown.notes));
    }
    match gone.last() {
        Some((offset, _)) if *offset > shown.first => Err(format!("the note at {offset} is lost")),
        _ => Ok(()),
    }
}

/// Checks that every event that is gone is accounted for, and was to go.
fn check_trims(model: &Model, shown: &Shown) {
    for (channel, name) in CHANNELS.iter().enumerate() {
        let trimmed_to = shown.trimmed.get(&channel).copied().unwrap_or(0);
        for offset in model.covered(channel) {
            assert!(
                // What goes with its segment is noted before the segment goes.
                offset > trimmed_to || (model.may_give_up && offset < shown.second),
                "{name}: {offset} is covered, but {trimmed_to} trimmed"
            );
        }
        let gone = model.events.range(..shown.first).rev();
        let last_gone = gone.into_iter().find(|(_, event)| event.channel == channel);
        if let Some((offset, _)) = last_gone {
            assert!(
                *offset <= trimmed_to.max(shown.floor),
                "{name}: {offset} is gone, but trimmed {trimmed_to}, floor {}",
                shown.floor
            );
        }
    }
}

/// Checks what a log shows after a restart and returns the mark to which it was cut.
pub(crate) fn check_found(model: &Model, shown: &Shown, marks: &[Mark]) -> Mark {
    let mark = marks.iter().find(|mark| {
        mark.head == shown.head && check_notes(&model.notes[..mark.n_notes], shown).is_ok()
    });
    let Some(mark) = mark else {
        panic!("found head {} and {} notes, not of {marks:?}", shown.head, shown.notes.len())
    };
    *mark
}
