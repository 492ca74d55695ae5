//! Groups, clients, and pauses of blocking.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, Query, State};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tidings_dns::client::pause::{PAUSE_MINUTES_MAX, PauseScope};
use tidings_dns::filter::compile::{self, ListKind, ListSource, ListText};
use tidings_dns::filter::dialect::Dialect;
use tidings_dns::verdict::ListId;
use utoipa::ToSchema;

use super::super::stream::{Asked, find};
use super::aside;
use super::control::bad_body;
use crate::dns::DnsParts;
use crate::dns::rules::people::{self, ClientBody, GroupBody, no_client, no_group};
use crate::dns::rules::wire::{IgnoredLineJson, PauseRequest, PausesJson};
use crate::problem::Problem;
use crate::state::App;

/// A group of clients.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DnsGroup)]
pub(crate) struct GroupJson {
    /// Its name; `default` is of everybody who is in no other.
    name: String,
    /// Whether any rules apply.
    filtered: bool,
    /// Numbers of lists that do not apply.
    lists_off: Vec<u16>,
    /// Its own rules in AdGuard's dialect, before everybody's.
    rules: String,
    /// Set of upstreams by its name in the setting `upstream.sets`; null for the usual ones.
    upstreams: Option<String>,
    /// How its blocked questions are answered, as the setting `blocked_answer`; null leaves it to
    /// that.
    blocked_answer: Option<String>,
    /// Search engines whose adult results are left out.
    safe_search: Vec<String>,
    /// Clients in it.
    clients: usize,
    /// The first lines of its rules that are none.
    ignored_lines: Vec<IgnoredLineJson>,
}

/// Every group.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DnsGroups)]
pub(crate) struct GroupsJson {
    /// The groups by name.
    groups: Vec<GroupJson>,
}

/// A group to add; what is missing is as nobody had said anything.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DnsGroupRequest)]
pub(crate) struct GroupRequest {
    /// Its name; unique.
    name: String,
    /// Whether any rules apply.
    filtered: Option<bool>,
    /// Numbers of lists that do not apply.
    lists_off: Option<Vec<u16>>,
    /// Its own rules in AdGuard's dialect, before everybody's; at most 64 KiB.
    rules: Option<String>,
    /// Set of upstreams by its name in the setting `upstream.sets`.
    upstreams: Option<String>,
    /// How its blocked questions are answered, as the setting `blocked_answer`.
    blocked_answer: Option<String>,
    /// Search engines whose adult results are left out: bing, brave, duckduckgo, ecosia, google,
    /// pixabay, yandex, youtube, `youtube_moderate`.
    safe_search: Option<Vec<String>>,
}

/// A client.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DnsClient)]
pub(crate) struct ClientJson {
    /// Its number.
    id: u32,
    /// What people and rules call it; unique.
    name: String,
    /// Addresses, networks and hardware addresses by which it is known.
    addresses: Vec<String>,
    /// Tags that rules may call it by.
    tags: Vec<String>,
    /// Its group.
    group: String,
}

impl ClientJson {
    fn new(id: u32, client: ClientBody) -> Self {
        let ClientBody { name, addresses, tags, group } = client;
        Self { id, name, addresses, tags, group }
    }
}

/// Every client.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DnsClients)]
pub(crate) struct ClientsJson {
    /// The clients by number.
    clients: Vec<ClientJson>,
}

fn group_json(parts: &DnsParts, name: &str) -> Result<GroupJson, Problem> {
    let (group, clients) = {
        let people = parts.rules.people.lock();
        let group = people.groups.get(name).cloned().ok_or_else(no_group)?;
        (group, people.n_clients_of(name))
    };
    let source = ListSource {
        list: ListId::OWN,
        kind: ListKind::Block,
        dialect: Dialect::AdGuard,
        text: ListText::Inline(group.rules.as_str().into()),
    };
    let report = compile::survey(&source).unwrap_or_default();
    let ignored_lines = report.ignored.iter().map(Into::into).collect();
    Ok(GroupJson {
        name: name.to_owned(),
        filtered: group.filtered,
        lists_off: group.lists_off,
        rules: group.rules,
        upstreams: group.upstreams,
        blocked_answer: group.blocked_answer,
        safe_search: group.safe_search,
        clients,
        ignored_lines,
    })
}

