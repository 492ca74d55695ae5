//! Which lists are subscribed to: set up by people, kept beside the log.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use tidings_dns::filter::compile::ListKind;
use tidings_dns::filter::dialect::Dialect;
use tidings_dns::list::rulebook::{OWN_RULES_BYTES_MAX, Subscribed};
use tidings_dns::list::{FIRST_LIST, LAST_LIST, Origin, REFRESH_MAX, REFRESH_MIN, Subscription};
use tidings_dns::verdict::ListId;
use tidings_hub::settings::Settings as KeptSettings;

use super::refuse::{not_found, not_kept, too_long};
use super::wire::{ListJson, ListPatch, ListRequest, ListsJson};
use super::{Rules, aside};
use crate::dns::DnsParts;
use crate::problem::Problem;

/// What the keys of lists start with.
const KEY: &str = "list/";
/// Longest name of a list in bytes.
const NAME_MAX_BYTES: usize = 100;
/// Longest URL in bytes.
const URL_MAX_BYTES: usize = 2_048;
/// Largest pasted text in bytes.
const TEXT_MAX_BYTES: usize = OWN_RULES_BYTES_MAX;
/// Time between two looks when nobody says another.
const INTERVAL: Duration = Duration::from_hours(24);

/// A list as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
struct KeptList {
    name: String,
    /// `None` is pasted text.
    url: Option<String>,
    is_allowing: bool,
    format: String,
    is_on: bool,
    interval_s: u64,
}

/// Returns the lists that are kept; what cannot be understood is left out, and told.
pub(super) fn kept(settings: &KeptSettings) -> Vec<Subscription> {
    let read = |(key, value): (String, Bytes)| {
        let subscription = subscription(&key, &value);
        if subscription.is_none() {
            tracing::error!(key, "a list of rules is kept in a form that is not understood");
        }
        subscription
    };
    settings.list(KEY).into_iter().filter_map(read).collect()
}

fn subscription(key: &str, value: &[u8]) -> Option<Subscription> {
    let id = ListId(key.strip_prefix(KEY)?.parse().ok()?);
    let kept: KeptList = serde_json::from_slice(value).ok()?;
    Some(Subscription {
        id,
        name: kept.name.into(),
        origin: kept.url.map_or(Origin::Pasted, |url| Origin::Url(url.into())),
        kind: if kept.is_allowing { ListKind::Allow } else { ListKind::Block },
        dialect: Dialect::parse(&kept.format)?,
        is_on: kept.is_on,
        refresh: Duration::from_secs(kept.interval_s),
    })
}

fn to_keep(subscription: &Subscription) -> Bytes {
    let url = match &subscription.origin {
        Origin::Url(url) => Some(url.to_string()),
        Origin::File(_) | Origin::Pasted => None,
    };
    let kept = KeptList {
        name: subscription.name.to_string(),
        url,
        is_allowing: subscription.kind == ListKind::Allow,
        format: subscription.dialect.name().to_owned(),
        is_on: subscription.is_on,
        interval_s: subscription.refresh.as_secs(),
    };
    serde_json::to_vec(&kept).unwrap_or_default().into()
}

pub(super) fn key(list: ListId) -> Box<str> {
    format!("{KEY}{:03}", list.0).into()
}

impl Rules {
    /// Describes every list.
    #[must_use]
    pub fn lists_json(&self) -> ListsJson {
        let filter = self.rulebook.filter();
        let lists = self.rulebook.lists();
        let json =
            |list: &Subscribed| ListJson::new(list, self, filter.hits.of(list.subscription.id));
        ListsJson { lists: lists.iter().map(json).collect(), names: filter.lists.n_rules() }
    }

    /// Describes a list.
    pub(crate) fn list_json(&self, list: ListId) -> Result<ListJson, Problem> {
        let subscribed = self.subscribed(list)?;
        Ok(ListJson::new(&subscribed, self, self.rulebook.filter().hits.of(list)))
    }

