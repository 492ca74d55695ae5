//! Runs a fuzz target for a while, with the stable toolchain alone.

use std::process::Command;
use std::time::Duration;

use anyhow::Context;

use crate::step;
use crate::workspace::Workspace;

/// The coverage that libFuzzer steers by; all of our code is safe, so no sanitiser is needed.
const FLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Cdebug-assertions";
/// Largest input, in bytes.
const INPUT_BYTES_MAX: u32 = 4_096;

/// Builds a target of `fuzz/` and lets it look for a panic for so long.
///
/// What it found interesting is kept in the target folder, for the next time.
///
/// # Errors
///
/// The build fails, or the target found an input on which it panics; libFuzzer names its file.
pub(crate) fn run(workspace: &Workspace, target: &str, time: Duration) -> anyhow::Result<()> {
    let triple = step::output_of(Command::new("rustc").arg("-vV")).context("ask rustc")?;
    let host = triple.lines().find_map(|line| line.strip_prefix("host: ")).context("no host")?;
    let folder = workspace.target.join("fuzz");
    let corpus = folder.join("corpus").join(target);
    std::fs::create_dir_all(&corpus).context("make the folder of inputs")?;
    let mut build = workspace.cargo();
    build.args(["build", "--release", "--manifest-path", "fuzz/Cargo.toml", "--bin", target]);
    // With a target of their own build scripts and macros are not instrumented.
    build.args(["--target", host]).arg("--target-dir").arg(&folder);
    build.env("RUSTFLAGS", FLAGS);
    step::run("Building a fuzz target (minutes the first time)", &mut build)?;
    let program = folder.join(host).join("release").join(target);
    let mut command = Command::new(program);
    command.arg(format!("-max_total_time={}", time.as_secs()));
    command.arg(format!("-max_len={INPUT_BYTES_MAX}")).arg("-print_final_stats=1");
    command.arg(format!("-artifact_prefix={}/", folder.display())).arg(corpus);
    step::run(&format!("Fuzzing {target} for {} s", time.as_secs()), &mut command)
}
