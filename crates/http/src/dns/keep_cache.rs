//! Keeps the cache over restarts, where the setting says so.

use std::sync::Arc;
use std::time::Duration;

use tidings_dns::cache::keeper;
use tidings_dns::listed::ListDriver;
use tidings_dns::service::Dns;
use tokio_util::sync::CancellationToken;

use crate::dns::DnsParts;

/// Time between two times that the cache is kept; a killed process loses what came since.
const INTERVAL: Duration = Duration::from_mins(5);

/// Keeps the cache from time to time, and once more when `stop` is cancelled.
pub async fn run(parts: Arc<DnsParts>, stop: CancellationToken) {
    loop {
        let is_last = tokio::select! {
            () = stop.cancelled() => true,
            () = tokio::time::sleep(INTERVAL) => false,
        };
        let keeping = Arc::clone(&parts);
        let kept = tokio::task::spawn_blocking(move || keep(&keeping)).await;
        if let Ok(Err(error)) = kept {
            tracing::warn!(%error, "the cache of DNS was not kept");
        }
        if is_last {
            return;
        }
    }
}

/// Keeps the cache now, as the setting says.
///
/// # Errors
///
/// The disk refuses.
pub(crate) fn keep(parts: &DnsParts) -> std::io::Result<()> {
    let driver = parts.settings.contract().cache_driver;
    if driver == ListDriver::Memory {
        return Ok(());
    }
    keeper::save(driver, &parts.folder, &parts.dns.cache_to_bytes())
}

/// Loads what an earlier process has kept; a cache that cannot be read begins empty.
pub(super) fn load(dns: &Dns, driver: ListDriver, folder: &std::path::Path) {
    match keeper::load(driver, folder) {
        Ok(None) => {}
        Ok(Some(bytes)) => {
            let answers = dns.load_cache(&bytes);
            tracing::info!(answers, "kept cache of DNS read; without a number it is left alone");
        }
        Err(error) => tracing::warn!(%error, "the kept cache of DNS cannot be read"),
    }
}
