//! A few threads that read the disk, so that nobody else waits for it.

use std::collections::VecDeque;
use std::fmt;

use parking_lot::{Condvar, Mutex};

/// Threads that read.
pub(crate) const READERS: usize = 2;

/// One piece of reading; it is short, and hands over what it found by itself.
type Job = Box<dyn FnOnce() + Send>;

/// Reading that waits for a thread: at most one job of each stream and of each request.
#[derive(Default)]
pub(crate) struct Readers {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
}

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    is_closed: bool,
}

impl fmt::Debug for Readers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Readers").finish_non_exhaustive()
    }
}

impl Readers {
    /// Queues a job; once closed it is dropped.
    pub(crate) fn submit(&self, job: impl FnOnce() + Send + 'static) {
        let mut waiting = self.waiting.lock();
        if !waiting.is_closed {
            waiting.jobs.push_back(Box::new(job));
            drop(waiting);
            self.arrived.notify_one();
        }
    }

    /// Drops what waits and ends the threads.
    pub(crate) fn close(&self) {
        let mut waiting = self.waiting.lock();
        waiting.is_closed = true;
        waiting.jobs.clear();
        drop(waiting);
        self.arrived.notify_all();
    }

    /// Does jobs until closed.
    pub(crate) fn run(&self) {
        loop {
            let job = {
                let mut waiting = self.waiting.lock();
                loop {
                    if let Some(job) = waiting.jobs.pop_front() {
                        break job;
                    }
                    if waiting.is_closed {
                        return;
                    }
                    self.arrived.wait(&mut waiting);
                }
            };
            job();
        }
    }
}
