//! Checks the rules of the house that no compiler knows.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::workspace::Workspace;
use crate::{codegen, step};

mod exceptions;
mod layers;
mod rust_file;
mod source;
mod text_file;

/// Most bytes of a file that is looked at.
const FILE_SIZE_MAX_BYTES: u64 = 4 * 1_048_576;
/// Most findings printed.
const FINDINGS_MAX: usize = 200;
/// Folders that are not looked into, wherever they stand.
const SKIPPED_FOLDERS: [&str; 3] = ["target", "node_modules", "dist"];

/// A rule that is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    /// An exception must excuse something.
    Exception,
    /// A file's first line says what it is responsible for.
    FirstLine,
    /// Files are short.
    FileLength,
    /// Functions are short.
    FunctionLength,
    /// Generated files are current.
    Generated,
    /// Crates import only what the layer table allows.
    Layer,
    /// Lines fit a screen.
    LineLength,
    /// Every crate takes the lints of the workspace.
    Lints,
    /// Modules are `name.rs`, never `mod.rs`.
    ModFile,
    /// Long test modules have a file of their own.
    TestModule,
    /// Open work names its issue.
    Todo,
    /// Some words never belong in a repository.
    Word,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exception => "exception",
            Self::FirstLine => "first-line",
            Self::FileLength => "file-length",
            Self::FunctionLength => "function-length",
            Self::Generated => "generated",
            Self::Layer => "layer",
            Self::LineLength => "line-length",
            Self::Lints => "lints",
            Self::ModFile => "mod-file",
            Self::TestModule => "test-module",
            Self::Todo => "todo",
            Self::Word => "word",
        })
    }
}

/// A place where a rule is broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    /// File, from the root on.
    pub(crate) path: String,
    /// Line from 1.
    pub(crate) line: usize,
    /// The rule.
    pub(crate) rule: Rule,
    /// What is wrong.
    pub(crate) text: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.path, self.line, self.rule, self.text)
    }
}

/// Checks everything and prints what it finds.
///
/// # Errors
///
/// Something was found, or a file cannot be read.
pub(crate) fn tidy(workspace: &Workspace) -> anyhow::Result<()> {
    step::announce("Checking the rules of the house");
    let mut findings = layers::check(&workspace.metadata, &workspace.root)?;
    let mut paths = Vec::new();
    collect(&workspace.root, workspace, &mut paths)?;
    paths.sort();
    for path in &paths {
        let file = workspace.root.join(path);
        let bytes = fs::read(&file).with_context(|| format!("read {}", file.display()))?;
        // What is not text holds no lines.
        let Ok(text) = String::from_utf8(bytes) else {
            continue;
        };
        let path = path.to_string_lossy();
        findings.extend(text_file::check(&path, &text));
        if path.ends_with(".rs") {
            findings.extend(rust_file::check(&path, &text));
        }
    }
    let mut findings = exceptions::apply(findings);
    if workspace.binary(crate::testing::PROFILE).is_file() {
        findings.extend(stale(workspace)?);
    } else {
        eprintln!("generated files: not checked, the program is not built (`cargo xtask test`)");
    }
    for finding in findings.iter().take(FINDINGS_MAX) {
        println!("{finding}");
    }
    if !findings.is_empty() {
        bail!("{} findings in {} files", findings.len(), paths.len());
    }
    println!("{} files are tidy", paths.len());
    Ok(())
}

fn stale(workspace: &Workspace) -> anyhow::Result<Vec<Finding>> {
    let stale = codegen::stale_files(workspace)?.into_iter().map(|(path, _)| Finding {
        path: path.to_owned(),
        line: 1,
        rule: Rule::Generated,
        text: "not what the program says: run `cargo xtask codegen`".to_owned(),
    });
    Ok(stale.collect())
}

/// Collects the files below `folder`, as paths from the root on.
fn collect(folder: &Path, workspace: &Workspace, paths: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("list {}", folder.display()))? {
        let entry = entry.with_context(|| format!("list {}", folder.display()))?;
        let path = entry.path();
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let kind = entry.file_type().with_context(|| format!("look at {}", path.display()))?;
        if kind.is_dir() {
            let is_data = folder == workspace.root && name == "data";
            let is_skipped = SKIPPED_FOLDERS.contains(&&*name) || path == workspace.target;
            if !is_data && !is_skipped && name != ".git" {
                collect(&path, workspace, paths)?;
            }
            continue;
        }
        let size = entry.metadata().with_context(|| format!("look at {}", path.display()))?.len();
        if kind.is_file() && size <= FILE_SIZE_MAX_BYTES && name != ".git" {
            paths.push(path.strip_prefix(&workspace.root).unwrap_or(&path).to_owned());
        }
    }
    Ok(())
}
