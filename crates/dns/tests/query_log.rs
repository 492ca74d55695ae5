//! The query log when its process is killed, and when its disk is full.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use tidings_dns::entry::Entry;
use tidings_dns::query_log::filter::Filter;
use tidings_dns::query_log::samples::Samples;
use tidings_dns::query_log::{
    Batch, EntrySource, QueryLog, QueryLogConfig, QueryLogParts, QueryLogThreads,
};
use tidings_testkit::tmpfs::Tmpfs;
use tokio::sync::mpsc;

/// Folder of the log that a killed process writes; set for that process alone.
const CHILD_FOLDER: &str = "TIDINGS_TEST_QUERY_LOG";
/// Entries that the killed process hands over before it is killed.
const ENTRIES_BEFORE_KILL: u64 = 20_000;
/// Entries handed over at once.
const BURST: u64 = 500;

/// Entries that a test hands over.
struct Handed(Receiver<Entry>);

impl EntrySource for Handed {
    fn drain(&mut self, n_max: usize, take: &mut dyn FnMut(Entry)) -> usize {
        self.0.try_iter().take(n_max).map(take).count()
    }

    fn n_dropped(&self) -> u64 {
        0
    }
}

struct Running {
    log: Arc<QueryLog>,
    threads: QueryLogThreads,
    batches: mpsc::Receiver<Batch>,
    hand: SyncSender<Entry>,
}

fn start(folder: &Path, config: &QueryLogConfig) -> Running {
    let (hand, handed) = sync_channel(4_096);
    let parts = QueryLogParts {
        source: Box::new(Handed(handed)),
        folder: folder.to_owned(),
        clock: Arc::new(|| 1_790_000_000_000),
    };
    let (log, threads, batches) = QueryLog::start(config, parts).unwrap();
    Running { log, threads, batches, hand }
}

fn wait_until(mut is_so: impl FnMut() -> bool) {
    for _ in 0..3_000 {
        if is_so() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("it did not come to be in 30 s");
}

/// Sequence numbers and times of what is kept, newest first.
fn kept(log: &QueryLog) -> Vec<(u64, u64)> {
    let mut kept = Vec::new();
    log.each(&Filter::default(), None, &mut |logged| {
        kept.push((logged.sequence, logged.entry.at_ms));
        true
    })
    .unwrap();
    kept
}

/// Writes a log until it is killed, when it is run for that; else does nothing.
#[test]
fn child_that_is_killed() {
    let Some(folder) = std::env::var_os(CHILD_FOLDER) else { return };
    let running = start(Path::new(&folder), &QueryLogConfig::default());
    let mut samples = Samples::new(21);
    let mut n_handed = 0;
    loop {
        for _ in 0..BURST {
            running.hand.send(samples.next_entry()).unwrap();
        }
        n_handed += BURST;
        println!("kept {} of {n_handed}", running.log.status().n_written);
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn what_was_kept_before_a_kill_is_there_without_a_hole() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_that_is_killed", "--nocapture"])
        .env(CHILD_FOLDER, folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let told = lines.map_while(Result::ok).filter_map(|line| {
        let (_, line) = line.split_once("kept ")?;
        let (kept, handed) = line.split_once(" of ")?;
        Some((kept.parse::<u64>().ok()?, handed.parse::<u64>().ok()?))
    });
    let last = told
        .into_iter()
        .find(|(kept, handed)| *kept > ENTRIES_BEFORE_KILL / 2 && *handed >= ENTRIES_BEFORE_KILL);
    child.kill().unwrap();
    child.wait().unwrap();
    let (n_kept, n_handed) = last.expect("the child wrote until it was killed");
    assert!(n_kept <= n_handed);

    let running = start(folder.path(), &QueryLogConfig::default());
    wait_until(|| running.log.status().n_entries > 0 || running.log.status().error.is_some());
    let status = running.log.status();
    assert_eq!(status.error, None);
    let found = kept(&running.log);
    assert!(u64::try_from(found.len()).unwrap() >= n_kept, "{} of {n_kept}", found.len());
    assert!(found.windows(2).all(|pair| pair[0].0 == pair[1].0 + 1), "there is a hole");
    running.threads.stop();
}

#[test]
fn a_full_disk_leaves_the_newest_and_the_live_view_and_is_mended_by_itself() {
    let disk = match Tmpfs::mount(2 << 20) {
        Ok(disk) => disk,
        Err(reason) => {
            println!("skipped: {reason}");
            return;
        }
    };
    let filler = disk.path().join("filler");
    let config = QueryLogConfig { recent_entries_max: 1_000, ..QueryLogConfig::default() };
    let mut running = start(&disk.path().join("dns"), &config);
    running.log.want_live(true);
    let mut samples = Samples::new(4);
    let mut hand = |n: u64| {
        for _ in 0..n {
            running.hand.send(samples.next_entry()).unwrap();
        }
    };
    hand(2_000);
    wait_until(|| running.log.status().n_written == 2_000);

    std::fs::write(&filler, vec![0; 8 << 20]).unwrap_err();
    hand(8_000);
    wait_until(|| running.log.status().error.is_some());
    let is_counted = || {
        let n_all: u64 = running.log.statistics(|of| of.n_by_status()).iter().sum();
        n_all == 10_000
    };
    wait_until(is_counted);
    assert!(running.batches.try_recv().is_ok(), "the live view goes on");
    assert!(running.log.status().n_recent >= 1_000);

    std::fs::remove_file(&filler).unwrap();
    wait_until(|| running.log.status().n_written == 10_000);
    let status = running.log.status();
    assert_eq!((status.error, status.n_lost), (None, 0));
    assert!(status.n_errors > 0);
    assert_eq!(kept(&running.log).len(), 10_000);
    running.threads.stop();
}
