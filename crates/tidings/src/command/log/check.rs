//! `tidings log check`: what was found, for people and as JSON.

use std::fmt::Write;
use std::process::ExitCode;

use serde_json::{Value, json};
use tidings_hub::archive::position_of;
use tidings_hub::position::Epoch;
use tidings_log::check::{Damage, EventCopy, Lost, Remedy, Report, SegmentReport};
use tidings_log::disk::SystemDisk;
use tidings_log::repair::{Cure, Plan};

use super::{EXIT_DAMAGED, count, existing, lock, looked_through, size};
use crate::cli::log::{CheckLogArgs, DataArgs};

/// Most places of damage that are printed for people.
const DAMAGES_SHOWN_MAX: usize = 50;

pub(super) fn run(args: &CheckLogArgs) -> anyhow::Result<ExitCode> {
    let folder = existing(&args.data)?;
    let disk = SystemDisk::read_only(&folder)?;
    let _lock = lock(&disk, &folder)?;
    let report = looked_through(&disk)?;
    if args.json {
        super::super::print(&serde_json::to_string_pretty(&as_json(&report))?)?;
    } else {
        let text = as_text(&report, &args.data)?;
        super::super::print(&format!("log in {}\n\n{}", folder.display(), text.trim_end()))?;
    }
    Ok(if report.is_whole() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_DAMAGED) })
}

/// Writes the position of an event, or its offset where no epoch goes on.
fn place(report: &Report, event: &EventCopy) -> String {
    let epoch = report.epoch.map(Epoch::from_random);
    let position = epoch.and_then(|epoch| position_of(epoch, event));
    position.map_or_else(|| event.offset.to_string(), |position| position.to_string())
}

fn as_text(report: &Report, args: &DataArgs) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    for segment in &report.segments {
        let events = count(segment.n_events, "event", "events");
        let range = segment.first.zip(segment.last);
        let range = range.map_or_else(String::new, |(first, last)| format!("{first} to {last}"));
        let (file, size) = (&segment.file, size(segment.size_bytes));
        let state = state(segment.damages.len(), segment.torn_bytes);
        writeln!(text, "{file}  {size:>10}  {events:>16}  {range:<21}  {state}")?;
    }
    let meta = &report.meta;
    let values = count(u64::try_from(meta.n_values).unwrap_or(u64::MAX), "value", "values");
    let (bytes, state) = match meta.size_bytes {
        None => (String::new(), "missing: the next start begins a new epoch".to_owned()),
        Some(bytes) => (size(bytes), state(meta.damages.len(), meta.torn_bytes)),
    };
    writeln!(text, "{:<24}  {bytes:>10}  {values:>16}  {:<21}  {state}\n", "meta.log", "")?;
    write_summary(&mut text, report)?;
    write_damages(&mut text, report)?;
    if !report.is_whole() {
        write_cures(&mut text, report, args)?;
    }
    Ok(text)
}

fn state(n_damages: usize, torn_bytes: u64) -> String {
    let mut text = if n_damages == 0 { "whole".to_owned() } else { "damaged".to_owned() };
    if torn_bytes > 0 {
        let bytes = count(torn_bytes, "byte", "bytes");
        text.push_str(", but for ");
        text.push_str(&bytes);
        text.push_str(" of a write that was cut short: the next start removes them");
    }
    text
}

fn write_summary(text: &mut String, report: &Report) -> std::fmt::Result {
    let events = count(report.n_events, "event", "events");
    let n_channels = u64::try_from(report.n_channels).unwrap_or(u64::MAX);
    let channels = count(n_channels, "channel", "channels");
    write!(text, "{events} on {channels}, {}", size(report.size_bytes()))?;
    if let (Some(first), Some(last)) = (&report.first, &report.last) {
        write!(text, ", {} to {}", place(report, first), place(report, last))?;
    }
    let epoch = report.epoch.map(|epoch| format!("epoch {}", Epoch::from_random(epoch)));
    let epoch = epoch.unwrap_or_else(|| "a new epoch begins with the next start".to_owned());
    let end = if report.is_clean { "closed whole" } else { "not closed whole" };
    writeln!(text, "\n{epoch}; {end}")?;
    if report.floor > 0 {
        writeln!(
            text,
            "events up to {} may be missing: an earlier repair or retention",
            report.floor
        )?;
    }
    if report.is_whole() {
        writeln!(text, "the log is whole")?;
    }
    Ok(())
}

