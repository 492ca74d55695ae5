//! The task that owns all sources: hears of changes, has files read, publishes what follows.

use std::collections::HashSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::aging::next_end;
use crate::network::{Cause, DetectedBy, LeaseView, Update};
use crate::pool::Reservation;
use crate::simulate::{Overlay, Scene, Simulator};
use crate::vendor::VendorTable;
use crate::watch::notice::{Notice, Notices};
use crate::watch::read::Reader;

use super::config::parse_pool;
use super::job::{LookDone, LookJob, Panicked, Places, ReadDone, ReadJob, guarded};
use super::oui::{OuiDone, OuiFile};
use super::publish::{Known, Publisher};
use super::source::{Moment, Source};
use super::{Clock, Dhcp, DhcpConfig, SimulateError, SimulatedStep, StepReply, seconds};

/// Simulated steps made for one burst of notifies.
const STEPS_PER_BURST_MAX: u32 = 100;

/// What connects the worker with others.
pub(super) struct Ports {
    pub(super) updates: mpsc::Sender<Update>,
    pub(super) steps: mpsc::Receiver<StepReply>,
    pub(super) clock: Clock,
}

/// The worker behind a [`Dhcp`]; see [`DhcpWorker::run`].
pub struct DhcpWorker {
    dhcp: Arc<Dhcp>,
    config: DhcpConfig,
    ports: Ports,
    reader: Arc<dyn Reader>,
    started: Instant,
    sources: Vec<Source>,
    n_slots: u64,
    oui: OuiFile,
    simulator: Simulator,
    overlay: Overlay,
    publisher: Publisher,
    poll_at: Instant,
    step_at: Option<Instant>,
}

/// The result of a job; results for a source that is gone are dropped.
enum Done {
    Read(u64, Result<ReadDone, Panicked>),
    Look(u64, Result<LookDone, Panicked>),
    Oui(Result<OuiDone, Panicked>),
}

impl DhcpWorker {
    pub(super) fn new(
        dhcp: Arc<Dhcp>,
        config: DhcpConfig,
        vendors: VendorTable,
        ports: Ports,
        reader: Arc<dyn Reader>,
    ) -> Self {
        let started = Instant::now();
        let mut worker = Self {
            publisher: Publisher::new(Arc::clone(&dhcp)),
            dhcp,
            ports,
            reader,
            started,
            sources: Vec::new(),
            n_slots: 0,
            oui: OuiFile::new(config.oui_file.clone(), vendors),
            simulator: Simulator::new(config.simulate.seed),
            overlay: Overlay::default(),
            poll_at: started,
            step_at: None,
            config: DhcpConfig::default(),
        };
        worker.take_config(config);
        // The sources are known before anything is read.
        let known = worker.known();
        worker.publisher.publish(known, Cause::Health);
        worker.publisher.outbox.clear();
        worker
    }

    #[cfg(test)]
    pub(super) fn with_reader(mut self, reader: Arc<dyn Reader>) -> Self {
        self.reader = reader;
        self
    }

