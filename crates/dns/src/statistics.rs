//! What was asked, by minute and by hour: counted as it happens, in the same time however much
//! there is.
//!
//! Minutes are kept for a day and hours for thirty days; the names and clients asked for most are
//! kept by five minutes for six hours and by the hour for seven days.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::entry::Entry;
use crate::statistics::bucket::Bucket;
use crate::statistics::top::Tops;

pub mod bucket;
pub mod store;
pub mod top;

/// Milliseconds of a minute.
const MINUTE_MS: u64 = 60_000;
/// Milliseconds of an hour.
const HOUR_MS: u64 = 60 * MINUTE_MS;
/// Milliseconds of five minutes.
const FIVE_MINUTES_MS: u64 = 5 * MINUTE_MS;

/// Of what a series is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Series {
    /// Counts by minute, for a day.
    Minutes,
    /// Counts by hour, for thirty days.
    Hours,
    /// Most asked names and clients by five minutes, for six hours and a bit.
    TopMinutes,
    /// The same by hour, for seven days.
    TopHours,
}

impl Series {
    /// Every series.
    pub const ALL: [Self; 4] = [Self::Minutes, Self::Hours, Self::TopMinutes, Self::TopHours];

    /// Returns the length of a bucket in milliseconds.
    #[must_use]
    pub const fn step_ms(self) -> u64 {
        match self {
            Self::Minutes => MINUTE_MS,
            Self::TopMinutes => FIVE_MINUTES_MS,
            Self::Hours | Self::TopHours => HOUR_MS,
        }
    }

    /// Returns how many buckets are kept.
    #[must_use]
    pub const fn n_max(self) -> usize {
        match self {
            Self::Minutes => 24 * 60,
            Self::Hours => 30 * 24,
            Self::TopMinutes => 6 * 12 + 1,
            Self::TopHours => 7 * 24 + 1,
        }
    }

    /// Returns its word in the database.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Minutes => "minutes",
            Self::Hours => "hours",
            Self::TopMinutes => "top_minutes",
            Self::TopHours => "top_hours",
        }
    }
}

/// The time that statistics are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Range {
    /// One hour.
    #[default]
    Hour,
    /// Six hours.
    SixHours,
    /// One day.
    Day,
    /// Seven days.
    Week,
    /// Thirty days.
    Month,
}

impl Range {
    /// Every range.
    pub const ALL: [Self; 5] = [Self::Hour, Self::SixHours, Self::Day, Self::Week, Self::Month];

    /// Returns the word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Hour => "1h",
            Self::SixHours => "6h",
            Self::Day => "24h",
            Self::Week => "7d",
            Self::Month => "30d",
        }
    }

    /// Finds the range of a word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|range| range.word() == word)
    }

    /// Returns its length.
    #[must_use]
    pub const fn duration(self) -> Duration {
        match self {
            Self::Hour => Duration::from_hours(1),
            Self::SixHours => Duration::from_hours(6),
            Self::Day => Duration::from_hours(24),
            Self::Week => Duration::from_hours(7 * 24),
            Self::Month => Duration::from_hours(30 * 24),
        }
    }

    /// Returns the series that counts it, and the one that has its most asked names; thirty days
    /// have those of the last seven.
    #[must_use]
    pub const fn series(self) -> (Series, Series) {
        match self {
            Self::Hour | Self::SixHours => (Series::Minutes, Series::TopMinutes),
            Self::Day => (Series::Minutes, Series::TopHours),
            Self::Week | Self::Month => (Series::Hours, Series::TopHours),
        }
    }
}

/// What was asked in a time.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Summary {
    /// Everything in one.
    pub total: Bucket,
    /// One bucket for each step in which something was asked, oldest first.
    pub steps: Vec<Bucket>,
    /// Milliseconds of a step.
    pub step_ms: u64,
    /// Names asked for most.
    pub names: Vec<(Box<str>, u64)>,
    /// Names blocked most.
    pub blocked: Vec<(Box<str>, u64)>,
    /// Clients that asked most.
    pub clients: Vec<(IpAddr, u64)>,
}

/// A bucket that changed, for the disk.
#[derive(Debug, Clone, PartialEq)]
pub enum Changed {
    /// Counts.
    Counts(Series, Bucket),
    /// Most asked names and clients.
    Tops(Series, Tops),
}

