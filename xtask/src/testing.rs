//! Builds the tests and the binary that they start, once, and runs them.

use std::process::Command;

use crate::workspace::Workspace;
use crate::{node, packages, step};

/// Profile of everything that is built for checks.
pub(crate) const PROFILE: &str = "ci";

/// How much is tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// What every change has to pass.
    Quick,
    /// The slow tests as well.
    All,
}

/// Sets up what the tests need and runs them; `arguments` go to the test runner.
///
/// # Errors
///
/// The build or a test fails.
pub(crate) fn test(
    workspace: &Workspace,
    scope: Scope,
    arguments: &[String],
) -> anyhow::Result<()> {
    packages::provide();
    if arguments.is_empty() {
        // Before the server, which takes the dashboard in.
        node::build_if_there(workspace)?;
    }
    build(workspace)?;
    // First, so that the last line is the summary of the many.
    if arguments.is_empty() {
        test_pages(workspace, scope)?;
        let args = ["test", "--doc", "--workspace", "--profile", PROFILE, "--quiet"];
        step::run("Running the examples of the documentation", workspace.cargo().args(args))?;
    }
    let mut command = runner(workspace);
    command.args(arguments).env("TIDINGS_BIN", workspace.binary(PROFILE));
    if scope == Scope::All {
        command.env("TIDINGS_TEST_ALL", "1");
    }
    step::run("Running the tests", &mut command)
}

/// Tests the client and the dashboard, the latter also in a real browser.
fn test_pages(workspace: &Workspace, scope: Scope) -> anyhow::Result<()> {
    if let Some(why) = node::why_missing() {
        step::announce(&format!("{why}: client, dashboard and scenarios are not tested"));
        return Ok(());
    }
    node::check(workspace, scope)?;
    node::scenarios(workspace, (scope, PROFILE), None, &[])
}

/// Builds the tests and the server's binary.
///
/// One command for both: cargo unites the features of what it builds together, so the libraries
/// of two commands would differ and be built twice.
///
/// # Errors
///
/// The build fails.
pub(crate) fn build(workspace: &Workspace) -> anyhow::Result<()> {
    let args = ["build", "--workspace", "--all-targets", "--profile", PROFILE];
    step::run(
        "Building the tests and the server (some minutes the first time)",
        workspace.cargo().args(args),
    )
}

/// Returns the command of cargo-nextest where it is installed, else of `cargo test`.
fn runner(workspace: &Workspace) -> Command {
    let mut command = workspace.cargo();
    if step::output_of(workspace.cargo().args(["nextest", "--version"])).is_ok() {
        command.args(["nextest", "run", "--workspace", "--cargo-profile", PROFILE]);
    } else {
        command.args(["test", "--workspace", "--lib", "--bins", "--tests", "--no-fail-fast"]);
        command.args(["--profile", PROFILE]);
    }
    command
}