fn write_damages(text: &mut String, report: &Report) -> std::fmt::Result {
    let n_damages = report.damages().count();
    if n_damages > 0 {
        writeln!(text)?;
    }
    for damage in report.damages().take(DAMAGES_SHOWN_MAX) {
        let Damage { file, position, reason, lost, .. } = damage;
        writeln!(text, "{file}, byte {position}: {reason}; {lost}")?;
    }
    if n_damages > DAMAGES_SHOWN_MAX {
        writeln!(text, "and {} places more (--json shows all)", n_damages - DAMAGES_SHOWN_MAX)?;
    }
    Ok(())
}

/// Says what mends the damage and what each way costs.
fn write_cures(text: &mut String, report: &Report, args: &DataArgs) -> std::fmt::Result {
    if report.damages().all(|damage| damage.remedy == Remedy::Start) {
        return writeln!(text, "\nThe next start of the server mends this; nothing is lost.");
    }
    let data = args.data.as_ref().map(|data| format!(" --data {}", data.display()));
    let data = data.unwrap_or_default();
    writeln!(text, "\nEither of these mends it, and shows first what it would do:")?;
    for (flag, cure) in [("--skip", Cure::Skip), ("--truncate", Cure::Truncate)] {
        writeln!(text, "  tidings log repair{data} {flag}")?;
        for line in costs(&Plan::new(report, cure)) {
            writeln!(text, "    {line}")?;
        }
    }
    Ok(())
}

/// Says what a plan costs, a line each.
pub(super) fn costs(plan: &Plan) -> Vec<String> {
    let is_new = plan.steps.contains(&tidings_log::repair::Step::BeginEpoch);
    let lost = plan.lost.iter().take(DAMAGES_SHOWN_MAX).map(Lost::to_string);
    let mut lines: Vec<String> = lost.collect();
    if plan.lost.len() > lines.len() {
        lines.push(format!("and {} losses more", plan.lost.len() - lines.len()));
    }
    if lines.is_empty() {
        lines.push(Lost::Nothing.to_string());
    }
    if is_new {
        lines.push("a new epoch begins: every client is reset".to_owned());
    }
    lines
}

fn as_json(report: &Report) -> Value {
    let segments: Vec<Value> = report.segments.iter().map(segment_json).collect();
    let damages: Vec<Value> = report.damages().map(damage_json).collect();
    let place = |event: &EventCopy| place(report, event);
    json!({
        "whole": report.is_whole(),
        "closed_whole": report.is_clean,
        "epoch": report.epoch.map(|epoch| Epoch::from_random(epoch).to_string()),
        "events": report.n_events,
        "channels": report.n_channels,
        "bytes": report.size_bytes(),
        "first": report.first.as_ref().map(place),
        "last": report.last.as_ref().map(place),
        "head_offset": report.head,
        "floor_offset": report.floor,
        "segments": segments,
        "meta": {
            "bytes": report.meta.size_bytes,
            "values": report.meta.n_values,
            "cut_short_bytes": report.meta.torn_bytes,
        },
        "damages": damages,
    })
}

fn segment_json(segment: &SegmentReport) -> Value {
    json!({
        "file": segment.file,
        "bytes": segment.size_bytes,
        "events": segment.n_events,
        "first_offset": segment.first,
        "last_offset": segment.last,
        "cut_short_bytes": segment.torn_bytes,
        "index": segment.is_indexed,
        "whole": segment.damages.is_empty(),
    })
}

fn damage_json(damage: &Damage) -> Value {
    let (first, last) = match damage.lost {
        Lost::Offsets { first, last } => (Some(first), Some(last)),
        Lost::From(first) => (Some(first), None),
        Lost::Nothing | Lost::Settings => (None, None),
    };
    json!({
        "file": damage.file,
        "byte": damage.position,
        "reason": damage.reason,
        "lost": damage.lost.to_string(),
        "lost_first_offset": first,
        "lost_last_offset": last,
        "mended_by": match damage.remedy {
            Remedy::Start => "start",
            Remedy::Repair => "repair",
        },
    })
}