    pub(crate) fn subscribed(&self, list: ListId) -> Result<Subscribed, Problem> {
        let found = self.rulebook.lists().into_iter().find(|of| of.subscription.id == list);
        found.ok_or_else(|| not_found("dns-list-not-found", "there is no such list"))
    }
}

/// Adds a list; its copy is fetched and counts soon after.
///
/// # Errors
///
/// `400` names the member that cannot be, `409` a list that has the name or URL, `507` when there
/// are too many, `503` or `507` when it cannot be kept.
pub(crate) async fn add(parts: &Arc<DnsParts>, request: ListRequest) -> Result<ListJson, Problem> {
    let rules = &parts.rules;
    let _one_at_a_time = rules.edit.lock().await;
    let patch = ListPatch {
        name: Some(request.name),
        url: request.url,
        text: request.text,
        kind: request.kind,
        format: request.format,
        on: request.on,
        interval_s: request.interval_s,
    };
    if patch.url.is_none() && patch.text.is_none() {
        return Err(Problem::bad_parameter("url", "a list has either a url or a text"));
    }
    let lists = rules.rulebook.lists();
    let is_free = |id: &u16| lists.iter().all(|list| list.subscription.id.0 != *id);
    let Some(id) = (FIRST_LIST.0..=LAST_LIST.0).find(is_free).map(ListId) else {
        let most = usize::from(LAST_LIST.0);
        return Err(Problem::new(StatusCode::INSUFFICIENT_STORAGE, "dns-too-many-lists")
            .text(format!("there are {most} lists, and no more can be: remove one"))
            .member("limit", most));
    };
    let new = Subscription {
        id,
        name: "".into(),
        origin: Origin::Pasted,
        kind: ListKind::Block,
        dialect: Dialect::AdGuard,
        is_on: true,
        refresh: INTERVAL,
    };
    let wanted = change(new, &patch, &lists)?;
    // Whatever a list of this number has left behind is not this one's.
    let (doing, text) = (Arc::clone(parts), patch.text);
    aside(move || {
        let store = doing.rules.rulebook.store();
        store.remove(id)?;
        text.map_or(Ok(()), |text| store.put_text(id, &text))
    })
    .await?
    .map_err(|error| not_kept(&error))?;
    rules.kept.put(&key(id), to_keep(&wanted)).await?;
    subscribe(parts, wanted).await?;
    rules.want_look(id, false);
    rules.note(|versions| versions.lists += 1);
    rules.list_json(id)
}

/// Changes a list, with effect soon after.
///
/// # Errors
///
/// As [`add`], and `404` when there is no such list.
pub(crate) async fn patch(
    parts: &Arc<DnsParts>,
    list: ListId,
    patch: ListPatch,
) -> Result<ListJson, Problem> {
    let rules = &parts.rules;
    let _one_at_a_time = rules.edit.lock().await;
    let before = rules.subscribed(list)?.subscription;
    let lists = rules.rulebook.lists();
    let wanted = change(before.clone(), &patch, &lists)?;
    rules.kept.put(&key(list), to_keep(&wanted)).await?;
    subscribe(parts, wanted.clone()).await?;
    if let Some(text) = patch.text {
        let doing = Arc::clone(parts);
        aside(move || doing.rules.rulebook.paste(list, &text)).await??;
        rules.want_look(list, false);
    }
    let is_other_text = wanted.origin != before.origin || wanted.dialect != before.dialect;
    if is_other_text && wanted.is_on {
        rules.want_look(list, false);
    }
    if wanted.kind != before.kind || wanted.is_on != before.is_on || is_other_text {
        rules.want_compiling((parts.clock)());
    }
    rules.note(|versions| versions.lists += 1);
    rules.list_json(list)
}

/// Removes a list, with effect soon after; groups forget that it was off.
///
/// # Errors
///
/// `404` when there is no such list, `503` or `507` when the change cannot be kept.
pub(crate) async fn remove(parts: &Arc<DnsParts>, list: ListId) -> Result<ListJson, Problem> {
    let rules = &parts.rules;
    let _one_at_a_time = rules.edit.lock().await;
    let described = rules.list_json(list)?;
    rules.forget_list(list).await?;
    let doing = Arc::clone(parts);
    aside(move || doing.rules.rulebook.unsubscribe(list)).await??;
    rules.want_compiling((parts.clock)());
    rules.note(|versions| versions.lists += 1);
    Ok(described)
}

