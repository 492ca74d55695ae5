//! Looks at lists when they are due or somebody asks, and compiles them, one thing after another.

use std::sync::Arc;
use std::time::Duration;

use tidings_dns::list::LIST_BYTES_MAX;
use tidings_dns::list::http::HttpFetch;
use tidings_dns::list::refresh::{Look, Refreshed, Trust};
use tidings_dns::list::rulebook::RulebookError;
use tidings_dns::verdict::ListId;
use tokio_util::sync::CancellationToken;

use super::Rules;
use crate::dns::DnsParts;

/// Longest wait for the next look; a clock that was set is noticed then.
const WAIT_MAX: Duration = Duration::from_mins(1);
/// Time that changed lists may wait for others that are due, so that all are compiled once.
const GATHER_MAX_MS: u64 = 10_000;
/// Time that a list is put off when a look at it panicked.
const PUT_OFF_MS: u64 = 60 * 60 * 1_000;

/// One thing to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    Look(ListId, Trust),
    Compile,
}

/// Does what is due until `stop` is cancelled; a download under way is broken off then.
pub async fn run(
    parts: Arc<DnsParts>,
    tls: Option<Arc<rustls::ClientConfig>>,
    stop: CancellationToken,
) {
    let fetch = Arc::new(HttpFetch::new(tls, stop.clone()));
    while !stop.is_cancelled() {
        let now_ms = (parts.clock)();
        let Some(work) = parts.rules.next_work(now_ms) else {
            let due_ms = parts.rules.rulebook.next_due_ms();
            let wait = due_ms.map(|due_ms| Duration::from_millis(due_ms.saturating_sub(now_ms)));
            tokio::select! {
                () = stop.cancelled() => {}
                () = parts.rules.wake.notified() => {}
                () = tokio::time::sleep(wait.map_or(WAIT_MAX, |wait| wait.min(WAIT_MAX))) => {}
            }
            continue;
        };
        let (doing, fetch) = (Arc::clone(&parts), Arc::clone(&fetch));
        let done = tokio::task::spawn_blocking(move || do_work(&doing, work, &fetch)).await;
        if let Err(error) = done {
            tracing::error!(%error, ?work, "work on the lists of rules panicked");
            if let Work::Look(list, _) = work {
                parts.rules.rulebook.put_off(list, now_ms + PUT_OFF_MS);
            }
        }
    }
}

impl Rules {
    /// Takes what is to be done next; `None` when there is nothing now.
    fn next_work(&self, now_ms: u64) -> Option<Work> {
        let mut to_do = self.to_do.lock();
        if let Some((list, takes_all)) = to_do.looks.pop_first() {
            let trust = if takes_all { Trust::Forced } else { Trust::Checked };
            return Some(Work::Look(list, trust));
        }
        let due = self.rulebook.due(now_ms);
        let stale_since_ms = to_do.stale_since_ms;
        let has_gathered =
            stale_since_ms.is_some_and(|since_ms| now_ms >= since_ms + GATHER_MAX_MS);
        if let Some(list) = due.filter(|_| !has_gathered) {
            return Some(Work::Look(list, Trust::Checked));
        }
        to_do.stale_since_ms.take().map(|_| Work::Compile)
    }
}

/// Does one thing; what goes wrong is told and noted at the list.
fn do_work(parts: &DnsParts, work: Work, fetch: &HttpFetch) {
    let (rules, now_ms) = (&parts.rules, (parts.clock)());
    match work {
        Work::Look(list, trust) => {
            let look = Look {
                store: rules.rulebook.store(),
                fetch,
                bytes_max: LIST_BYTES_MAX,
                now_ms,
                random: (parts.entropy)(),
                trust,
            };
            match rules.rulebook.look_at(list, &look) {
                Ok(Refreshed::Unchanged) => tracing::debug!(list = list.0, "list unchanged"),
                Ok(Refreshed::Changed) => {
                    tracing::info!(list = list.0, "list of rules taken");
                    rules.want_compiling(now_ms);
                }
                Err(RulebookError::NoSuchList(_)) => {}
                Err(error) => {
                    let cause: &dyn std::error::Error = &error;
                    tracing::warn!(cause, list = list.0, "list of rules not taken");
                }
            }
        }
        Work::Compile => match rules.rulebook.reload() {
            Ok(()) => tracing::info!("lists of rules in effect"),
            Err(error) => {
                let cause: &dyn std::error::Error = &error;
                tracing::error!(cause, "lists of rules not compiled: those before count");
            }
        },
    }
}
