//! Requests on their way to the commit thread, bounded in number and bytes.

use std::collections::VecDeque;

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use tidings_log::Retention;
use tidings_log::log::LogConfig;
use tidings_log::record::ChannelId;
use tidings_log::writer::CommitError;
use tokio::sync::oneshot;

use crate::clock::Anchor;
use crate::event::Event;
use crate::publish::{PublishError, Published};
use crate::settings::{SettingChange, SettingsError};

/// Events after which a commit takes no further request.
const COMMIT_EVENTS_MAX: usize = 1_024;
/// Bytes after which a commit takes no further request.
const COMMIT_BYTES_MAX: usize = 4 * 1_048_576;
/// Most bytes of requests that wait.
const QUEUE_BYTES_MAX: usize = 64 * 1_048_576;
/// Most requests that wait.
const QUEUE_REQUESTS_MAX: usize = 65_536;

/// Publish request that waits for its acknowledgement.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub events: Vec<Event>,
    /// Key of the request as it is remembered.
    pub key: Option<Box<str>>,
    pub reply: oneshot::Sender<Result<Published, PublishError>>,
}

impl Waiting {
    pub(super) fn size_bytes(&self) -> usize {
        /// A record and the queue's own share.
        const EVENT_BYTES: usize = 256;
        self.events.iter().map(|event| EVENT_BYTES + event.data.as_str().len()).sum()
    }
}

/// What the commit thread is asked to do.
#[derive(Debug)]
pub(crate) enum Request {
    Publish(Waiting),
    /// Apply retention by age, at a time of the clock that only runs forward.
    Sweep(u64),
    /// Delete the history of a channel; the answer is whether there was any.
    Delete(ChannelId, oneshot::Sender<Result<bool, CommitError>>),
    /// Small settings of other parts of the program.
    Settings(Vec<SettingChange>, oneshot::Sender<Result<(), SettingsError>>),
    Forget(Vec<ChannelId>),
    /// Keep what a later start needs of the clock.
    Clock(Anchor),
    Reconfigure(LogConfig, Vec<(ChannelId, Retention)>),
}

impl Request {
    /// Returns what it counts against the bytes that may wait; nothing for what the hub itself
    /// asks for, of which little can wait.
    fn size_bytes(&self) -> Option<usize> {
        /// What a request without events takes, roughly.
        const REQUEST_BYTES: usize = 256;
        match self {
            Self::Publish(waiting) => Some(waiting.size_bytes()),
            Self::Delete(..) => Some(REQUEST_BYTES),
            Self::Settings(changes, _) => {
                let bytes_of = |(key, value): &SettingChange| {
                    REQUEST_BYTES + key.len() + value.as_ref().map_or(0, Bytes::len)
                };
                Some(changes.iter().map(bytes_of).sum())
            }
            Self::Sweep(_) | Self::Forget(_) | Self::Clock(_) | Self::Reconfigure(..) => None,
        }
    }
}

/// Requests on their way to the commit thread.
#[derive(Debug, Default)]
pub(crate) struct CommitQueue {
    waiting: Mutex<Queued>,
    arrived: Condvar,
}

#[derive(Debug, Default)]
struct Queued {
    requests: VecDeque<Request>,
    size_bytes: usize,
    /// Time of the sweep that waits, if one does.
    sweep: Option<u64>,
    is_closed: bool,
}

impl CommitQueue {
    /// Queues a request; gives it back when the queue is full or closed.
    pub(crate) fn push(&self, request: Request) -> Result<(), Request> {
        let mut waiting = self.waiting.lock();
        let is_full =
            waiting.requests.len() >= QUEUE_REQUESTS_MAX || waiting.size_bytes >= QUEUE_BYTES_MAX;
        let size_bytes = request.size_bytes();
        if waiting.is_closed || (is_full && size_bytes.is_some()) {
            return Err(request);
        }
        if let Request::Sweep(kept_now) = request {
            // While a disk hangs, one sweep is enough.
            if waiting.sweep.replace(kept_now).is_some() {
                return Ok(());
            }
        }
        waiting.size_bytes += size_bytes.unwrap_or(0);
        waiting.requests.push_back(request);
        drop(waiting);
        self.arrived.notify_one();
        Ok(())
    }

    /// Whether it is open and nothing waits.
    pub(super) fn is_idle(&self) -> bool {
        let waiting = self.waiting.lock();
        !waiting.is_closed && waiting.requests.is_empty()
    }

    /// Refuses further requests; those that wait are still done.
    pub(crate) fn close(&self) {
        self.waiting.lock().is_closed = true;
        self.arrived.notify_all();
    }

    /// Waits for work: publish requests that go into one commit, or one other request. Nothing is
    /// the end.
    pub(super) fn take(&self, requests_max: usize) -> Vec<Request> {
        let mut waiting = self.waiting.lock();
        while waiting.requests.is_empty() {
            if waiting.is_closed {
                return Vec::new();
            }
            self.arrived.wait(&mut waiting);
        }
        let mut taken = Vec::new();
        let (mut n_events, mut n_bytes) = (0, 0);
        while let Some(request) = waiting.requests.pop_front() {
            let Request::Publish(publish) = &request else {
                if taken.is_empty() {
                    waiting.size_bytes -= request.size_bytes().unwrap_or(0);
                    let is_sweep = matches!(request, Request::Sweep(_));
                    let sweep = waiting.sweep.take_if(|_| is_sweep).map(Request::Sweep);
                    taken.push(sweep.unwrap_or(request));
                } else {
                    waiting.requests.push_front(request);
                }
                break;
            };
            let size_bytes = publish.size_bytes();
            let is_enough = n_events + publish.events.len() > COMMIT_EVENTS_MAX
                || n_bytes + size_bytes > COMMIT_BYTES_MAX
                || taken.len() >= requests_max;
            if is_enough && !taken.is_empty() {
                waiting.requests.push_front(request);
                break;
            }
            waiting.size_bytes -= size_bytes;
            n_events += publish.events.len();
            n_bytes += size_bytes;
            taken.push(request);
        }
        taken
    }
}
