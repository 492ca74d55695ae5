//! `tidings log export`: events and state values as lines of JSON.

use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use tidings_hub::archive::{Archived, STATE_PREFIX, position_of};
use tidings_hub::channel::ChannelPattern;
use tidings_hub::position::{Epoch, Position};
use tidings_log::check::{Remedy, Report};
use tidings_log::disk::SystemDisk;

use super::ndjson::{self, Header};
use super::{EXIT_DAMAGED, Progress, count, existing, lock, looked_through, say};
use crate::cli::log::ExportArgs;

/// Bytes written at once.
const BUFFER_BYTES: usize = 262_144;

pub(super) fn run(args: &ExportArgs) -> anyhow::Result<ExitCode> {
    let patterns = patterns(&args.channel)?;
    let folder = existing(&args.data)?;
    let disk = SystemDisk::read_only(&folder)?;
    let _lock = lock(&disk, &folder)?;
    let report = looked_through(&disk)?;
    if report.damages().any(|damage| damage.remedy == Remedy::Repair) {
        say("the log is damaged and was not exported: `tidings log check` says where");
        return Ok(ExitCode::from(EXIT_DAMAGED));
    }
    let export =
        Export { after: after(&disk, &report, args.after.as_deref())?, report, disk, patterns };
    let Some(path) = &args.output else {
        return match export.write(io::stdout().lock()) {
            // A reader that has seen enough ends the program quietly.
            Err(error) if is_broken_pipe(&error) => Ok(ExitCode::SUCCESS),
            written => written.map(|_| ExitCode::SUCCESS),
        };
    };
    let counts = write_file(&export, path).with_context(|| format!("write {}", path.display()))?;
    let (events, states) = counts;
    let (events, states) =
        (count(events, "event", "events"), count(states, "state value", "state values"));
    say(&format!("{events} and {states} exported to {}", path.display()));
    Ok(ExitCode::SUCCESS)
}

fn patterns(texts: &[String]) -> anyhow::Result<Vec<ChannelPattern>> {
    let parse =
        |text: &String| ChannelPattern::parse(text).with_context(|| format!("--channel {text}"));
    texts.iter().map(parse).collect()
}

/// Checks the position to start after against the log.
fn after(
    disk: &SystemDisk,
    report: &Report,
    text: Option<&str>,
) -> anyhow::Result<Option<Position>> {
    let Some(text) = text else { return Ok(None) };
    let position = Position::parse(text)
        .with_context(|| format!("--after {text}: this is no position <epoch>-<offset>-<check>"))?;
    let Some(epoch) = report.epoch.map(Epoch::from_random) else {
        bail!("--after {text}: the epoch of this log is over; the next start begins a new one");
    };
    if position.epoch != epoch {
        bail!("--after {text}: the log is of epoch {epoch}");
    }
    if position.offset > report.head {
        bail!("--after {text}: the log ends with offset {}", report.head);
    }
    let mut is_diverged = false;
    report.read_events(disk, position.offset.saturating_sub(1), &mut |channel, record| {
        let held = Archived::of_record(channel, record).map(|event| event.check());
        let is_there = record.offset == position.offset;
        is_diverged = is_there && held.is_ok_and(|check| check != position.check);
        ControlFlow::Break(())
    })?;
    if is_diverged && position.offset > 0 {
        bail!("--after {text}: the log holds another event there");
    }
    Ok(Some(position))
}

/// Writes a file that gets its name when it is complete.
fn write_file(export: &Export, path: &Path) -> anyhow::Result<(u64, u64)> {
    if std::fs::metadata(path).is_ok_and(|about| !about.is_file()) {
        return export.write(File::options().write(true).open(path)?);
    }
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let written = File::create(&partial).map_err(Into::into).and_then(|file| {
        let counts = export.write(&file)?;
        file.sync_all()?;
        std::fs::rename(&partial, path)?;
        Ok(counts)
    });
    if written.is_err() {
        std::fs::remove_file(&partial).ok();
    }
    written
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let cause = error.downcast_ref::<io::Error>();
    cause.is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}

/// What is exported.
struct Export {
    disk: SystemDisk,
    report: Report,
    after: Option<Position>,
    patterns: Vec<ChannelPattern>,
}

impl Export {
    /// Writes everything and returns the numbers of events and state values.
    fn write(&self, output: impl Write) -> anyhow::Result<(u64, u64)> {
        let mut output = BufWriter::with_capacity(BUFFER_BYTES, output);
        let epoch = self.report.epoch.map(Epoch::from_random);
        let last = self.report.last.as_ref().zip(epoch);
        let header = Header {
            epoch,
            after: self.after,
            to: last.and_then(|(event, epoch)| position_of(epoch, event)),
            channels: self.patterns.iter().map(ToString::to_string).collect(),
        };
        writeln!(output, "{}", ndjson::header(&header))?;
        let n_events = self.write_events(&mut output, epoch)?;
        let mut n_states = 0;
        for (key, value) in self.report.settings(STATE_PREFIX) {
            let state = Archived::of_value(key, value)?;
            if self.is_wanted(&state) {
                writeln!(output, "{}", ndjson::state(&state))?;
                n_states += 1;
            }
        }
        writeln!(output, "{}", ndjson::end(n_events, n_states))?;
        output.flush()?;
        Ok((n_events, n_states))
    }

    fn write_events(&self, output: &mut impl Write, epoch: Option<Epoch>) -> anyhow::Result<u64> {
        let mut progress = Progress::new("exported", self.report.size_bytes());
        let mut n_events = 0;
        let mut failed = None;
        let after = self.after.map_or(0, |position| position.offset);
        self.report.read_events(&self.disk, after, &mut |channel, record| {
            progress.add(u64::try_from(record.body.len()).unwrap_or(0));
            let mut write = || {
                let event = Archived::of_record(channel, record)
                    .with_context(|| format!("offset {}", record.offset))?;
                if self.is_wanted(&event) {
                    let (offset, check) = (record.offset, event.check());
                    let position = epoch.map(|epoch| Position { epoch, offset, check });
                    writeln!(output, "{}", ndjson::event(&event, position))?;
                    n_events += 1;
                }
                anyhow::Ok(())
            };
            match write() {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    failed = Some(error);
                    ControlFlow::Break(())
                }
            }
        })?;
        failed.map_or(Ok(n_events), Err)
    }

    fn is_wanted(&self, event: &Archived) -> bool {
        self.patterns.is_empty()
            || self.patterns.iter().any(|pattern| pattern.matches(&event.channel))
    }
}
