//! A few threads that read the disk, so that nobody else waits for it.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};

/// Threads that read.
pub(crate) const READERS: usize = 2;
/// Bytes that were read and that no stream has taken yet, over which nothing more is read.
const READ_MAX_BYTES: usize = 16 * 1_048_576;
/// How much the threads give way to those that serve live streams (nice(2)).
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// One piece of reading; it is short, and hands over what it found by itself.
type Job = Box<dyn FnOnce() + Send>;

/// Reading that waits for a thread: at most one job of each stream and of each request.
#[derive(Clone, Default)]
pub(crate) struct Readers(Arc<Shared>);

#[derive(Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    read_bytes: usize,
    is_closed: bool,
}

/// Bytes that were read; they are given back when it is dropped.
pub(crate) struct ReadBytes {
    readers: Readers,
    n_bytes: usize,
}

impl fmt::Debug for Readers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Readers").finish_non_exhaustive()
    }
}

impl fmt::Debug for ReadBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ReadBytes").field(&self.n_bytes).finish()
    }
}

impl Drop for ReadBytes {
    fn drop(&mut self) {
        self.readers.0.waiting.lock().read_bytes -= self.n_bytes;
        self.readers.0.changed.notify_one();
    }
}

impl Readers {
    /// Queues a job; once closed it is dropped.
    pub(crate) fn submit(&self, job: impl FnOnce() + Send + 'static) {
        let mut waiting = self.0.waiting.lock();
        if !waiting.is_closed {
            waiting.jobs.push_back(Box::new(job));
            drop(waiting);
            self.0.changed.notify_one();
        }
    }

    /// Counts bytes that wait for a stream to take them.
    pub(crate) fn hold(&self, n_bytes: usize) -> ReadBytes {
        self.0.waiting.lock().read_bytes += n_bytes;
        ReadBytes { readers: self.clone(), n_bytes }
    }

    /// Returns the bytes that wait for streams to take them.
    pub(crate) fn read_bytes(&self) -> usize {
        self.0.waiting.lock().read_bytes
    }

    /// Drops what waits and ends the threads.
    pub(crate) fn close(&self) {
        let mut waiting = self.0.waiting.lock();
        waiting.is_closed = true;
        let jobs = std::mem::take(&mut waiting.jobs);
        drop(waiting);
        drop(jobs);
        self.0.changed.notify_all();
    }

    /// Does jobs until closed.
    pub(crate) fn run(&self) {
        give_way();
        loop {
            let job = {
                let mut waiting = self.0.waiting.lock();
                loop {
                    if waiting.is_closed {
                        return;
                    }
                    let has_room = waiting.read_bytes < READ_MAX_BYTES;
                    if let Some(job) = has_room.then(|| waiting.jobs.pop_front()).flatten() {
                        break job;
                    }
                    self.0.changed.wait(&mut waiting);
                }
            };
            job();
        }
    }
}

/// Lets this thread run after those that serve live streams, where both want the same core.
#[cfg(target_os = "linux")]
fn give_way() {
    // Of this thread alone: on Linux a priority is one thread's (setpriority(2), "C library/kernel
    // differences").
    if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
        tracing::debug!(%error, "reading does not give way to live streams");
    }
}

#[cfg(not(target_os = "linux"))]
fn give_way() {}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{RecvTimeoutError, channel};
    use std::time::Duration;

    use super::*;

    #[test]
    fn reading_waits_while_too_much_is_read_and_not_taken() {
        let readers = Readers::default();
        let thread = std::thread::spawn({
            let readers = readers.clone();
            move || readers.run()
        });
        let (done, jobs) = channel();
        let submit = |n: u32| {
            let done = done.clone();
            readers.submit(move || done.send(n).unwrap());
        };
        let held = [readers.hold(READ_MAX_BYTES / 2), readers.hold(READ_MAX_BYTES / 2)];
        submit(1);
        let early = jobs.recv_timeout(Duration::from_millis(20));
        assert_eq!(early, Err(RecvTimeoutError::Timeout));
        let [first, second] = held;
        drop(first);
        assert_eq!(jobs.recv(), Ok(1));
        assert_eq!(readers.read_bytes(), READ_MAX_BYTES / 2);
        drop(second);
        submit(2);
        assert_eq!((jobs.recv(), readers.read_bytes()), (Ok(2), 0));
        readers.close();
        thread.join().unwrap();
    }
}
