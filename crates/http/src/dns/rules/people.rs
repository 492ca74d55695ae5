//! Clients and their groups: set up by people, kept beside the log.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tidings_dns::client::pause::PauseScope;
use tidings_dns::client::{Client, DEFAULT_GROUP, Mac, Selector};
use tidings_dns::config::block_answer;
use tidings_dns::list::rulebook::GroupSettings;
use tidings_dns::network::Network;
use tidings_dns::safe_search::Engine;
use tidings_dns::verdict::ListId;
use tidings_hub::settings::{SettingChange, Settings as KeptSettings};
use utoipa::ToSchema;

use super::lists::{self, checked_name};
use super::refuse::{not_found, too_long};
use super::{Rules, aside};
use crate::dns::DnsParts;
use crate::problem::Problem;

/// What the keys of groups start with.
const GROUP_KEY: &str = "group/";
/// What the keys of clients start with.
const CLIENT_KEY: &str = "client/";
/// Largest text of a group's own rules in bytes.
const GROUP_RULES_MAX_BYTES: usize = 64 * 1_024;
/// Most addresses of a client.
const ADDRESSES_MAX: usize = 64;
/// Most tags of a client.
const TAGS_MAX: usize = 32;
/// Longest tag in bytes.
const TAG_MAX_BYTES: usize = 64;

/// A group but for its name, as it is kept and patched.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct GroupBody {
    /// Whether any rules apply.
    pub(crate) filtered: bool,
    /// Numbers of lists that do not apply.
    pub(crate) lists_off: Vec<u16>,
    /// Its own rules in AdGuard's dialect, before everybody's; at most 64 KiB.
    pub(crate) rules: String,
    /// Set of upstreams by its name in the setting `upstream.sets`; null for the usual ones.
    pub(crate) upstreams: Option<String>,
    /// How its blocked questions are answered, as the setting `blocked_answer`; null leaves it to
    /// that.
    pub(crate) blocked_answer: Option<String>,
    /// Search engines whose adult results are left out.
    pub(crate) safe_search: Vec<String>,
}

impl Default for GroupBody {
    fn default() -> Self {
        Self {
            filtered: true,
            lists_off: Vec::new(),
            rules: String::new(),
            upstreams: None,
            blocked_answer: None,
            safe_search: Vec::new(),
        }
    }
}

/// A client but for its number, as it is kept, added and patched.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DnsClientRequest)]
pub(crate) struct ClientBody {
    /// What people and rules call it; unique.
    pub(crate) name: String,
    /// Addresses, networks and hardware addresses by which it is known; at least one.
    pub(crate) addresses: Vec<String>,
    /// Tags that rules may call it by.
    #[serde(default)]
    pub(crate) tags: Vec<String>,
    /// Its group.
    #[serde(default = "default_group")]
    pub(crate) group: String,
}

fn default_group() -> String {
    DEFAULT_GROUP.to_owned()
}

/// All groups and clients.
#[derive(Debug, Clone, Default)]
pub(crate) struct People {
    pub(crate) groups: BTreeMap<String, GroupBody>,
    pub(crate) clients: BTreeMap<u32, ClientBody>,
}

impl People {
    /// Reads what is kept; what cannot be understood is left out, and told.
    pub(super) fn kept(settings: &KeptSettings) -> Self {
        let told = |key: &str| tracing::error!(key, "kept in a form that is not understood");
        let mut people = Self::default();
        for (key, value) in settings.list(GROUP_KEY) {
            let name = key.strip_prefix(GROUP_KEY).unwrap_or_default().to_owned();
            match serde_json::from_slice(&value) {
                Ok(group) => drop(people.groups.insert(name, group)),
                Err(_) => told(&key),
            }
        }
        people.groups.entry(DEFAULT_GROUP.to_owned()).or_default();
        for (key, value) in settings.list(CLIENT_KEY) {
            let id = key.strip_prefix(CLIENT_KEY).and_then(|id| id.parse().ok());
            match (id, serde_json::from_slice(&value)) {
                (Some(id), Ok(client)) => drop(people.clients.insert(id, client)),
                _ => told(&key),
            }
        }
        people
    }

    /// Returns how many clients are in a group.
    pub(crate) fn n_clients_of(&self, group: &str) -> usize {
        self.clients.values().filter(|client| client.group == group).count()
    }

    /// Finds the name of a client by name, number, or one of its addresses.
    pub(crate) fn find_client(&self, text: &str) -> Option<&str> {
        let same = |client: &&ClientBody| client.name == text;
        let by_name = self.clients.values().find(same);
        let by_id = || self.clients.get(&text.parse().ok()?);
        let by_address = || {
            let wanted = clean_address(text)?;
            self.clients.values().find(|client| client.addresses.contains(&wanted))
        };
        Some(by_name.or_else(by_id).or_else(by_address)?.name.as_str())
    }

