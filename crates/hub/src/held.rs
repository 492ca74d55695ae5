//! Bytes that wait for clients of streams that no shard writes, counted against a limit.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes held at present.
#[derive(Debug, Clone, Default)]
pub(crate) struct HeldCount(Arc<AtomicUsize>);

/// Bytes that wait for a client; they are given back when it is dropped.
#[derive(Debug)]
pub struct HeldBytes {
    count: HeldCount,
    n_bytes: usize,
}

impl HeldCount {
    /// Counts bytes; nothing when they do not fit below the limit.
    pub(crate) fn hold(&self, n_bytes: usize, limit: usize) -> Option<HeldBytes> {
        let fits = |held: usize| held.checked_add(n_bytes).filter(|sum| *sum <= limit);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).ok()?;
        Some(HeldBytes { count: self.clone(), n_bytes })
    }

    /// Returns the bytes held at present.
    pub(crate) fn n_bytes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for HeldBytes {
    fn drop(&mut self) {
        self.count.0.fetch_sub(self.n_bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_never_passed() {
        let count = HeldCount::default();
        let first = count.hold(60, 100).unwrap();
        assert!(count.hold(41, 100).is_none());
        assert!(count.hold(usize::MAX, 100).is_none());
        let second = count.hold(40, 100).unwrap();
        assert_eq!(count.n_bytes(), 100);
        drop(first);
        assert_eq!(count.n_bytes(), 40);
        drop(second);
        assert_eq!(count.n_bytes(), 0);
    }
}
