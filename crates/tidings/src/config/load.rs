//! Puts the layers together: file, then environment, then flags; each value remembers its origin.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use toml::{Table, Value};

use super::Config;
use super::keys::{KEYS, Key, Kind};

/// Prefix of the environment variables.
const PREFIX: &str = "TIDINGS_";
/// Variables with the prefix that are not settings.
const NOT_SETTINGS: [&str; 5] = [
    "TIDINGS_CONFIG",
    "TIDINGS_BIN",
    "TIDINGS_SHARED_DIR",
    "TIDINGS_TEST_ALL",
    "TIDINGS_TEST_SEED",
];
/// Largest configuration file, in bytes.
const FILE_SIZE_MAX_BYTES: u64 = 1_048_576;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The configuration file.
    File(PathBuf),
    /// This environment variable.
    Environment(String),
    /// This flag of the command line.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Flag(name) => write!(f, "flag {name}"),
        }
    }
}

/// A value given on the command line.
#[derive(Debug, Clone)]
pub(crate) struct FlagValue {
    /// The flag.
    pub(crate) flag: &'static str,
    /// Path of the key, dotted.
    pub(crate) key: &'static str,
    /// Its value.
    pub(crate) value: Value,
}

/// What the settings are loaded from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Layers {
    /// The configuration file; `None` is none.
    pub(crate) file: Option<PathBuf>,
    /// The process's environment.
    pub(crate) environment: BTreeMap<String, String>,
    /// Values of flags.
    pub(crate) flags: Vec<FlagValue>,
}

/// The settings in effect.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    /// The settings, checked.
    pub(crate) config: Config,
    /// What the layers said, merged.
    pub(crate) table: Table,
    /// Origins by dotted key; a key that is missing has its default.
    pub(crate) origins: BTreeMap<String, Origin>,
}

impl Layers {
    /// Loads and checks the settings.
    ///
    /// # Errors
    ///
    /// Names the file, variable or flag, and the key that cannot be used.
    pub(crate) fn load(&self) -> anyhow::Result<Loaded> {
        let mut table = Table::new();
        let mut origins = BTreeMap::new();
        if let Some(path) = &self.file {
            table = read_file(path)?;
            note_origins(&table, "", &Origin::File(path.clone()), &mut origins);
        }
        let below = table.clone();
        let variables = self.environment_values()?;
        for (name, key, value) in &variables {
            insert(&mut table, key, value.clone());
            origins.insert(key.clone(), Origin::Environment(name.clone()));
        }
        if let Err(error) = table.clone().try_into::<Config>() {
            let context = match culprit(&below, &variables) {
                Some((name, key, _)) => format!("environment variable {name} (key {key})"),
                None => "environment".to_owned(),
            };
            return Err(anyhow::Error::new(error).context(context));
        }
        for flag in &self.flags {
            insert(&mut table, flag.key, flag.value.clone());
            origins.insert(flag.key.to_owned(), Origin::Flag(flag.flag));
        }
        let config: Config = table.clone().try_into().context("settings")?;
        config.check()?;
        Ok(Loaded { config, table, origins })
    }

    /// Returns variable, key and value of every setting in the environment; older names first, so
    /// that the newer ones win.
    fn environment_values(&self) -> anyhow::Result<Vec<Variable>> {
        let mut values = Vec::new();
        let get = |name: &str| self.environment.get(name).filter(|value| !value.is_empty());
        if let Some(path) = get("DNSMASQ_CONFIG_FILE_PATH") {
            let source = Table::from_iter([("dnsmasq_conf".to_owned(), Value::from(path.clone()))]);
            let sources = Value::Array(vec![Value::Table(source)]);
            values.push(("DNSMASQ_CONFIG_FILE_PATH".into(), "dhcp.sources".into(), sources));
        }
        if let Some(path) = get("ROOT_PATH") {
            values.push(("ROOT_PATH".into(), "dhcp.root_path".into(), path.clone().into()));
        }
        if get("HOST").is_some() || get("PORT").is_some() {
            let port = get("PORT").map_or("8080", String::as_str);
            let host = get("HOST").map_or("127.0.0.1", String::as_str);
            // Many shells set HOST to the machine's name; only an address is meant for us.
            let host = host.trim_start_matches('[').trim_end_matches(']');
            let host = match host.parse::<std::net::IpAddr>() {
                Ok(std::net::IpAddr::V6(address)) => format!("[{address}]"),
                Ok(std::net::IpAddr::V4(address)) => address.to_string(),
                Err(_) if host == "localhost" || get("PORT").is_some() => "127.0.0.1".to_owned(),
                Err(_) => String::new(),
            };
            if !host.is_empty() {
                let listen = Value::Array(vec![format!("{host}:{port}").into()]);
                values.push(("HOST/PORT".into(), "server.listen".into(), listen));
            }
        }
        for (name, text) in &self.environment {
            if !name.starts_with(PREFIX) || NOT_SETTINGS.contains(&name.as_str()) {
                continue;
            }
            let Some(key) = KEYS.iter().find(|key| variable_of(key) == *name) else {
                bail!(
                    "environment variable {name} names no setting; \
                     `tidings config print` lists them"
                );
            };
            let value = value_of(key, text)
                .with_context(|| format!("environment variable {name} (key {})", key.path))?;
            values.push((name.clone(), key.path.to_owned(), value));
        }
        Ok(values)
    }
}

