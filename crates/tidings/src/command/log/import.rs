//! `tidings log import`: a new log of exported lines, all of them or none.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use tidings_hub::archive::{Archived, DATA_MAX_BYTES};
use tidings_hub::position::{Epoch, Position};
use tidings_log::Retention;
use tidings_log::disk::{Disk, Durability, SystemDisk};
use tidings_log::log::{Batch, Log, LogConfig, LogEnvironment, NewChannel, OnFull, OpenError};
use tidings_log::record::ChannelId;
use tidings_log::writer::LogWriter;

use super::ndjson::{self, Line};
use super::{Progress, count, folder, say, size};
use crate::cli::log::ImportArgs;
use crate::outside;
use crate::serve::IMPORT_FOLDER;

/// Longest line: a payload of which every byte is written as six, and the other members.
const LINE_MAX_BYTES: usize = 6 * DATA_MAX_BYTES + 65_536;
/// Bytes read at once.
const BUFFER_BYTES: usize = 262_144;
/// Events after which a batch is committed.
const BATCH_EVENTS_MAX: usize = 1_024;
/// Bytes of payload after which a batch is committed.
const BATCH_BYTES_MAX: usize = 4 * 1_048_576;
/// Only file that a folder without a log may hold.
const LOCK_NAME: &str = "LOCK";

pub(super) fn run(args: &ImportArgs) -> anyhow::Result<ExitCode> {
    let (config, folder) = folder(&args.data)?;
    check_empty(&folder)?;
    let (input, size_bytes) = open(&args.input)?;
    let staging = config.data.join(IMPORT_FOLDER);
    let disk = SystemDisk::new(&staging).with_context(|| {
        format!("the folder {} cannot be made; --data names another place", staging.display())
    })?;
    let held = disk
        .lock()
        .with_context(|| format!("another import is at work in {}", staging.display()))?;
    clear(&staging)?;
    let log_config = LogConfig {
        segment_size_max_bytes: config.hub.segment_size_max_bytes,
        size_max_bytes: u64::MAX,
        // Closing makes all of it durable; until then nobody relies on it.
        durability: Durability::Os,
        on_full: OnFull::Refuse,
        ..LogConfig::default()
    };
    drop(held);
    let imported = Import::read(input, size_bytes, (&disk, log_config))
        .and_then(|imported| publish(&staging, &folder).map(|()| imported));
    let Imported { n_events, n_states, n_channels, old_epoch, epoch, log_bytes } = match imported {
        Ok(imported) => imported,
        Err(error) => {
            // The folder of another import is not ours to remove.
            if !matches!(error.downcast_ref(), Some(OpenError::Locked)) {
                std::fs::remove_dir_all(&staging).ok();
            }
            let name = args.input.display();
            return Err(error.context(format!("{name}: nothing was imported")));
        }
    };
    let events = count(n_events, "event", "events");
    let channels = count(n_channels, "channel", "channels");
    let states = count(n_states, "state value", "state values");
    let folder = folder.display();
    let old = old_epoch.map_or_else(String::new, |old| format!(", after {old}"));
    if log_bytes > config.hub.log_size_max_bytes {
        let (held, limit) = (size(log_bytes), size(config.hub.log_size_max_bytes));
        say(&format!(
            "the log has {held}, more than hub.log_size_max_bytes ({limit}): the server will \
             remove the oldest part when it starts"
        ));
    }
    super::super::print(&format!(
        "{events} on {channels} and {states} imported into {folder}; epoch {epoch}{old}"
    ))
}

/// Checks that a folder holds no log.
fn check_empty(folder: &Path) -> anyhow::Result<()> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.with_context(|| format!("read {}", folder.display()))?,
    };
    for entry in entries {
        let name = entry?.file_name();
        if name != LOCK_NAME {
            let (folder, name) = (folder.display(), name.display());
            bail!(
                "{folder} is not empty (it holds {name}): a log is imported into a data folder \
                 that holds none; choose another with --data, or move that one away"
            );
        }
    }
    Ok(())
}

