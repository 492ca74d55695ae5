//! Compiles lists, line by line and twice: once to count and to see what is taken back, once to
//! fill a table of the right size.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::PathBuf;
use std::sync::Arc;

use crate::filter::compiled::Compiled;
use crate::filter::dialect::{Dialect, Draft, LINE_BYTES_MAX, RuleKey, Sink, read_line};
use crate::filter::estimate::Estimate;
use crate::filter::rule::{Action, Mark, Pattern, Rule, Shape, Weight};
use crate::filter::rules::{Rules, RulesBuilder};
use crate::filter::suffixes::{HashKey, hash_name};
use crate::filter::table::{Listed, TableBuilder};
use crate::verdict::ListId;

/// Ignored lines that a report shows; the rest is counted.
pub const IGNORED_LINES_MAX: usize = 100;
/// Bytes of an ignored line that a report shows.
const IGNORED_TEXT_BYTES_MAX: usize = 200;
const READ_BUFFER_BYTES: usize = 64 * 1024;

/// Whether the rules of a list block or allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum ListKind {
    /// They mean what they say.
    #[default]
    Block,
    /// What they match is allowed.
    Allow,
}

impl ListKind {
    /// What a rule says in a list of this kind.
    fn turn(self, mark: Mark) -> Mark {
        match (self, mark) {
            (Self::Block, mark) => mark,
            (Self::Allow, Mark::Weight(weight)) => Mark::Weight(weight.allowing()),
            (Self::Allow, Mark::ByLength(_)) => Mark::Weight(Weight::Allow),
        }
    }
}

/// Where the text of a list is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListText {
    /// In a file.
    File(PathBuf),
    /// In memory.
    Inline(Arc<str>),
}

impl ListText {
    /// Opens the text for reading from its start.
    ///
    /// # Errors
    ///
    /// The file cannot be opened.
    pub fn open(&self) -> io::Result<Box<dyn BufRead + '_>> {
        Ok(match self {
            Self::File(path) => {
                Box::new(BufReader::with_capacity(READ_BUFFER_BYTES, File::open(path)?))
            }
            Self::Inline(text) => Box::new(text.as_bytes()),
        })
    }
}

/// A list to compile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListSource {
    /// Its number.
    pub list: ListId,
    /// Whether it blocks or allows.
    pub kind: ListKind,
    /// How its rules are written.
    pub dialect: Dialect,
    /// Its text.
    pub text: ListText,
}

/// A line that is no rule here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IgnoredLine {
    /// Its number, from 1.
    pub line: u32,
    /// Its first characters.
    pub text: Box<str>,
    /// Why, in words that follow "ignored: ".
    pub why: &'static str,
}

/// What became of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListReport {
    /// Rules that it has, the same ones counted each time.
    pub n_rules: usize,
    /// Lines that are no rules here.
    pub n_ignored: usize,
    /// The first [`IGNORED_LINES_MAX`] of them.
    pub ignored: Vec<IgnoredLine>,
    /// Bytes that were read.
    pub n_bytes: u64,
}

impl ListReport {
    /// Notes a line that is no rule here.
    fn ignore(&mut self, line: u32, text: &str, why: &'static str) {
        self.n_ignored += 1;
        if self.ignored.len() < IGNORED_LINES_MAX {
            let text = text.trim();
            let mut end = IGNORED_TEXT_BYTES_MAX.min(text.len());
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            let text = text.get(..end).unwrap_or_default().into();
            self.ignored.push(IgnoredLine { line, text, why });
        }
    }
}

/// Compiles `sources`; the reports come in their order.
///
/// # Errors
///
/// A text cannot be read; nothing is left behind.
pub fn compile(
    key: HashKey,
    sources: &[ListSource],
    progress: &mut dyn FnMut(ListId, &ListReport),
) -> io::Result<(Compiled, Vec<ListReport>)> {
    let mut survey = Survey { key, estimate: Estimate::new(), disabled: HashSet::new() };
    for source in sources {
        let mut reader = source.text.open()?;
        for_each_line(&mut *reader, |_, line| read_line(source.dialect, line, &mut survey))?;
    }
    let table = TableBuilder::new(key, survey.estimate.count());
    let mut fill = Fill::new(table, survey.disabled);
    let mut reports = Vec::with_capacity(sources.len());
    for source in sources {
        fill.start(source);
        let mut reader = source.text.open()?;
        for_each_line(&mut *reader, |number, line| {
            fill.set_line(number);
            fill.report.n_bytes += u64::try_from(line.len() + 1).unwrap_or_default();
            fill.set_text(line);
            read_line(source.dialect, line, &mut fill);
            if number.is_multiple_of(PROGRESS_LINES) {
                progress(source.list, &fill.report);
            }
        })?;
        progress(source.list, &fill.report);
        reports.push(std::mem::take(&mut fill.report));
    }
    let (table, n_spilled) = (fill.table.finish(), fill.n_spilled);
    Ok((Compiled { key, table, rules: fill.rules.finish(key), n_spilled }, reports))
}

