//! Timers of a shard: one entry per connection, in slots of a sixteenth of a second.

use std::time::Duration;

use tokio::time::Instant;

/// Slots; a later time waits in the last one and is entered again.
const SLOTS: u32 = 1_024;
/// Ticks per second.
const TICKS_PER_SECOND: u128 = 16;

/// Sixteenths of a second since the shard began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Tick(pub u32);

impl Tick {
    /// No time.
    pub(super) const NEVER: Self = Self(u32::MAX);

    /// Returns the last tick at or before a time.
    pub(super) fn at(start: Instant, time: Instant) -> Self {
        let ticks = time.saturating_duration_since(start).as_millis() * TICKS_PER_SECOND / 1_000;
        Self(u32::try_from(ticks).unwrap_or(u32::MAX - 1))
    }

    /// Returns the first tick at or after a time.
    pub(super) fn after(start: Instant, time: Instant) -> Self {
        Self(Self::at(start, time).0.saturating_add(1))
    }

    /// Returns the time of the tick.
    pub(super) fn time(self, start: Instant) -> Instant {
        start + Duration::from_millis(u64::from(self.0) * 1_000 / 16)
    }
}

/// A connection that has something to do at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Timer {
    pub tick: Tick,
    pub slot: u32,
    pub generation: u32,
}

/// What is to be done when.
#[derive(Debug)]
pub(super) struct Wheel {
    slots: Vec<Vec<Timer>>,
    /// Everything up to here was handed out.
    done: Tick,
    n_timers: usize,
}

impl Wheel {
    pub(super) fn new() -> Self {
        let slots = (0..SLOTS).map(|_| Vec::new()).collect();
        Self { slots, done: Tick(0), n_timers: 0 }
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.n_timers == 0
    }

    /// Enters a timer; one of the past comes with the next tick.
    pub(super) fn insert(&mut self, timer: Timer) {
        let tick = timer.tick.0.clamp(self.done.0 + 1, self.done.0 + SLOTS - 1);
        let slot = usize::try_from(tick % SLOTS).unwrap_or(0);
        if let Some(timers) = self.slots.get_mut(slot) {
            timers.push(timer);
            self.n_timers += 1;
        }
    }

    /// Takes what is due up to a tick.
    pub(super) fn advance(&mut self, now: Tick, due: &mut Vec<Timer>) {
        let mut early = Vec::new();
        let last = now.0.min(self.done.0.saturating_add(SLOTS));
        while self.done.0 < last {
            self.done.0 += 1;
            let slot = usize::try_from(self.done.0 % SLOTS).unwrap_or(0);
            let Some(timers) = self.slots.get_mut(slot) else { continue };
            self.n_timers -= timers.len();
            for timer in timers.drain(..) {
                if timer.tick <= now { due.push(timer) } else { early.push(timer) }
            }
            // A burst that fell into one slot leaves no memory behind.
            if timers.capacity() > 256 {
                *timers = Vec::new();
            }
        }
        self.done.0 = self.done.0.max(now.0);
        for timer in early {
            self.insert(timer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_come_when_they_are_due() {
        let mut wheel = Wheel::new();
        let timer = |tick| Timer { tick: Tick(tick), slot: tick, generation: 0 };
        for tick in [0, 1, 5, 5, 1_023, 1_024, 5_000] {
            wheel.insert(timer(tick));
        }
        let mut seen = Vec::new();
        for now in (0..=6_000).step_by(7) {
            let mut due = Vec::new();
            wheel.advance(Tick(now), &mut due);
            for timer in due {
                assert!(timer.tick.0 <= now && now < timer.tick.0 + 7 + 1, "{timer:?} at {now}");
                seen.push(timer.tick.0);
            }
        }
        assert_eq!(seen, [0, 1, 5, 5, 1_023, 1_024, 5_000]);
        assert!(wheel.is_empty());
    }

    #[test]
    fn a_long_sleep_loses_nothing() {
        let mut wheel = Wheel::new();
        for tick in [3, 900, 1_500] {
            wheel.insert(Timer { tick: Tick(tick), slot: 0, generation: 0 });
        }
        let mut due = Vec::new();
        wheel.advance(Tick(1_000_000), &mut due);
        assert_eq!(due.len(), 3);
        assert!(wheel.is_empty());
    }
}