    fn settings(&self) -> (Vec<GroupSettings>, Vec<Client>) {
        let groups = self.groups.iter().map(|(name, group)| group.settings(name));
        let clients = self.clients.values().map(ClientBody::client);
        (groups.collect(), clients.collect())
    }
}

impl GroupBody {
    /// Checks what the group alone, and the settings, can tell.
    fn check(&self, parts: &DnsParts) -> Result<(), Problem> {
        if self.rules.len() > GROUP_RULES_MAX_BYTES {
            return Err(too_long("rules", GROUP_RULES_MAX_BYTES));
        }
        let lists = parts.rules.rulebook.lists();
        let is_list = |id: &u16| lists.iter().any(|list| list.subscription.id.0 == *id);
        if let Some(id) = self.lists_off.iter().find(|id| !is_list(id)) {
            return Err(Problem::bad_parameter("lists_off", format!("there is no list {id}")));
        }
        if let Some(wanted) = &self.upstreams
            && !parts.dns.config().upstream.sets.iter().any(|set| set.name == *wanted)
        {
            let detail = format!("the setting `upstream.sets` has no set `{wanted}`");
            return Err(Problem::bad_parameter("upstreams", detail));
        }
        if let Some(answer) = &self.blocked_answer {
            block_answer::parse(answer)
                .map_err(|error| Problem::bad_parameter("blocked_answer", error))?;
        }
        if self.safe_search.iter().any(|name| Engine::parse(name).is_none()) {
            let known = Engine::ALL.map(|(_, name)| name).join(", ");
            return Err(Problem::bad_parameter("safe_search", format!("some of {known}")));
        }
        Ok(())
    }

    fn settings(&self, name: &str) -> GroupSettings {
        let answer = self.blocked_answer.as_ref();
        GroupSettings {
            name: name.into(),
            lists_off: self.lists_off.iter().copied().map(ListId).collect(),
            rules: self.rules.clone(),
            upstreams: self.upstreams.as_deref().map(Into::into),
            block_answer: answer.and_then(|answer| block_answer::parse(answer).ok()),
            safe_search: self.safe_search.iter().filter_map(|name| Engine::parse(name)).collect(),
            is_filtered: self.filtered,
        }
    }
}

impl ClientBody {
    /// Returns it as it is kept.
    fn cleaned(mut self) -> Result<Self, Problem> {
        self.name = checked_name(&self.name)?.to_owned();
        if !(1..=ADDRESSES_MAX).contains(&self.addresses.len()) {
            let detail = format!("a client has 1 to {ADDRESSES_MAX}");
            return Err(Problem::bad_parameter("addresses", detail).member("limit", ADDRESSES_MAX));
        }
        for address in &mut self.addresses {
            *address = clean_address(address).ok_or_else(|| {
                let detail = format!(
                    "`{}` is no address, network (192.0.2.0/24) or hardware address \
                     (02:00:00:00:00:01)",
                    address.chars().take(64).collect::<String>()
                );
                Problem::bad_parameter("addresses", detail)
            })?;
        }
        let is_tag = |tag: &String| {
            let is_good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
            (1..=TAG_MAX_BYTES).contains(&tag.len()) && tag.bytes().all(is_good)
        };
        if self.tags.len() > TAGS_MAX || !self.tags.iter().all(is_tag) {
            let detail = format!(
                "at most {TAGS_MAX}, each of 1 to {TAG_MAX_BYTES} letters, digits, - and _"
            );
            return Err(Problem::bad_parameter("tags", detail).member("limit", TAGS_MAX));
        }
        Ok(self)
    }

    fn client(&self) -> Client {
        Client {
            name: self.name.as_str().into(),
            selectors: self.addresses.iter().filter_map(|text| selector(text)).collect(),
            tags: self.tags.iter().map(|tag| tag.as_str().into()).collect(),
            group: self.group.as_str().into(),
        }
    }
}

fn selector(text: &str) -> Option<Selector> {
    let network = text.parse().ok().map(Selector::Network);
    network.or_else(|| mac(text).map(Selector::Mac))
}

fn mac(text: &str) -> Option<Mac> {
    let mut octets = [0; 6];
    let mut parts = text.split([':', '-']);
    for octet in &mut octets {
        let part = parts.next().filter(|part| part.len() == 2)?;
        *octet = u8::from_str_radix(part, 16).ok()?;
    }
    parts.next().is_none().then_some(octets)
}

/// Writes an address, a network or a hardware address in its usual form.
fn clean_address(text: &str) -> Option<String> {
    let text = text.trim();
    if let Ok(network) = text.parse::<Network>() {
        return Some(network.single().map_or_else(|| network.to_string(), |one| one.to_string()));
    }
    let octets = mac(text)?.map(|octet| format!("{octet:02x}"));
    Some(octets.join(":"))
}