/// All statistics.
#[derive(Debug)]
pub struct Statistics {
    minutes: VecDeque<Bucket>,
    hours: VecDeque<Bucket>,
    top_minutes: VecDeque<Tops>,
    top_hours: VecDeque<Tops>,
    /// Questions since the start, by [`Status::index`](crate::entry::Status::index).
    n_by_status: [u64; 8],
    /// Buckets from this time on may differ from what is on disk.
    clean_to_ms: u64,
    is_changed: bool,
    /// The second that is being counted, and its count.
    second: (u64, u64),
    /// Questions of the seconds before it, newest last.
    last_seconds: VecDeque<(u64, u64)>,
}

/// Seconds over which the present rate is taken.
const RATE_SECONDS: u64 = 10;

impl Statistics {
    /// Begins at a time.
    #[must_use]
    pub fn new(now_ms: u64) -> Self {
        Self {
            minutes: VecDeque::new(),
            hours: VecDeque::new(),
            top_minutes: VecDeque::new(),
            top_hours: VecDeque::new(),
            n_by_status: [0; 8],
            clean_to_ms: now_ms,
            is_changed: false,
            second: (0, 0),
            last_seconds: VecDeque::new(),
        }
    }

    /// Counts an entry.
    pub fn add(&mut self, entry: &Entry) {
        self.add_hidden(entry);
        for (of, step_ms, n_max) in [
            (&mut self.top_minutes, FIVE_MINUTES_MS, Series::TopMinutes.n_max()),
            (&mut self.top_hours, HOUR_MS, Series::TopHours.n_max()),
        ] {
            let start_ms = entry.at_ms - entry.at_ms % step_ms;
            let tops = at(of, start_ms, n_max, Tops::new, |tops| tops.start_ms);
            if let Some(tops) = tops {
                tops.add(entry);
            }
        }
    }

    /// Counts an entry whose name and client are nobody's business.
    pub fn add_hidden(&mut self, entry: &Entry) {
        let rate = self.count_second(entry.at_ms / 1_000);
        for (of, step_ms, n_max) in [
            (&mut self.minutes, MINUTE_MS, Series::Minutes.n_max()),
            (&mut self.hours, HOUR_MS, Series::Hours.n_max()),
        ] {
            let start_ms = entry.at_ms - entry.at_ms % step_ms;
            if let Some(bucket) = at(of, start_ms, n_max, Bucket::new, |bucket| bucket.start_ms) {
                bucket.add(entry);
                bucket.peak_per_second = bucket.peak_per_second.max(rate);
            }
        }
        if let Some(n) = self.n_by_status.get_mut(usize::from(entry.status.index())) {
            *n += 1;
        }
        self.is_changed = true;
    }

    /// Returns the questions since the start, in the order of
    /// [`Status::ALL`](crate::entry::Status::ALL).
    #[must_use]
    pub fn n_by_status(&self) -> [u64; 8] {
        self.n_by_status
    }

    /// Counts a question for the present rate and returns those of its second.
    fn count_second(&mut self, second: u64) -> u64 {
        if second > self.second.0 {
            self.last_seconds.push_back(self.second);
            let oldest = second.saturating_sub(RATE_SECONDS);
            while self.last_seconds.front().is_some_and(|(second, _)| *second < oldest) {
                self.last_seconds.pop_front();
            }
            self.second = (second, 0);
        }
        self.second.1 += 1;
        self.second.1
    }

    /// Returns the questions of the last seconds, and how many seconds those are.
    #[must_use]
    pub fn rate(&self, now_ms: u64) -> (u64, u64) {
        let now = now_ms / 1_000;
        let is_late = |second: &u64| *second < now && *second + RATE_SECONDS >= now;
        let seconds = self.last_seconds.iter().chain([&self.second]);
        let n = seconds.filter(|(second, _)| is_late(second)).map(|(_, n)| n).sum();
        (n, RATE_SECONDS)
    }