/// Reads a list without keeping its rules, and reports what it holds.
///
/// Expressions are not tried: one that does not compile counts as a rule here.
///
/// # Errors
///
/// The text cannot be read.
pub fn survey(source: &ListSource) -> io::Result<ListReport> {
    let mut report = ListReport::default();
    let mut reader = source.text.open()?;
    for_each_line(&mut *reader, |number, line| {
        report.n_bytes += u64::try_from(line.len() + 1).unwrap_or_default();
        read_line(source.dialect, line, &mut Count { report: &mut report, number, line });
    })?;
    Ok(report)
}

struct Count<'a> {
    report: &'a mut ListReport,
    number: u32,
    line: &'a [u8],
}

impl Sink for Count<'_> {
    fn name(&mut self, _: &str, _: Shape, _: Mark) {
        self.report.n_rules += 1;
    }

    fn rule(&mut self, _: Draft) {
        self.report.n_rules += 1;
    }

    fn disable(&mut self, _: &RuleKey) {
        self.report.n_rules += 1;
    }

    fn is_disabled(&self, _: &dyn Fn() -> RuleKey, _: &str) -> bool {
        false
    }

    fn reject(&mut self, why: &'static str) {
        self.report.ignore(self.number, &String::from_utf8_lossy(self.line), why);
    }
}

/// Lines after which progress is told.
const PROGRESS_LINES: u32 = 16_384;

/// Hands each line over with its number from 1, without its end; of a line that is too long, its
/// first [`LINE_BYTES_MAX`] bytes and one more.
pub(crate) fn for_each_line(
    reader: &mut dyn BufRead,
    mut take: impl FnMut(u32, &[u8]),
) -> io::Result<()> {
    let mut line: Vec<u8> = Vec::with_capacity(256);
    let mut number = 0;
    loop {
        let available = reader.fill_buf()?;
        if available.is_empty() {
            if !line.is_empty() {
                take(number + 1, without_return(&line));
            }
            return Ok(());
        }
        let end = memchr::memchr(b'\n', available);
        let piece = available.get(..end.unwrap_or(available.len())).unwrap_or_default();
        let n_used = piece.len() + usize::from(end.is_some());
        if end.is_some() && line.is_empty() {
            number += 1;
            take(number, without_return(piece));
        } else {
            let room = (LINE_BYTES_MAX + 1).saturating_sub(line.len());
            line.extend_from_slice(piece.get(..room.min(piece.len())).unwrap_or_default());
            if end.is_some() {
                number += 1;
                take(number, without_return(&line));
                line.clear();
            }
        }
        reader.consume(n_used);
    }
}

fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Counts different names and notes what is taken back.
struct Survey {
    key: HashKey,
    estimate: Estimate,
    disabled: HashSet<RuleKey>,
}

impl Sink for Survey {
    fn name(&mut self, name: &str, _: Shape, _: Mark) {
        self.estimate.add(hash_name(self.key, name));
    }

    fn rule(&mut self, _: Draft) {}

    fn disable(&mut self, rule: &RuleKey) {
        self.disabled.insert(rule.clone());
    }

    fn is_disabled(&self, _: &dyn Fn() -> RuleKey, _: &str) -> bool {
        false
    }

    fn reject(&mut self, _: &'static str) {}
}

/// Fills the table and the rules.
pub(super) struct Fill {
    table: TableBuilder,
    rules: RulesBuilder,
    disabled: HashSet<RuleKey>,
    /// Their patterns: most rules are told apart by them alone.
    disabled_patterns: HashSet<Box<str>>,
    list: ListId,
    kind: ListKind,
    line: u32,
    text: String,
    report: ListReport,
    n_spilled: usize,
}

impl Fill {
    fn new(table: TableBuilder, disabled: HashSet<RuleKey>) -> Self {
        Self {
            table,
            rules: RulesBuilder::default(),
            disabled_patterns: disabled.iter().map(|rule| rule.pattern.clone()).collect(),
            disabled,
            list: ListId::OWN,
            kind: ListKind::Block,
            line: 0,
            text: String::new(),
            report: ListReport::default(),
            n_spilled: 0,
        }
    }

