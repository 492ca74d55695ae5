//! Random schedules: openings, crashes and restarts, each compared with the model.

use std::sync::Arc;
use std::time::Duration;

use tidings_log::Retention;
use tidings_log::disk::Durability;
use tidings_log::log::{Log, LogConfig, LogEnvironment, OnFull, OpenError};
use tidings_log::simulated::{Random, SimulatedDisk};
use tidings_log::writer::LogWriter;

use super::model::{CHANNELS, Model};
use super::reading::{Shown, channel_index, check_found, check_shown, names_of, read_all};
use super::tally::{Tally, is_running, second_base, segment_bytes};

/// Openings of one schedule, before the last.
const N_ROUNDS: u32 = 4;

/// When what a schedule commits is synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Syncing {
    Always(Durability),
    /// Every opening decides anew.
    Mixed,
}

/// A log under test, with all that decides what happens to it.
pub(crate) struct Session {
    pub(crate) disk: SimulatedDisk,
    pub(crate) model: Model,
    pub(crate) config: LogConfig,
    pub(crate) tally: Tally,
    pub(super) random: Random,
    syncing: Syncing,
    boot: u64,
    /// The clock that only runs forward, in milliseconds.
    pub(super) kept: u64,
    pub(super) skew_s: i32,
    pub(super) n_bodies: u32,
    pub(super) has_fault: bool,
    /// Epoch and head before a power cut that nothing was synced for.
    cut_epoch: Option<(u64, u64)>,
}

/// How a session ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Kill,
    PowerCut,
}

/// What happens while a log is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OpenFault {
    None,
    Stop,
    FailSync,
    /// There is little room.
    Full,
}

impl Session {
    pub(crate) fn new(seed: u64, syncing: Syncing) -> Self {
        let mut random = Random::new(seed);
        let durability = match syncing {
            Syncing::Always(durability) => durability,
            Syncing::Mixed => Durability::Fsync,
        };
        let config = draw_config(&mut random, durability);
        let retentions = CHANNELS.map(|_| Retention {
            events_max: pick(&mut random, [u64::MAX, 3, 20]),
            age_max: pick(&mut random, [Duration::MAX, Duration::from_secs(200)]),
            bytes_max: pick(&mut random, [u64::MAX, u64::MAX, 2_000]),
        });
        let mut session = Self {
            disk: SimulatedDisk::new(),
            model: Model::new(durability, retentions),
            config,
            tally: Tally::default(),
            random,
            syncing,
            boot: 1,
            kept: 1_700_000_000_000,
            skew_s: 0,
            n_bodies: 0,
            has_fault: false,
            cut_epoch: None,
        };
        session.note_config();
        session
    }

    /// Keeps everything in segments of this size.
    pub(crate) fn keeping_all(seed: u64, segment_size_max_bytes: u64) -> Self {
        let mut session = Self::new(seed, Syncing::Always(Durability::Fsync));
        session.config.segment_size_max_bytes = segment_size_max_bytes;
        session.config.size_max_bytes = u64::MAX;
        session.config.on_full = OnFull::Refuse;
        session.model.may_give_up = false;
        session.model.retentions = [Retention::default(); CHANNELS.len()];
        session
    }

    /// Works, crashes and restarts a few times.
    pub(crate) fn run(&mut self) {
        self.tally.schedules += 1;
        for _ in 0..N_ROUNDS {
            if self.syncing == Syncing::Mixed {
                self.config.durability =
                    pick(&mut self.random, [Durability::Fsync, Durability::Os]);
            }
            let fault = self.draw_open_fault();
            match self.open() {
                Ok((log, mut writer)) => {
                    self.disk.stop_after(u64::MAX);
                    self.disk.fail_sync(0);
                    self.check_start(&log, &mut writer);
                    self.draw_fault();
                    self.work(&log, &mut writer);
                    self.finish(&log, writer);
                    if fault == OpenFault::Full && self.syncing == Syncing::Mixed {
                        // There may have been no room to note that this one syncs.
                        self.model.epoch = None;
                    }
                }
                Err(error) => {
                    assert_ne!(fault, OpenFault::None, "it does not open: {error:?}");
                    self.tally.failed_opens += 1;
                    if self.config.durability == Durability::Os {
                        // The next opening may find that this one began without syncs.
                        self.model.epoch = None;
                    }
                }
            }
            let end = pick(&mut self.random, [End::Kill, End::PowerCut, End::PowerCut]);
            self.end(end);
        }
        let (log, mut writer) = self.open().expect("it opens");
        self.check_start(&log, &mut writer);
    }

