//! Places processes on cores, and reads what they cost (proc(5)).

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};
use rustix::process::{Resource, Rlimit};
use rustix::thread::CpuSet;

use crate::statistics::figure;

/// Descriptors that are left for other things than the connections under load.
const DESCRIPTORS_SPARE: u64 = 200;
/// Most processes that a server may consist of.
const PROCESSES_MAX: usize = 64;

/// Cores of the server under load and of the load.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Side {
    /// The first core.
    Server,
    /// The last core.
    Load,
}

/// Keeps this thread, and what it starts, on the core of a side.
///
/// # Errors
///
/// The system refuses.
pub(crate) fn pin(side: Side) -> anyhow::Result<()> {
    let n_cores = fs::read_to_string("/proc/cpuinfo")
        .map_or(1, |text| text.lines().filter(|line| line.starts_with("processor")).count());
    let mut cores = CpuSet::new();
    cores.set(match side {
        Side::Server => 0,
        Side::Load => n_cores.saturating_sub(1),
    });
    rustix::thread::sched_setaffinity(None, &cores).context("pin to a core")
}

/// Lets this thread, and what it starts, run on every core again.
///
/// # Errors
///
/// The system refuses.
pub(crate) fn unpin() -> anyhow::Result<()> {
    let mut cores = CpuSet::new();
    (0..CpuSet::MAX_CPU).for_each(|core| cores.set(core));
    rustix::thread::sched_setaffinity(None, &cores).context("use every core")
}

/// Makes this thread, but not what it starts, go before other work (`SCHED_RR`).
///
/// # Errors
///
/// The system refuses, or has no `chrt`.
pub(crate) fn go_first() -> anyhow::Result<()> {
    let thread = rustix::thread::gettid().as_raw_nonzero().to_string();
    let arguments = ["--rr", "--reset-on-fork", "--pid", "1", &thread];
    let status = Command::new("chrt").args(arguments).status().context("start chrt")?;
    ensure!(status.success(), "chrt: {status}");
    Ok(())
}

/// Makes this process, which is about to become a server, go before other work.
///
/// Not by `SCHED_RR`: of several threads on one core the first to run would keep the others from
/// running for as long as it has work, and no event would ever wait for another. A session of its
/// own has a share of the core of its own (sched(7), autogroup), within which the threads of the
/// server are treated alike.
///
/// # Errors
///
/// The system refuses.
pub(crate) fn go_first_as_server() -> anyhow::Result<()> {
    rustix::process::setsid().context("make a session")?;
    let highest = -20;
    rustix::process::setpriority_process(None, highest).context("raise the priority")?;
    match fs::write("/proc/self/autogroup", highest.to_string()) {
        // Without such groups the priority does it alone.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        written => written.context("raise the priority of the session"),
    }
}

/// Makes this thread give way to others, so much as the niceness says.
///
/// # Errors
///
/// The system refuses.
pub(crate) fn give_way(niceness: i32) -> anyhow::Result<()> {
    rustix::process::setpriority_process(None, niceness).context("lower the priority")
}

/// Raises the limit of open descriptors to the hard one; returns how many connections that is.
///
/// # Errors
///
/// The system refuses.
pub(crate) fn raise_descriptor_limit() -> anyhow::Result<u64> {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    rustix::process::setrlimit(Resource::Nofile, raised).context("raise the descriptor limit")?;
    Ok(limit.maximum.unwrap_or(u64::MAX).saturating_sub(DESCRIPTORS_SPARE))
}

/// What a server with all its processes used until now.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Usage {
    /// Time on a core, in seconds; steps of 10 ms.
    pub cpu_s: f64,
    /// Resident memory, in bytes.
    pub resident_bytes: u64,
}

impl Usage {
    /// Reads the usage of a process and of those that it started.
    ///
    /// # Errors
    ///
    /// It is gone.
    pub(crate) fn of(pid: u32) -> anyhow::Result<Self> {
        let mut usage = Self::default();
        for pid in family(pid) {
            usage.cpu_s += cpu_s(pid)?;
            usage.resident_bytes += resident_bytes(pid)?;
        }
        Ok(usage)
    }

    /// Reads the time on a core alone, which takes less long.
    ///
    /// # Errors
    ///
    /// It is gone.
    pub(crate) fn cpu_s_of(pid: u32) -> anyhow::Result<f64> {
        family(pid).into_iter().map(cpu_s).sum()
    }
}

/// Returns a process and all that it started.
fn family(pid: u32) -> Vec<u32> {
    let mut family = vec![pid];
    let mut index = 0;
    while let Some(pid) = family.get(index).copied().filter(|_| index < PROCESSES_MAX) {
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
        for task in tasks {
            let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            family.extend(children.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
        }
        index += 1;
    }
    family
}

fn cpu_s(pid: u32) -> anyhow::Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
    let stat = stat.with_context(|| format!("read the time of process {pid}"))?;
    // The name, in parentheses, may hold anything.
    let (_, fields) = stat.rsplit_once(") ").context("a process without a name")?;
    let mut fields = fields.split(' ').skip(11);
    let mut ticks = || fields.next().and_then(|field| field.parse::<u64>().ok()).context("no time");
    let ticks = ticks()? + ticks()?;
    Ok(figure(ticks) / figure(rustix::param::clock_ticks_per_second()))
}

fn resident_bytes(pid: u32) -> anyhow::Result<u64> {
    // `status` tells it only to within some dozens of pages (proc(5), `VmRSS`).
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"));
    let rollup = rollup.with_context(|| format!("read the memory of process {pid}"))?;
    let line = rollup.lines().find_map(|line| line.strip_prefix("Rss:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")).context("no Rss")?;
    Ok(kib.trim().parse::<u64>().context("Rss")? * 1_024)
}

/// Returns the time that this thread spent on a core.
///
/// # Errors
///
/// The system does not tell.
pub(crate) fn own_cpu() -> anyhow::Result<Duration> {
    let text = fs::read_to_string("/proc/thread-self/schedstat").context("read the own time")?;
    let ns = text.split(' ').next().and_then(|text| text.parse().ok()).context("no time")?;
    Ok(Duration::from_nanos(ns))
}

/// Returns the bytes that the system's TCP buffers hold, of both ends of all connections.
///
/// # Errors
///
/// The system does not tell.
pub(crate) fn kernel_tcp_bytes() -> anyhow::Result<u64> {
    let text = fs::read_to_string("/proc/net/sockstat").context("read /proc/net/sockstat")?;
    let line = text.lines().find_map(|line| line.strip_prefix("TCP:"));
    let pages = line.and_then(|line| line.rsplit_once("mem ")).map(|(_, pages)| pages.trim());
    let pages: u64 = pages.and_then(|pages| pages.parse().ok()).context("no memory of TCP")?;
    let page_bytes = u64::try_from(rustix::param::page_size()).context("page size")?;
    ensure!(page_bytes > 0, "pages have a size");
    Ok(pages * page_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_measured() {
        let usage = Usage::of(std::process::id()).unwrap();
        assert!(usage.resident_bytes > 100_000, "{usage:?}");
        assert!(usage.cpu_s >= 0.0, "{usage:?}");
        assert!(own_cpu().unwrap() > Duration::ZERO);
        kernel_tcp_bytes().unwrap();
    }
}
