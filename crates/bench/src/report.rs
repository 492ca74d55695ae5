//! Writes what was measured: Markdown for people and documents, JSON for programs.

use std::fmt::Write;

use serde_json::{Map, Value, json};

use crate::machine::Machine;

/// What a bench found out.
#[derive(Debug)]
pub(crate) struct Report {
    bench: &'static str,
    machine: Machine,
    /// How it was measured, one sentence each.
    notes: Vec<String>,
    tables: Vec<Table>,
    targets: Vec<Target>,
}

/// Returns what several benches found out as Markdown: the targets, then each bench.
pub(crate) fn to_markdown(reports: &[Report]) -> String {
    let mut text = String::new();
    if reports.len() > 1 {
        put_line(&mut text, format_args!("| what | target | measured | met | made by |"));
        put_line(&mut text, format_args!("|---|---|---|---|---|"));
        for report in reports {
            for target in &report.targets {
                let bound = match target.bound {
                    Bound::AtLeast(least) => format!("≥ {}", figure_text(least)),
                    Bound::AtMost(most) => format!("≤ {}", figure_text(most)),
                };
                let is_met = if target.is_met() { "yes" } else { "**no**" };
                let (what, figure) = (target.what, figure_text(target.figure));
                let made_by = format_args!("`cargo xtask bench {}`", report.bench);
                put_line(
                    &mut text,
                    format_args!("| {what} | {bound} | {figure} | {is_met} | {made_by} |"),
                );
            }
        }
        text.push('\n');
    }
    for (index, report) in reports.iter().enumerate() {
        if index > 0 {
            text.push('\n');
        }
        text.push_str(&report.to_markdown());
    }
    text
}

/// Returns what benches found out as JSON.
pub(crate) fn to_json(reports: &[Report]) -> Value {
    json!({"benches": reports.iter().map(Report::to_json).collect::<Vec<Value>>()})
}

/// A column: its heading, and its key in JSON.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    heading: &'static str,
    key: &'static str,
}

impl Column {
    /// Returns its key in JSON.
    pub(crate) const fn key(&self) -> &'static str {
        self.key
    }
}

/// Makes a column.
pub(crate) const fn column(heading: &'static str, key: &'static str) -> Column {
    Column { heading, key }
}

/// Figures in rows.
#[derive(Debug)]
pub(crate) struct Table {
    title: &'static str,
    columns: &'static [Column],
    rows: Vec<Vec<Cell>>,
}

/// One entry of a table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    /// Words.
    Text(String),
    /// How many.
    Count(u64),
    /// A figure, shown with as many digits as its size deserves.
    Figure(f64),
    /// Does not apply.
    Nothing,
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<u64> for Cell {
    fn from(count: u64) -> Self {
        Self::Count(count)
    }
}

impl From<usize> for Cell {
    fn from(count: usize) -> Self {
        Self::Count(u64::try_from(count).unwrap_or(u64::MAX))
    }
}

impl From<f64> for Cell {
    fn from(figure: f64) -> Self {
        Self::Figure(figure)
    }
}

impl From<Option<f64>> for Cell {
    fn from(figure: Option<f64>) -> Self {
        figure.map_or(Self::Nothing, Self::Figure)
    }
}

/// What a target asks of a figure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Bound {
    /// Not less than this.
    AtLeast(f64),
    /// Not more than this.
    AtMost(f64),
}

/// A figure and what it should be.
#[derive(Debug)]
pub(crate) struct Target {
    what: &'static str,
    bound: Bound,
    figure: f64,
}

impl Target {
    /// Compares a figure with what it should be.
    pub(crate) fn new(what: &'static str, bound: Bound, figure: f64) -> Self {
        Self { what, bound, figure }
    }

    /// Whether the figure is as it should be; one that is no number never is.
    pub(crate) fn is_met(&self) -> bool {
        match self.bound {
            Bound::AtLeast(least) => self.figure >= least,
            Bound::AtMost(most) => self.figure <= most,
        }
    }
}

impl Table {
    /// Makes a table without rows.
    pub(crate) fn new(title: &'static str, columns: &'static [Column]) -> Self {
        Self { title, columns, rows: Vec::new() }
    }

    /// Whether it has no rows.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Adds a row, which has a cell for every column.
    pub(crate) fn add(&mut self, row: Vec<Cell>) {
        debug_assert_eq!(row.len(), self.columns.len(), "a row has a cell for every column");
        self.rows.push(row);
    }

    fn write_markdown(&self, text: &mut String) {
        let headings = self.columns.iter().map(|column| column.heading);
        let line = |cells: Vec<String>| format!("| {} |", cells.join(" | "));
        put_line(text, format_args!("{}:\n", self.title));
        put_line(text, format_args!("{}", line(headings.map(str::to_owned).collect())));
        put_line(text, format_args!("|{}", "---|".repeat(self.columns.len())));
        for row in &self.rows {
            put_line(text, format_args!("{}", line(row.iter().map(Cell::to_text).collect())));
        }
        text.push('\n');
    }

    fn to_json(&self) -> Value {
        let rows = self.rows.iter().map(|row| {
            let members = self.columns.iter().zip(row);
            let members = members.map(|(column, cell)| (column.key.to_owned(), cell.to_json()));
            Value::Object(members.collect::<Map<String, Value>>())
        });
        json!({"title": self.title, "rows": rows.collect::<Vec<Value>>()})
    }
}

