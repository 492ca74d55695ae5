//! What people set while the server runs: a patch on the configuration, kept in a small file.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// Largest file in bytes.
const SIZE_MAX_BYTES: u64 = 8 << 20;

/// A patch (RFC 7396) on a configuration, and the file that keeps it.
#[derive(Debug, Clone)]
pub struct Overrides {
    path: PathBuf,
    patch: Value,
}

/// Why settings are as they were.
#[derive(Debug, thiserror::Error)]
pub enum OverridesError {
    /// The settings do not fit the configuration.
    #[error("{0}")]
    Unfit(String),
    /// The file cannot be read or written.
    #[error("the settings in {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Overrides {
    /// Reads the file; without one nothing is set.
    ///
    /// # Errors
    ///
    /// The file is there and cannot be read, or holds no object.
    pub fn open(path: &Path) -> Result<Self, OverridesError> {
        let failed = |source| OverridesError::File { path: path.to_owned(), source };
        let set = match fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Value::Object(Map::new()),
            Err(error) => return Err(failed(error)),
            Ok(found) if found.len() > SIZE_MAX_BYTES => {
                return Err(failed(io::Error::other("larger than 8 MiB")));
            }
            Ok(_) => {
                let text = fs::read(path).map_err(failed)?;
                serde_json::from_slice(&text).map_err(|error| failed(error.into()))?
            }
        };
        if !set.is_object() {
            return Err(failed(io::Error::other("it holds no object")));
        }
        Ok(Self { path: path.to_owned(), patch: set })
    }

    /// Returns the overrides with another patch on top, `null` taking a setting away; nothing is
    /// written yet.
    #[must_use]
    pub fn with(&self, patch: &Value) -> Self {
        let mut merged = self.patch.clone();
        merge(&mut merged, patch, Keep::Nulls);
        prune(&mut merged);
        Self { path: self.path.clone(), patch: merged }
    }

    /// Returns what is set.
    #[must_use]
    pub fn patch(&self) -> &Value {
        &self.patch
    }

    /// Puts the member of this name of the patch onto a part of the configuration.
    ///
    /// # Errors
    ///
    /// A setting that there is not, or of another type; the error begins with its name.
    pub fn applied_to<Part: Serialize + DeserializeOwned>(
        &self,
        member: &str,
        base: &Part,
    ) -> Result<Part, OverridesError> {
        let unfit = |error: serde_json::Error| OverridesError::Unfit(error.to_string());
        let mut value = serde_json::to_value(base).map_err(unfit)?;
        if let Some(patch) = self.patch.get(member) {
            merge(&mut value, patch, Keep::Values);
        }
        serde_path_to_error::deserialize(value).map_err(|error| {
            let path = error.path().to_string();
            let cause = error.into_inner();
            OverridesError::Unfit(match path.as_str() {
                "." => cause.to_string(),
                path => format!("`{member}.{path}`: {cause}"),
            })
        })
    }

    /// Writes the file beside the old one and puts it in its place.
    ///
    /// # Errors
    ///
    /// The disk refuses; the old file stays.
    pub fn save(&self) -> Result<(), OverridesError> {
        let write = || {
            if let Some(folder) = self.path.parent() {
                fs::create_dir_all(folder)?;
            }
            let beside = self.path.with_extension("json.new");
            let mut file = File::create(&beside)?;
            serde_json::to_writer_pretty(&mut file, &self.patch)?;
            file.write_all(b"\n")?;
            file.sync_all()?;
            fs::rename(&beside, &self.path)
        };
        write().map_err(|source| OverridesError::File { path: self.path.clone(), source })
    }
}

/// What becomes of a member that is set to `null`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keep {
    /// It stays as `null`, to be pruned.
    Nulls,
    /// It is taken away.
    Values,
}

/// Merges a patch into a value.
fn merge(value: &mut Value, patch: &Value, keep: Keep) {
    let Value::Object(members) = patch else {
        *value = patch.clone();
        return;
    };
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    let Value::Object(held) = value else { return };
    for (name, member) in members {
        if member.is_null() && keep == Keep::Values {
            held.remove(name);
        } else {
            merge(held.entry(name.clone()).or_insert(Value::Null), member, keep);
        }
    }
}

/// Takes away members that are `null`, and objects that are empty then.
fn prune(value: &mut Value) {
    let Value::Object(members) = value else { return };
    members.values_mut().for_each(prune);
    members.retain(|_, member| !member.is_null() && !member.as_object().is_some_and(Map::is_empty));
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use serde_json::json;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Part {
        port: u16,
        names: Vec<String>,
        deep: Deep,
    }

    #[derive(Debug, PartialEq, Default, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Deep {
        on: bool,
        size: Option<u32>,
    }

    impl Default for Part {
        fn default() -> Self {
            Self { port: 53, names: vec!["a".to_owned()], deep: Deep::default() }
        }
    }

    fn opened() -> (tempfile::TempDir, Overrides) {
        let folder = tempfile::tempdir().unwrap();
        let overrides = Overrides::open(&folder.path().join("dns/settings.json")).unwrap();
        (folder, overrides)
    }

    #[test]
    fn what_is_set_counts_before_the_configuration_and_outlives_a_restart() {
        let (folder, overrides) = opened();
        let set = overrides.with(&json!({"part": {"port": 54, "deep": {"on": true}}}));
        set.save().unwrap();
        let again = Overrides::open(&folder.path().join("dns/settings.json")).unwrap();
        let part: Part = again.applied_to("part", &Part::default()).unwrap();
        let deep = Deep { on: true, size: None };
        assert_eq!(part, Part { port: 54, names: vec!["a".to_owned()], deep });
        // What was not set follows the configuration.
        let other = Part { names: vec!["b".to_owned()], ..Part::default() };
        assert_eq!(again.applied_to("part", &other).unwrap().names, ["b"]);
    }

    #[test]
    fn null_takes_a_setting_back() {
        let (_folder, overrides) = opened();
        let set = overrides.with(&json!({"part": {"port": 54, "deep": {"on": true}}}));
        let back = set.with(&json!({"part": {"port": null, "deep": {"on": null}}}));
        assert_eq!(back.patch(), &json!({}));
        assert_eq!(back.applied_to("part", &Part::default()).unwrap(), Part::default());
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let (_folder, overrides) = opened();
        for (patch, told) in [
            (json!({"part": {"prot": 1}}), "`part.prot`: unknown field"),
            (json!({"part": {"port": "x"}}), "`part.port`: invalid type"),
            (json!({"part": {"deep": {"on": 7}}}), "`part.deep.on`: invalid type"),
            (json!({"part": {"names": ["a", 7]}}), "`part.names[1]`: invalid type"),
            (json!({"part": 7}), "invalid type"),
        ] {
            let applied = overrides.with(&patch).applied_to("part", &Part::default());
            let Err(OverridesError::Unfit(text)) = applied else { panic!("case: {patch}") };
            assert!(text.starts_with(told), "case: {patch}: {text}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.json");
        for text in ["{", "[]"] {
            fs::write(&path, text).unwrap();
            assert!(matches!(Overrides::open(&path), Err(OverridesError::File { .. })));
        }
    }
}