/// A variable, its key and its value.
type Variable = (String, String, Value);

/// Returns the variable without which the others can be used.
fn culprit<'a>(below: &Table, variables: &'a [Variable]) -> Option<&'a Variable> {
    variables.iter().find(|(left_out, ..)| {
        let mut table = below.clone();
        for (_, key, value) in variables.iter().filter(|(name, ..)| name != left_out) {
            insert(&mut table, key, value.clone());
        }
        table.try_into::<Config>().is_ok()
    })
}

/// Returns the environment variable of a key: `TIDINGS_` and the path with `_` for `.`.
#[must_use]
pub(crate) fn variable_of(key: &Key) -> String {
    format!("{PREFIX}{}", key.path.to_uppercase().replace('.', "_"))
}

/// Reads a configuration file and refuses keys that do not exist.
fn read_file(path: &Path) -> anyhow::Result<Table> {
    let name = path.display();
    let size = std::fs::metadata(path).with_context(|| format!("read {name}"))?.len();
    if size > FILE_SIZE_MAX_BYTES {
        bail!("{name}: {size} bytes exceed the limit of {FILE_SIZE_MAX_BYTES} bytes");
    }
    let text = std::fs::read_to_string(path).with_context(|| format!("read {name}"))?;
    let refused = |error: toml::de::Error| {
        let line = error.span().map_or(0, |span| {
            text.get(..span.start).map_or(0, |before| before.matches('\n').count() + 1)
        });
        anyhow::anyhow!("{name}:{line}: {}", error.message())
    };
    toml::from_str::<Config>(&text).map_err(refused)?;
    toml::from_str::<Table>(&text).map_err(refused)
}

/// Turns the text of a variable into the value that the key takes.
fn value_of(key: &Key, text: &str) -> anyhow::Result<Value> {
    Ok(match key.kind {
        Kind::Text | Kind::Duration => Value::from(text),
        Kind::Number => text.trim().parse::<i64>().context("not a whole number")?.into(),
        Kind::Switch => text.trim().parse::<bool>().context("neither true nor false")?.into(),
        Kind::List => {
            let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
            parts.map(Value::from).collect::<Vec<Value>>().into()
        }
        Kind::Tables => text
            .parse::<Value>()
            .ok()
            .filter(Value::is_array)
            .context("not a TOML array of inline tables, as [{ dnsmasq_conf = \"FILE\" }]")?,
    })
}

/// Puts a value at a dotted path.
fn insert(table: &mut Table, path: &str, value: Value) {
    match path.split_once('.') {
        None => {
            table.insert(path.to_owned(), value);
        }
        Some((first, rest)) => {
            let inner = table.entry(first).or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(inner) = inner {
                insert(inner, rest, value);
            }
        }
    }
}

/// Returns the value at a dotted path.
#[must_use]
pub(crate) fn find<'a>(table: &'a Table, path: &str) -> Option<&'a Value> {
    match path.split_once('.') {
        None => table.get(path),
        Some((first, rest)) => find(table.get(first)?.as_table()?, rest),
    }
}

/// Notes the origin of every value of a table.
fn note_origins(
    table: &Table,
    prefix: &str,
    origin: &Origin,
    origins: &mut BTreeMap<String, Origin>,
) {
    for (name, value) in table {
        let path = format!("{prefix}{name}");
        match value {
            Value::Table(inner) => note_origins(inner, &format!("{path}."), origin, origins),
            Value::String(_)
            | Value::Integer(_)
            | Value::Float(_)
            | Value::Boolean(_)
            | Value::Datetime(_)
            | Value::Array(_) => {
                origins.insert(path, origin.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests;
