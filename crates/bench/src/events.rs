//! What a bench publishes: events of one size, and logs filled with them.

use std::fmt::Write;

use anyhow::{Context, ensure};
use tidings_hub::Hub;
use tidings_hub::channel::ChannelName;
use tidings_hub::event::{Data, Event, EventType};
use tidings_hub::position::Position;

use crate::frames::EVENT_TYPE;

/// Size of every event's data.
pub(crate) const DATA_BYTES: usize = 300;
/// Events of one publish when a log is filled.
const FILL_EVENTS: usize = 1_000;
/// Most events or operations that can be asked for.
const COUNT_MAX: usize = 10_000_000;
/// Digits of the number in the data.
pub(crate) const NUMBER_DIGITS: usize = 10;
/// What comes before the number in the data.
pub(crate) const NUMBER_PREFIX: &str = "{\"n\":\"";

/// Numbers that look random and are the same in every run (`SplitMix64`).
#[derive(Debug, Clone)]
pub(crate) struct Numbers(u64);

impl Numbers {
    /// Begins a sequence.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns the next number.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// Returns JSON of [`DATA_BYTES`], half of whose bits nobody can compress away.
pub(crate) fn data(n: u64) -> String {
    let mut data = format!("{NUMBER_PREFIX}{n:0NUMBER_DIGITS$}\",\"text\":\"");
    let mut numbers = Numbers::new(n);
    while data.len() < DATA_BYTES - 2 {
        write!(data, "{:016x}", numbers.next()).expect("a String takes any text");
    }
    data.truncate(DATA_BYTES - 2);
    data.push_str("\"}");
    data
}

/// Parses a name that is written in this program.
pub(crate) fn channel(name: &str) -> ChannelName {
    ChannelName::parse(name).expect("the names in this program are channel names")
}

/// Returns the names `<prefix>/0`, `<prefix>/1` and so on.
pub(crate) fn channels(prefix: &str, n_channels: usize) -> Vec<ChannelName> {
    (0..n_channels).map(|index| channel(&format!("{prefix}/{index}"))).collect()
}

/// Parses a count of events or operations on the command line.
///
/// # Errors
///
/// Not a number from 1 to [`COUNT_MAX`].
pub(crate) fn parse_count(text: &str) -> Result<usize, String> {
    let count = text.replace('_', "").parse().ok();
    let count = count.filter(|count| (1..=COUNT_MAX).contains(count));
    count.ok_or_else(|| format!("not a number from 1 to {COUNT_MAX}"))
}

/// Publishes `n_events` over the channels in turn and returns where they stand.
///
/// # Errors
///
/// The hub refuses an event, or answers with positions that are not consecutive.
pub(crate) async fn fill(
    hub: &Hub,
    channels: &[ChannelName],
    n_events: usize,
) -> anyhow::Result<Vec<Position>> {
    let kind = EventType::parse(EVENT_TYPE).context("event type")?;
    let mut names = channels.iter().cycle();
    let mut held: Vec<Position> = Vec::with_capacity(n_events);
    while held.len() < n_events {
        let mut offset = hub.head().offset;
        let n_now = FILL_EVENTS.min(n_events - held.len());
        let events =
            names.by_ref().take(n_now).zip(offset..).map(|(name, n)| {
                Event::new(name.clone(), kind.clone(), Data::Json(data(n).into()))
            });
        let published = hub.publish(events.collect(), None).await.context("publish")?;
        ensure!(published.positions.len() == n_now, "not every event has an outcome");
        for position in published.positions {
            let position = position.context("an event of a logged channel has no position")?;
            offset += 1;
            ensure!(position.offset == offset, "offset {} is not {offset}", position.offset);
            held.push(position);
        }
    }
    Ok(held)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_json_of_one_size() {
        for n in [0, 1, 999_999_999] {
            let data = data(n);
            assert_eq!(data.len(), DATA_BYTES);
            let value: serde_json::Value = serde_json::from_str(&data).unwrap();
            assert_eq!(value["n"].as_str().unwrap().parse::<u64>().unwrap(), n);
        }
        assert_ne!(data(1), data(2));
    }
}