/// Lists the groups.
pub(super) async fn groups(State(app): State<App>) -> Json<GroupsJson> {
    let names: Vec<String> = app.dns.rules.people.lock().groups.keys().cloned().collect();
    let groups = names.iter().filter_map(|name| group_json(&app.dns, name).ok());
    Json(GroupsJson { groups: groups.collect() })
}

/// Adds a group.
///
/// # Errors
///
/// As [`people::add_group`].
pub(super) async fn add_group(
    State(app): State<App>,
    body: Result<Json<GroupRequest>, JsonRejection>,
) -> Result<(StatusCode, Json<GroupJson>), Problem> {
    let Json(request) = body.map_err(bad_body)?;
    let group = GroupBody {
        filtered: request.filtered.unwrap_or(true),
        lists_off: request.lists_off.unwrap_or_default(),
        rules: request.rules.unwrap_or_default(),
        upstreams: request.upstreams,
        blocked_answer: request.blocked_answer,
        safe_search: request.safe_search.unwrap_or_default(),
    };
    let name = people::add_group(&app.dns, &request.name, group).await?;
    Ok((StatusCode::CREATED, Json(group_json(&app.dns, &name)?)))
}

/// Changes a group, in effect with the next question.
///
/// # Errors
///
/// As [`people::patch_group`].
pub(super) async fn patch_group(
    State(app): State<App>,
    Path(name): Path<String>,
    body: Result<Json<Value>, JsonRejection>,
) -> Result<Json<GroupJson>, Problem> {
    let Json(patch) = body.map_err(bad_body)?;
    people::patch_group(&app.dns, &name, patch).await?;
    Ok(Json(group_json(&app.dns, &name)?))
}

/// Removes a group; the answer is the group, so that it can be added again.
///
/// # Errors
///
/// As [`people::remove_group`].
pub(super) async fn remove_group(
    State(app): State<App>,
    Path(name): Path<String>,
) -> Result<Json<GroupJson>, Problem> {
    let described = group_json(&app.dns, &name)?;
    people::remove_group(&app.dns, &name).await?;
    Ok(Json(described))
}

/// Lists the clients.
pub(super) async fn clients(State(app): State<App>) -> Json<ClientsJson> {
    let people = app.dns.rules.people.lock();
    let clients = people.clients.iter();
    let json = clients.map(|(id, client)| ClientJson::new(*id, client.clone()));
    Json(ClientsJson { clients: json.collect() })
}

fn client_json(parts: &DnsParts, id: u32) -> Result<ClientJson, Problem> {
    let client = parts.rules.people.lock().clients.get(&id).cloned().ok_or_else(no_client)?;
    Ok(ClientJson::new(id, client))
}

fn number(text: &str) -> Result<u32, Problem> {
    text.parse().map_err(|_| no_client())
}

/// Adds a client.
///
/// # Errors
///
/// As [`people::add_client`].
pub(super) async fn add_client(
    State(app): State<App>,
    body: Result<Json<ClientBody>, JsonRejection>,
) -> Result<(StatusCode, Json<ClientJson>), Problem> {
    let Json(client) = body.map_err(bad_body)?;
    let id = people::add_client(&app.dns, client).await?;
    Ok((StatusCode::CREATED, Json(client_json(&app.dns, id)?)))
}

/// Changes a client, in effect with the next question.
///
/// # Errors
///
/// As [`people::patch_client`].
pub(super) async fn patch_client(
    State(app): State<App>,
    Path(id): Path<String>,
    body: Result<Json<Value>, JsonRejection>,
) -> Result<Json<ClientJson>, Problem> {
    let (Json(patch), id) = (body.map_err(bad_body)?, number(&id)?);
    people::patch_client(&app.dns, id, patch).await?;
    Ok(Json(client_json(&app.dns, id)?))
}

