//! The log as a whole: nothing is lost between memory and disk, whatever the disk does.

use std::time::Duration;

use super::*;
use crate::query_log::filter::Names;
use crate::query_log::samples::Samples;

/// A source that tests push into.
struct Pushed(std::sync::mpsc::Receiver<Entry>);

impl EntrySource for Pushed {
    fn drain(&mut self, n_max: usize, take: &mut dyn FnMut(Entry)) -> usize {
        let mut n_taken = 0;
        while n_taken < n_max {
            let Ok(entry) = self.0.try_recv() else { break };
            take(entry);
            n_taken += 1;
        }
        n_taken
    }

    fn n_dropped(&self) -> u64 {
        0
    }
}

struct Running {
    log: Arc<QueryLog>,
    threads: QueryLogThreads,
    batches: mpsc::Receiver<Batch>,
    push: Sender<Entry>,
    samples: Samples,
}

fn start(folder: &std::path::Path, config: &QueryLogConfig) -> Running {
    let (push, pushed) = channel();
    let parts = QueryLogParts {
        source: Box::new(Pushed(pushed)),
        folder: folder.to_owned(),
        clock: Arc::new(|| 1_790_000_000_000),
    };
    let (log, threads, batches) = QueryLog::start(config, parts).unwrap();
    wait_until(|| log.kept.lock().is_settled);
    Running { log, threads, batches, push, samples: Samples::new(9) }
}

impl Running {
    /// Pushes entries and waits until the collector has them.
    fn push(&mut self, n_entries: u64) {
        let before = self.n_counted();
        for _ in 0..n_entries {
            self.push.send(self.samples.next_entry()).unwrap();
        }
        wait_until(|| self.n_counted() == before + n_entries);
    }

    fn n_counted(&self) -> u64 {
        self.log.statistics(|statistics| {
            let range = crate::statistics::Range::Month;
            statistics.summary(range, 1_790_000_000_000, 1).total.n_all()
        })
    }

    fn all(&self, text: &str) -> Vec<Logged> {
        all(&self.log, text, 1_000)
    }
}

fn filter(text: &str) -> Filter {
    Filter::parse(text, &Names { now_ms: 0, list: &|_| None }).unwrap()
}

/// Reads the log page by page.
fn all(log: &QueryLog, text: &str, n_max: usize) -> Vec<Logged> {
    let mut found = Vec::new();
    let mut before = None;
    loop {
        let page = log.search(&filter(text), PageRequest { before, n_max }).unwrap();
        assert_eq!(page.trouble, None);
        found.extend(page.entries);
        before = page.next_before;
        if before.is_none() {
            return found;
        }
    }
}

fn wait_until(mut is_so: impl FnMut() -> bool) {
    for _ in 0..2_000 {
        if is_so() {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("it did not come to be in 10 s");
}

#[test]
fn pages_have_every_entry_once_across_memory_disk_and_restart() {
    let folder = tempfile::tempdir().unwrap();
    let config = QueryLogConfig { recent_entries_max: 100, ..QueryLogConfig::default() };
    let mut running = start(folder.path(), &config);
    running.push(9_000);
    running.log.flush();
    running.push(50);
    let before: Vec<Logged> = running.all("");
    assert_eq!(before.len(), 9_050);
    assert!(before.windows(2).all(|pair| pair[0].sequence > pair[1].sequence));
    running.threads.stop();

    let mut running = start(folder.path(), &config);
    running.push(10);
    let after = running.all("");
    assert_eq!(after.len(), 9_060);
    assert_eq!(after[10..], before[..]);
    assert!(after[9].sequence > before[0].sequence, "sequence numbers grow over a restart");
    assert_eq!(all(&running.log, "status:blocked", 7), {
        let wanted = filter("status:blocked");
        let hits = after.into_iter().filter(|logged| wanted.matches(&logged.entry));
        hits.collect::<Vec<_>>()
    });
    running.threads.stop();
}

#[test]
fn drivers_are_swapped_without_losing_an_entry() {
    let folder = tempfile::tempdir().unwrap();
    let config = QueryLogConfig { recent_entries_max: 100_000, ..QueryLogConfig::default() };
    let mut running = start(folder.path(), &config);
    let push = running.push.clone();
    let mut samples = Samples::new(77);
    let pusher = std::thread::spawn(move || {
        for _ in 0..20_000 {
            push.send(samples.next_entry()).unwrap();
        }
    });
    for driver in [LogDriver::File, LogDriver::Memory, LogDriver::Console, LogDriver::Sqlite] {
        running.log.swap(driver).unwrap();
        assert_eq!(running.log.status().driver, driver);
    }
    pusher.join().unwrap();
    wait_until(|| running.n_counted() == 20_000);
    running.log.flush();
    assert_eq!(running.all("").len(), 20_000);
    let status = running.log.status();
    assert_eq!((status.n_written, status.n_lost, status.n_errors), (20_000, 0, 0));
    running.push(1);
    running.threads.stop();
}

#[test]
fn the_console_has_no_history() {
    let folder = tempfile::tempdir().unwrap();
    let config = QueryLogConfig { driver: LogDriver::Console, ..QueryLogConfig::default() };
    let mut running = start(folder.path(), &config);
    running.push(3);
    let request = PageRequest { before: None, n_max: 10 };
    let refused = running.log.search(&Filter::default(), request);
    assert!(matches!(refused, Err(SearchError::NoHistory)));
    running.threads.stop();
}

#[test]
fn without_a_disk_the_newest_are_shown_and_the_trouble_told_until_it_works() {
    let folder = tempfile::tempdir().unwrap();
    // A file where the folder should be.
    let place = folder.path().join("dns");
    std::fs::write(&place, "").unwrap();
    let mut running = start(&place, &QueryLogConfig::default());
    running.log.want_live(true);
    running.push(500);
    wait_until(|| running.log.status().error.is_some());
    // The live view goes on.
    wait_until(|| running.batches.try_recv().is_ok());
    let request = PageRequest { before: None, n_max: 1_000 };
    let page = running.log.search(&Filter::default(), request).unwrap();
    assert_eq!(page.entries.len(), 500);
    assert!(running.log.swap(LogDriver::File).is_err());

    std::fs::remove_file(&place).unwrap();
    wait_until(|| running.log.status().n_written == 500);
    assert_eq!(running.log.status().error, None);
    assert_eq!(running.all("").len(), 500);
    running.threads.stop();
}

#[test]
fn cleared_is_cleared() {
    let folder = tempfile::tempdir().unwrap();
    let mut running = start(folder.path(), &QueryLogConfig::default());
    running.push(5_000);
    running.log.flush();
    running.log.clear().unwrap();
    assert!(running.all("").is_empty());
    running.push(5);
    running.log.flush();
    assert_eq!(running.all("").len(), 5);
    assert_eq!(running.log.status().n_entries, 0, "counted at the last look");
    running.threads.stop();
}

#[test]
fn other_settings_are_obeyed_from_then_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut running = start(folder.path(), &QueryLogConfig::default());
    running.push(10);
    let config = QueryLogConfig {
        ignore_clients: vec!["0.0.0.0/0".to_owned()],
        driver: LogDriver::Memory,
        ..QueryLogConfig::default()
    };
    running.log.reconfigure(config).unwrap();
    // The collector hears of it within one look into the rings.
    wait_until(|| {
        let before = running.all("").len();
        running.push(1);
        running.all("").len() == before
    });
    assert_eq!(running.log.status().driver, LogDriver::Memory);
    running.threads.stop();
}