    /// Watches until `stop` is cancelled; returns at once then.
    ///
    /// A read that is under way on a blocking thread ends by itself.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut notices = Notices::open();
        let mut jobs = JoinSet::new();
        loop {
            self.begin_jobs(&mut jobs, &notices);
            let due = self.next_due();
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.dhcp.wake.notified() => self.woken(),
                heard = notices.next() => self.hear(&heard),
                Some(Ok(done)) = jobs.join_next() => self.finish(done, &mut notices),
                Some(reply) = self.ports.steps.recv() => {
                    // An error means that the caller has gone.
                    reply.send(self.simulate()).ok();
                }
                () = tokio::time::sleep_until(due) => {}
            }
            self.pass_time();
            while let Some(update) = self.publisher.outbox.pop_front() {
                tokio::select! {
                    () = stop.cancelled() => return,
                    // An error means that nobody reads updates; the snapshot is served anyway.
                    _ = self.ports.updates.send(update) => {}
                }
            }
        }
    }

    fn moment(&self) -> Moment {
        Moment { since: self.started.elapsed(), now: seconds((self.ports.clock)()) }
    }

    /// Returns when something is to be done though nothing is heard.
    fn next_due(&self) -> Instant {
        let reads = self.sources.iter().filter_map(Source::due).map(|due| self.started + due);
        let now_ms = (self.ports.clock)();
        let end = next_end(&self.dhcp.snapshot().leases).map(|end| {
            let end_ms = u64::try_from(end).unwrap_or(0).saturating_mul(1000);
            let wait = Duration::from_millis(end_ms.saturating_sub(now_ms));
            // The clock may be set meanwhile, so no wait is longer than the poll's.
            Instant::now() + wait.min(self.config.poll_interval)
        });
        let dues = reads.chain(end).chain(self.step_at);
        dues.fold(self.poll_at, Instant::min)
    }

    fn begin_jobs(&mut self, jobs: &mut JoinSet<Done>, notices: &Notices) {
        let at = self.moment();
        for source in &mut self.sources {
            let Some(configuration) = source.begin_read(at) else { continue };
            let job = ReadJob {
                places: Arc::clone(&source.places),
                configuration,
                vendors: self.oui.vendors().clone(),
                reader: Arc::clone(&self.reader),
                clock: Arc::clone(&self.ports.clock),
            };
            let slot = source.slot;
            jobs.spawn_blocking(move || Done::Read(slot, guarded(|| job.run())));
        }
        let now = Instant::now();
        if now < self.poll_at {
            return;
        }
        self.poll_at = now + self.config.poll_interval;
        for source in &mut self.sources {
            begin_look(source, jobs, notices);
        }
        if let Some(look) = self.oui.look() {
            let reader = Arc::clone(&self.reader);
            jobs.spawn_blocking(move || Done::Oui(guarded(|| look(&*reader))));
        }
    }

    fn finish(&mut self, done: Done, notices: &mut Notices) {
        let at = self.moment();
        match done {
            Done::Read(slot, done) => {
                let Some(source) = self.sources.iter_mut().find(|source| source.slot == slot)
                else {
                    return;
                };
                let config_paths = source.config_paths();
                let cause = source.finish_read(at, done);
                if source.config_paths() != config_paths || cause == Cause::Start {
                    // New directories are watched at once.
                    self.poll_at = Instant::now();
                }
                self.reconcile_overlay();
                self.publish(cause);
            }
            Done::Look(slot, Ok(look)) => {
                notices.remember(look.watched.clone());
                if let Some(source) = self.sources.iter_mut().find(|source| source.slot == slot) {
                    source.finish_look(at, &look);
                }
                let wanted: HashSet<PathBuf> =
                    self.sources.iter().flat_map(Source::directories).collect();
                notices.keep(&wanted);
            }
            Done::Look(slot, Err(Panicked)) => {
                if let Some(source) = self.sources.iter_mut().find(|source| source.slot == slot) {
                    source.is_looking = false;
                }
            }
            Done::Oui(done) => {
                if done.is_ok_and(|done| self.oui.finish(done)) {
                    for source in &mut self.sources {
                        source.signal(at, DetectedBy::Poll);
                    }
                }
            }
        }
    }

    fn hear(&mut self, heard: &[Notice]) {
        let at = self.moment();
        for notice in heard {
            for source in &mut self.sources {
                match notice {
                    Notice::Path(path) => source.hear(at, path),
                    Notice::Anything => source.signal_config(at, DetectedBy::Watch),
                }
            }
        }
    }

    /// Does what [`Dhcp::notify`] and [`Dhcp::replace_config`] ask for.
    fn woken(&mut self) {
        let config = self.dhcp.new_config.lock().take();
        if let Some(config) = config {
            self.take_config(config);
            self.publish(Cause::Config);
        }
        let n_notified = self.dhcp.n_notified.swap(0, Ordering::Relaxed);
        if n_notified == 0 {
            return;
        }
        let at = self.moment();
        for source in &mut self.sources {
            source.signal(at, DetectedBy::Notify);
        }
        if self.config.simulate.enabled {
            for _ in 0..n_notified.min(STEPS_PER_BURST_MAX) {
                self.simulate_for_nobody();
            }
        }
    }

    /// Does what is due by the clock alone.
    fn pass_time(&mut self) {
        let at = self.moment();
        if next_end(&self.dhcp.snapshot().leases).is_some_and(|end| end <= at.now) {
            self.sources.iter_mut().for_each(|source| source.age(at.now));
            self.overlay.age(at.now);
            self.publish(Cause::Expiry);
        }
        let is_overdue = |source: &mut Source| source.check_overdue(at);
        if self.sources.iter_mut().map(is_overdue).fold(false, |any, is_overdue| any | is_overdue) {
            self.publish(Cause::Health);
        }
        let now = Instant::now();
        if self.step_at.is_some_and(|step_at| step_at <= now) {
            self.step_at = self.config.simulate.interval.map(|interval| now + interval);
            self.simulate_for_nobody();
        }
    }

    fn simulate_for_nobody(&mut self) {
        if let Err(error) = self.simulate() {
            tracing::debug!(%error, "no simulated change");
        }
    }

    fn simulate(&mut self) -> Result<SimulatedStep, SimulateError> {
        if !self.config.simulate.enabled {
            return Err(SimulateError::Disabled);
        }
        self.overlay.drop_expired();
        let known = self.known();
        let scene = Scene {
            leases: &known.leases,
            pools: &known.pools,
            reservations: &known.reservations,
            now: known.now,
        };
        let (kind, edit) = self.simulator.step(scene).ok_or(SimulateError::NothingToChange)?;
        self.overlay.apply(edit, &self.real_leases());
        let known = self.known();
        let update = self.publisher.publish(known, Cause::Simulated);
        let changes = update.map(|update| update.changes.clone()).unwrap_or_default();
        Ok(SimulatedStep { kind, changes, version: self.dhcp.snapshot().version })
    }

    fn real_leases(&self) -> Vec<Arc<LeaseView>> {
        self.sources.iter().flat_map(|source| &source.leases).cloned().collect()
    }

    fn reconcile_overlay(&mut self) {
        if self.config.simulate.enabled {
            self.overlay.reconcile(&self.real_leases());
        }
    }

    fn publish(&mut self, cause: Cause) {
        let known = self.known();
        self.publisher.publish(known, cause);
    }

    /// Puts together what all sources, the configuration and the simulator say.
    fn known(&self) -> Known {
        let mut leases = Vec::new();
        for source in &self.sources {
            leases.extend(self.overlay.over(&source.places.id, &source.leases));
        }
        let is_source = |id: &str| self.sources.iter().any(|source| *source.places.id == *id);
        for id in self.overlay.sources().iter().filter(|id| !is_source(id)) {
            leases.extend(self.overlay.over(id, &[]));
        }
        let configured = || self.sources.iter().filter_map(Source::shown);
        let pools = configured().flat_map(|configured| &configured.pools);
        let reservations: Vec<Arc<Reservation>> =
            configured().flat_map(|configured| &configured.reservations).cloned().collect();
        Known {
            leases,
            pools: pools.cloned().collect(),
            reservations,
            sources: self.sources.iter().map(|source| source.status.clone()).collect(),
            now: self.moment().now,
        }
    }

    /// Makes the sources of a configuration; what is known of an id before stays until it is read.
    fn take_config(&mut self, config: DhcpConfig) {
        let at = self.moment();
        let mut before = std::mem::take(&mut self.sources);
        for source in &config.sources {
            let id: Box<str> = config.source_id(source).into();
            let pools = source.pools.iter().filter_map(|pool| parse_pool(pool, &id));
            let places = Places {
                pools: pools.map(Arc::new).collect(),
                id: id.clone(),
                leases: source.leases.clone(),
                dnsmasq_conf: source.dnsmasq_conf.clone(),
                root_path: config.root_path.clone(),
                size_max_bytes: config.lease_file_size_max_bytes,
            };
            let known = before.iter().position(|known| known.places.id == places.id);
            let known = known.map(|index| before.swap_remove(index));
            let is_same =
                |known: &Source| *known.places == places && config.settle == self.config.settle;
            let source = match known {
                Some(mut known) if is_same(&known) => {
                    known.signal_config(at, DetectedBy::Poll);
                    known
                }
                known => {
                    self.n_slots += 1;
                    let format = source.format.name();
                    let mut source = Source::new(self.n_slots, places, format, config.settle);
                    if let Some(known) = known {
                        source.inherit(known);
                    }
                    source
                }
            };
            self.sources.push(source);
        }
        self.oui.replace_path(config.oui_file.clone());
        let simulate = &config.simulate;
        if !simulate.enabled {
            self.overlay.clear();
        }
        if simulate.seed != self.config.simulate.seed {
            self.simulator = Simulator::new(simulate.seed);
        }
        let interval = simulate.interval.filter(|_| simulate.enabled);
        self.step_at = interval.map(|interval| Instant::now() + interval);
        self.poll_at = Instant::now();
        self.config = config;
    }
}

impl fmt::Debug for DhcpWorker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DhcpWorker").field("sources", &self.sources).finish_non_exhaustive()
    }
}

fn begin_look(source: &mut Source, jobs: &mut JoinSet<Done>, notices: &Notices) {
    let Some(configured) = source.configured.as_ref().filter(|_| !source.is_looking) else {
        return;
    };
    let job = LookJob {
        lease_path: configured.lease_path.clone(),
        config_paths: source.config_paths(),
        registrar: notices.registrar(),
    };
    source.is_looking = true;
    let slot = source.slot;
    jobs.spawn_blocking(move || Done::Look(slot, guarded(|| job.run())));
}