impl Cell {
    fn to_text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Count(count) => grouped(&count.to_string()),
            Self::Figure(figure) => figure_text(*figure),
            Self::Nothing => "–".to_owned(),
        }
    }

    fn to_json(&self) -> Value {
        match self {
            Self::Text(text) => Value::from(text.as_str()),
            Self::Count(count) => Value::from(*count),
            Self::Figure(figure) => Value::from(*figure),
            Self::Nothing => Value::Null,
        }
    }
}

impl Report {
    /// Makes a report without figures.
    pub(crate) fn new(bench: &'static str, machine: Machine) -> Self {
        Self { bench, machine, notes: Vec::new(), tables: Vec::new(), targets: Vec::new() }
    }

    /// Adds a sentence on how it was measured.
    pub(crate) fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    /// Adds a table.
    pub(crate) fn table(&mut self, table: Table) {
        self.tables.push(table);
    }

    /// Adds a target.
    pub(crate) fn target(&mut self, target: Target) {
        self.targets.push(target);
    }

    /// Whether every target is met.
    pub(crate) fn is_met(&self) -> bool {
        self.targets.iter().all(Target::is_met)
    }

    /// Returns the report as Markdown, one sentence per line.
    fn to_markdown(&self) -> String {
        let mut text = String::new();
        put_line(&mut text, format_args!("### `cargo xtask bench {}`\n", self.bench));
        put_line(&mut text, format_args!("{}", self.machine));
        for note in &self.notes {
            put_line(&mut text, format_args!("{note}"));
        }
        text.push('\n');
        for table in &self.tables {
            table.write_markdown(&mut text);
        }
        for target in &self.targets {
            let (word, bound) = match target.bound {
                Bound::AtLeast(least) => ("at least", least),
                Bound::AtMost(most) => ("at most", most),
            };
            let outcome = if target.is_met() { "met" } else { "**missed**" };
            let (what, bound) = (target.what, figure_text(bound));
            let figure = figure_text(target.figure);
            put_line(
                &mut text,
                format_args!("- {what}: {figure}; the target of {word} {bound} is {outcome}."),
            );
        }
        text
    }

    /// Returns the report as JSON.
    fn to_json(&self) -> Value {
        let targets = self.targets.iter().map(|target| {
            let (at_least, at_most) = match target.bound {
                Bound::AtLeast(least) => (Some(least), None),
                Bound::AtMost(most) => (None, Some(most)),
            };
            json!({
                "what": target.what,
                "figure": target.figure,
                "at_least": at_least,
                "at_most": at_most,
                "is_met": target.is_met(),
            })
        });
        json!({
            "bench": self.bench,
            "machine": self.machine.to_json(),
            "notes": self.notes,
            "tables": self.tables.iter().map(Table::to_json).collect::<Vec<Value>>(),
            "targets": targets.collect::<Vec<Value>>(),
        })
    }
}

/// Returns a figure with three significant digits, or all digits before the point, in groups.
fn figure_text(figure: f64) -> String {
    let size = figure.abs();
    if !figure.is_finite() {
        return "not measured".to_owned();
    }
    if size < 99.95 {
        let digits = match size {
            _ if size >= 9.995 => 1,
            _ if size >= 0.9995 || size == 0.0 => 2,
            _ => 3,
        };
        return format!("{figure:.digits$}");
    }
    let sign = if figure < 0.0 { "-" } else { "" };
    format!("{sign}{}", grouped(&format!("{size:.0}")))
}

/// Puts the digits of a whole number in groups of three.
fn grouped(digits: &str) -> String {
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn put_line(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("a String takes any text");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_the_digits_that_their_size_deserves() {
        #[rustfmt::skip]
        let cases = [
            (0.0,        "0.00"),
            (0.012_34,   "0.012"),
            (1.005,      "1.00"),
            (9.999,      "10.0"),
            (12.34,      "12.3"),
            (99.96,      "100"),
            (1_234.5,    "1,234"),
            (-45_678.0,  "-45,678"),
            (1_000_000.0, "1,000,000"),
            (f64::NAN,   "not measured"),
        ];
        for (figure, expected) in cases {
            assert_eq!(figure_text(figure), expected, "case: {figure}");
        }
    }

    fn publish_report() -> Report {
        const COLUMNS: &[Column] = &[column("mode", "mode"), column("events/s", "events_per_s")];
        let mut table = Table::new("Publishes", COLUMNS);
        table.add(vec!["group".into(), 12_345.0.into()]);
        table.add(vec!["single".into(), None.into()]);
        let mut report = Report::new("publish", Machine::invented());
        report.note("Medians of 3 runs.");
        report.table(table);
        report.target(Target::new("ratio", Bound::AtLeast(10.0), 9.0));
        report
    }

    #[test]
    fn markdown_says_whether_targets_are_met() {
        let report = publish_report();
        let markdown = report.to_markdown();
        assert!(markdown.contains("| mode | events/s |\n|---|---|\n| group | 12,345 |\n"));
        assert!(markdown.contains("| single | – |"), "{markdown}");
        assert!(markdown.contains("ratio: 9.00; the target of at least 10.0 is **missed**."));

        assert!(!report.is_met());
        let both = to_markdown(&[report, Report::new("size", Machine::invented())]);
        let summary = "| ratio | ≥ 10.0 | 9.00 | **no** | `cargo xtask bench publish` |\n\n###";
        assert!(both.contains(summary), "{both}");
    }

    #[test]
    fn json_holds_every_figure() {
        let report = publish_report();
        let json = to_json(&[report]);
        let json = &json["benches"][0];
        assert_eq!(json["tables"][0]["rows"][0]["events_per_s"], 12_345.0);
        assert_eq!(json["tables"][0]["rows"][1]["events_per_s"], Value::Null);
        assert_eq!(json["targets"][0]["is_met"], false);
    }
}
