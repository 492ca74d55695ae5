//! Checks a Rust file: its first line, and the lengths of the file, its functions and its lines.

use super::source::blank;
use super::{Finding, Rule};

/// Most lines of a file before its test module.
const FILE_LINES_MAX: usize = 500;
/// Most lines of a file that holds tests only.
const TEST_FILE_LINES_MAX: usize = 1_000;
/// Most lines of a test module inside the file that it tests.
const TEST_MODULE_LINES_MAX: usize = 150;
/// Most lines of a function's body, comments and empty ones left out; clippy counts the same.
const FUNCTION_LINES_MAX: usize = 70;
/// Most characters of a line.
const LINE_CHARS_MAX: usize = 100;

/// Checks a Rust file; `path` goes from the root on.
pub(super) fn check(path: &str, source: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut find = |line, rule, text| {
        findings.push(Finding { path: path.to_owned(), line, rule, text });
    };
    let name = path.rsplit('/').next().unwrap_or(path);
    if name == "mod.rs" {
        find(1, Rule::ModFile, "name the file like its module, beside the folder".to_owned());
    }
    let first = source.lines().next().unwrap_or_default();
    if first.strip_prefix("//! ").is_none_or(|text| text.trim().is_empty()) {
        let text = "the first line must be `//!` and what the file is responsible for";
        find(1, Rule::FirstLine, text.to_owned());
    }
    let blanked = blank(source);
    let n_lines = source.lines().count();
    let n_own = test_module_start(&blanked).unwrap_or(n_lines);
    let is_test_file = name == "tests.rs" || path.contains("/tests/");
    let limit = if is_test_file { TEST_FILE_LINES_MAX } else { FILE_LINES_MAX };
    if n_own > limit {
        find(limit + 1, Rule::FileLength, format!("{n_own} lines, more than {limit}"));
    }
    if n_lines - n_own > TEST_MODULE_LINES_MAX {
        let text = format!(
            "test module of {} lines, more than {TEST_MODULE_LINES_MAX}: move it to {}/tests.rs",
            n_lines - n_own,
            name.trim_end_matches(".rs"),
        );
        find(n_own + 1, Rule::TestModule, text);
    }
    for (line, n_code) in functions(&blanked) {
        if n_code > FUNCTION_LINES_MAX {
            let text = format!("{n_code} lines of code, more than {FUNCTION_LINES_MAX}");
            find(line, Rule::FunctionLength, text);
        }
    }
    for (line, n_chars) in long_lines(source, &blanked) {
        find(line, Rule::LineLength, format!("{n_chars} characters, more than {LINE_CHARS_MAX}"));
    }
    findings
}

/// Returns how many lines stand before `#[cfg(test)] mod NAME {`.
fn test_module_start(blanked: &str) -> Option<usize> {
    let mut lines = blanked.lines().map(str::trim).enumerate().peekable();
    while let Some((index, line)) = lines.next() {
        let next = lines.peek().map_or("", |(_, next)| *next);
        if line == "#[cfg(test)]" && next.starts_with("mod ") && next.ends_with('{') {
            return Some(index);
        }
    }
    None
}

/// Returns the first line (from 1) of each function that has a body, and how many lines of code
/// its body has.
fn functions(blanked: &str) -> Vec<(usize, usize)> {
    let is_code: Vec<bool> = blanked.lines().map(|line| !line.trim().is_empty()).collect();
    let mut found = Vec::new();
    for (line, from) in function_starts(blanked) {
        let Some((body_start, body_end)) = body(blanked, from) else {
            continue;
        };
        let line_at =
            |index: usize| blanked.get(..index).map_or(0, |before| before.matches('\n').count());
        let inner = is_code.get(line_at(body_start) + 1..line_at(body_end)).unwrap_or_default();
        found.push((line, inner.iter().filter(|is_code| **is_code).count()));
    }
    found
}

/// Returns line (from 1) and byte index of every word `fn` that a name follows.
fn function_starts(blanked: &str) -> impl Iterator<Item = (usize, usize)> + '_ {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    blanked.match_indices("fn ").filter_map(move |(index, word)| {
        let before = blanked.get(..index)?;
        let name = blanked.get(index + word.len()..)?;
        let is_function = !before.ends_with(is_word) && name.starts_with(is_word);
        is_function.then(|| (before.matches('\n').count() + 1, index))
    })
}

/// Returns the byte indices of the braces around the body that begins after `from`; `None` for a
/// declaration without a body.
fn body(blanked: &str, from: usize) -> Option<(usize, usize)> {
    let mut n_brackets = 0_usize;
    let mut n_braces = 0_usize;
    let mut start = None;
    for (index, c) in blanked.get(from..)?.char_indices() {
        match c {
            '(' | '[' => n_brackets += 1,
            ')' | ']' => n_brackets = n_brackets.saturating_sub(1),
            // The `;` of an array type stands in brackets.
            ';' if start.is_none() && n_brackets == 0 => return None,
            '{' => {
                start = start.or(Some(from + index));
                n_braces += 1;
            }
            '}' => {
                n_braces = n_braces.checked_sub(1)?;
                if n_braces == 0 {
                    return Some((start?, from + index));
                }
            }
            _ => {}
        }
    }
    None
}

/// Returns number (from 1) and length of the lines that are too long.
///
/// Tables that are laid out by hand (`#[rustfmt::skip]`) and lines that a literal or an address
/// makes long are left out, as rustfmt leaves them.
fn long_lines(source: &str, blanked: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut table_indent = None;
    let mut is_table_begun = false;
    for (index, (line, code)) in source.lines().zip(blanked.lines()).enumerate() {
        let indent = line.len() - line.trim_start().len();
        if let Some(table) = table_indent {
            // The statement ends at its own indent, on its first line or on a later one.
            let is_end = indent == table && line.ends_with([';', '}', ',']);
            if is_end && (is_table_begun || line.ends_with(';')) {
                table_indent = None;
            }
            is_table_begun = true;
            continue;
        }
        if line.trim() == "#[rustfmt::skip]" {
            table_indent = Some(indent);
            is_table_begun = false;
            continue;
        }
        let n_chars = line.chars().count();
        let n_breakable = code.chars().filter(|c| *c != '"').count();
        let has_address = line.contains("https://") || line.contains("http://");
        if n_breakable > LINE_CHARS_MAX && !has_address {
            found.push((index + 1, n_chars));
        }
    }
    found
}

#[cfg(test)]
mod tests;
