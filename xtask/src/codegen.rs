//! Writes the files that are made from the program, or checks that they are current.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail, ensure};

use crate::workspace::Workspace;
use crate::{node, step, testing};

/// What is done with the generated files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Write those that differ.
    Write,
    /// Only say which differ.
    Check,
}

const NOTE: &str = "<!-- Made by `cargo xtask codegen`; edit the program instead. -->\n";
/// Most levels of subcommands that are followed.
const DEPTH_MAX: usize = 4;

/// Runs the program with these arguments and returns what it prints.
type Ask<'a> = &'a dyn Fn(&[&str]) -> anyhow::Result<String>;

/// Builds the program and writes or checks what is made from it.
///
/// # Errors
///
/// The build fails, a file cannot be written, or in [`Mode::Check`] some file is not current; all
/// of those are named.
pub(crate) fn codegen(workspace: &Workspace, mode: Mode) -> anyhow::Result<()> {
    testing::build(workspace)?;
    let stale = stale_files(workspace)?;
    for (path, text) in &stale {
        let file = workspace.root.join(path);
        match mode {
            Mode::Write => {
                fs::write(&file, text).with_context(|| format!("write {path}"))?;
                println!("wrote {path}");
            }
            Mode::Check => println!("{path}: not current"),
        }
    }
    if mode == Mode::Write && node::why_missing().is_none() {
        node::codegen(workspace)?;
    }
    if mode == Mode::Check && !stale.is_empty() {
        bail!("{} generated files are not current: run `cargo xtask codegen`", stale.len());
    }
    Ok(())
}

/// Returns path and text of the generated files that differ from what the built program says.
///
/// # Errors
///
/// The program fails or prints nothing where it should.
pub(crate) fn stale_files(workspace: &Workspace) -> anyhow::Result<Vec<(&'static str, String)>> {
    let binary = workspace.binary(testing::PROFILE);
    let ask = |arguments: &[&str]| ask(&binary, arguments);
    let mut files = generate(&ask)?;
    files.retain(|(path, text)| {
        fs::read_to_string(workspace.root.join(path)).ok().as_ref() != Some(text)
    });
    Ok(files)
}

/// Makes every generated file.
fn generate(ask: Ask<'_>) -> anyhow::Result<Vec<(&'static str, String)>> {
    let configuration = ask(&["config", "reference"])?;
    Ok(vec![
        ("docs/openapi.json", ask(&["openapi"])?),
        ("docs/configuration.md", format!("{NOTE}\n{configuration}")),
        ("docs/cli.md", command_line(ask)?),
    ])
}

/// Makes the command-line reference: the help of the program and of every subcommand.
fn command_line(ask: Ask<'_>) -> anyhow::Result<String> {
    let mut text = format!("{NOTE}\n# Command line\n");
    append_help(&mut text, ask, &[])?;
    Ok(text)
}

fn append_help(text: &mut String, ask: Ask<'_>, command: &[&str]) -> anyhow::Result<()> {
    ensure!(command.len() <= DEPTH_MAX, "more than {DEPTH_MAX} levels of subcommands");
    let help = ask(&[command, &["--help"]].concat())?;
    let title = [&["tidings"], command].concat().join(" ");
    write!(text, "\n## `{title}`\n\n```text\n{}\n```\n", help.trim_end())?;
    for subcommand in subcommands(&help) {
        append_help(text, ask, &[command, &[subcommand]].concat())?;
    }
    Ok(())
}

/// Returns the subcommands that a help text lists, but for `help` itself.
fn subcommands(help: &str) -> Vec<&str> {
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let listed = listed.take_while(|line| line.is_empty() || line.starts_with(' '));
    // Names stand two columns in; what is further in goes on with a description.
    let names = listed.filter_map(|line| line.strip_prefix("  "));
    let names = names.filter(|line| !line.starts_with(' '));
    names.filter_map(|line| line.split(' ').next()).filter(|name| *name != "help").collect()
}

/// Runs the program without the environment, for its help shows values that stand there.
fn ask(binary: &Path, arguments: &[&str]) -> anyhow::Result<String> {
    let mut command = Command::new(binary);
    command.args(arguments).env_clear().env("COLUMNS", "100");
    let text = step::output_of(&mut command)?;
    ensure!(!text.trim().is_empty(), "`tidings {}` printed nothing", arguments.join(" "));
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    Ok(lines.join("\n").trim_end().to_owned() + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELP: &str = "Does things.\n\nUsage: x [COMMAND]\n\nCommands:\n  \
                        serve   Runs\n          and runs\n  config  Shows\n  help    Print\n\n\
                        Options:\n  -h, --help  Print help\n";

    #[test]
    fn subcommands_are_read_from_the_help() {
        assert_eq!(subcommands(HELP), ["serve", "config"]);
        assert_eq!(subcommands("Usage: x\n\nOptions:\n  -h\n"), Vec::<&str>::new());
    }

    #[test]
    fn the_reference_has_a_section_for_every_command() {
        let ask = |arguments: &[&str]| {
            Ok(match arguments {
                ["--help"] => HELP.to_owned(),
                ["config", "--help"] => "Commands:\n  print  Prints\n".to_owned(),
                other => format!("help of {}\n", other.join(" ")),
            })
        };
        let text = command_line(&ask).unwrap();
        let titles: Vec<&str> = text.lines().filter(|line| line.starts_with("## ")).collect();
        assert_eq!(
            titles,
            [
                "## `tidings`",
                "## `tidings serve`",
                "## `tidings config`",
                "## `tidings config print`"
            ]
        );
        assert!(text.contains("```text\nhelp of serve --help\n```\n"), "{text}");
    }

    #[test]
    fn endless_subcommands_are_refused() {
        let ask = |_: &[&str]| Ok("Commands:\n  again  Again\n".to_owned());
        assert!(command_line(&ask).is_err());
    }
}
