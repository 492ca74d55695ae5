//! Invented entries as a home or an office makes them, for tests and benches.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use crate::entry::{Entry, Status, Transport};
use crate::record_type::RecordType;
use crate::verdict::{ListId, Reason};

/// Names that devices ask for again and again.
const N_NAMES: u64 = 3_000;
/// Of this many questions, one is for a name that nobody asked for before.
const NEW_NAME_EVERY: u64 = 12;
/// Devices.
const N_CLIENTS: u64 = 60;

/// Makes entries, always the same for a seed.
#[derive(Debug, Clone)]
pub struct Samples {
    state: u64,
    at_ms: u64,
    n_made: u64,
}

impl Samples {
    /// Begins a sequence.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let state = seed.wrapping_mul(2).wrapping_add(1);
        Self { state, at_ms: 1_790_000_000_000, n_made: 0 }
    }

    /// Returns a number below a bound (xorshift64*, Vigna 2016).
    fn below(&mut self, bound: u64) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        (self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % bound.max(1)
    }

    /// Makes the next entry; about a hundred come in a second.
    pub fn next_entry(&mut self) -> Entry {
        self.n_made += 1;
        self.at_ms += self.below(21);
        let octet = |number: u64| u8::try_from(number % 256).unwrap_or(0);
        // Some names are asked for far more often than others.
        let rank = self.below(N_NAMES);
        let rank = self.below(rank + 1);
        let is_new = self.below(NEW_NAME_EVERY) == 0;
        let name = if is_new {
            format!("{:x}.cdn{}.example", self.below(u64::MAX), rank % 40)
        } else {
            format!(
                "{}{rank}.site{}.example",
                if rank.is_multiple_of(3) { "www" } else { "api" },
                rank % 700
            )
        };
        let is_blocked = rank % 6 == 5;
        let is_cached = !is_blocked && !is_new && self.below(10) < 8;
        let status = match (is_blocked, is_cached) {
            (true, _) => Status::Blocked,
            (false, true) => Status::Cached,
            (false, false) => Status::Forwarded,
        };
        let address = Ipv4Addr::new(198, 51, octet(rank / 256), octet(rank));
        Entry {
            at_ms: self.at_ms,
            client: IpAddr::from([192, 0, 2, octet(self.below(N_CLIENTS) + 1)]),
            client_port: u16::try_from(1_024 + self.below(64_000)).unwrap_or(1_024),
            transport: if self.below(20) == 0 { Transport::Tcp } else { Transport::Udp },
            name: name.into(),
            kind: match self.below(10) {
                0 => RecordType::HTTPS,
                1 => RecordType::PTR,
                2..=4 => RecordType::AAAA,
                _ => RecordType::A,
            },
            response_code: if is_blocked { 3 } else { 0 },
            status,
            reason: is_blocked.then(|| Reason {
                list: ListId(1 + u16::from(octet(rank % 5))),
                rule: format!("||site{}.example^", rank % 700).into(),
                line: None,
            }),
            upstream: (status == Status::Forwarded).then(|| Arc::from("quad9")),
            duration_us: if status == Status::Forwarded {
                u32::try_from(4_000 + self.below(90_000)).unwrap_or(0)
            } else {
                u32::try_from(5 + self.below(40)).unwrap_or(0)
            },
            addresses: if is_blocked { Vec::new() } else { vec![IpAddr::V4(address)] },
            is_authentic: rank.is_multiple_of(50),
        }
    }
}

/// Makes a plain entry of a name and a time.
#[must_use]
pub fn entry(name: &str, at_ms: u64) -> Entry {
    Entry {
        at_ms,
        client: IpAddr::from([192, 0, 2, 1]),
        client_port: 40_000,
        transport: Transport::Udp,
        name: name.into(),
        kind: RecordType::A,
        response_code: 0,
        status: Status::Forwarded,
        reason: None,
        upstream: Some(Arc::from("quad9")),
        duration_us: 9_000,
        addresses: vec![IpAddr::from([198, 51, 100, 1])],
        is_authentic: false,
    }
}