async fn subscribe(parts: &Arc<DnsParts>, wanted: Subscription) -> Result<(), Problem> {
    let doing = Arc::clone(parts);
    aside(move || doing.rules.rulebook.subscribe(wanted)).await??;
    Ok(())
}

/// Returns what a list is with a patch.
fn change(
    before: Subscription,
    patch: &ListPatch,
    lists: &[Subscribed],
) -> Result<Subscription, Problem> {
    let mut wanted = before;
    let mut others =
        lists.iter().map(|list| &list.subscription).filter(|other| other.id != wanted.id);
    if let Some(name) = &patch.name {
        let name = checked_name(name)?;
        if others.clone().any(|other| other.name.to_lowercase() == name.to_lowercase()) {
            return Err(taken("name", format!("there is a list `{name}`: choose another name")));
        }
        wanted.name = name.into();
    }
    if patch.url.is_some() && patch.text.is_some() {
        return Err(Problem::bad_parameter("url", "a list has either a url or a text, not both"));
    }
    if let Some(url) = &patch.url {
        let origin = Origin::Url(checked_url(url)?.into());
        if let Some(other) = others.find(|other| other.origin == origin) {
            return Err(taken("url", format!("list `{}` comes from there", other.name)));
        }
        wanted.origin = origin;
    }
    if let Some(text) = &patch.text {
        if text.len() > TEXT_MAX_BYTES {
            return Err(too_long("text", TEXT_MAX_BYTES));
        }
        wanted.origin = Origin::Pasted;
    }
    if let Some(kind) = &patch.kind {
        wanted.kind = match kind.as_str() {
            "block" => ListKind::Block,
            "allow" => ListKind::Allow,
            _ => return Err(Problem::bad_parameter("kind", "none of block, allow")),
        };
    }
    if let Some(format) = &patch.format {
        let known = Dialect::ALL.map(|(_, name)| name).join(", ");
        let bad = || Problem::bad_parameter("format", format!("none of {known}"));
        wanted.dialect = Dialect::parse(format).ok_or_else(bad)?;
    }
    if let Some(seconds) = patch.interval_s {
        let (least, most) = (REFRESH_MIN.as_secs(), REFRESH_MAX.as_secs());
        if !(least..=most).contains(&seconds) {
            let detail = format!("must be {least} to {most} seconds");
            return Err(Problem::bad_parameter("interval_s", detail).member("limit", most));
        }
        wanted.refresh = Duration::from_secs(seconds);
    }
    wanted.is_on = patch.on.unwrap_or(wanted.is_on);
    Ok(wanted)
}

fn taken(parameter: &str, detail: String) -> Problem {
    Problem::new(StatusCode::CONFLICT, "dns-list-exists")
        .text(detail)
        .member("parameter", parameter)
}

/// Checks what people call something.
pub(super) fn checked_name(name: &str) -> Result<&str, Problem> {
    let name = name.trim();
    if name.len() > NAME_MAX_BYTES {
        return Err(too_long("name", NAME_MAX_BYTES));
    }
    if name.is_empty() || name.chars().any(char::is_control) {
        return Err(Problem::bad_parameter("name", "must have letters, and all on one line"));
    }
    Ok(name)
}

fn checked_url(url: &str) -> Result<&str, Problem> {
    let url = url.trim();
    if url.len() > URL_MAX_BYTES {
        return Err(too_long("url", URL_MAX_BYTES));
    }
    let parsed: Option<http::Uri> = url.parse().ok();
    let is_good = parsed.is_some_and(|parsed| {
        matches!(parsed.scheme_str(), Some("http" | "https"))
            && parsed.host().is_some_and(|host| !host.is_empty())
    });
    if !is_good {
        let detail = "must be a URL as https://lists.example/ads.txt, http or https";
        return Err(Problem::bad_parameter("url", detail));
    }
    Ok(url)
}
