//! The table of blocked names: memory, time to make it, time of a look, time of an edit.

use std::io::{BufRead, Write};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, ensure};
use clap::Args;
use serde_json::{Value, json};
use tidings_dns::client::{ClientView, Group};
use tidings_dns::filter::{Filter, Query, image};
use tidings_dns::record_type::RecordType;
use tidings_dns::verdict::Verdict;
use tokio::time::Instant;

use crate::child::{Child, figure_of};
use crate::delivery::process::own_cpu;
use crate::dns::{names, resolver};
use crate::memory::{self, Memory};
use crate::report::{Bound, Column, Report, Table, Target, column};
use crate::role::Role;
use crate::statistics::{figure, median_of, milliseconds};
use crate::{Place, progress};

const COLUMNS: &[Column] = &[
    column("names", "names"),
    column("table MiB", "table_mib"),
    column("resident MiB", "resident_mib"),
    column("bytes per name", "bytes_per_name"),
    column("from text, CPU ms", "text_ms"),
    column("from the compiled file, CPU ms", "image_ms"),
    column("peak of a swap, MiB", "swap_peak_mib"),
    column("hit ns", "hit_ns"),
    column("miss ns", "miss_ns"),
    column("own rules edited ms", "edit_ms"),
];
const MIB: f64 = 1_048_576.0;
/// Most looks of one measurement.
const LOOKS_MAX: u32 = 200_000;

/// Settings of the bench.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Names of the smaller list.
    #[arg(long, default_value_t = Self::FULL.names)]
    names: u32,
    /// Names of the larger list.
    #[arg(long, default_value_t = Self::FULL.many)]
    many: u32,
}

impl Arguments {
    /// For figures.
    pub(crate) const FULL: Self = Self { names: 1_000_000, many: 5_000_000 };
    /// For a look whether it works.
    pub(crate) const QUICK: Self = Self { names: 1_000, many: 5_000 };
}

/// Measures.
///
/// # Errors
///
/// A list cannot be written or read, or does not judge as it says.
pub(crate) fn measure(arguments: &Arguments, place: &Place) -> anyhow::Result<Report> {
    let mut report = Report::new("dns-filter", place.machine.clone());
    report.note(format!(
        "Lists of invented names of 20 bytes in the mean, `||name^`; each figure is of a process \
         of its own, medians of {} runs; a swap makes the new table from the text while the old \
         one answers; an edit compiles 1,000 own rules and replaces the filter.",
        place.n_runs
    ));
    let mut table = Table::new("The table of names", COLUMNS);
    let mut medians = Vec::new();
    for n_names in [arguments.names, arguments.many] {
        let folder = place.folder.join(n_names.to_string());
        std::fs::create_dir_all(&folder).context("make a folder")?;
        progress(format_args!("a list of {n_names} names"));
        names::write_list(&folder.join("list.txt"), n_names)?;
        let mut runs = Vec::new();
        for run in 1..=place.n_runs {
            progress(format_args!("{n_names} names: run {run} of {}", place.n_runs));
            let mut child = Child::start(Role::DnsFilter, &folder)?;
            runs.push(child.ask(&n_names.to_string())?);
            child.end()?;
        }
        let of = |key: &str| -> anyhow::Result<f64> {
            let figures: Vec<f64> =
                runs.iter().map(|run| figure_of(run, key)).collect::<anyhow::Result<_>>()?;
            Ok(median_of(&figures, |figure| *figure))
        };
        let mut row = vec![u64::from(n_names).into()];
        for column in COLUMNS.iter().skip(1) {
            row.push(of(column.key())?.into());
        }
        table.add(row);
        medians.push((
            of("resident_mib")?,
            of("text_ms")?,
            of("image_ms")?,
            of("swap_over_mib")?,
            of("edit_ms")?,
        ));
    }
    report.table(table);
    let [few, many] = medians.as_slice() else { anyhow::bail!("two lists were measured") };
    let target = |report: &mut Report, what, most, is| {
        report.target(Target::new(what, Bound::AtMost(most), is));
    };
    target(&mut report, "resident with the smaller list, MiB", 40.0, few.0);
    target(&mut report, "resident with the larger list, MiB", 120.0, many.0);
    target(&mut report, "the smaller list from its text, CPU ms", 1_000.0, few.1);
    target(&mut report, "the smaller list from the compiled file, CPU ms", 50.0, few.2);
    target(&mut report, "peak of a swap beyond two tables, MiB", 16.0, few.3.max(many.3));
    target(&mut report, "an edit of own rules, ms", 5.0, few.4.max(many.4));
    Ok(report)
}