    /// Starts without a table, for lines whose names are in one already.
    pub(super) fn for_lines(key: HashKey) -> Self {
        Self::new(TableBuilder::new(key, 0), HashSet::new())
    }

    pub(super) fn start(&mut self, source: &ListSource) {
        (self.list, self.kind) = (source.list, source.kind);
    }

    pub(super) fn set_line(&mut self, line: u32) {
        self.line = line;
    }

    pub(super) fn set_text(&mut self, line: &[u8]) {
        self.text.clear();
        self.text.push_str(std::str::from_utf8(line).unwrap_or_default().trim());
    }

    pub(super) fn into_rules(self, key: HashKey) -> Rules {
        self.rules.finish(key)
    }
}

impl Sink for Fill {
    fn name(&mut self, name: &str, shape: Shape, mark: Mark) {
        let mark = self.kind.turn(mark);
        let listed = Listed { list: self.list, shape, mark };
        self.report.n_rules += 1;
        if self.table.insert(name, listed).is_err() {
            let pattern = Pattern::Name(shape, name.into());
            let mut draft = Draft::judging(pattern, Weight::Block);
            match mark {
                Mark::Weight(weight) => draft.weight = weight,
                Mark::ByLength(kind) => draft.by_length = Some(kind),
            }
            self.report.n_rules -= 1;
            self.n_spilled += 1;
            self.rule(draft);
        }
    }

    fn rule(&mut self, mut draft: Draft) {
        if self.kind == ListKind::Allow {
            if matches!(draft.action, Action::Rewrite(_) | Action::RewriteOff(_) | Action::Drop) {
                return self.reject("a list that allows cannot answer");
            }
            draft.weight = draft.weight.allowing();
            draft.action = Action::Judge { answer: None };
            draft.by_length = None;
        }
        let rule = Rule {
            pattern: draft.pattern,
            action: draft.action,
            weight: draft.weight,
            scope: draft.scope,
            by_length: draft.by_length,
            n_modifiers: draft.n_modifiers,
            list: self.list,
            line: self.line,
            text: self.text.as_str().into(),
        };
        match self.rules.add(rule) {
            Ok(()) => self.report.n_rules += 1,
            Err(why) => self.reject(why),
        }
    }

    fn disable(&mut self, _: &RuleKey) {
        self.report.n_rules += 1;
    }

    fn is_disabled(&self, key: &dyn Fn() -> RuleKey, pattern: &str) -> bool {
        self.disabled_patterns.contains(pattern) && self.disabled.contains(&key())
    }

    fn reject(&mut self, why: &'static str) {
        self.report.ignore(self.line, &self.text, why);
    }
}

/// Finds the line of `source` that makes the rule which the table wrote as `written`.
///
/// # Errors
///
/// The text cannot be read.
pub fn find_line(source: &ListSource, written: &str) -> io::Result<Option<(u32, String)>> {
    let mut search = Search { kind: source.kind, list: source.list, written, is_found: false };
    let mut found = None;
    let mut reader = source.text.open()?;
    for_each_line(&mut *reader, |number, line| {
        if found.is_none() {
            read_line(source.dialect, line, &mut search);
            if search.is_found {
                let text = String::from_utf8_lossy(line).trim().to_owned();
                found = Some((number, text));
            }
        }
    })?;
    Ok(found)
}

struct Search<'a> {
    kind: ListKind,
    list: ListId,
    written: &'a str,
    is_found: bool,
}

impl Sink for Search<'_> {
    fn name(&mut self, name: &str, shape: Shape, mark: Mark) {
        // The name is cheap to look for; only then is the rule written out.
        if self.written.contains(name) {
            let listed = Listed { list: self.list, shape, mark: self.kind.turn(mark) };
            self.is_found |= super::outcome::write_name_rule(name, listed) == self.written;
        }
    }

    fn rule(&mut self, _: Draft) {}
    fn disable(&mut self, _: &RuleKey) {}
    fn is_disabled(&self, _: &dyn Fn() -> RuleKey, _: &str) -> bool {
        false
    }
    fn reject(&mut self, _: &'static str) {}
}
