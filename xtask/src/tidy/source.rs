//! Blanks comments and literals out of Rust source, so that what is left can be counted.

/// Returns `source` with comments as spaces and with strings and characters as `"`; line breaks
/// stay.
///
/// Pure and total: source that does not end what it begins is blank to its end.
pub(super) fn blank(source: &str) -> String {
    let mut blanked = String::with_capacity(source.len());
    let mut rest = source;
    let mut is_after_word = false;
    while let Some(next) = rest.chars().next() {
        let len = if is_after_word { 0 } else { literal_len(rest) };
        let len = if len == 0 { comment_or_quote_len(rest) } else { len };
        let (taken, after) = rest.split_at(if len == 0 { next.len_utf8() } else { len });
        if len == 0 {
            blanked.push_str(taken);
        } else {
            let filling = if taken.starts_with('/') { ' ' } else { '"' };
            blanked.extend(taken.chars().map(|c| if c == '\n' { '\n' } else { filling }));
        }
        is_after_word = len == 0 && (next.is_alphanumeric() || next == '_');
        rest = after;
    }
    blanked
}

/// Returns the length of a literal with a prefix (`r"`, `r#"`, `b"`, `br"`, `c"`, `b'`) that
/// `rest` begins with, 0 when there is none.
fn literal_len(rest: &str) -> usize {
    let prefix_len = ["br", "cr", "r", "b", "c"]
        .iter()
        .find(|prefix| {
            let after = rest.strip_prefix(**prefix);
            after.is_some_and(|after| after.starts_with(['"', '\'', '#']))
        })
        .map_or(0, |prefix| prefix.len());
    let (prefix, after) = rest.split_at(prefix_len);
    if prefix.ends_with('r') {
        let n_hashes = after.len() - after.trim_start_matches('#').len();
        let (hashes, quoted) = after.split_at(n_hashes);
        let Some(body) = quoted.strip_prefix('"') else {
            // A raw name, as `r#type`.
            return 0;
        };
        let end = format!("\"{hashes}");
        let body_len = body.find(&end).map_or(body.len(), |index| index + end.len());
        return prefix_len + n_hashes + 1 + body_len;
    }
    match comment_or_quote_len(after) {
        0 => 0,
        _ if prefix.is_empty() => 0,
        len => prefix_len + len,
    }
}

/// Returns the length of the comment, string or character that `rest` begins with, 0 when there
/// is none.
fn comment_or_quote_len(rest: &str) -> usize {
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return block_comment_len(rest);
    }
    if rest.starts_with('"') {
        return 1 + quoted_len(rest, '"');
    }
    let Some(after) = rest.strip_prefix('\'') else {
        return 0;
    };
    let mut chars = after.chars();
    match (chars.next(), chars.next()) {
        (Some('\\'), _) | (Some(_), Some('\'')) => 1 + quoted_len(rest, '\''),
        // A lifetime or a label.
        _ => 0,
    }
}

/// Returns the length from after the opening quote to after the closing one.
fn quoted_len(rest: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (index, c) in rest.char_indices().skip(1) {
        if !is_escaped && c == quote {
            return index;
        }
        is_escaped = !is_escaped && c == '\\';
    }
    rest.len() - 1
}

/// Returns the length of a block comment with the ones nested in it.
fn block_comment_len(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut index = 0;
    while let Some(after) = rest.get(index..).filter(|after| !after.is_empty()) {
        if after.starts_with("/*") {
            depth += 1;
            index += 2;
        } else if after.starts_with("*/") {
            depth -= 1;
            index += 2;
            if depth == 0 {
                return index;
            }
        } else {
            index += after.chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::blank;

    #[test]
    fn blank_cases() {
        #[rustfmt::skip]
        let cases = [
            ("empty",              "",                        ""),
            ("plain",              "fn f() {}",               "fn f() {}"),
            ("line comment",       "a // {\nb",               "a     \nb"),
            ("block comment",      "a /* { /* } */ \n */ b",  "a              \n    b"),
            ("string",             "a(\"{\")",                "a(~~~)"),
            ("string of lines",    "(\"a\n{\")",              "(~~\n~~)"),
            ("escaped quote",      "a(\"\\\"{\")b",           "a(~~~~~)b"),
            ("escaped backslash",  "(\"\\\\\"){",             "(~~~~){"),
            ("raw string",         "(r#\"{\"}\"#)",           "(~~~~~~~~)"),
            ("raw, no escapes",    "(r\"\\\"){",              "(~~~~){"),
            ("byte string",        "(b\"{\")",                "(~~~~)"),
            ("character",          "('{')",                   "(~~~)"),
            ("quote character",    "('\\''){",                "(~~~~){"),
            ("byte character",     "(b'{')",                  "(~~~~)"),
            ("lifetime",           "fn f<'a>(x: &'a u8) {}",  "fn f<'a>(x: &'a u8) {}"),
            ("label",              "'x: loop {}",             "'x: loop {}"),
            ("raw name",           "r#type {",                "r#type {"),
            ("name ending in r",   "for\"{\"",                "for~~~"),
            ("beyond ASCII",       "\"é{\" é{",               "~~~~ é{"),
            ("open string",        "a \"{",                   "a ~~"),
            ("open raw string",    "a r#\"{\"",               "a ~~~~~"),
            ("open comment",       "a /* {",                  "a     "),
        ];
        for (name, source, expected) in cases {
            assert_eq!(blank(source), expected.replace('~', "\""), "case: {name}");
        }
    }
}