/// Plays the process that has the table, until the input ends.
///
/// # Errors
///
/// A list cannot be read, or does not judge as it says.
pub(crate) fn play(folder: &Path) -> anyhow::Result<()> {
    for line in std::io::stdin().lock().lines() {
        let n_names: u32 = line.context("read the question")?.parse().context("a number")?;
        let told = tell(folder, n_names)?;
        let mut output = std::io::stdout().lock();
        writeln!(output, "{told}").context("answer")?;
        output.flush().context("answer")?;
    }
    Ok(())
}

fn tell(folder: &Path, n_names: u32) -> anyhow::Result<Value> {
    let (text, path) = (folder.join("list.txt"), folder.join("list.image"));
    let start = own_cpu()?;
    let (compiled, sources) = resolver::compile_list(&text)?;
    let text_ms = milliseconds(own_cpu()?.saturating_sub(start));
    image::save(&path, &compiled, &sources, 1).context("keep the list")?;
    drop((compiled, sources));
    let start = own_cpu()?;
    let lists = image::load(&path, 1).context("read the compiled list")?;
    let image_ms = milliseconds(own_cpu()?.saturating_sub(start));
    let table_bytes = figure(lists.table_bytes());
    let mut filter = Filter {
        lists: Arc::new(lists),
        own: Arc::new(resolver::own_rules(0)?),
        ..Filter::default()
    };
    let resident_bytes = figure(Memory::of_this_process()?.resident_bytes);
    let (hit_ns, miss_ns) = (look(&filter, n_names, "")?, look(&filter, n_names, "x.not-")?);
    let edit_ms = edit(&mut filter)?;
    memory::forget_peak()?;
    let before = figure(Memory::of_this_process()?.resident_bytes);
    let (compiled, _) = resolver::compile_list(&text)?;
    filter.lists = Arc::new(compiled);
    let peak_bytes = figure(Memory::of_this_process()?.peak_bytes);
    ensure!(look(&filter, n_names, "")? > 0.0, "the new table judges");
    Ok(json!({
        "table_mib": table_bytes / MIB,
        "resident_mib": resident_bytes / MIB,
        "bytes_per_name": table_bytes / f64::from(n_names),
        "text_ms": text_ms,
        "image_ms": image_ms,
        "swap_peak_mib": peak_bytes / MIB,
        "swap_over_mib": (peak_bytes - before - table_bytes) / MIB,
        "hit_ns": hit_ns,
        "miss_ns": miss_ns,
        "edit_ms": edit_ms,
    }))
}

/// Judges names of the list with something before them; returns the nanoseconds of one.
fn look(filter: &Filter, n_names: u32, before: &str) -> anyhow::Result<f64> {
    let n_looks = n_names.min(LOOKS_MAX);
    let step = 7_919 % n_names.max(1);
    let asked: Vec<String> = (0..n_looks)
        .map(|index| format!("{before}{}", names::listed(index.wrapping_mul(step) % n_names)))
        .collect();
    let group = Group::default();
    let client =
        ClientView { address: None, names: &[], tags: &[], group: &group, is_filtered: true };
    let start = Instant::now();
    let mut n_blocked = 0_u32;
    for name in &asked {
        let query = Query { name, kind: RecordType::A, client };
        n_blocked += u32::from(matches!(filter.judge(&query), Verdict::Blocked { .. }));
    }
    let ns = start.elapsed().as_secs_f64() * 1e9 / f64::from(n_looks);
    let expected = if before.is_empty() { n_looks } else { 0 };
    ensure!(n_blocked == expected, "{n_blocked} of {n_looks} names are blocked");
    Ok(ns)
}

/// Adds a rule of one's own and waits until it has its say; returns the milliseconds.
fn edit(filter: &mut Filter) -> anyhow::Result<f64> {
    const NAME: &str = "own1001.example";
    let group = Group::default();
    let client =
        ClientView { address: None, names: &[], tags: &[], group: &group, is_filtered: true };
    let query = Query { name: NAME, kind: RecordType::A, client };
    ensure!(matches!(filter.judge(&query), Verdict::Pass), "{NAME} is judged before the edit");
    let start = Instant::now();
    filter.own = Arc::new(resolver::own_rules(5)?);
    let is_blocked = matches!(filter.judge(&query), Verdict::Blocked { .. });
    let ms = milliseconds(start.elapsed());
    ensure!(is_blocked, "{NAME} is not blocked after the edit");
    Ok(ms)
}
