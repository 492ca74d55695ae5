//! Makes up changes of a network, the same ones for the same seed; pure.
//!
//! A simulated change never touches a file. It is a layer over what the sources say
//! (`overlay`), and goes through the same snapshot that everything else reads. What a source
//! says of an address newly wins over the layer; the rest of the layer stays.

mod overlay;
mod random;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use crate::lease::{EpochSeconds, Expiry, HwAddr, Lease, LeaseKind, LeaseState};
use crate::network::LeaseView;
use crate::pool::{Pool, PoolMode, Reservation};
use crate::vendor;

pub(crate) use overlay::Overlay;

use random::Random;

/// Most leases that the simulator adds; at this many it removes instead.
pub const SIMULATED_LEASES_MAX: usize = 1000;
/// Source of simulated leases where no pool names one.
pub const SOURCE: &str = "simulated";

/// Range for simulated leases where there is no pool (TEST-NET-1, RFC 5737).
const FALLBACK_RANGE: (Ipv4Addr, Ipv4Addr) =
    (Ipv4Addr::new(192, 0, 2, 10), Ipv4Addr::new(192, 0, 2, 250));
/// Random tries for a free address before the range is searched in order.
const RANDOM_TRIES: usize = 16;
/// Addresses of a range that the search in order looks at.
const SEARCH_MAX: u64 = 65_536;
/// Shortest and longest life of a lease that was added.
const LIFE_S: (i64, i64) = (3600, 4 * 3600);
/// How far the end of a lease is moved.
const SHIFT_S: (i64, i64) = (-30 * 60, 120 * 60);

/// What a simulated step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepKind {
    /// A new device got a lease.
    Add,
    /// A device gave its lease back.
    Remove,
    /// The end of a lease moved, possibly into the past.
    Expire,
    /// A device changed its name.
    Hostname,
}

/// The order of the steps.
const ROTATION: [StepKind; 4] =
    [StepKind::Add, StepKind::Remove, StepKind::Expire, StepKind::Hostname];

/// What there is to change.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scene<'network> {
    pub(crate) leases: &'network [Arc<LeaseView>],
    pub(crate) pools: &'network [Arc<Pool>],
    pub(crate) reservations: &'network [Arc<Reservation>],
    pub(crate) now: EpochSeconds,
}

/// One made-up change.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Edit {
    /// The lease is there, as this.
    Put(Arc<LeaseView>),
    /// The lease is gone.
    Hide(Arc<LeaseView>),
}

/// Chooses the changes.
#[derive(Debug)]
pub(crate) struct Simulator {
    random: Random,
    n_steps: usize,
    n_devices: u64,
}

impl Simulator {
    /// Starts a sequence of changes that depends on the seed and the network alone.
    pub(crate) fn new(seed: u64) -> Self {
        Self { random: Random::new(seed), n_steps: 0, n_devices: 0 }
    }

    /// Chooses the next change; `None` when there is nothing to change and no free address.
    ///
    /// Where the step whose turn it is finds no lease that it may change (static ones are never
    /// touched), a device is added instead; where no device can be added, one is removed.
    pub(crate) fn step(&mut self, scene: Scene<'_>) -> Option<(StepKind, Edit)> {
        let kind = ROTATION.get(self.n_steps % ROTATION.len()).copied().unwrap_or(StepKind::Add);
        self.n_steps = self.n_steps.wrapping_add(1);
        [kind, StepKind::Add, StepKind::Remove]
            .into_iter()
            .find_map(|kind| Some((kind, self.edit(kind, scene)?)))
    }

    fn edit(&mut self, kind: StepKind, scene: Scene<'_>) -> Option<Edit> {
        match kind {
            StepKind::Add => self.add(scene),
            StepKind::Remove => Some(Edit::Hide(self.choose(scene, |_| true)?)),
            StepKind::Expire => self.expire(scene),
            StepKind::Hostname => {
                let view = self.choose(scene, |_| true)?;
                let number = self.random.between(1, 999);
                Some(changed(&view, |lease| {
                    lease.hostname = Some(format!("modified-hostname-{number}").into());
                }))
            }
        }
    }

