//! Counts of one stretch of time.

use serde::{Deserialize, Serialize};

use crate::entry::{Entry, Status};
use crate::record_type::RecordType;

/// Most types, response codes and upstreams that are counted apart.
const APART_MAX: usize = 32;
/// Steps of a histogram: two for each power of two, to 2²⁴ µs.
const STEPS: usize = 48;

/// Counts of one stretch of time.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct Bucket {
    /// Its start, milliseconds since 1970.
    pub start_ms: u64,
    /// Questions by [`Status::index`].
    pub statuses: [u64; 8],
    /// Answers with NOERROR or NXDOMAIN: what there is to say was said.
    pub n_successful: u64,
    /// Questions that a rule let through.
    pub n_allowed: u64,
    /// Questions by type; those beyond 32 types count in none.
    pub kinds: Vec<(u16, u64)>,
    /// Questions by response code.
    pub response_codes: Vec<(u16, u64)>,
    /// What upstreams did.
    pub upstreams: Vec<(Box<str>, UpstreamCounts)>,
    /// Time of all answers, microseconds.
    pub duration_us: u64,
    /// Most questions in one second.
    pub peak_per_second: u64,
}

/// What one upstream did.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct UpstreamCounts {
    /// Questions that it answered, or did not.
    pub n_questions: u64,
    /// Those that ended in a failure.
    pub n_failed: u64,
    /// Time of its answers, microseconds.
    pub duration_us: u64,
    /// When it last answered, milliseconds since 1970.
    pub last_used_ms: u64,
    /// Answers by time.
    pub histogram: Histogram,
}

/// Answers by time, in steps of half a power of two.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, Serialize)]
#[serde(transparent)]
pub struct Histogram(Vec<u32>);

impl Histogram {
    /// Counts a time.
    pub fn add(&mut self, duration_us: u32) {
        let step = step_of(duration_us);
        if self.0.len() <= step {
            self.0.resize(step + 1, 0);
        }
        if let Some(count) = self.0.get_mut(step) {
            *count = count.saturating_add(1);
        }
    }

    /// Adds the counts of another.
    pub fn merge(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        for (count, more) in self.0.iter_mut().zip(&other.0) {
            *count = count.saturating_add(*more);
        }
    }

    /// Returns the time within which a share of the answers came, in per cent; `None` without any.
    #[must_use]
    pub fn percentile_us(&self, per_cent: u64) -> Option<u64> {
        let n_all: u64 = self.0.iter().copied().map(u64::from).sum();
        let rank = (n_all * per_cent).div_ceil(100).max(1);
        let mut n_seen = 0;
        let step = self.0.iter().position(|count| {
            n_seen += u64::from(*count);
            n_seen >= rank
        })?;
        Some(upper_us(step))
    }
}

/// Returns the step of a time.
fn step_of(duration_us: u32) -> usize {
    let Some(power) = duration_us.checked_ilog2() else { return 0 };
    let is_upper = power > 0 && duration_us >> (power - 1) & 1 == 1;
    let step = usize::try_from(power).unwrap_or(0) * 2 + usize::from(is_upper);
    step.min(STEPS - 1)
}

/// Returns the greatest time of a step.
fn upper_us(step: usize) -> u64 {
    let start = 1_u64 << (step / 2);
    let half = start / 2;
    if step.is_multiple_of(2) { (start + half).saturating_sub(1).max(1) } else { start * 2 - 1 }
}

impl Bucket {
    /// Begins a bucket.
    #[must_use]
    pub fn new(start_ms: u64) -> Self {
        Self { start_ms, ..Self::default() }
    }