    /// Returns what was asked within a range, with the `n_top` most asked of each kind.
    #[must_use]
    pub fn summary(&self, range: Range, now_ms: u64, n_top: usize) -> Summary {
        let length_ms = u64::try_from(range.duration().as_millis()).unwrap_or(u64::MAX);
        let (series, top_series) = range.series();
        let from = |step_ms: u64| {
            // The bucket that the range begins in counts whole.
            let from_ms = now_ms.saturating_sub(length_ms);
            from_ms - from_ms % step_ms
        };
        let counts = if series == Series::Minutes { &self.minutes } else { &self.hours };
        let from_ms = from(series.step_ms());
        let steps: Vec<Bucket> =
            counts.iter().filter(|bucket| bucket.start_ms >= from_ms).cloned().collect();
        let mut total = Bucket::new(from_ms);
        for bucket in &steps {
            total.merge(bucket);
        }
        let is_hours = top_series == Series::TopHours;
        let tops = if is_hours { &self.top_hours } else { &self.top_minutes };
        let from_ms = from(top_series.step_ms());
        let tops: Vec<&Tops> = tops.iter().filter(|tops| tops.start_ms >= from_ms).collect();
        Summary {
            total,
            steps,
            step_ms: series.step_ms(),
            names: top::sum(tops.iter().map(|tops| &tops.names), n_top),
            blocked: top::sum(tops.iter().map(|tops| &tops.blocked), n_top),
            clients: top::sum(tops.iter().map(|tops| &tops.clients), n_top),
        }
    }

    /// Takes up what was kept of earlier, before what was counted since.
    pub fn take_up(&mut self, found: Vec<Changed>) {
        for changed in found {
            match changed {
                Changed::Counts(series, bucket) => {
                    let of =
                        if series == Series::Minutes { &mut self.minutes } else { &mut self.hours };
                    let start_ms = bucket.start_ms;
                    let held = at(of, start_ms, series.n_max(), Bucket::new, |b| b.start_ms);
                    if let Some(held) = held {
                        held.merge(&bucket);
                    }
                }
                Changed::Tops(series, tops) => {
                    let is_minutes = series == Series::TopMinutes;
                    let of = if is_minutes { &mut self.top_minutes } else { &mut self.top_hours };
                    let start_ms = tops.start_ms;
                    if let Some(held) = at(of, start_ms, series.n_max(), Tops::new, |t| t.start_ms)
                    {
                        held.merge(&tops);
                    }
                }
            }
        }
    }

    /// Returns the buckets that may have changed since the last time.
    pub fn take_changed(&mut self) -> Vec<Changed> {
        if !std::mem::take(&mut self.is_changed) {
            return Vec::new();
        }
        let clean_to_ms = self.clean_to_ms;
        let is_open = |start_ms: u64, series: Series| start_ms + series.step_ms() > clean_to_ms;
        let mut changed = Vec::new();
        for (series, of) in [(Series::Minutes, &self.minutes), (Series::Hours, &self.hours)] {
            let open = of.iter().filter(|bucket| is_open(bucket.start_ms, series));
            changed.extend(open.map(|bucket| Changed::Counts(series, bucket.clone())));
        }
        for (series, of) in
            [(Series::TopMinutes, &self.top_minutes), (Series::TopHours, &self.top_hours)]
        {
            let open = of.iter().filter(|tops| is_open(tops.start_ms, series));
            changed.extend(open.map(|tops| Changed::Tops(series, tops.clone())));
        }
        self.clean_to_ms = self.minutes.back().map_or(clean_to_ms, |bucket| bucket.start_ms);
        changed
    }

    /// Says that changed buckets did not reach the disk.
    pub fn put_back(&mut self, changed: &[Changed]) {
        let oldest_ms = changed.iter().map(|changed| match changed {
            Changed::Counts(_, bucket) => bucket.start_ms,
            Changed::Tops(_, tops) => tops.start_ms,
        });
        self.clean_to_ms = oldest_ms.min().map_or(self.clean_to_ms, |at| at.min(self.clean_to_ms));
        self.is_changed = self.is_changed || !changed.is_empty();
    }
}

/// Finds the bucket of a time, and makes it when it is new and not too old.
fn at<Kind>(
    buckets: &mut VecDeque<Kind>,
    start_ms: u64,
    n_max: usize,
    new: fn(u64) -> Kind,
    start_of: fn(&Kind) -> u64,
) -> Option<&mut Kind> {
    let is_newest = buckets.back().is_some_and(|newest| start_of(newest) == start_ms);
    if is_newest {
        return buckets.back_mut();
    }
    let index = buckets.partition_point(|bucket| start_of(bucket) < start_ms);
    if buckets.get(index).is_none_or(|found| start_of(found) != start_ms) {
        if buckets.len() >= n_max {
            if index == 0 {
                return None;
            }
            buckets.pop_front();
            buckets.insert(index - 1, new(start_ms));
            return buckets.get_mut(index - 1);
        }
        buckets.insert(index, new(start_ms));
    }
    buckets.get_mut(index)
}

#[cfg(test)]
mod tests;