/// Removes what an import left that was killed.
fn clear(staging: &Path) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(staging)? {
        let path = entry?.path();
        if path.file_name().is_some_and(|name| name != LOCK_NAME) {
            std::fs::remove_file(&path).with_context(|| format!("remove {}", path.display()))?;
        }
    }
    Ok(())
}

/// Gives the folder of a complete log its name.
fn publish(staging: &Path, folder: &Path) -> anyhow::Result<()> {
    let name = || format!("rename {} to {}", staging.display(), folder.display());
    check_empty(folder)?;
    match std::fs::remove_file(folder.join(LOCK_NAME)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error).with_context(name)?,
        Ok(()) | Err(_) => {}
    }
    std::fs::rename(staging, folder).with_context(name)?;
    if let Some(parent) = folder.parent() {
        let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        File::open(parent).and_then(|parent| parent.sync_all()).with_context(name)?;
    }
    Ok(())
}

/// Opens the input and says how long it is; 0 when that is not known.
fn open(path: &PathBuf) -> anyhow::Result<(Box<dyn Read>, u64)> {
    if path.as_os_str() == "-" {
        return Ok((Box::new(io::stdin().lock()), 0));
    }
    let name = || format!("read {}", path.display());
    let file = File::open(path).with_context(name)?;
    let about = file.metadata().with_context(name)?;
    ensure!(!about.is_dir(), "{} is a folder", path.display());
    Ok((Box::new(file), about.len()))
}

/// What was imported.
struct Imported {
    n_events: u64,
    n_states: u64,
    n_channels: u64,
    old_epoch: Option<String>,
    epoch: Epoch,
    log_bytes: u64,
}

/// An import under way.
struct Import {
    log: Log,
    writer: LogWriter,
    batch: Batch,
    batch_bytes: usize,
    channels: HashMap<Box<str>, ChannelId>,
    states: HashSet<Box<str>>,
    n_events: u64,
    old_epoch: Option<String>,
    last: Option<Position>,
    is_ended: bool,
}

impl Import {
    /// Reads all lines into a log in an empty folder, and closes it.
    fn read(
        input: Box<dyn Read>,
        size_bytes: u64,
        (disk, config): (&SystemDisk, LogConfig),
    ) -> anyhow::Result<Imported> {
        let mut input = BufReader::with_capacity(BUFFER_BYTES, input);
        let mut progress = Progress::new("imported", size_bytes);
        let mut line = Vec::new();
        let Some(epoch) = next_line(&mut input, &mut line, 1)? else {
            bail!("it is empty; the first line must be the header that the export wrote");
        };
        let Line::Header { epoch: old_epoch } = ndjson::parse(epoch).context("line 1")? else {
            bail!("line 1: must be the header that the export wrote");
        };
        let mut import = Self::begin(disk, config, old_epoch)?;
        let mut number = 1_u64;
        loop {
            progress.add(u64::try_from(line.len()).unwrap_or(0));
            number += 1;
            let Some(text) = next_line(&mut input, &mut line, number)? else { break };
            let line = ndjson::parse(text).with_context(|| format!("line {number}"))?;
            import.take(line).with_context(|| format!("line {number}"))?;
        }
        ensure!(
            import.is_ended,
            "it ends after line {} without the last line that an export writes: it was cut short",
            number - 1
        );
        import.finish()
    }

    fn begin(
        disk: &SystemDisk,
        config: LogConfig,
        old_epoch: Option<String>,
    ) -> anyhow::Result<Self> {
        let mut epoch = outside::random();
        while old_epoch.as_ref().is_some_and(|old| *old == Epoch::from_random(epoch).to_string()) {
            epoch = outside::random();
        }
        let random = [epoch, outside::random()];
        let environment = LogEnvironment { random, boot_id: outside::boot_id() };
        let (log, writer) = Log::open(Arc::new(disk.clone()), config, &environment)?;
        Ok(Self {
            log,
            writer,
            batch: Batch::default(),
            batch_bytes: 0,
            channels: HashMap::new(),
            states: HashSet::new(),
            n_events: 0,
            old_epoch,
            last: None,
            is_ended: false,
        })
    }

