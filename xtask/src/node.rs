//! Builds and checks what is made with Node.js: the client, the dashboard, the scenarios.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};

use crate::step;
use crate::testing::Scope;
use crate::workspace::Workspace;

/// Oldest Node.js that the tools run on.
const NODE_MAJOR_MIN: u32 = 20;
/// The npm workspaces.
const CLIENT: &str = "sdk";
const DASHBOARD: &str = "web";
const SCENARIOS: &str = "e2e";
/// What npm notes of the last installation, below `node_modules`.
const INSTALLED: &str = ".tidings-lock";

/// Says why there is no Node.js that will do; `None` when there is one.
pub(crate) fn why_missing() -> Option<String> {
    let version = step::output_of(Command::new("node").arg("--version"));
    let major = version.as_ref().ok().and_then(|version| major_of(version));
    match (version, major) {
        (Ok(_), Some(major)) if major >= NODE_MAJOR_MIN => None,
        (Ok(version), _) => {
            Some(format!("Node.js {} is older than {NODE_MAJOR_MIN}", version.trim()))
        }
        (Err(_), _) => Some("Node.js is not installed".to_owned()),
    }
}

/// Installs what the lock file names, unless that is what is there.
///
/// # Errors
///
/// npm fails.
pub(crate) fn install(workspace: &Workspace) -> anyhow::Result<()> {
    let lock = fs::read_to_string(workspace.root.join("package-lock.json"))
        .context("read package-lock.json")?;
    let noted = workspace.root.join("node_modules").join(INSTALLED);
    if fs::read_to_string(&noted).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    let mut command = npm(workspace, &["ci", "--no-audit", "--no-fund", "--ignore-scripts"]);
    step::run("Installing what the client and the dashboard need", &mut command)?;
    fs::write(&noted, lock).with_context(|| format!("write {}", noted.display()))
}

/// Builds the client and the dashboard and lays the dashboard out for the binary.
///
/// # Errors
///
/// npm or a build fails.
pub(crate) fn build(workspace: &Workspace) -> anyhow::Result<()> {
    install(workspace)?;
    script(workspace, "Building the client", CLIENT, "build")?;
    script(workspace, "Building the dashboard", DASHBOARD, "build")?;
    let mut embed = Command::new("node");
    embed.arg("web/tools/embed.mjs").current_dir(&workspace.root);
    step::run("Laying the dashboard out for the binary", &mut embed)
}

/// Builds the dashboard where Node.js is there; says that the binary goes without where not.
///
/// # Errors
///
/// As [`build`].
pub(crate) fn build_if_there(workspace: &Workspace) -> anyhow::Result<()> {
    let Some(why) = why_missing() else {
        return build(workspace);
    };
    let has_older = dashboard_manifest(&workspace.root).is_file();
    let instead = if has_older { "the one that was built before" } else { "no dashboard" };
    step::announce(&format!(
        "{why}, so the binary gets {instead}; with Node.js {NODE_MAJOR_MIN} or newer it is built"
    ));
    Ok(())
}

/// Checks the client and the dashboard: format, lints, types, tests, sizes, the package itself.
///
/// # Errors
///
/// The first check that fails.
pub(crate) fn check(workspace: &Workspace, scope: Scope) -> anyhow::Result<()> {
    script(workspace, "Looking for lints in the client", CLIENT, "lint")?;
    script(workspace, "Testing the client", CLIENT, "test")?;
    script(workspace, "Weighing the client", CLIENT, "size")?;
    script(workspace, "Checking the client's package", CLIENT, "check-package")?;
    if scope == Scope::All {
        script(workspace, "Running the client everywhere", CLIENT, "test:runtimes")?;
    }
    let mut codegen = npm(workspace, &["run", "codegen", "--workspace", DASHBOARD]);
    codegen.args(["--", "--check"]);
    step::run("Comparing the dashboard's REST types", &mut codegen)?;
    script(workspace, "Looking for lints in the dashboard", DASHBOARD, "lint")?;
    script(workspace, "Checking the dashboard's types", DASHBOARD, "typecheck")?;
    script(workspace, "Testing the dashboard", DASHBOARD, "test")?;
    script(workspace, "Weighing the dashboard", DASHBOARD, "size")?;
    script(workspace, "Looking for lints in the scenarios", SCENARIOS, "lint")
}

/// Writes the dashboard's types from the description of the REST interface.
///
/// # Errors
///
/// npm or the generator fails.
pub(crate) fn codegen(workspace: &Workspace) -> anyhow::Result<()> {
    install(workspace)?;
    script(workspace, "Writing the dashboard's REST types", DASHBOARD, "codegen")
}

/// Runs the scenarios in a real browser against the server of a profile; `screenshots` is where
/// pictures go, `None` a temporary folder; `arguments` choose some.
///
/// # Errors
///
/// A scenario fails.
pub(crate) fn scenarios(
    workspace: &Workspace,
    (scope, profile): (Scope, &str),
    screenshots: Option<&Path>,
    arguments: &[String],
) -> anyhow::Result<()> {
    let mut command = npm(workspace, &["run", "e2e", "--workspace", SCENARIOS, "--"]);
    command.args(arguments).env("TIDINGS_BIN", workspace.binary(profile));
    if scope == Scope::All {
        command.env("TIDINGS_TEST_ALL", "1");
    }
    if let Some(folder) = screenshots {
        command.env("TIDINGS_E2E_SHOTS", folder);
    }
    step::run("Looking at the dashboard in a real browser", &mut command)
}

fn script(workspace: &Workspace, purpose: &str, package: &str, name: &str) -> anyhow::Result<()> {
    let args = ["run", name, "--workspace", package, "--if-present"];
    step::run(purpose, &mut npm(workspace, &args))
}

fn npm(workspace: &Workspace, arguments: &[&str]) -> Command {
    let mut command = Command::new("npm");
    command.args(arguments).current_dir(&workspace.root);
    command
}

/// Returns where the list of the embedded files lies once the dashboard was built.
fn dashboard_manifest(root: &Path) -> std::path::PathBuf {
    root.join("crates/tidings/dashboard/manifest.txt")
}

/// Returns the first number of `v20.19.1`.
fn major_of(version: &str) -> Option<u32> {
    version.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

/// Refuses to go on without Node.js.
///
/// # Errors
///
/// There is none that will do; says what to install.
pub(crate) fn require() -> anyhow::Result<()> {
    if let Some(why) = why_missing() {
        bail!("{why}; this needs Node.js {NODE_MAJOR_MIN} or newer with npm (https://nodejs.org)");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::major_of;

    #[test]
    fn versions_of_node_are_read() {
        #[rustfmt::skip]
        let cases = [
            ("v20.19.1\n", Some(20)),
            ("v8.0.0",     Some(8)),
            ("20.1",       None),
            ("",           None),
        ];
        for (text, expected) in cases {
            assert_eq!(major_of(text), expected, "case: {text}");
        }
    }
}
