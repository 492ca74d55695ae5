//! Runs commands and says what they are for.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;

use anyhow::{Context, bail};

/// Says what comes now.
pub(crate) fn announce(purpose: &str) {
    eprintln!("\n==> {purpose}");
}

/// Runs a command, with its output on ours.
///
/// # Errors
///
/// The command cannot be started or ends with a non-zero status.
pub(crate) fn run(purpose: &str, command: &mut Command) -> anyhow::Result<()> {
    announce_command(purpose, command);
    let status = command.status().with_context(|| format!("start {}", name_of(command)))?;
    check(command, status)
}

/// Runs a command, with its output on ours, and returns the lines for which `is_kept` holds.
///
/// The lines come back also when the command fails.
///
/// # Errors
///
/// The command cannot be started.
pub(crate) fn run_and_keep(
    purpose: &str,
    command: &mut Command,
    is_kept: fn(&str) -> bool,
) -> anyhow::Result<(anyhow::Result<()>, Vec<String>)> {
    announce_command(purpose, command);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("start {}", name_of(command)))?;
    let stdout = child.stdout.take();
    let stderr = child.stderr.take();
    let kept = thread::scope(|scope| {
        // Two readers, for a child that waits for one full pipe must not wait for ever.
        let other = scope.spawn(|| pass_on(stdout, &mut std::io::stdout(), is_kept));
        let mut kept = pass_on(stderr, &mut std::io::stderr(), is_kept);
        kept.extend(other.join().unwrap_or_default());
        kept
    });
    let status = child.wait().with_context(|| format!("wait for {}", name_of(command)))?;
    Ok((check(command, status), kept))
}

/// Runs a command silently and returns its standard output.
///
/// # Errors
///
/// The command cannot be started, fails (its standard error is part of the message), or prints
/// something that is not UTF-8.
pub(crate) fn output_of(command: &mut Command) -> anyhow::Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("start {}", name_of(command)))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{}: {}: {}", line_of(command), output.status, said.trim());
    }
    String::from_utf8(output.stdout)
        .with_context(|| format!("{} printed something that is not UTF-8", line_of(command)))
}

/// Copies lines as they come and returns those for which `is_kept` holds.
fn pass_on(from: Option<impl Read>, to: &mut impl Write, is_kept: fn(&str) -> bool) -> Vec<String> {
    let mut kept = Vec::new();
    let Some(from) = from else {
        return kept;
    };
    for line in BufReader::new(from).split(b'\n') {
        let Ok(line) = line else {
            break;
        };
        // A closed output of ours must not make the child wait: go on reading.
        let _closed = to.write_all(&line).and_then(|()| to.write_all(b"\n"));
        let text = String::from_utf8_lossy(&line);
        if is_kept(&text) {
            kept.push(text.trim().to_owned());
        }
    }
    kept
}

fn announce_command(purpose: &str, command: &Command) {
    announce(purpose);
    eprintln!("    {}", line_of(command));
}

fn check(command: &Command, status: ExitStatus) -> anyhow::Result<()> {
    if !status.success() {
        bail!("{}: {status}", line_of(command));
    }
    Ok(())
}

fn name_of(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    program.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Returns the command as one would type it, but for quotes.
fn line_of(command: &Command) -> String {
    let mut line = name_of(command);
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
    }
    line
}