    fn take(&mut self, line: Line) -> anyhow::Result<()> {
        ensure!(!self.is_ended, "stands behind the last line of the export");
        match line {
            Line::Header { .. } => bail!("is a second header: files cannot be joined"),
            Line::Event(event, position) => self.take_event(event, position),
            Line::State(state) => self.take_state(state),
            Line::End { n_events, n_states } => {
                let (found, states) = (self.n_events, self.states.len());
                ensure!(
                    n_events == found && u64::try_from(states)? == n_states,
                    "tells of {n_events} events and {n_states} state values, but {found} and \
                     {states} stand before it"
                );
                self.is_ended = true;
                Ok(())
            }
        }
    }

    fn take_event(&mut self, event: Archived, position: Option<Position>) -> anyhow::Result<()> {
        if let (Some(last), Some(position)) = (self.last, position) {
            ensure!(
                position.offset > last.offset && position.epoch == last.epoch,
                "member `position`: {position} does not follow {last}"
            );
        }
        self.last = position.or(self.last);
        let name = event.channel.as_str();
        let known = self.channels.get(name).copied();
        let id = known.unwrap_or_else(|| self.know(name));
        self.batch_bytes += event.data.as_str().len();
        self.batch.groups.push(vec![event.into_record(id)]);
        self.n_events += 1;
        self.commit_if_due()
    }

    /// Gives a channel its number.
    fn know(&mut self, name: &str) -> ChannelId {
        let id = self.log.channel_id(name);
        let retention = Retention::default();
        self.batch.channels.push(NewChannel { id, name: name.into(), retention });
        self.channels.insert(name.into(), id);
        id
    }

    fn take_state(&mut self, state: Archived) -> anyhow::Result<()> {
        let name = state.channel.as_str();
        ensure!(self.states.insert(name.into()), "member `channel`: a second value of `{name}`");
        self.batch_bytes += state.data.as_str().len();
        let (key, value) = state.into_value();
        self.batch.puts.push((key, Some(value)));
        self.commit_if_due()
    }

    fn commit_if_due(&mut self) -> anyhow::Result<()> {
        let n_entries = self.batch.groups.len() + self.batch.puts.len();
        if n_entries < BATCH_EVENTS_MAX && self.batch_bytes < BATCH_BYTES_MAX {
            return Ok(());
        }
        self.commit()
    }

    fn commit(&mut self) -> anyhow::Result<()> {
        let batch = std::mem::take(&mut self.batch);
        self.batch_bytes = 0;
        self.writer.commit(&batch).context("write the log")?;
        Ok(())
    }

    fn finish(mut self) -> anyhow::Result<Imported> {
        self.commit()?;
        let Self { log, writer, channels, states, n_events, old_epoch, .. } = self;
        writer.close().context("close the log")?;
        Ok(Imported {
            n_events,
            n_states: u64::try_from(states.len())?,
            n_channels: u64::try_from(channels.len())?,
            old_epoch,
            epoch: Epoch::from_random(log.epoch()),
            log_bytes: log.stats().size_bytes,
        })
    }
}

/// Reads a line, without its end; `None` behind the last.
fn next_line<'a>(
    input: &mut impl BufRead,
    line: &'a mut Vec<u8>,
    number: u64,
) -> anyhow::Result<Option<&'a str>> {
    line.clear();
    let limit = u64::try_from(LINE_MAX_BYTES)? + 1;
    input.take(limit).read_until(b'\n', line).with_context(|| format!("read line {number}"))?;
    ensure!(
        line.len() <= LINE_MAX_BYTES,
        "line {number}: longer than the limit of {LINE_MAX_BYTES} bytes"
    );
    if line.is_empty() {
        return Ok(None);
    }
    let text = std::str::from_utf8(line).with_context(|| format!("line {number}"))?;
    Ok(Some(text.trim_end_matches(['\n', '\r'])))
}