/// Removes a client; the answer is the client, so that it can be added again.
///
/// # Errors
///
/// As [`people::remove_client`].
pub(super) async fn remove_client(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Json<ClientJson>, Problem> {
    let id = number(&id)?;
    let client = people::remove_client(&app.dns, id).await?;
    Ok(Json(ClientJson::new(id, client)))
}

/// Lists what is paused.
pub(super) async fn pauses(State(app): State<App>) -> Json<PausesJson> {
    Json(app.dns.rules.pauses_json(app.now_ms()))
}

/// Pauses blocking, in effect with the next question, over restarts, too.
///
/// # Errors
///
/// `400` names the member that cannot be, `404` a group or client that there is not.
pub(super) async fn pause(
    State(app): State<App>,
    body: Result<Json<PauseRequest>, JsonRejection>,
) -> Result<Json<PausesJson>, Problem> {
    let Json(request) = body.map_err(bad_body)?;
    if !(1..=PAUSE_MINUTES_MAX).contains(&request.minutes) {
        let detail = format!("must be 1 to {PAUSE_MINUTES_MAX}");
        return Err(Problem::bad_parameter("minutes", detail).member("limit", PAUSE_MINUTES_MAX));
    }
    let is_all = request.all.unwrap_or(false);
    let scope = scope(&app, is_all, request.group, request.client)?.unwrap_or(Scope::All);
    set_pauses(&app, vec![scope], request.minutes).await
}

/// Ends the pause of everybody, of a group or of a client; without parameters every pause.
///
/// # Errors
///
/// `404` for a group or client that there is not.
pub(super) async fn end_pause(
    State(app): State<App>,
    query: Asked,
) -> Result<Json<PausesJson>, Problem> {
    let Query(query) = query?;
    let text = |name: &str| find(&query, name).filter(|text| !text.is_empty()).map(str::to_owned);
    let is_all = find(&query, "all") == Some("true");
    let scopes = if let Some(scope) = scope(&app, is_all, text("group"), text("client"))? {
        vec![scope]
    } else {
        let pauses = app.dns.rules.rulebook.pauses();
        let groups = pauses.groups.keys().map(|name| Scope::Group(name.to_string()));
        let clients = pauses.clients.keys().map(|name| Scope::Client(name.to_string()));
        [Scope::All].into_iter().chain(groups).chain(clients).collect()
    };
    set_pauses(&app, scopes, 0).await
}

/// Whom a pause is for.
#[derive(Debug)]
enum Scope {
    All,
    Group(String),
    Client(String),
}

/// Reads whom a pause is for; `None` when nobody is named.
fn scope(
    app: &App,
    is_all: bool,
    group: Option<String>,
    client: Option<String>,
) -> Result<Option<Scope>, Problem> {
    let people = app.dns.rules.people.lock();
    match (is_all, group, client) {
        (false, None, None) => Ok(None),
        (true, None, None) => Ok(Some(Scope::All)),
        (false, Some(name), None) if people.groups.contains_key(&name) => {
            Ok(Some(Scope::Group(name)))
        }
        (false, Some(_), None) => Err(no_group()),
        (false, None, Some(text)) => {
            let name = people.find_client(&text).ok_or_else(no_client)?;
            Ok(Some(Scope::Client(name.to_owned())))
        }
        _ => Err(Problem::bad_parameter("all", "only one of all, group and client")),
    }
}

async fn set_pauses(
    app: &App,
    scopes: Vec<Scope>,
    minutes: u32,
) -> Result<Json<PausesJson>, Problem> {
    let (parts, now_ms) = (app.dns.clone(), app.now_ms());
    aside(move || {
        scopes.iter().try_for_each(|scope| {
            let scope = match scope {
                Scope::All => PauseScope::All,
                Scope::Group(name) => PauseScope::Group(name),
                Scope::Client(name) => PauseScope::Client(name),
            };
            parts.rules.rulebook.pause(scope, minutes, now_ms).map(drop)
        })
    })
    .await??;
    Ok(Json(app.dns.rules.pauses_json(now_ms)))
}