    fn add(&mut self, scene: Scene<'_>) -> Option<Edit> {
        let n_simulated = scene.leases.iter().filter(|view| view.is_simulated).count();
        if n_simulated >= SIMULATED_LEASES_MAX {
            return None;
        }
        let ranges = ranges(scene.pools);
        let range = ranges.get(self.random.index(ranges.len())?)?;
        let ip = self.free_address(range, scene)?;
        self.n_devices += 1;
        let octets = self.random.next().to_be_bytes();
        let mut mac = [0x02, 0, 0, 0, 0, 0];
        mac.iter_mut().skip(1).zip(octets).for_each(|(octet, random)| *octet = random);
        let life_s = self.random.between(LIFE_S.0, LIFE_S.1);
        let lease = Lease {
            ip: IpAddr::V4(ip),
            kind: LeaseKind::V4,
            prefix_len: None,
            mac: Some(HwAddr { hwtype: 1, octets: mac.into() }),
            client_id: None,
            duid: None,
            iaid: None,
            hostname: Some(format!("test-device-{}", self.n_devices).into()),
            stored_state: "".into(),
            state: LeaseState::Active,
            expiry: Expiry::At(scene.now + life_s),
            starts: None,
            last_seen: None,
            subnet_id: None,
            pool_id: None,
            vendor_class: None,
            context: None,
        };
        Some(Edit::Put(Arc::new(LeaseView {
            lease,
            source: range.source.into(),
            is_static: false,
            pool_name: range.pool_name.map(Into::into),
            vendor: Some(vendor::PRIVATE.into()),
            is_simulated: true,
        })))
    }

    fn expire(&mut self, scene: Scene<'_>) -> Option<Edit> {
        let view = self.choose(scene, |view| matches!(view.lease.expiry, Expiry::At(_)))?;
        let Expiry::At(end) = view.lease.expiry else { return None };
        // Zero would be no change.
        let shift_s = match self.random.between(SHIFT_S.0, SHIFT_S.1) {
            0 => SHIFT_S.1,
            shift_s => shift_s,
        };
        let end = end.saturating_add(shift_s);
        Some(changed(&view, |lease| {
            lease.expiry = Expiry::At(end);
            lease.state = if end <= scene.now { LeaseState::Expired } else { LeaseState::Active };
        }))
    }

    /// Chooses a dynamic, active lease.
    fn choose(
        &mut self,
        scene: Scene<'_>,
        is_wanted: impl Fn(&LeaseView) -> bool,
    ) -> Option<Arc<LeaseView>> {
        let candidates: Vec<_> = scene
            .leases
            .iter()
            .filter(|view| !view.is_static && view.lease.state == LeaseState::Active)
            .filter(|view| is_wanted(view))
            .collect();
        candidates.get(self.random.index(candidates.len())?).map(|view| Arc::clone(view))
    }

    fn free_address(&mut self, range: &Range<'_>, scene: Scene<'_>) -> Option<Ipv4Addr> {
        let (start, end) = (u32::from(range.start), u32::from(range.end));
        let is_free = |number: &u32| {
            let ip = IpAddr::V4(Ipv4Addr::from(*number));
            !scene.leases.iter().any(|view| view.lease.ip == ip)
                && !scene.reservations.iter().any(|reservation| reservation.ips.contains(&ip))
        };
        for _ in 0..RANDOM_TRIES {
            let number = self.random.between(i64::from(start), i64::from(end));
            let number = u32::try_from(number).ok()?;
            if is_free(&number) {
                return Some(Ipv4Addr::from(number));
            }
        }
        let last = u64::from(end).min(u64::from(start) + SEARCH_MAX);
        let last = u32::try_from(last).unwrap_or(end);
        (start..=last).find(is_free).map(Ipv4Addr::from)
    }
}

/// A range to take addresses from.
struct Range<'pools> {
    start: Ipv4Addr,
    end: Ipv4Addr,
    source: &'pools str,
    pool_name: Option<&'pools str>,
}

fn ranges(pools: &[Arc<Pool>]) -> Vec<Range<'_>> {
    let mut ranges: Vec<_> = pools
        .iter()
        .filter(|pool| pool.mode == PoolMode::Dynamic)
        .filter_map(|pool| match (pool.start, pool.end?) {
            (IpAddr::V4(start), IpAddr::V4(end)) if start <= end => {
                Some(Range { start, end, source: &pool.source, pool_name: Some(&pool.name) })
            }
            (IpAddr::V4(_) | IpAddr::V6(_), _) => None,
        })
        .collect();
    if ranges.is_empty() {
        let (start, end) = FALLBACK_RANGE;
        ranges.push(Range { start, end, source: SOURCE, pool_name: None });
    }
    ranges
}

/// Changes a lease; everything else of its view, the vendor too, stays.
fn changed(view: &LeaseView, change: impl FnOnce(&mut Lease)) -> Edit {
    let mut view = LeaseView { is_simulated: true, ..view.clone() };
    change(&mut view.lease);
    Edit::Put(Arc::new(view))
}

#[cfg(test)]
mod tests;
