//! Puts answers into the cache that did not come from upstreams just now: those of an earlier
//! process, and those that people wrote.

use std::sync::Arc;

use super::{Resolver, Settings};
use crate::cache::snapshot::{self, Kept};
use crate::cache::{Key, KeyFlags, Stored, ViewId};
use crate::config::DnsConfig;
use crate::filter::suffixes::{HashKey, hash_name};
use crate::ingest::{self, Rebinding};
use crate::local::to_wire;
use crate::name::Name;
use crate::record_type::RecordType;
use crate::wire::response::Response;
use crate::wire::{CLASS_IN, flag};

/// Name of the upstream of answers that people wrote.
const BY_HAND: &str = "manual";

impl Resolver {
    /// Writes the cache down.
    pub(crate) fn cache_to_bytes(&self, config: &DnsConfig) -> Vec<u8> {
        let wall_ms = (self.environment.clock)();
        self.cache.to_bytes(fingerprint(config), self.now_ms(), wall_ms)
    }

    /// Takes the answers of a snapshot that are not past their time for too long; returns how
    /// many, or `None` when it is damaged or others are asked now.
    pub(crate) fn load_cache(&self, bytes: &[u8], config: &DnsConfig) -> Option<usize> {
        let kept = snapshot::read(bytes, fingerprint(config)).ok()?;
        let settings = self.settings.load();
        let (now_ms, wall_ms) = (self.now_ms(), (self.environment.clock)());
        let mut n_taken = 0;
        for kept in kept {
            let age_ms = wall_ms.saturating_sub(kept.at_ms);
            // A clock that was set back must not make an answer young again.
            let is_past = kept.at_ms <= wall_ms;
            let Some((key, stored)) = restored(&kept, &settings).filter(|_| is_past) else {
                continue;
            };
            let ttl_ms = u64::from(stored.ttl_s) * 1_000;
            if age_ms < ttl_ms.saturating_add(self.cache.stale_max_ms()) {
                self.cache.insert(&key, Arc::new(stored), now_ms.saturating_sub(age_ms));
                n_taken += 1;
            }
        }
        Some(n_taken)
    }

    /// Puts an answer into the cache that a person wrote, for everybody who asks for the name
    /// through the usual upstreams.
    ///
    /// # Errors
    ///
    /// Says which value is no data of the type.
    pub(crate) fn put_answer(
        &self,
        name: &Name,
        kind: RecordType,
        values: &[String],
        ttl_s: u32,
    ) -> Result<(), String> {
        let mut wire = vec![0, 0];
        wire.extend_from_slice(&(flag::RESPONSE | flag::RECURSION_AVAILABLE).to_be_bytes());
        let n_values = u16::try_from(values.len()).map_err(|_| "too many values".to_owned())?;
        for count in [1, n_values, 0, 0] {
            wire.extend_from_slice(&count.to_be_bytes());
        }
        wire.extend_from_slice(name.as_wire());
        wire.extend_from_slice(&kind.0.to_be_bytes());
        wire.extend_from_slice(&CLASS_IN.to_be_bytes());
        for value in values {
            let data = to_wire(kind, value)?;
            let length = u16::try_from(data.len()).map_err(|_| "a value is too long".to_owned())?;
            wire.extend_from_slice(&[0xc0, 12]);
            wire.extend_from_slice(&kind.0.to_be_bytes());
            wire.extend_from_slice(&CLASS_IN.to_be_bytes());
            wire.extend_from_slice(&ttl_s.to_be_bytes());
            wire.extend_from_slice(&length.to_be_bytes());
            wire.extend_from_slice(&data);
        }
        let response = Response::walk(&wire).ok_or("the answer is too long")?;
        let upstream: Arc<str> = BY_HAND.into();
        let who = (name, &upstream);
        let times = self.settings.load().times;
        // The person who wrote it may lead a name into this network.
        let stored = Arc::new(ingest::ingest(&wire, &response, who, (times, Rebinding::Allowed)));
        for wants_dnssec in [false, true] {
            let flags = KeyFlags { wants_dnssec, takes_unchecked: false };
            let key = Key::new(name.as_wire(), kind, flags, ViewId::default());
            self.cache.insert(&key, Arc::clone(&stored), self.now_ms());
        }
        Ok(())
    }
}

/// A number that changes with the settings that say who is asked, and what is let in.
fn fingerprint(config: &DnsConfig) -> u64 {
    let asked = serde_json::json!([config.upstream.servers, config.forwards, config.rebind]);
    hash_name(HashKey::new([0, 0]), &asked.to_string())
}

/// Makes what the cache keeps of an answer of a snapshot.
fn restored(kept: &Kept, settings: &Settings) -> Option<(Key, Stored)> {
    let key = Key::from_bytes(&kept.key)?;
    let name = Name::from_wire(key.name());
    let response = Response::walk(&kept.wire)?;
    let who = (&name, &kept.upstream);
    // What may not lead inside was sorted out when it came, by the same settings.
    let how = (settings.times, Rebinding::Allowed);
    let stored = ingest::ingest(&kept.wire, &response, who, how);
    let (is_authentic, extended_error) = (kept.is_authentic, kept.extended_error);
    Some((key, Stored { is_authentic, extended_error, ..stored }))
}
