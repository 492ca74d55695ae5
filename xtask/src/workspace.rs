//! Knows where the repository and its build results are, and what cargo says about them.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use serde_json::Value;

/// The repository and its target folder.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// Folder of the root `Cargo.toml`.
    pub(crate) root: PathBuf,
    /// Where cargo puts what it builds.
    pub(crate) target: PathBuf,
    /// Answer of `cargo metadata --no-deps`.
    pub(crate) metadata: Value,
}

impl Workspace {
    /// Asks cargo for the workspace that this program was started in.
    ///
    /// # Errors
    ///
    /// Cargo cannot be run or does not understand the manifests.
    pub(crate) fn locate() -> anyhow::Result<Self> {
        // What cargo says now comes first: checkouts that share a target folder share our binary.
        let folder = env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root =
            folder.parent().context("the tasks lie in a folder of the repository")?.to_owned();
        let output = cargo_in(&root)
            .args(["metadata", "--no-deps", "--format-version", "1"])
            .stderr(Stdio::inherit())
            .output()
            .context("run cargo metadata")?;
        if !output.status.success() {
            bail!("cargo metadata: {}", output.status);
        }
        let metadata: Value =
            serde_json::from_slice(&output.stdout).context("read the answer of cargo metadata")?;
        let target = metadata
            .get("target_directory")
            .and_then(Value::as_str)
            .map(PathBuf::from)
            .context("cargo metadata names no target folder")?;
        Ok(Self { root, target, metadata })
    }

    /// Returns a cargo command that runs in the root.
    pub(crate) fn cargo(&self) -> Command {
        cargo_in(&self.root)
    }

    /// Returns where the server's binary lies after a build with `profile`.
    pub(crate) fn binary(&self, profile: &str) -> PathBuf {
        self.target.join(profile).join(format!("tidings{}", env::consts::EXE_SUFFIX))
    }
}

/// Returns a command of the cargo that runs us, or of the one in the path.
fn cargo_in(root: &Path) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root);
    command
}