    /// Counts an entry.
    pub fn add(&mut self, entry: &Entry) {
        if let Some(count) = self.statuses.get_mut(usize::from(entry.status.index())) {
            *count += 1;
        }
        let is_failed = matches!(entry.status, Status::Failed | Status::Refused);
        self.n_successful += u64::from(!is_failed && matches!(entry.response_code, 0 | 3));
        self.n_allowed += u64::from(entry.is_allowed());
        count(&mut self.kinds, entry.kind.0, 1);
        count(&mut self.response_codes, entry.response_code, 1);
        self.duration_us += u64::from(entry.duration_us);
        let Some(upstream) = &entry.upstream else { return };
        if let Some(counts) = self.upstream(upstream) {
            counts.n_questions += 1;
            counts.n_failed += u64::from(is_failed);
            counts.duration_us += u64::from(entry.duration_us);
            counts.last_used_ms = counts.last_used_ms.max(entry.at_ms);
            counts.histogram.add(entry.duration_us);
        }
    }

    /// Adds the counts of another.
    pub fn merge(&mut self, other: &Self) {
        for (count, more) in self.statuses.iter_mut().zip(other.statuses) {
            *count += more;
        }
        self.n_successful += other.n_successful;
        self.n_allowed += other.n_allowed;
        other.kinds.iter().for_each(|(kind, n)| count(&mut self.kinds, *kind, *n));
        other
            .response_codes
            .iter()
            .for_each(|(code, n)| count(&mut self.response_codes, *code, *n));
        self.duration_us += other.duration_us;
        self.peak_per_second = self.peak_per_second.max(other.peak_per_second);
        for (name, more) in &other.upstreams {
            if let Some(counts) = self.upstream(name) {
                counts.n_questions += more.n_questions;
                counts.n_failed += more.n_failed;
                counts.duration_us += more.duration_us;
                counts.last_used_ms = counts.last_used_ms.max(more.last_used_ms);
                counts.histogram.merge(&more.histogram);
            }
        }
    }

    /// Returns how many questions there were.
    #[must_use]
    pub fn n_all(&self) -> u64 {
        self.statuses.iter().sum()
    }

    /// Returns how many questions had a status.
    #[must_use]
    pub fn n_of(&self, status: Status) -> u64 {
        self.statuses.get(usize::from(status.index())).copied().unwrap_or(0)
    }

    /// Returns the questions by type.
    pub fn kinds(&self) -> impl Iterator<Item = (RecordType, u64)> {
        self.kinds.iter().map(|(kind, n)| (RecordType(*kind), *n))
    }

    /// Finds the counts of an upstream, or makes them while there is room.
    fn upstream(&mut self, name: &str) -> Option<&mut UpstreamCounts> {
        let place = self.upstreams.iter().position(|(held, _)| held.as_ref() == name);
        if place.is_none() && self.upstreams.len() < APART_MAX {
            self.upstreams.push((name.into(), UpstreamCounts::default()));
        }
        let place = place.unwrap_or(self.upstreams.len().saturating_sub(1));
        let found = self.upstreams.get_mut(place);
        found.filter(|(held, _)| held.as_ref() == name).map(|(_, counts)| counts)
    }
}

/// Counts a value apart while there is room.
fn count(counts: &mut Vec<(u16, u64)>, value: u16, more: u64) {
    if let Some((_, n)) = counts.iter_mut().find(|(held, _)| *held == value) {
        *n += more;
    } else if counts.len() < APART_MAX {
        counts.push((value, more));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_within_half_a_power_of_two() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.percentile_us(50), None);
        (1..=1_000).for_each(|us| histogram.add(us * 10));
        for (per_cent, exact) in [(1, 100), (50, 5_000), (95, 9_500), (99, 9_900), (100, 10_000)] {
            let told = histogram.percentile_us(per_cent).unwrap();
            assert!(told >= exact && told <= exact * 2, "p{per_cent}: {told} for {exact}");
        }
    }

    #[test]
    fn steps_hold_what_they_say() {
        for us in [0, 1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 1_000, 1 << 23, u32::MAX] {
            let step = step_of(us);
            assert!(step < STEPS);
            let is_last = step == STEPS - 1;
            assert!(is_last || u64::from(us) <= upper_us(step), "{us} in {step}");
            assert!(step == 0 || u64::from(us) > upper_us(step - 1), "{us} in {step}");
        }
    }
}
