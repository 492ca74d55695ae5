//! Keeps the outcome and the time of each step of a longer task.

#![expect(clippy::disallowed_types, reason = "there is no runtime here whose time could be paused")]

use std::fmt::Write;
use std::time::{Duration, Instant};

/// Steps that ran, in order.
#[derive(Debug, Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    name: &'static str,
    duration: Duration,
    error: Option<String>,
}

impl Report {
    /// Runs a step and notes how it went.
    pub(crate) fn time(&mut self, name: &'static str, step: impl FnOnce() -> anyhow::Result<()>) {
        let start = Instant::now();
        let outcome = step();
        let error = outcome.err().map(|error| format!("{error:#}"));
        if let Some(error) = &error {
            eprintln!("error: {name}: {error}");
        }
        self.rows.push(Row { name, duration: start.elapsed(), error });
    }

    /// Returns the names of the steps that failed.
    pub(crate) fn failed(&self) -> Vec<&'static str> {
        self.rows.iter().filter(|row| row.error.is_some()).map(|row| row.name).collect()
    }

    /// Returns a table of the steps with their times and their sum.
    pub(crate) fn table(&self) -> String {
        let mut table = String::new();
        let total: Duration = self.rows.iter().map(|row| row.duration).sum();
        let rows = self
            .rows
            .iter()
            .map(|row| (row.name, row.duration, if row.error.is_some() { "failed" } else { "ok" }));
        for (name, duration, outcome) in rows.chain([("total", total, "")]) {
            let seconds = duration.as_secs_f64();
            let line = format!("{name:<10} {seconds:>7.1} s  {outcome}");
            writeln!(table, "{}", line.trim_end()).expect("a string takes every line");
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_lists_steps_outcomes_and_the_sum() {
        let row = |name, seconds, error: Option<&str>| Row {
            name,
            duration: Duration::from_secs(seconds),
            error: error.map(str::to_owned),
        };
        let report = Report { rows: vec![row("fmt", 1, None), row("clippy", 41, Some("no"))] };
        assert_eq!(
            report.table(),
            "fmt            1.0 s  ok\n\
             clippy        41.0 s  failed\n\
             total         42.0 s\n"
        );
        assert_eq!(report.failed(), ["clippy"]);
    }
}
