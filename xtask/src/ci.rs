//! Runs every check that a change has to pass and says how long each took.

use anyhow::bail;

use crate::report::Report;
use crate::testing::PROFILE;
use crate::workspace::Workspace;
use crate::{node, step, tidy};

/// Runs the checks; a failing one does not stop the later ones.
///
/// The tests come last, and their summary is the last line of a good run.
///
/// # Errors
///
/// Names the checks that failed.
pub(crate) fn ci(workspace: &Workspace) -> anyhow::Result<()> {
    let mut report = Report::default();
    let cargo = |purpose: &str, args: &[&str]| step::run(purpose, workspace.cargo().args(args));
    // First, for clippy and the build take the dashboard in.
    report.time("dashboard", || node::build_if_there(workspace));
    report.time("fmt", || cargo("Checking the format", &["fmt", "--all", "--check"]));
    report.time("clippy", || {
        let args = ["clippy", "--workspace", "--all-targets", "--profile", PROFILE];
        cargo("Looking for lints", &[&args[..], &["--", "--deny", "warnings"]].concat())
    });
    report.time("doc", || {
        let mut command = workspace.cargo();
        command.args(["doc", "--workspace", "--no-deps", "--profile", PROFILE]);
        command.env("RUSTDOCFLAGS", "--deny warnings");
        step::run("Building the documentation", &mut command)
    });
    report.time("build", || crate::testing::build(workspace));
    report.time("tidy", || tidy::tidy(workspace));
    let mut summary = Vec::new();
    report.time("test", || {
        let mut command = workspace.cargo();
        command.args(["xtask", "test"]);
        let (outcome, kept) =
            step::run_and_keep("Testing as the README says", &mut command, is_summary)?;
        summary = kept;
        outcome
    });
    println!("\n{}", report.table());
    let failed = report.failed();
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    if let Some(line) = summary_of(&summary) {
        println!("{line}");
    }
    Ok(())
}

/// Returns one line for all: that of nextest, else the sum of what `cargo test` said per program.
fn summary_of(lines: &[String]) -> Option<String> {
    if let Some(line) = lines.iter().find(|line| line.starts_with("Summary [")) {
        return Some(line.clone());
    }
    let count = |word: &str| -> u64 {
        let numbers = lines.iter().filter_map(|line| {
            let (before, _) = line.split_once(word)?;
            before.trim_end().rsplit(' ').next()?.parse::<u64>().ok()
        });
        numbers.sum()
    };
    let (passed, failed, ignored) = (count("passed;"), count("failed;"), count("ignored;"));
    (!lines.is_empty())
        .then(|| format!("test result: ok. {passed} passed; {failed} failed; {ignored} ignored"))
}

/// Whether a line is a test runner's summary: `Summary [ 1.2s] 3 tests run: 3 passed` or
/// `test result: ok. 3 passed; ...`.
fn is_summary(line: &str) -> bool {
    line.trim_start().starts_with("Summary [") || line.starts_with("test result: ")
}

#[cfg(test)]
mod tests {
    use super::{is_summary, summary_of};

    #[test]
    fn summaries_are_known() {
        #[rustfmt::skip]
        let cases = [
            ("nextest",        "     Summary [   0.014s] 5 tests run: 5 passed, 0 skipped", true),
            ("cargo test",     "test result: ok. 5 passed; 0 failed; 0 ignored; 0 measured", true),
            ("one test",       "        PASS [   0.004s] xtask ci::tests::summary", false),
            ("in the middle",  "see Summary [ 1s]", false),
            ("empty",          "", false),
        ];
        for (name, line, expected) in cases {
            assert_eq!(is_summary(line), expected, "case: {name}");
        }
    }

    #[test]
    fn one_line_sums_up() {
        let result = |passed| format!("test result: ok. {passed} passed; 0 failed; 1 ignored; 0 m");
        let sum = "test result: ok. 12 passed; 0 failed; 2 ignored".to_owned();
        let nextest = "Summary [ 1.0s] 5 tests run: 5 passed".to_owned();
        let cases = [
            ("nothing ran", vec![], None),
            ("cargo test", vec![result(2), result(10)], Some(sum)),
            ("nextest and doc tests", vec![nextest.clone(), result(2)], Some(nextest)),
        ];
        for (name, lines, expected) in cases {
            assert_eq!(summary_of(&lines), expected, "case: {name}");
        }
    }
}
