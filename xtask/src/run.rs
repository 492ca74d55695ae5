//! Builds the release binary and runs it on the sample network.

use std::path::PathBuf;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};

use crate::testing::Scope;
use crate::workspace::Workspace;
use crate::{node, packages, sample, step};

/// Builds the release binary, with the dashboard where Node.js is there, and returns where it is.
///
/// # Errors
///
/// A build fails, or leaves no binary.
pub(crate) fn build(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    node::build_if_there(workspace)?;
    build_with(workspace, &[])
}

/// Builds the release binary and runs the scenarios of the dashboard against it.
///
/// # Errors
///
/// There is no Node.js, a build fails, or a scenario does.
pub(crate) fn scenarios(
    workspace: &Workspace,
    scope: Scope,
    keeps_screenshots: bool,
    arguments: &[String],
) -> anyhow::Result<()> {
    node::require()?;
    packages::provide();
    build(workspace)?;
    let folder = keeps_screenshots.then(|| workspace.root.join("docs/screenshots"));
    node::scenarios(workspace, (scope, "release"), folder.as_deref(), arguments)
}

/// Builds the release binary, and those of other packages in the same go.
///
/// # Errors
///
/// As [`build`].
pub(crate) fn build_with(workspace: &Workspace, packages: &[&str]) -> anyhow::Result<PathBuf> {
    let mut command = workspace.cargo();
    command.args(["build", "--release", "--package", "tidings"]);
    for package in packages {
        command.args(["--package", package]);
    }
    step::run("Building for release (some minutes the first time)", &mut command)?;
    let binary = workspace.binary("release");
    if !binary.is_file() {
        bail!("the build left no {}", binary.display());
    }
    Ok(binary)
}

/// Runs the server on a fresh copy of the sample network until it is stopped.
///
/// # Errors
///
/// The build fails, the sample cannot be copied, or the server ends with an error.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> anyhow::Result<()> {
    let binary = build(workspace)?;
    let folder = workspace.target.join("sample-network");
    step::announce(&format!("Laying out the sample network in {}", folder.display()));
    sample::lay_out(&workspace.root.join("samples/network"), &folder, now()?)?;
    step::announce("Serving the sample network; its address follows, Ctrl-C ends it");
    let mut command = Command::new(binary);
    command.args(["serve", "--config", "tidings.toml"]).args(arguments).current_dir(folder);
    serve(&mut command)
}

/// Returns the seconds since 1970.
#[expect(clippy::disallowed_methods, reason = "the sample's lease times are relative to the clock")]
fn now() -> anyhow::Result<u64> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock is before 1970")?;
    Ok(since.as_secs())
}

/// Becomes the server, so that signals reach it and nothing is left behind.
#[cfg(unix)]
fn serve(command: &mut Command) -> anyhow::Result<()> {
    use std::os::unix::process::CommandExt;

    Err(command.exec()).context("start the server")
}

/// Runs the server and waits for its end.
#[cfg(not(unix))]
fn serve(command: &mut Command) -> anyhow::Result<()> {
    let status = command.status().context("start the server")?;
    if !status.success() {
        bail!("the server ended with {status}");
    }
    Ok(())
}
