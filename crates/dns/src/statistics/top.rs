//! What comes most, in bounded memory (space-saving, Metwally, Agrawal and El Abbadi 2005).

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::entry::{Entry, Status};

/// Values that a sketch holds; those with more than one of so many are never missed.
pub const HELD_MAX: usize = 100;

/// Values with their counts, which may be too great but never too small.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(from = "Vec<(Value, u64)>", into = "Vec<(Value, u64)>")]
#[serde(bound(
    deserialize = "Value: Deserialize<'de> + Hash + Eq + Clone",
    serialize = "Value: Serialize + Hash + Eq + Clone"
))]
pub struct Sketch<Value: Hash + Eq + Clone> {
    places: HashMap<Value, usize>,
    held: Vec<(Value, u64)>,
    /// Where the search for the rarest goes on, and a count that none is below: counts only grow,
    /// so a search that goes round once finds the rarest of then.
    hand: usize,
    floor: u64,
}

impl<Value: Hash + Eq + Clone> Sketch<Value> {
    fn new() -> Self {
        Self { places: HashMap::new(), held: Vec::new(), hand: 0, floor: 0 }
    }

    /// Counts a value; `own` makes one that is held.
    pub fn add<Seen: Hash + Eq + ?Sized>(
        &mut self,
        value: &Seen,
        more: u64,
        own: impl Fn(&Seen) -> Value,
    ) where
        Value: Borrow<Seen>,
    {
        let place = self.places.get(value).copied();
        if let Some((_, n)) = place.and_then(|place| self.held.get_mut(place)) {
            *n += more;
            return;
        }
        if self.held.len() < HELD_MAX {
            let value = own(value);
            self.places.insert(value.clone(), self.held.len());
            self.held.push((value, more));
            return;
        }
        // The rarest one gives its place and its count.
        let place = self.rarest();
        if let Some((held, n)) = self.held.get_mut(place) {
            self.places.remove::<Value>(held);
            *held = own(value);
            *n += more;
            self.places.insert(held.clone(), place);
        }
    }

    /// Finds the place of the smallest count; most times within a step or two.
    fn rarest(&mut self) -> usize {
        loop {
            for _ in 0..self.held.len() {
                self.hand = if self.hand + 1 < self.held.len() { self.hand + 1 } else { 0 };
                if self.held.get(self.hand).is_some_and(|(_, n)| *n <= self.floor) {
                    return self.hand;
                }
            }
            let Some(least) = self.held.iter().map(|(_, n)| *n).min() else { return 0 };
            self.floor = least;
        }
    }

    /// Returns the values with their counts, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&Value, u64)> {
        self.held.iter().map(|(value, n)| (value, *n))
    }
}

impl<Value: Hash + Eq + Clone> PartialEq for Sketch<Value> {
    fn eq(&self, other: &Self) -> bool {
        self.held == other.held
    }
}

impl<Value: Hash + Eq + Clone> Default for Sketch<Value> {
    fn default() -> Self {
        Self::new()
    }
}

impl<Value: Hash + Eq + Clone> From<Vec<(Value, u64)>> for Sketch<Value> {
    fn from(held: Vec<(Value, u64)>) -> Self {
        let mut sketch = Self::new();
        for (value, n) in &held {
            sketch.add(value, *n, Value::clone);
        }
        sketch
    }
}

impl<Value: Hash + Eq + Clone> From<Sketch<Value>> for Vec<(Value, u64)> {
    fn from(sketch: Sketch<Value>) -> Self {
        sketch.held
    }
}

/// What came most in a stretch of time.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct Tops {
    /// Its start, milliseconds since 1970.
    pub start_ms: u64,
    /// Names.
    pub names: Sketch<Box<str>>,
    /// Names that were blocked.
    pub blocked: Sketch<Box<str>>,
    /// Clients.
    pub clients: Sketch<IpAddr>,
}

impl Tops {
    /// Begins a stretch.
    #[must_use]
    pub fn new(start_ms: u64) -> Self {
        Self { start_ms, ..Self::default() }
    }

    /// Counts an entry; an empty name is one that was not to be kept, or the root.
    pub fn add(&mut self, entry: &Entry) {
        self.clients.add(&entry.client, 1, IpAddr::clone);
        if entry.name.is_empty() {
            return;
        }
        self.names.add(entry.name.as_ref(), 1, |name: &str| name.into());
        if entry.status == Status::Blocked {
            self.blocked.add(entry.name.as_ref(), 1, |name: &str| name.into());
        }
    }

    /// Adds the counts of another.
    pub fn merge(&mut self, other: &Self) {
        other.names.iter().for_each(|(name, n)| self.names.add(name, n, Box::clone));
        other.blocked.iter().for_each(|(name, n)| self.blocked.add(name, n, Box::clone));
        other.clients.iter().for_each(|(client, n)| self.clients.add(client, n, IpAddr::clone));
    }
}

/// Sums sketches and returns the greatest counts, greatest first.
pub fn sum<'a, Value: Hash + Eq + Clone + Ord + 'a>(
    sketches: impl Iterator<Item = &'a Sketch<Value>>,
    n_max: usize,
) -> Vec<(Value, u64)> {
    let mut sums: HashMap<&Value, u64> = HashMap::new();
    for (value, n) in sketches.flat_map(Sketch::iter) {
        *sums.entry(value).or_default() += n;
    }
    let mut sums: Vec<(&Value, u64)> = sums.into_iter().collect();
    sums.sort_by(|left, right| right.1.cmp(&left.1).then_with(|| left.0.cmp(right.0)));
    sums.into_iter().take(n_max).map(|(value, n)| (value.clone(), n)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frequent_are_never_missed() {
        let mut sketch = Sketch::<u32>::new();
        for round in 0..2_000_u32 {
            sketch.add(&1, 1, u32::clone);
            sketch.add(&2, 2, u32::clone);
            sketch.add(&(1_000 + round), 1, u32::clone);
        }
        let top = sum([&sketch].into_iter(), 2);
        assert_eq!(top.iter().map(|(value, _)| *value).collect::<Vec<_>>(), [2, 1]);
        assert!(top[0].1 >= 4_000 && top[1].1 >= 2_000, "counts are never too small: {top:?}");
        assert_eq!(sketch.held.len(), HELD_MAX);
    }

    #[test]
    fn the_rarest_gives_its_place() {
        let mut sketch = Sketch::<u32>::new();
        for value in 0..1_000_u32 {
            sketch.add(&(value.wrapping_mul(2_654_435_761) % 313), 1, u32::clone);
            let least = sketch.held.iter().map(|(_, n)| *n).min();
            let place = sketch.rarest();
            assert_eq!(sketch.held.get(place).map(|(_, n)| *n), least, "value {value}");
        }
        let n_counted: u64 = sketch.iter().map(|(_, n)| n).sum();
        assert_eq!(n_counted, 1_000, "a count goes on in another's place");
    }
}
