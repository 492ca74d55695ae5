//! Child processes of this program: for figures that need a process of their own.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::role::Role;

/// A child that answers with lines of JSON; it is killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Child {
    process: std::process::Child,
    /// The child ends when it closes.
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    role: Role,
}

impl Child {
    /// Starts a child in a role, on the log in `folder`.
    ///
    /// # Errors
    ///
    /// It cannot be started.
    pub(crate) fn start(role: Role, folder: &Path) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("find this program")?;
        let mut command = Command::new(program);
        command.args(["child", role.as_str()]).arg(folder);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().context("start a child")?;
        let input = process.stdin.take();
        let output = process.stdout.take().context("the child has an output")?;
        Ok(Self { process, input, output: BufReader::new(output), role })
    }

    /// Reads the next line.
    ///
    /// # Errors
    ///
    /// The child ended, or wrote something else than JSON.
    pub(crate) fn read(&mut self) -> anyhow::Result<Value> {
        let mut line = String::new();
        let n_read = self.output.read_line(&mut line).context("read from the child")?;
        ensure!(n_read > 0, "the child `{}` ended before it answered", self.role.as_str());
        serde_json::from_str(&line).with_context(|| format!("the child wrote `{line}`"))
    }

    /// Sends a line and reads the answer.
    ///
    /// # Errors
    ///
    /// As [`Child::read`].
    pub(crate) fn ask(&mut self, question: &str) -> anyhow::Result<Value> {
        let input = self.input.as_mut().context("the child has an input")?;
        writeln!(input, "{question}").context("write to the child")?;
        self.read()
    }

    /// Kills the child (SIGKILL) and returns the last line that it wrote whole.
    ///
    /// # Errors
    ///
    /// It ended before by itself.
    pub(crate) fn kill(mut self) -> anyhow::Result<Option<Value>> {
        let ended = self.process.try_wait().context("look at the child")?;
        ensure!(ended.is_none(), "the child `{}` ended by itself", self.role.as_str());
        self.process.kill().context("kill the child")?;
        self.process.wait().context("wait for the child")?;
        let mut last = None;
        let mut line = String::new();
        while self.output.read_line(&mut line).context("read from the child")? > 0 {
            // The kill may have cut the last line short.
            last = serde_json::from_str(line.trim_end()).ok().or(last);
            line.clear();
        }
        Ok(last)
    }

    /// Lets the child end, and waits for it.
    ///
    /// # Errors
    ///
    /// It fails.
    pub(crate) fn end(mut self) -> anyhow::Result<()> {
        drop(self.input.take());
        let status = self.process.wait().context("wait for the child")?;
        ensure!(status.success(), "the child `{}`: {status}", self.role.as_str());
        Ok(())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // After the end there is nothing to kill, and the system's own number is not used again
        // before the wait.
        if let Ok(None) = self.process.try_wait() {
            self.process.kill().ok();
            self.process.wait().ok();
        }
    }
}

/// Returns a figure of a question or an answer.
///
/// # Errors
///
/// There is no such figure.
pub(crate) fn figure_of(answer: &Value, key: &str) -> anyhow::Result<f64> {
    answer.get(key).and_then(Value::as_f64).with_context(|| format!("no {key} is told"))
}

/// Returns a count of a question or an answer.
///
/// # Errors
///
/// There is no such count.
pub(crate) fn count_of(answer: &Value, key: &str) -> anyhow::Result<u64> {
    answer.get(key).and_then(Value::as_u64).with_context(|| format!("no {key} is told"))
}

/// Returns the address of a question or an answer.
///
/// # Errors
///
/// There is none.
pub(crate) fn address_of(value: &Value) -> anyhow::Result<SocketAddr> {
    let address = value.get("address").and_then(Value::as_str).context("no address is told")?;
    address.parse().with_context(|| format!("`{address}` is no address"))
}
