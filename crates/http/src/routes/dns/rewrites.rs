//! Local names that people set while the server runs.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use tidings_dns::config::{REWRITES_MAX, RewriteConfig};
use utoipa::ToSchema;

use super::control::bad_body;
use crate::dns::settings::{KeptRewrite, patch_of_rewrites};
use crate::dns::{DnsParts, actions};
use crate::problem::Problem;
use crate::state::App;

/// A local name.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = DnsRewrite)]
pub(crate) struct RewriteJson {
    /// Its number; null for one of the configuration, which cannot be removed here.
    id: Option<u32>,
    /// The name; `*.` before it stands for everything below.
    name: String,
    /// Type of the record.
    #[serde(rename = "type")]
    kind: String,
    /// What it stands for: an address, another name, or data of the type.
    value: String,
    /// `own` or `configuration`.
    origin: &'static str,
}

/// Every local name that was written down, leases and hosts files left out.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DnsRewrites)]
pub(crate) struct RewritesJson {
    /// Those of the configuration first.
    rewrites: Vec<RewriteJson>,
}

/// A local name to add.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DnsRewriteRequest)]
pub(crate) struct RewriteRequest {
    /// The name; `*.` before it stands for everything below.
    name: String,
    /// Type of the record; A, AAAA or CNAME follow from the value.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// An address, another name, or data of the type in presentation format.
    value: String,
}

impl RewriteJson {
    fn new(id: Option<u32>, rewrite: &RewriteConfig) -> Self {
        let implied = match rewrite.value.parse::<std::net::IpAddr>() {
            Ok(address) if address.is_ipv4() => "A",
            Ok(_) => "AAAA",
            Err(_) => "CNAME",
        };
        Self {
            id,
            name: rewrite.name.clone(),
            kind: rewrite.kind.as_deref().unwrap_or(implied).to_uppercase(),
            value: rewrite.value.clone(),
            origin: if id.is_some() { "own" } else { "configuration" },
        }
    }
}

/// Lists the local names.
pub(super) async fn rewrites(State(app): State<App>) -> Json<RewritesJson> {
    let own = app.dns.settings.rewrites();
    let all = app.dns.dns.config().local.rewrites.clone();
    // Those of people stand behind those of the configuration.
    let n_configured = all.len().saturating_sub(own.len());
    let configured = all.iter().take(n_configured).map(|rewrite| RewriteJson::new(None, rewrite));
    let own = own.iter().map(|own| RewriteJson::new(Some(own.id), &own.rewrite));
    Json(RewritesJson { rewrites: configured.chain(own).collect() })
}

/// Adds a local name, in effect with the next question.
///
/// # Errors
///
/// `400` for what cannot be, `409` when there is the same, `507` when there are too many, `503`
/// when it cannot be kept.
pub(super) async fn add(
    State(app): State<App>,
    body: Result<Json<RewriteRequest>, JsonRejection>,
) -> Result<(StatusCode, Json<RewriteJson>), Problem> {
    let Json(request) = body.map_err(bad_body)?;
    let name = request.name.trim().trim_end_matches('.').to_lowercase();
    let rewrite = RewriteConfig {
        name,
        kind: request.kind.filter(|kind| !kind.is_empty()),
        value: request.value.trim().to_owned(),
    };
    // A name may have any bytes; somebody who writes a space means something else.
    let has_space = |text: &str| text.contains(char::is_whitespace);
    if has_space(&rewrite.name) {
        return Err(Problem::bad_parameter("name", "must be a name, without spaces"));
    }
    if rewrite.kind.is_none() && has_space(&rewrite.value) {
        return Err(Problem::bad_parameter("value", "must be an address or a name"));
    }
    if let Some(problem) = rewrite.problem() {
        return Err(Problem::bad_parameter("value", problem));
    }
    let _one_at_a_time = app.dns.rules.edit().await;
    let mut own = app.dns.settings.rewrites();
    let held = app.dns.dns.config();
    if held.local.rewrites.contains(&rewrite) {
        return Err(Problem::new(StatusCode::CONFLICT, "dns-rewrite-exists")
            .text("there is such a rewrite already")
            .member("parameter", "name"));
    }
    if held.local.rewrites.len() >= REWRITES_MAX {
        return Err(Problem::new(StatusCode::INSUFFICIENT_STORAGE, "dns-too-many-rewrites")
            .text(format!("there are {REWRITES_MAX} rewrites, and no more can be"))
            .member("limit", REWRITES_MAX));
    }
    let id = own.iter().map(|own| own.id).max().map_or(1, |last| last.saturating_add(1));
    let described = RewriteJson::new(Some(id), &rewrite);
    own.push(KeptRewrite { id, rewrite });
    set(&app, &own).await?;
    Ok((StatusCode::CREATED, Json(described)))
}

/// Removes a local name; the answer is the name, so that it can be added again.
///
/// # Errors
///
/// `404` when there is none of the number.
pub(super) async fn remove(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Json<RewriteJson>, Problem> {
    let _one_at_a_time = app.dns.rules.edit().await;
    let mut own = app.dns.settings.rewrites();
    let number = id.parse().ok();
    let Some(index) = own.iter().position(|own| Some(own.id) == number) else {
        return Err(Problem::new(StatusCode::NOT_FOUND, "dns-rewrite-not-found")
            .text("there is no such rewrite of one's own"));
    };
    let gone = own.remove(index);
    set(&app, &own).await?;
    Ok(Json(RewriteJson::new(Some(gone.id), &gone.rewrite)))
}

async fn set(app: &App, own: &[KeptRewrite]) -> Result<(), Problem> {
    let parts: &std::sync::Arc<DnsParts> = &app.dns;
    actions::set(parts, &patch_of_rewrites(own), app.now_ms()).await?;
    parts.rules.note(|versions| versions.rewrites += 1);
    Ok(())
}
