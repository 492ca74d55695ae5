//! What the handlers share.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use tidings_dhcp::service::{Dhcp, DhcpConfig};
use tidings_hub::Hub;

use crate::config::HttpConfig;
use crate::dashboard::Dashboard;
use crate::dns::DnsParts;
use crate::wire::running::SettingJson;

/// Whether the server wants traffic.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// Says that the server is ready.
    pub fn open(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Says that the server stops.
    pub fn close(&self) {
        self.0.store(false, Ordering::Release);
    }

    /// Returns whether the server wants traffic.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// What the handlers need.
pub struct AppParts {
    /// The hub.
    pub hub: Arc<Hub>,
    /// The DHCP side.
    pub dhcp: Arc<Dhcp>,
    /// The DNS side.
    pub dns: Arc<DnsParts>,
    /// Limits and secrets; replaced on reload.
    pub config: RwLock<HttpConfig>,
    /// Whether the server wants traffic.
    pub readiness: Readiness,
    /// Version of the server.
    pub version: &'static str,
    /// Id of this start, part of every `ETag`, so that a restart never answers 304 wrongly.
    pub start_id: String,
    /// Wall clock, in milliseconds.
    pub clock: Arc<dyn Fn() -> u64 + Send + Sync>,
    /// Bodies serialised once per version.
    pub bodies: BodyCache,
    /// Files of the dashboard.
    pub dashboard: Dashboard,
    /// What the server runs with.
    pub running: Running,
}

/// What the server runs with, for the people who look after it.
#[derive(Debug, Default)]
pub struct Running {
    /// Whether it is in real use: then nothing is made up.
    pub is_production: bool,
    /// Configuration file, if one was read.
    pub config_file: Option<String>,
    /// Every setting in effect; replaced on reload.
    pub settings: RwLock<Vec<SettingJson>>,
    /// DHCP sources and the simulator as they run; replaced on reload.
    pub dhcp: RwLock<DhcpConfig>,
}

/// Bodies by resource, each of one version of the network.
#[derive(Debug, Default)]
pub struct BodyCache(Mutex<Vec<(&'static str, u64, Bytes)>>);

impl BodyCache {
    /// Returns the body of a resource at a version, made by `encode` when it is not held yet.
    pub(crate) fn get(
        &self,
        resource: &'static str,
        version: u64,
        encode: impl FnOnce() -> Bytes,
    ) -> Bytes {
        let mut held = self.0.lock();
        if let Some((_, _, body)) =
            held.iter().find(|(name, of, _)| *name == resource && *of == version)
        {
            return body.clone();
        }
        held.retain(|(name, ..)| *name != resource);
        let body = encode();
        held.push((resource, version, body.clone()));
        body
    }
}

impl fmt::Debug for AppParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppParts").field("version", &self.version).finish_non_exhaustive()
    }
}

/// What the handlers share; a cheap clone.
#[derive(Debug, Clone)]
pub struct App(Arc<AppParts>);

impl App {
    /// Shares the parts.
    #[must_use]
    pub fn new(parts: AppParts) -> Self {
        Self(Arc::new(parts))
    }

    /// Returns the wall clock in milliseconds.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        (self.0.clock)()
    }

    /// Returns the wall clock in seconds.
    #[must_use]
    pub fn now_s(&self) -> i64 {
        i64::try_from(self.now_ms() / 1000).unwrap_or(i64::MAX)
    }
}

impl Deref for App {
    type Target = AppParts;

    fn deref(&self) -> &AppParts {
        &self.0
    }
}
