//! The settings in effect, as the dashboard shows them.

use serde_json::{Value, json};
use tidings_dhcp::service::SourceConfig;
use tidings_http::wire::running::{OriginJson, SettingJson};
use toml::Table;

use super::keys::{KEYS, Key, Kind};
use super::load::{Loaded, Origin, find, variable_of};

/// Key of the DHCP servers, which are looked for when none is named.
const SOURCES: &str = "dhcp.sources";

/// Returns every setting with its value and where that comes from; values of secrets stay out.
///
/// `sources` are the DHCP servers that are watched, also those that were found.
pub(crate) fn settings(loaded: &Loaded, sources: &[SourceConfig]) -> Vec<SettingJson> {
    let shown = KEYS.iter().map(|key| {
        let mut setting = setting(key, loaded);
        if key.path == SOURCES && !loaded.origins.contains_key(SOURCES) && !sources.is_empty() {
            setting.value = Some(sources.iter().map(source_json).collect());
            setting.is_set = true;
            setting.origin = OriginJson { kind: "found", name: None };
        }
        setting
    });
    shown.collect()
}

fn setting(key: &Key, loaded: &Loaded) -> SettingJson {
    let given = find(&loaded.table, key.path).and_then(|value| serde_json::to_value(value).ok());
    let default = default_of(key);
    let is_set = given.is_some() || default.is_some();
    let value = given.or_else(|| default.clone()).filter(|_| !key.is_secret);
    SettingJson {
        key: key.path,
        kind: match key.kind {
            Kind::Text => "text",
            Kind::Number => "number",
            Kind::Switch => "switch",
            Kind::Duration => "duration",
            Kind::List => "list",
            Kind::Tables => "tables",
        },
        value,
        default,
        meaning: key.meaning,
        is_secret: key.is_secret,
        is_set,
        origin: origin_json(loaded.origins.get(key.path)),
        variable: variable_of(key),
    }
}

/// Returns the default, which the table of keys writes as TOML.
fn default_of(key: &Key) -> Option<Value> {
    let table: Table = format!("value = {}", key.default).parse().ok()?;
    serde_json::to_value(table.get("value")?).ok()
}

fn origin_json(origin: Option<&Origin>) -> OriginJson {
    let (kind, name) = match origin {
        None => ("default", None),
        Some(Origin::File(path)) => ("file", Some(path.display().to_string())),
        Some(Origin::Environment(name)) => ("environment", Some(name.clone())),
        Some(Origin::Flag(flag)) => ("flag", Some((*flag).to_owned())),
    };
    OriginJson { kind, name }
}

fn source_json(source: &SourceConfig) -> Value {
    let path =
        |path: &Option<std::path::PathBuf>| path.as_ref().map(|path| path.display().to_string());
    json!({ "leases": path(&source.leases), "dnsmasq_conf": path(&source.dnsmasq_conf) })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::load::{FlagValue, Layers};

    fn shown(loaded: &Loaded, key: &str) -> SettingJson {
        let all = settings(loaded, &[]);
        all.into_iter().find(|setting| setting.key == key).expect("the key is shown")
    }

    #[test]
    fn every_setting_is_shown_with_its_origin() {
        let secret = "a secret of 24 letters..";
        let environment = BTreeMap::from([
            ("TIDINGS_HTTP_NOTIFY_SECRET".to_owned(), secret.to_owned()),
            ("TIDINGS_HUB_CHANNELS_MAX".to_owned(), "7".to_owned()),
        ]);
        let data = FlagValue { flag: "--data", key: "data", value: "kept".into() };
        let loaded = Layers { file: None, environment, flags: vec![data] }.load().unwrap();

        assert_eq!(settings(&loaded, &[]).len(), KEYS.len());
        let channels = shown(&loaded, "hub.channels_max");
        assert_eq!((channels.value, channels.default), (Some(json!(7)), Some(json!(20_000))));
        assert_eq!(channels.origin.kind, "environment");
        assert_eq!(channels.origin.name.as_deref(), Some("TIDINGS_HUB_CHANNELS_MAX"));
        assert_eq!(shown(&loaded, "data").origin.name.as_deref(), Some("--data"));
        let settle = shown(&loaded, "dhcp.settle");
        assert_eq!((settle.value, settle.origin.kind), (Some(json!("100ms")), "default"));
        let tls = shown(&loaded, "server.tls.key");
        assert!(!tls.is_set && tls.value.is_none(), "{tls:?}");

        let hidden = shown(&loaded, "http.notify_secret");
        assert!(hidden.is_set && hidden.is_secret && hidden.value.is_none(), "{hidden:?}");
        let text = serde_json::to_string(&settings(&loaded, &[])).unwrap();
        assert!(!text.contains(secret), "a secret is never shown");
    }

    #[test]
    fn servers_that_were_found_are_shown_as_found() {
        let loaded = Layers::default().load().unwrap();
        let found = SourceConfig { leases: Some("/x/leases".into()), ..SourceConfig::default() };
        let all = settings(&loaded, &[found]);
        let sources = all.iter().find(|setting| setting.key == SOURCES).unwrap();
        assert_eq!(sources.origin.kind, "found");
        assert_eq!(sources.value.as_ref().unwrap()[0]["leases"], "/x/leases");
    }
}
