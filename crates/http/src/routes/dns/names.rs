//! Rules of one's own, as our own paths have them.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use tidings_dns::listed::{ListKind, ListedEntry, NAMES_MAX};
use utoipa::ToSchema;

use super::{aside, content};
use crate::dns::actions;
use crate::problem::Problem;
use crate::state::App;
use crate::wire::time_ms;

/// A rule of one's own.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DnsRule)]
pub(crate) struct RuleJson {
    /// `block` or `allow`.
    action: &'static str,
    /// The name with everything below it; `*.` before it leaves the name itself out.
    domain: String,
    /// When it was added, UTC.
    added_at: String,
    /// Who added it: `manual`, `import`, `logs` or `api`.
    source: String,
    /// Why.
    reason: Option<String>,
    /// What it is.
    category: Option<String>,
}

/// Every rule of one's own.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DnsRules)]
pub(crate) struct RulesJson {
    /// The rules by action and name.
    rules: Vec<RuleJson>,
    /// Why the last change is not on disk; null when it is.
    trouble: Option<String>,
}

/// A rule to add.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DnsRuleRequest)]
pub(crate) struct RuleRequest {
    /// `block` or `allow`.
    action: String,
    /// The name with everything below it; `*.` before it leaves the name itself out.
    domain: String,
    /// Why.
    reason: Option<String>,
    /// What it is.
    category: Option<String>,
    /// Who adds it; `api` when missing.
    source: Option<String>,
}

/// Returns the action of a list.
fn action(kind: ListKind) -> &'static str {
    match kind {
        ListKind::Blacklist => "block",
        ListKind::Whitelist => "allow",
    }
}

fn kind(word: &str) -> Result<ListKind, Problem> {
    ListKind::ALL
        .into_iter()
        .find(|kind| action(*kind) == word)
        .ok_or_else(|| Problem::bad_parameter("action", "none of block, allow"))
}

impl RuleJson {
    fn new(kind: ListKind, entry: ListedEntry) -> Self {
        Self {
            action: action(kind),
            domain: entry.domain,
            added_at: time_ms(entry.added_at),
            source: entry.source,
            reason: entry.reason,
            category: entry.category,
        }
    }
}

/// Lists the rules of one's own.
pub(super) async fn rules(State(app): State<App>) -> Json<RulesJson> {
    let mut rules = Vec::new();
    let mut trouble = None;
    for kind in ListKind::ALL {
        let page = app.dns.listed.page(kind, NAMES_MAX, |_| true);
        rules.extend(page.entries.into_iter().map(|entry| RuleJson::new(kind, entry)));
        trouble = trouble.or(page.error);
    }
    Json(RulesJson { rules, trouble })
}

/// Adds a rule, in effect with the next question.
///
/// # Errors
///
/// `400` for an action or name that cannot be, `507` when the list is full.
pub(super) async fn add(
    State(app): State<App>,
    body: Result<Json<RuleRequest>, JsonRejection>,
) -> Result<(StatusCode, Json<RuleJson>), Problem> {
    let Json(request) = body.map_err(super::control::bad_body)?;
    let kind = kind(&request.action)?;
    let entry = ListedEntry {
        domain: request.domain.clone(),
        added_at: app.now_ms(),
        source: request.source.unwrap_or_else(|| "api".to_owned()),
        reason: request.reason,
        category: request.category,
    };
    let n_new = content::put(&app, kind, vec![entry.clone()]).await?;
    let status = if n_new > 0 { StatusCode::CREATED } else { StatusCode::OK };
    let held = app.dns.listed.find(kind, &request.domain).unwrap_or(entry);
    Ok((status, Json(RuleJson::new(kind, held))))
}

/// Removes a rule; the answer is the rule, so that it can be added again.
///
/// # Errors
///
/// `404` when there is none.
pub(super) async fn remove(
    State(app): State<App>,
    Path((action, domain)): Path<(String, String)>,
) -> Result<Json<RuleJson>, Problem> {
    let kind = kind(&action)?;
    let held = app.dns.listed.find(kind, &domain);
    let (parts, now_ms) = (app.dns.clone(), app.now_ms());
    let removed = aside(move || parts.listed.remove(kind, &domain, now_ms)).await?;
    actions::lists_changed(&app.dns).await;
    match held.filter(|_| removed) {
        Some(entry) => Ok(Json(RuleJson::new(kind, entry))),
        None => {
            Err(Problem::new(StatusCode::NOT_FOUND, "dns-rule-not-found")
                .text("there is no such rule"))
        }
    }
}