    fn draw_open_fault(&mut self) -> OpenFault {
        let fault = pick(
            &mut self.random,
            [
                OpenFault::Stop,
                OpenFault::FailSync,
                OpenFault::Full,
                OpenFault::None,
                OpenFault::None,
                OpenFault::None,
            ],
        );
        match fault {
            OpenFault::None => {}
            OpenFault::Stop => self.disk.stop_after(self.random.below(20)),
            OpenFault::FailSync => self.disk.fail_sync(1 + self.random.below(10)),
            OpenFault::Full => {
                self.has_fault = true;
                self.disk.set_capacity(Some(self.disk.used_bytes() + self.random.below(200)));
            }
        }
        fault
    }

    /// Opens the log; from then on its commits count as its durability says.
    pub(crate) fn open(&mut self) -> Result<(Log, LogWriter), OpenError> {
        let environment = LogEnvironment {
            random: [self.random.next_u64(), self.random.next_u64()],
            boot_id: format!("boot {}", self.boot),
        };
        let n_bytes = segment_bytes(&self.disk);
        let opened = Log::open(Arc::new(self.disk.clone()), self.config, &environment);
        self.tally.torn_tails += u64::from(segment_bytes(&self.disk) < n_bytes);
        opened
    }

    /// Draws other limits.
    pub(super) fn reconfigure(&mut self, writer: &mut LogWriter) {
        self.tally.reconfigures += 1;
        self.config = draw_config(&mut self.random, self.config.durability);
        self.note_config();
        writer.reconfigure(self.config);
    }

    fn note_config(&mut self) {
        self.model.may_give_up |=
            self.config.size_max_bytes < u64::MAX || self.config.on_full == OnFull::TrimOldest;
    }

    pub(crate) fn read(&self, log: &Log, writer: &LogWriter) -> Shown {
        read_all(log, writer, second_base(&self.disk))
    }

    pub(crate) fn kill(&mut self) {
        self.end(End::Kill);
    }

    pub(crate) fn cut_power(&mut self) {
        self.end(End::PowerCut);
    }

    fn end(&mut self, end: End) {
        let model = &mut self.model;
        match end {
            End::PowerCut => {
                let found = self.disk.crash(self.random.next_u64());
                self.tally.count_power_cut(&self.disk, &found);
                self.disk = found;
                self.boot += 1;
                if model.durability == Durability::Os {
                    // The epoch changes, and what was trimmed may be there again.
                    let epoch = model.epoch.take();
                    self.cut_epoch = epoch.map(|epoch| (epoch, model.head())).or(self.cut_epoch);
                    model.cut_power_unsynced();
                }
            }
            End::Kill => {
                self.tally.kills += 1;
                self.disk = self.disk.kill();
            }
        }
        self.disk.set_capacity(None);
        self.has_fault = false;
    }

    /// Checks what a restart has found, that it is durable, and that retention goes on.
    pub(crate) fn check_start(&mut self, log: &Log, writer: &mut LogWriter) {
        let shown = self.read(log, writer);
        let mark = check_found(&self.model, &shown, &self.model.marks[self.model.acked..]);
        if self.model.acked + 1 < self.model.marks.len() {
            let is_found = mark.head > self.model.head();
            self.tally.unacknowledged_found += u64::from(is_found);
            self.tally.unacknowledged_lost += u64::from(!is_found);
        }
        let settings = &self.model.settings[self.model.acked_settings..];
        assert!(settings.contains(&shown.settings), "settings");
        if self.model.durability == Durability::Fsync && mark != self.model.marks[0] {
            assert!(self.model.settings.last() == Some(&shown.settings), "puts go first");
        }
        if let Some(epoch) = self.model.epoch {
            assert_eq!(shown.epoch, epoch, "the epoch goes on");
        }
        if let Some((epoch, head)) = self.cut_epoch.take() {
            assert!(shown.epoch != epoch || mark.head >= head, "offsets are used again");
        }
        self.model.epoch = Some(shown.epoch);
        self.model.durability = self.config.durability;
        self.model.adopt(mark, shown.settings.clone());
        check_shown(&self.model, &shown);
        self.check_durable(log, writer);
        let names = names_of(log);
        let retentions: Vec<_> =
            names.iter().map(|(id, channel)| (*id, self.model.retentions[*channel])).collect();
        writer.set_retentions(&retentions);
        writer.sweep(self.model.kept_now);
        self.check_running(log, writer);
        for (channel, (sure, _)) in self.model.deleted.into_iter().enumerate() {
            let held = log.channels().into_iter().find(|held| *held.name == *CHANNELS[channel]);
            let trimmed_to = held.map_or(u64::MAX, |held| held.trimmed_to);
            assert!(
                trimmed_to.max(log.floor()) >= sure,
                "{} was deleted to {sure}",
                CHANNELS[channel]
            );
        }
    }

