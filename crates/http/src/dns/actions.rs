//! What people do to the resolver, with everything that follows: settings kept, events noted.

use std::sync::Arc;

use serde_json::{Value, json};
use tidings_dns::config::DnsConfig;
use tidings_dns::listed::ListKind;
use tidings_dns::query_log::LogDriver;
use tidings_dns::service::StartError;

use crate::dns::events::ServerEvent;
use crate::dns::settings::{Proposal, SettingsError, WhitelistMode};
use crate::dns::{DnsParts, put_member};
use crate::problem::Problem;
use crate::routes::dns_control::{is_privileged, port, refused};

impl DnsParts {
    /// Returns the names of the whitelist.
    #[must_use]
    pub fn whitelist(&self) -> Vec<String> {
        crate::dns::whitelist(&self.listed)
    }

    /// Returns the settings in effect.
    ///
    /// # Errors
    ///
    /// What was set does not fit the configuration any more.
    pub fn effective_settings(&self) -> Result<Proposal, SettingsError> {
        self.settings.effective(&self.whitelist())
    }
}

/// Describes whether the resolver runs, by the contract.
#[must_use]
pub fn status_json(parts: &DnsParts) -> Value {
    let status = parts.dns.status();
    let config = parts.dns.config();
    let server = status.is_running.then(|| {
        json!({
            "isRunning": true,
            "port": port(parts),
            "providers": config.upstream.servers,
        })
    });
    let mut body = json!({ "enabled": status.is_running, "server": server });
    if let Some(id) = parts.settings.contract().nextdns_config_id {
        put_member(&mut body, "currentNextDnsConfigId", id);
    }
    if let Some(error) = status.error {
        put_member(&mut body, "error", error);
    }
    body
}

/// Describes the settings, by the contract.
#[must_use]
pub fn config_json(parts: &DnsParts) -> Value {
    let contract = parts.settings.contract();
    let port = port(parts);
    json!({
        "port": port,
        "nextdnsConfigId": contract.nextdns_config_id.unwrap_or_default(),
        "providers": parts.dns.config().upstream.servers,
        "canUseLowPorts": parts.can_use_low_ports,
        "platform": std::env::consts::OS,
        "isPrivilegedPort": is_privileged(port),
        "enableWhitelist": contract.whitelist_mode != WhitelistMode::Off,
        "whitelistMode": contract.whitelist_mode,
        "secondaryDns": contract.secondary_dns,
    })
}

/// Describes settings and drivers, for the channel `dns/info`.
#[must_use]
pub fn info_json(parts: &DnsParts, now_ms: u64) -> Value {
    let contract = parts.settings.contract();
    let driver = |kind: &str| json!({ "type": kind, "options": {} });
    json!({
        "config": config_json(parts),
        "nextdnsConfigId": contract.nextdns_config_id.unwrap_or_default(),
        "drivers": {
            "logs": driver(parts.log.status().driver.word()),
            "cache": driver(contract.cache_driver.word()),
            "blacklist": driver(parts.list_driver(ListKind::Blacklist).word()),
            "whitelist": driver(parts.list_driver(ListKind::Whitelist).word()),
        },
        "timestamp": now_ms,
    })
}

/// Starts the resolver; the feed notes that it did, or why not.
///
/// # Errors
///
/// As [`tidings_dns::service::Dns::start`].
pub async fn start(parts: &DnsParts) -> Result<(), StartError> {
    parts.dns.start().await
}

/// Stops the resolver; the feed notes it.
pub async fn stop(parts: &DnsParts) {
    parts.dns.stop().await;
}

/// Notes that the resolver started, stopped, or could not.
pub fn note_change(parts: &DnsParts, event_type: &'static str, error: Option<String>) {
    let port = port(parts);
    let message = match event_type {
        "started" => format!("DNS server started on port {port}"),
        "stopped" => "DNS server stopped".to_owned(),
        _ => "DNS server could not be started".to_owned(),
    };
    let level = if error.is_some() { "error" } else { "info" };
    let event = ServerEvent::new((parts.clock)(), event_type, message);
    parts.events.note_event(ServerEvent { level, port: Some(port), error, ..event });
}

/// Takes settings over, whether the resolver runs or not.
///
/// # Errors
///
/// As [`tidings_dns::service::Dns::apply`]; the settings before stay in effect.
pub async fn take_over(parts: &DnsParts, config: DnsConfig) -> Result<(), StartError> {
    parts.dns.apply(config).await
}

/// Takes changed lists into effect: as rules, and in the mode `route` as names that are asked
/// elsewhere.
pub async fn lists_changed(parts: &Arc<DnsParts>) {
    take_rules_over(parts).await;
    if parts.settings.contract().whitelist_mode != WhitelistMode::Route {
        return;
    }
    let taken = match parts.effective_settings() {
        Ok(effective) => take_over(parts, effective.config).await.map_err(|e| e.to_string()),
        Err(error) => Err(error.to_string()),
    };
    if let Err(cause) = taken {
        tracing::error!(cause, "the whitelist does not route: the settings before stay");
    }
}

/// Takes names by hand into effect, aside of the threads that answer requests.
async fn take_rules_over(parts: &Arc<DnsParts>) {
    let taking = Arc::clone(parts);
    if let Err(error) = tokio::task::spawn_blocking(move || taking.rules_changed()).await {
        tracing::error!(%error, "names by hand were not taken into effect");
    }
}

/// Sets what a patch says, in effect and on disk.
///
/// # Errors
///
/// `400` for what does not fit, `409` for an address that is taken, `503` when the disk refuses.
pub async fn set(parts: &Arc<DnsParts>, patch: &Value, now_ms: u64) -> Result<(), Problem> {
    let proposal = parts.settings.propose(patch, &parts.whitelist());
    let proposal = proposal.map_err(|error| refused(&error))?;
    if proposal.config != *parts.dns.config() {
        take_over(parts, proposal.config.clone()).await?;
    }
    if proposal.config.log != parts.log.config() {
        let (log, config) = (parts.log.clone(), proposal.config.log.clone());
        let swapped = tokio::task::spawn_blocking(move || log.reconfigure(config)).await;
        if let Ok(Err(error)) = swapped {
            let status = http::StatusCode::SERVICE_UNAVAILABLE;
            return Err(Problem::new(status, "dns-log-driver").detail(&error));
        }
    }
    parts.settings.keep(&proposal).map_err(|error| refused(&error))?;
    take_rules_over(parts).await;
    parts.events.note_event(ServerEvent {
        config_changes: Some(patch.clone()),
        ..ServerEvent::new(now_ms, "config_changed", "DNS settings changed")
    });
    Ok(())
}

/// Returns the words of the drivers of a scope.
#[must_use]
pub fn log_driver_words() -> Vec<&'static str> {
    LogDriver::ALL.into_iter().map(LogDriver::word).collect()
}
