//! Lists of rules that are subscribed to, and the text of own rules.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use bytes::Bytes;
use http::StatusCode;
use tidings_dns::list::Origin;
use tidings_dns::verdict::ListId;

use super::aside;
use super::control::bad_body;
use crate::dns::rules::lists;
use crate::dns::rules::refuse::not_found;
use crate::dns::rules::wire::{
    ListDetailJson, ListJson, ListPatch, ListRefresh, ListRequest, ListsJson, RulesTextJson,
    RulesTextRequest,
};
use crate::problem::Problem;
use crate::state::App;

fn number(text: &str) -> Result<ListId, Problem> {
    let no_list = || not_found("dns-list-not-found", "there is no such list");
    text.parse().map(ListId).map_err(|_| no_list())
}

/// Lists every list with how it stands.
pub(super) async fn lists(State(app): State<App>) -> Json<ListsJson> {
    Json(app.dns.rules.lists_json())
}

/// Adds a list; its copy is fetched and counts soon after.
///
/// # Errors
///
/// As [`lists::add`].
pub(super) async fn add(
    State(app): State<App>,
    body: Result<Json<ListRequest>, JsonRejection>,
) -> Result<(StatusCode, Json<ListJson>), Problem> {
    let Json(request) = body.map_err(bad_body)?;
    Ok((StatusCode::CREATED, Json(lists::add(&app.dns, request).await?)))
}

/// Shows a list with its ignored lines, and its text where that was pasted.
///
/// # Errors
///
/// `404` when there is no such list.
pub(super) async fn list(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Json<ListDetailJson>, Problem> {
    let id = number(&id)?;
    let subscribed = app.dns.rules.subscribed(id)?;
    let parts = app.dns.clone();
    let (report, text) = aside(move || {
        let rulebook = &parts.rules.rulebook;
        let is_pasted = subscribed.subscription.origin == Origin::Pasted;
        let text = is_pasted.then(|| std::fs::read_to_string(rulebook.store().text_path(id)));
        (rulebook.ignored_lines(id), text.and_then(Result::ok))
    })
    .await?;
    let ignored_lines = report?.ignored.iter().map(Into::into).collect();
    Ok(Json(ListDetailJson { list: app.dns.rules.list_json(id)?, ignored_lines, text }))
}

/// Changes a list, with effect soon after.
///
/// # Errors
///
/// As [`lists::patch`].
pub(super) async fn patch(
    State(app): State<App>,
    Path(id): Path<String>,
    body: Result<Json<ListPatch>, JsonRejection>,
) -> Result<Json<ListJson>, Problem> {
    let Json(patch) = body.map_err(bad_body)?;
    Ok(Json(lists::patch(&app.dns, number(&id)?, patch).await?))
}

/// Removes a list; the answer is the list, so that it can be added again.
///
/// # Errors
///
/// As [`lists::remove`].
pub(super) async fn remove(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Json<ListJson>, Problem> {
    Ok(Json(lists::remove(&app.dns, number(&id)?).await?))
}

/// Asks for a look at a list now; the channel `dns/lists` tells how it goes.
///
/// # Errors
///
/// `404` when there is no such list, `400` for a body that cannot be.
pub(super) async fn refresh(
    State(app): State<App>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<(StatusCode, Json<ListJson>), Problem> {
    let asked: ListRefresh = if body.trim_ascii().is_empty() {
        ListRefresh::default()
    } else {
        serde_json::from_slice(&body).map_err(bad_body)?
    };
    let id = number(&id)?;
    app.dns.rules.subscribed(id)?;
    app.dns.rules.want_look(id, asked.force);
    Ok((StatusCode::ACCEPTED, Json(app.dns.rules.list_json(id)?)))
}

/// Shows the text of own rules.
pub(super) async fn text(State(app): State<App>) -> Json<RulesTextJson> {
    let (text, report) = app.dns.rules.rulebook.own_rules();
    Json(RulesTextJson {
        text,
        rules: report.n_rules,
        ignored: report.n_ignored,
        ignored_lines: report.ignored.iter().map(Into::into).collect(),
    })
}

/// Replaces the text of own rules, in effect with the next question; lines that are no rules are
/// ignored and named.
///
/// # Errors
///
/// `400` when it is too large, `503` when it cannot be kept.
pub(super) async fn put_text(
    State(app): State<App>,
    body: Result<Json<RulesTextRequest>, JsonRejection>,
) -> Result<Json<RulesTextJson>, Problem> {
    let Json(request) = body.map_err(bad_body)?;
    let parts = app.dns.clone();
    aside(move || parts.rules.rulebook.set_own_rules(&request.text)).await??;
    app.dns.rules.note(|versions| versions.text += 1);
    Ok(text(State(app)).await)
}
