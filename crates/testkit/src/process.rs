//! A child process whose output is kept and which ends with its owner.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::Instant;

/// Lines of output kept; the oldest go first.
const LOG_LINES_MAX: usize = 2_000;

/// Bytes of one line kept.
const LINE_SIZE_MAX_BYTES: u64 = 16 * 1024;

/// Time between a polite and a forced end.
const GRACE: Duration = Duration::from_secs(3);

/// Time for the last output to come after the end.
const OUTPUT_GRACE: Duration = Duration::from_millis(500);

/// How often a wait looks again.
const POLL_EVERY: Duration = Duration::from_millis(5);

/// A running program; dropping it ends it, by SIGTERM first and SIGKILL after three seconds.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    log: Arc<Mutex<VecDeque<String>>>,
    /// They end when the last holder of the pipes does.
    readers: [JoinHandle<()>; 2],
}

impl Process {
    /// Starts `command` with its outputs caught.
    pub(crate) fn spawn(command: &mut Command) -> Self {
        Self::spawn_watched(command, |_| {})
    }

    /// Starts `command` and calls `on_line` with every line of standard output as it comes.
    pub(crate) fn spawn_watched(
        command: &mut Command,
        on_line: impl Fn(&str) + Send + 'static,
    ) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child =
            command.spawn().unwrap_or_else(|error| panic!("start {command:?}: {error}"));
        let log = Arc::new(Mutex::new(VecDeque::new()));
        let stdout = child.stdout.take().expect("standard output is piped");
        let stderr = child.stderr.take().expect("standard error is piped");
        let (out_log, error_log) = (Arc::clone(&log), Arc::clone(&log));
        let stdout = thread::spawn(move || {
            keep_lines(stdout, |line| {
                on_line(line);
                keep(&out_log, line);
            });
        });
        let stderr = thread::spawn(move || keep_lines(stderr, |line| keep(&error_log, line)));
        Self { child, log, readers: [stdout, stderr] }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Sends `signal`; a process that has ended already is left alone.
    pub(crate) fn signal(&mut self, signal: Signal) {
        // The child is not reaped before `try_wait` says so, hence its number cannot be another's.
        if self.is_running()
            && let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw)
        {
            kill_process(pid, signal).expect("the child is ours to signal");
        }
    }

    /// Waits for the end and for the last output; `None` if it has not ended within `timeout`.
    pub(crate) fn wait(&mut self, timeout: Duration) -> Option<ExitStatus> {
        let try_wait = || self.child.try_wait().expect("the child is ours to wait for");
        let status = wait_until(timeout, try_wait)?;
        // A child of the child may hold the pipes for longer.
        wait_until(OUTPUT_GRACE, || self.readers.iter().all(JoinHandle::is_finished).then_some(()));
        Some(status)
    }

    /// Returns the last lines of both outputs.
    pub(crate) fn log(&self) -> String {
        self.log.lock().iter().flat_map(|line| ["  | ", line, "\n"]).collect()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal(Signal::TERM);
        if self.wait(GRACE).is_none() {
            self.signal(Signal::KILL);
            self.wait(GRACE);
        }
    }
}

/// Asks `condition` again and again until it has a value; `None` after `timeout`.
pub(crate) fn wait_until<Value>(
    timeout: Duration,
    mut condition: impl FnMut() -> Option<Value>,
) -> Option<Value> {
    let deadline = Instant::now() + timeout;
    loop {
        let value = condition();
        if value.is_some() || Instant::now() >= deadline {
            return value;
        }
        thread::sleep(POLL_EVERY);
    }
}

fn keep(log: &Mutex<VecDeque<String>>, line: &str) {
    let mut log = log.lock();
    if log.len() == LOG_LINES_MAX {
        log.pop_front();
    }
    log.push_back(line.to_owned());
}

/// Calls `on_line` for every line; a longer one than the limit counts as several.
fn keep_lines(source: impl Read, on_line: impl Fn(&str)) {
    let mut source = BufReader::new(source);
    loop {
        let mut line = Vec::new();
        match source.by_ref().take(LINE_SIZE_MAX_BYTES).read_until(b'\n', &mut line) {
            Ok(1..) => on_line(String::from_utf8_lossy(&line).trim_end()),
            Ok(0) | Err(_) => return,
        }
    }
}