fn group_key(name: &str) -> Box<str> {
    format!("{GROUP_KEY}{name}").into()
}

fn client_key(id: u32) -> Box<str> {
    format!("{CLIENT_KEY}{id:010}").into()
}

fn written<Body: Serialize>(body: &Body) -> Bytes {
    serde_json::to_vec(body).unwrap_or_default().into()
}

impl Rules {
    /// Puts groups and clients into effect as they are.
    pub(super) fn apply_people(&self) -> Result<(), Problem> {
        let (groups, clients) = self.people.lock().settings();
        self.rulebook.set_clients(&groups, &clients, Some(self.macs.lookup()))?;
        Ok(())
    }

    /// Removes what is kept of a list, among groups, too.
    pub(super) async fn forget_list(&self, list: ListId) -> Result<(), Problem> {
        let mut after = self.people.lock().clone();
        let mut changes: Vec<SettingChange> = vec![(lists::key(list), None)];
        for (name, group) in &mut after.groups {
            if group.lists_off.contains(&list.0) {
                group.lists_off.retain(|id| *id != list.0);
                changes.push((group_key(name), Some(written(group))));
            }
        }
        self.kept.change(changes).await?;
        *self.people.lock() = after;
        self.apply_people()
    }
}

/// Puts other groups and clients into effect and keeps them, both or neither; the caller holds the
/// lock of edits.
async fn set(
    parts: &Arc<DnsParts>,
    after: People,
    changes: Vec<SettingChange>,
) -> Result<(), Problem> {
    let before = std::mem::replace(&mut *parts.rules.people.lock(), after);
    let doing = Arc::clone(parts);
    let mut outcome = aside(move || doing.rules.apply_people()).await.and_then(|done| done);
    if outcome.is_ok() {
        outcome = parts.rules.kept.change(changes).await.map_err(Problem::from);
    }
    if outcome.is_err() {
        *parts.rules.people.lock() = before;
        let doing = Arc::clone(parts);
        aside(move || doing.rules.apply_people()).await??;
    }
    outcome
}

/// Adds a group.
///
/// # Errors
///
/// `400` names the member that cannot be, `409` when there is one of the name.
pub(crate) async fn add_group(
    parts: &Arc<DnsParts>,
    name: &str,
    group: GroupBody,
) -> Result<String, Problem> {
    let _one_at_a_time = parts.rules.edit.lock().await;
    let name = checked_name(name)?.to_owned();
    let mut after = parts.rules.people.lock().clone();
    if after.groups.contains_key(&name) {
        return Err(Problem::new(StatusCode::CONFLICT, "dns-group-exists")
            .text(format!("there is a group `{name}`: choose another name"))
            .member("parameter", "name"));
    }
    group.check(parts)?;
    let change = (group_key(&name), Some(written(&group)));
    after.groups.insert(name.clone(), group);
    set(parts, after, vec![change]).await?;
    parts.rules.note(|versions| versions.groups += 1);
    Ok(name)
}

/// Changes a group by a merge patch (RFC 7396).
///
/// # Errors
///
/// `404` when there is none of the name, `400` names what cannot be.
pub(crate) async fn patch_group(
    parts: &Arc<DnsParts>,
    name: &str,
    patch: Value,
) -> Result<(), Problem> {
    let _one_at_a_time = parts.rules.edit.lock().await;
    let mut after = parts.rules.people.lock().clone();
    let before = after.groups.get(name).ok_or_else(no_group)?;
    let group: GroupBody = patched(before, patch)?;
    group.check(parts)?;
    let change = (group_key(name), Some(written(&group)));
    after.groups.insert(name.to_owned(), group);
    set(parts, after, vec![change]).await?;
    parts.rules.note(|versions| versions.groups += 1);
    Ok(())
}

/// Removes a group.
///
/// # Errors
///
/// `404` when there is none of the name, `409` while clients are in it, or for the default group.
pub(crate) async fn remove_group(parts: &Arc<DnsParts>, name: &str) -> Result<GroupBody, Problem> {
    let _one_at_a_time = parts.rules.edit.lock().await;
    let mut after = parts.rules.people.lock().clone();
    let in_use = |text: String| Problem::new(StatusCode::CONFLICT, "dns-group-in-use").text(text);
    if name == DEFAULT_GROUP {
        return Err(in_use("the default group is of everybody who is in no other".to_owned()));
    }
    let n_clients = after.n_clients_of(name);
    if n_clients > 0 {
        let text = format!("{n_clients} clients are in the group: put them into another first");
        return Err(in_use(text).member("clients", n_clients));
    }
    let gone = after.groups.remove(name).ok_or_else(no_group)?;
    set(parts, after, vec![(group_key(name), None)]).await?;
    end_pause(parts, PauseScope::Group(name))?;
    parts.rules.note(|versions| versions.groups += 1);
    Ok(gone)
}

