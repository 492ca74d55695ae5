//! Tasks that stop together.

use std::future::Future;
use std::time::Duration;

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Tasks that stop together.
///
/// A stage is cancelled only after the stage before it has drained, so nobody publishes into a
/// closed hub. Clones stand for the same stage.
#[derive(Debug, Clone)]
pub struct Stage {
    name: &'static str,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Stage {
    /// Makes a stage without tasks.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self { name, stop: CancellationToken::new(), tasks: TaskTracker::new() }
    }

    /// Runs `task` in this stage; it must return soon after `stop` is cancelled.
    pub fn spawn<Task>(&self, task: impl FnOnce(CancellationToken) -> Task)
    where
        Task: Future<Output = ()> + Send + 'static,
    {
        self.tasks.spawn(task(self.stop.clone()));
    }

    /// Cancels the stage and waits for its tasks, at most `grace`; `false` if some remain.
    pub async fn drain(&self, grace: Duration) -> bool {
        self.stop.cancel();
        self.tasks.close();
        let is_drained = timeout(grace, self.tasks.wait()).await.is_ok();
        tracing::info!(stage = self.name, is_drained, left = self.tasks.len(), "stage stopped");
        is_drained
    }
}
