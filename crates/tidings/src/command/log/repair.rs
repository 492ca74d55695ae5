//! `tidings log repair`: what would be done, and doing it.

use std::fmt::Write;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use tidings_log::disk::{Disk, SystemDisk};
use tidings_log::repair::{Copies, Cure, Plan, repair};

use super::{check, count, existing, lock, looked_through};
use crate::cli::log::RepairArgs;
use crate::outside;

pub(super) fn run(args: &RepairArgs) -> anyhow::Result<ExitCode> {
    let folder = existing(&args.data)?;
    let disk =
        if args.yes { SystemDisk::existing(&folder)? } else { SystemDisk::read_only(&folder)? };
    let _lock = lock(&disk, &folder)?;
    let report = looked_through(&disk)?;
    let cure = if args.truncate { Cure::Truncate } else { Cure::Skip };
    let plan = Plan::new(&report, cure);
    if plan.is_empty() {
        return super::super::print("the log is whole: there is nothing to repair");
    }
    let mut text = String::new();
    for step in &plan.steps {
        writeln!(text, "  {step}")?;
    }
    text.push_str("what it costs:\n");
    for line in check::costs(&plan) {
        writeln!(text, "  {line}")?;
    }
    let copies = if args.no_copy { Copies::None } else { Copies::Keep };
    if copies == Copies::Keep {
        text.push_str("what is changed or removed is kept beside as FILE.damaged\n");
    }
    if !args.yes {
        return super::super::print(&format!(
            "this would be done:\n{text}nothing was changed: --yes does it"
        ));
    }
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    repair(&shared, &report, &plan, (copies, outside::random()))
        .context("the repair is not complete; run it again when the cause is gone")?;
    let after = looked_through(&disk)?;
    if let Some(damage) = after.damages().next() {
        let (file, position) = (&damage.file, damage.position);
        bail!("{file} is still damaged at byte {position}: {}", damage.reason);
    }
    let events = count(after.n_events, "event", "events");
    super::super::print(&format!("done:\n{text}the log is whole, with {events}"))
}
