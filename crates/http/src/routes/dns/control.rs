//! Status, settings, start and stop, with the shapes of the earlier systems.

use std::net::SocketAddr;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use bytes::Bytes;
use http::StatusCode;
use serde_json::{Map, Value, json};
use tidings_dns::entry::Transport;
use tidings_dns::service::StartError;

use crate::dns::settings::{SettingsError, WhitelistMode, patch_of_contract};
use crate::dns::{DnsParts, actions};
use crate::problem::Problem;
use crate::state::App;

/// Ports below this one need a privilege.
const PRIVILEGED_PORTS_END: u16 = 1_024;
/// Shortest profile of `NextDNS`.
pub(super) const PROFILE_MIN_BYTES: usize = 6;

/// Tells whether the resolver runs.
pub(super) async fn status(State(app): State<App>) -> Json<Value> {
    Json(actions::status_json(&app.dns))
}

/// Tells the settings.
pub(super) async fn config(State(app): State<App>) -> Json<Value> {
    Json(json!({ "config": actions::config_json(&app.dns) }))
}

/// Sets some of the settings; they count at once when the resolver runs.
///
/// # Errors
///
/// `400` names what does not fit; `503` when they cannot be kept.
pub(super) async fn put_config(
    State(app): State<App>,
    body: Result<Json<Map<String, Value>>, JsonRejection>,
) -> Result<Json<Value>, Problem> {
    let Json(body) = body.map_err(bad_body)?;
    set(&app, body).await?;
    Ok(Json(json!({ "message": "DNS configuration updated successfully" })))
}

/// Starts the resolver, with other settings when the body has some.
///
/// # Errors
///
/// `400` for settings that do not fit, `500` when it runs already or an address is taken; the
/// error says who holds it.
pub(super) async fn start(State(app): State<App>, body: Bytes) -> Result<Json<Value>, Problem> {
    let body = optional_object(&body)?;
    if app.dns.dns.status().is_running {
        return Err(failed(&StartError::Running));
    }
    if !body.is_empty() {
        set(&app, body).await?;
    }
    actions::start(&app.dns).await.map_err(|error| failed(&error))?;
    Ok(Json(json!({
        "message": "DNS server started successfully",
        "status": actions::status_json(&app.dns),
    })))
}

/// Stops the resolver.
pub(super) async fn stop(State(app): State<App>) -> Json<Value> {
    actions::stop(&app.dns).await;
    Json(json!({
        "message": "DNS server stopped successfully",
        "status": actions::status_json(&app.dns),
    }))
}

/// Starts what is stopped and stops what runs.
///
/// # Errors
///
/// `500` when it cannot be started.
pub(super) async fn toggle(State(app): State<App>) -> Result<Json<Value>, Problem> {
    let is_running = app.dns.dns.status().is_running;
    if is_running {
        actions::stop(&app.dns).await;
    } else {
        actions::start(&app.dns).await.map_err(|error| failed(&error))?;
    }
    let word = if is_running { "disabled" } else { "enabled" };
    Ok(Json(json!({
        "message": format!("DNS server {word} successfully"),
        "enabled": !is_running,
        "status": actions::status_json(&app.dns),
    })))
}

/// Takes the settings over into the running resolver.
///
/// # Errors
///
/// `500` when it does not run, or cannot take them.
pub(super) async fn apply(State(app): State<App>) -> Result<Json<Value>, Problem> {
    if !app.dns.dns.status().is_running {
        return Err(failed(&StartError::Stopped));
    }
    let proposal = app.dns.effective_settings().map_err(|error| refused(&error))?;
    actions::take_over(&app.dns, proposal.config).await.map_err(|error| failed(&error))?;
    Ok(Json(json!({
        "message": "DNS configuration applied successfully",
        "status": actions::status_json(&app.dns),
    })))
}

/// A failure of start or apply, by the contract a 500.
fn failed(error: &StartError) -> Problem {
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "dns-start-failed").detail(error)
}

/// Settings that are not taken.
pub(crate) fn refused(error: &SettingsError) -> Problem {
    match error {
        SettingsError::Unfit(_) => {
            Problem::new(StatusCode::BAD_REQUEST, "dns-settings-invalid").detail(error)
        }
        SettingsError::Keep(_) => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "dns-settings-not-kept").detail(error)
        }
    }
}

pub(super) fn bad_body(error: impl std::fmt::Display) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "body-invalid").text(error.to_string())
}

/// Parses a body that may be missing.
fn optional_object(body: &[u8]) -> Result<Map<String, Value>, Problem> {
    if body.trim_ascii().is_empty() {
        return Ok(Map::new());
    }
    serde_json::from_slice(body).map_err(bad_body)
}

/// Sets what a body of the earlier systems says.
async fn set(app: &App, body: Map<String, Value>) -> Result<(), Problem> {
    let patch = contract_patch(&app.dns, body)?;
    actions::set(&app.dns, &patch, app.now_ms()).await
}

/// Turns a body of the earlier systems into a patch of the settings.
fn contract_patch(dns: &DnsParts, mut body: Map<String, Value>) -> Result<Value, Problem> {
    let bad = |name: &str, detail: &str| Problem::bad_parameter(name, detail);
    // What the earlier systems answer and do not take.
    for computed in ["canUseLowPorts", "platform", "isPrivilegedPort"] {
        body.remove(computed);
    }
    let listen = match body.remove("port") {
        None | Some(Value::Null) => None,
        Some(port) => {
            let port = port.as_u64().and_then(|port| u16::try_from(port).ok());
            let port = port.filter(|port| *port > 0);
            let port = port.ok_or_else(|| bad("port", "must be a number from 1 to 65535"))?;
            let addresses = dns.dns.config().listen.clone();
            let moved = addresses.iter().map(|old| SocketAddr::new(old.ip(), port).to_string());
            let mut moved: Vec<String> = moved.collect();
            moved.dedup();
            Some(moved)
        }
    };
    if let Some(enabled) = body.remove("enableWhitelist") {
        let enabled =
            enabled.as_bool().ok_or_else(|| bad("enableWhitelist", "must be true or false"))?;
        let is_strict = dns.settings.contract().whitelist_mode == WhitelistMode::Strict;
        let mode = match (enabled, is_strict) {
            (false, _) => "off",
            (true, true) => "strict",
            (true, false) => "route",
        };
        body.entry("whitelistMode").or_insert_with(|| mode.into());
    }
    match body.get("nextdnsConfigId") {
        Some(Value::String(id)) if id.is_empty() => {
            body.insert("nextdnsConfigId".to_owned(), Value::Null);
        }
        Some(Value::String(id)) if id.len() < PROFILE_MIN_BYTES => {
            return Err(bad("nextdnsConfigId", "must have at least 6 characters"));
        }
        _ => {}
    }
    Ok(patch_of_contract(&Value::Object(body), listen))
}

/// Returns the port of UDP: where it listens, else where it would.
pub(crate) fn port(dns: &DnsParts) -> u16 {
    let status = dns.dns.status();
    let listening = status.addresses.iter().find(|found| found.transport == Transport::Udp);
    let configured = dns.dns.config().listen.first().map(SocketAddr::port);
    listening.map(|found| found.address.port()).or(configured).unwrap_or(0)
}

/// Returns whether a port needs a privilege.
pub(crate) fn is_privileged(port: u16) -> bool {
    port < PRIVILEGED_PORTS_END
}