    /// Checks that opening once more, even after another crash, shows the same.
    fn check_durable(&mut self, log: &Log, writer: &LogWriter) {
        let shown = self.read(log, writer);
        let end = pick(&mut self.random, [End::Kill, End::PowerCut]);
        let disk = match (end, self.model.durability) {
            (End::PowerCut, Durability::Fsync) => self.disk.crash(self.random.next_u64()),
            (End::PowerCut, Durability::Os) | (End::Kill, _) => self.disk.kill(),
        };
        disk.set_capacity(None);
        let before = std::mem::replace(&mut self.disk, disk);
        let (log, writer) = self.open().expect("it opens once more");
        assert_eq!(self.read(&log, &writer), shown, "opening it once more");
        self.disk = before;
    }

    /// Checks that a log opens and shows everything while the disk is full.
    pub(crate) fn check_full_start(&mut self) {
        let disk = self.disk.kill();
        let before = std::mem::replace(&mut self.disk, disk);
        let (log, writer) = self.open().expect("it opens on a full disk");
        check_shown(&self.model, &self.read(&log, &writer));
        self.disk = before;
    }

    /// Checks that what is trimmed stays so.
    pub(super) fn note_trims(&mut self, log: &Log) {
        // What goes with a segment that a failing disk keeps may be there again, and may not.
        let is_sure = !log.stats().is_poisoned && is_running(&self.disk);
        let channels = log.channels();
        for (channel, name) in CHANNELS.iter().enumerate() {
            let held = channels.iter().find(|held| *held.name == **name);
            let trimmed_to = held.map_or(0, |held| held.trimmed_to);
            if is_sure {
                let seen = &mut self.model.trimmed[channel];
                let now = trimmed_to.max(if trimmed_to < *seen { log.floor() } else { 0 });
                assert!(now >= *seen, "{name}: trimmed to {seen}, then {now}");
                *seen = now;
            } else if self.model.durability == Durability::Os {
                let may_be = &mut self.model.may_be_trimmed[channel];
                *may_be = trimmed_to.max(*may_be);
            }
        }
    }

    /// Checks what a running log shows, and that what is trimmed stays so.
    pub(crate) fn check_running(&mut self, log: &Log, writer: &LogWriter) {
        let shown = self.read(log, writer);
        check_shown(&self.model, &shown);
        self.tally.removals += u64::from(shown.first > self.model.first.max(1));
        // The removal that a failing disk ended may not be durable.
        if !log.stats().is_poisoned {
            self.model.first = shown.first;
        }
        self.note_trims(log);
        for held in log.channels() {
            let channel = channel_index(&held.name);
            let of_channel: Vec<u64> = shown
                .events
                .iter()
                .filter(|(n, event)| event.channel == channel && **n > held.trimmed_to)
                .map(|(n, _)| *n)
                .collect();
            assert_eq!(held.n_held, of_channel.len() as u64, "{held:?} of {of_channel:?}");
        }
    }
}

fn draw_config(random: &mut Random, durability: Durability) -> LogConfig {
    LogConfig {
        segment_size_max_bytes: pick(random, [2_048, 4_096, 8_192]),
        size_max_bytes: pick(random, [u64::MAX, u64::MAX, 10_000, 30_000]),
        durability,
        on_full: pick(random, [OnFull::Refuse, OnFull::TrimOldest]),
        notes_age_max: pick(random, [Duration::ZERO, Duration::ZERO, Duration::from_secs(100)]),
    }
}

/// Draws one of some values.
pub(crate) fn pick<T: Copy, const N: usize>(random: &mut Random, values: [T; N]) -> T {
    values[random.below(N as u64) as usize]
}
