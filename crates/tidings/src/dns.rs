//! Opens the DNS side in the data folder, starts it, and hands configurations on.

use std::path::Path;
use std::sync::Arc;

use tidings_dns::config::DnsConfig;
use tidings_dns::service::{DnsEnvironment, TlsServer};
use tidings_http::dns::open::{self, OpenError, Opened, SETTINGS_FILE};
use tidings_http::dns::{DnsParts, actions};
use tidings_http::{Stage, tls};
use tidings_hub::settings::Settings;

use crate::outside;

/// Folder of what DNS keeps, below `data`.
const FOLDER: &str = "dns";

/// Opens what was kept and makes the handles; nothing listens yet.
///
/// # Errors
///
/// The settings that people made cannot be read, or fit the configuration no more.
pub(crate) fn open(
    config: &DnsConfig,
    data: &Path,
    tls_server: Option<&tls::ServerConfig>,
    kept: Settings,
) -> anyhow::Result<Opened> {
    let folder = data.join(FOLDER);
    let environment = DnsEnvironment {
        clock: Arc::new(outside::now_ms),
        entropy: Arc::new(outside::random),
        tls_server: TlsServer::new(tls_server),
        tls_client: tls::client(),
    };
    let can_use_low_ports = outside::can_use_low_ports();
    open::open(config, &folder, environment, can_use_low_ports, kept).map_err(|error| {
        let is_of_settings = matches!(error, OpenError::Read(_) | OpenError::Unfit(_));
        let error = anyhow::Error::new(error);
        if !is_of_settings {
            return error.context("dns");
        }
        let path = folder.join(SETTINGS_FILE);
        error.context(format!(
            "dns: removing {} begins with what the configuration says",
            path.display()
        ))
    })
}

/// Takes another configuration, below what people set; a running resolver takes it in a task of
/// `stage`.
pub(crate) fn reload(parts: &Arc<DnsParts>, config: DnsConfig, stage: &Stage) {
    parts.settings.replace_base(config);
    let parts = Arc::clone(parts);
    stage.spawn(|_| async move {
        let effective = match parts.effective_settings() {
            Ok(effective) => effective.config,
            Err(error) => {
                tracing::error!(%error, "dns: the settings that people made do not fit; kept");
                return;
            }
        };
        if let Err(error) = actions::take_over(&parts, effective).await {
            tracing::error!(%error, "dns: the configuration was not taken; the old one stays");
        }
    });
}