/// Adds a client and returns its number.
///
/// # Errors
///
/// `400` names the member that cannot be, `409` when name or address are another's.
pub(crate) async fn add_client(parts: &Arc<DnsParts>, client: ClientBody) -> Result<u32, Problem> {
    let _one_at_a_time = parts.rules.edit.lock().await;
    let client = client.cleaned()?;
    let mut after = parts.rules.people.lock().clone();
    let id = after.clients.last_key_value().map_or(1, |(last, _)| last.saturating_add(1));
    let change = (client_key(id), Some(written(&client)));
    after.clients.insert(id, client);
    set(parts, after, vec![change]).await?;
    parts.rules.note(|versions| versions.clients += 1);
    Ok(id)
}

/// Changes a client by a merge patch (RFC 7396).
///
/// # Errors
///
/// As [`add_client`], and `404` when there is none of the number.
pub(crate) async fn patch_client(
    parts: &Arc<DnsParts>,
    id: u32,
    patch: Value,
) -> Result<(), Problem> {
    let _one_at_a_time = parts.rules.edit.lock().await;
    let mut after = parts.rules.people.lock().clone();
    let before = after.clients.get(&id).ok_or_else(no_client)?.clone();
    let client = patched::<ClientBody>(&before, patch)?.cleaned()?;
    let is_renamed = client.name != before.name;
    let change = (client_key(id), Some(written(&client)));
    after.clients.insert(id, client);
    set(parts, after, vec![change]).await?;
    if is_renamed {
        end_pause(parts, PauseScope::Client(&before.name))?;
    }
    parts.rules.note(|versions| versions.clients += 1);
    Ok(())
}

/// Removes a client.
///
/// # Errors
///
/// `404` when there is none of the number.
pub(crate) async fn remove_client(parts: &Arc<DnsParts>, id: u32) -> Result<ClientBody, Problem> {
    let _one_at_a_time = parts.rules.edit.lock().await;
    let mut after = parts.rules.people.lock().clone();
    let gone = after.clients.remove(&id).ok_or_else(no_client)?;
    set(parts, after, vec![(client_key(id), None)]).await?;
    end_pause(parts, PauseScope::Client(&gone.name))?;
    parts.rules.note(|versions| versions.clients += 1);
    Ok(gone)
}

/// Ends the pause of what is gone, if it has one: the next of the name is not paused.
fn end_pause(parts: &DnsParts, scope: PauseScope<'_>) -> Result<(), Problem> {
    let pauses = parts.rules.rulebook.pauses();
    let is_paused = match scope {
        PauseScope::All => pauses.all_until_ms.is_some(),
        PauseScope::Group(name) => pauses.groups.contains_key(name),
        PauseScope::Client(name) => pauses.clients.contains_key(name),
    };
    if is_paused {
        parts.rules.rulebook.pause(scope, 0, (parts.clock)())?;
    }
    Ok(())
}

fn patched<Body: Serialize + for<'de> Deserialize<'de>>(
    before: &Body,
    patch: Value,
) -> Result<Body, Problem> {
    let bad = |error: serde_json::Error| {
        Problem::new(StatusCode::BAD_REQUEST, "body-invalid").text(error.to_string())
    };
    let mut value = serde_json::to_value(before).map_err(bad)?;
    let (Some(members), Value::Object(patch)) = (value.as_object_mut(), patch) else {
        let problem = Problem::new(StatusCode::BAD_REQUEST, "body-invalid");
        return Err(problem.text("the body must be an object of what changes"));
    };
    for (name, changed) in patch {
        if changed.is_null() {
            members.remove(&name);
        } else {
            members.insert(name, changed);
        }
    }
    serde_json::from_value(value).map_err(bad)
}

pub(crate) fn no_group() -> Problem {
    not_found("dns-group-not-found", "there is no such group")
}

pub(crate) fn no_client() -> Problem {
    not_found("dns-client-not-found", "there is no such client")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_written_in_their_usual_form() {
        #[rustfmt::skip]
        let cases = [
            (" 192.0.2.7 ",       Some("192.0.2.7")),
            ("192.0.2.7/32",      Some("192.0.2.7")),
            ("192.0.2.0/24",      Some("192.0.2.0/24")),
            ("2001:DB8::7",       Some("2001:db8::7")),
            ("02-00-5E-00-53-AF", Some("02:00:5e:00:53:af")),
            ("02:00:5e:00:53:af", Some("02:00:5e:00:53:af")),
            ("02:00:5e:00:53",    None),
            ("02:00:5e:00:53:af:01", None),
            ("192.0.2.0/33",      None),
            ("tv",                None),
            ("",                  None),
        ];
        for (text, expected) in cases {
            assert_eq!(clean_address(text).as_deref(), expected, "case: {text}");
        }
    }
}
