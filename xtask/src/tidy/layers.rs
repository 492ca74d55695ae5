//! Checks what the crates import against the layer table.

use std::fs;
use std::path::Path;

use anyhow::Context;
use serde_json::Value;

use super::{Finding, Rule};

/// What each of our crates may import of ours; ARCHITECTURE.md shows the same table to people.
///
/// A crate that has no row is refused, so a new one is a decision.
const LAYERS: [(&str, &[&str]); 11] = [
    ("tidings-log", &[]),
    ("tidings-hub", &["tidings-log"]),
    ("tidings-dhcp", &[]),
    ("tidings-dns", &[]),
    ("tidings-nats", &["tidings-hub"]),
    ("tidings-http", &["tidings-hub", "tidings-dhcp", "tidings-dns"]),
    ("tidings-client", &[]),
    (
        "tidings",
        &[
            "tidings-client",
            "tidings-dhcp",
            "tidings-dns",
            "tidings-http",
            "tidings-hub",
            "tidings-log",
            "tidings-nats",
        ],
    ),
    ("tidings-testkit", &["tidings-client"]),
    (
        "tidings-bench",
        &["tidings-dhcp", "tidings-dns", "tidings-http", "tidings-hub", "tidings-log"],
    ),
    ("xtask", &[]),
];

/// Libraries that only some crates may import.
const RESERVED: [(&str, &[&str]); 3] = [
    // The benches compare with a small server as people write it.
    ("axum", &["tidings-http", "tidings-bench"]),
    ("clap", &["tidings", "tidings-bench", "xtask"]),
    ("anyhow", &["tidings", "tidings-bench", "xtask"]),
];

/// Checks the answer of `cargo metadata --no-deps`, and that every crate takes our lints.
///
/// # Errors
///
/// The answer has no packages, or a manifest cannot be read.
pub(super) fn check(metadata: &Value, root: &Path) -> anyhow::Result<Vec<Finding>> {
    let packages = metadata.get("packages").and_then(Value::as_array);
    let packages = packages.context("cargo metadata lists no packages")?;
    let mut findings = Vec::new();
    for package in packages {
        let manifest = Path::new(text(package, "manifest_path"));
        let path = manifest.strip_prefix(root).unwrap_or(manifest).to_string_lossy().into_owned();
        let manifest = fs::read_to_string(manifest).with_context(|| format!("read {path}"))?;
        let name = text(package, "name");
        findings.extend(check_imports(name, &imports(package)).map(|problem| {
            let line = line_of(&manifest, &problem.import);
            Finding { path: path.clone(), line, rule: Rule::Layer, text: problem.text }
        }));
        if !manifest.contains("[lints]\nworkspace = true") {
            let text = format!("{name} does not take the workspace's lints");
            findings.push(Finding { path, line: 1, rule: Rule::Lints, text });
        }
    }
    Ok(findings)
}

struct Problem {
    import: String,
    text: String,
}

/// Checks what one crate imports, tests left aside.
fn check_imports<'a>(name: &'a str, imports: &'a [&str]) -> impl Iterator<Item = Problem> + 'a {
    let row = LAYERS.iter().find(|(crate_name, _)| *crate_name == name);
    let unknown = row.is_none().then(|| Problem {
        import: name.to_owned(),
        text: format!("{name} has no row in the layer table (xtask/src/tidy/layers.rs)"),
    });
    let allowed = row.map_or(&[][..], |(_, allowed)| *allowed);
    let refused = imports.iter().filter_map(move |import| {
        let is_ours = import.starts_with("tidings") && row.is_some();
        if is_ours && !allowed.contains(import) {
            return Some(Problem {
                import: (*import).to_owned(),
                text: format!("{name} must not import {import}"),
            });
        }
        let (_, importers) = RESERVED.iter().find(|(library, _)| library == import)?;
        (!importers.contains(&name)).then(|| Problem {
            import: (*import).to_owned(),
            text: format!("{name} must not import {import}: only {} may", importers.join(", ")),
        })
    });
    unknown.into_iter().chain(refused)
}

/// Returns what a package imports outside of its tests.
fn imports(package: &Value) -> Vec<&str> {
    let dependencies = package.get("dependencies").and_then(Value::as_array);
    let dependencies = dependencies.map_or(&[][..], Vec::as_slice).iter();
    dependencies
        .filter(|dependency| text(dependency, "kind") != "dev")
        .map(|dependency| text(dependency, "name"))
        .collect()
}

/// Returns a member that is text, empty when it is none.
fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value.get(member).and_then(Value::as_str).unwrap_or_default()
}

/// Returns the line of a manifest that names an import, 1 when none does.
fn line_of(manifest: &str, import: &str) -> usize {
    manifest.lines().position(|line| line.starts_with(import)).map_or(1, |index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_are_checked_against_the_table() {
        #[rustfmt::skip]
        let cases: [(&str, &str, &[&str], &[&str]); 9] = [
            ("leaf alone",       "tidings-dhcp",  &["tokio"],                        &[]),
            ("leaf imports ours", "tidings-dhcp", &["tidings-hub"],                  &["tidings-dhcp must not import tidings-hub"]),
            ("hub on log",       "tidings-hub",   &["tidings-log"],                  &[]),
            ("hub on http",      "tidings-hub",   &["tidings-http"],                 &["tidings-hub must not import tidings-http"]),
            ("http on axum",     "tidings-http",  &["axum", "tidings-hub"],          &[]),
            ("leaf on axum",     "tidings-client", &["axum"],                        &["tidings-client must not import axum: only tidings-http, tidings-bench may"]),
            ("binary",           "tidings",       &["clap", "anyhow", "tidings-http"], &[]),
            ("kit in binary",    "tidings",       &["tidings-testkit"],              &["tidings must not import tidings-testkit"]),
            ("new crate",        "tidings-new",   &["tidings-hub"],                  &["tidings-new has no row in the layer table (xtask/src/tidy/layers.rs)"]),
        ];
        for (name, crate_name, imports, expected) in cases {
            let problems: Vec<String> =
                check_imports(crate_name, imports).map(|problem| problem.text).collect();
            assert_eq!(problems, expected, "case: {name}");
        }
    }

    #[test]
    fn test_dependencies_are_left_aside() {
        let package = serde_json::json!({"dependencies": [
            {"name": "tokio", "kind": null},
            {"name": "cc", "kind": "build"},
            {"name": "axum", "kind": "dev"},
        ]});
        assert_eq!(imports(&package), ["tokio", "cc"]);
    }

    #[test]
    fn a_finding_stands_at_the_line_of_the_import() {
        assert_eq!(line_of("[dependencies]\naxum.workspace = true\n", "axum"), 2);
        assert_eq!(line_of("[dependencies]\n", "axum"), 1);
    }
}
