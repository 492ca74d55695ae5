//! Checks the lines of any text file: forbidden words and unowned open work.

use super::{Finding, Rule};

/// Words that never belong in the repository, put together so that this file holds none of them.
const WORDS: [(&str, &str); 10] = [
    (concat!("/wo", "rk/"), "a path of one machine"),
    (concat!("/ho", "me/"), "a path of one machine"),
    (concat!("/ro", "ot/"), "a path of one machine"),
    (concat!("/Us", "ers/"), "a path of one machine"),
    (concat!(".lib", "rary"), "a path of one machine"),
    (concat!("static.", "crates.io"), "a registry's host"),
    (concat!("index.", "crates.io"), "a registry's host"),
    (concat!("registry.", "npmjs.org"), "a registry's host"),
    (concat!("files.", "pythonhosted.org"), "a registry's host"),
    (concat!("deb.", "debian.org"), "a registry's host"),
];
/// Word of open work; it must be followed by its issue, `(#123)`.
const OPEN_WORK: &str = concat!("TO", "DO");

/// Checks every line of a text file.
pub(super) fn check(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let mut find = |rule, text| {
            findings.push(Finding { path: path.to_owned(), line: index + 1, rule, text });
        };
        for (word, what) in WORDS {
            if has_word(line, word) {
                find(Rule::Word, format!("`{word}` is {what}"));
            }
        }
        if has_open_work(line) {
            find(Rule::Todo, format!("write `{OPEN_WORK}(#123):` with its issue, or nothing"));
        }
    }
    findings
}

/// Whether `word` stands in the line where a path or a host would begin.
fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(index, _)| {
        let before = line.get(..index).unwrap_or_default();
        !before.ends_with(|last: char| last.is_alphanumeric() || last == '_' || last == '}')
    })
}

fn has_open_work(line: &str) -> bool {
    line.match_indices(OPEN_WORK).any(|(index, word)| {
        let before = line.get(..index).unwrap_or_default();
        let after = line.get(index + word.len()..).unwrap_or_default();
        let is_whole = !before.ends_with(char::is_alphanumeric)
            && !after.starts_with(|next: char| next.is_alphanumeric() || next == '_');
        let issue = after.strip_prefix("(#").and_then(|after| after.split_once("):"));
        is_whole && issue.is_none_or(|(number, _)| number.parse::<u32>().is_err())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_open_work() {
        let home = concat!("/ho", "me/");
        let open = concat!("TO", "DO");
        let cases = [
            ("plain", "fn main() {}".to_owned(), None),
            ("path", format!("see {home}someone/file"), Some((1, Rule::Word))),
            ("path in quotes", format!("\n\"{home}x\""), Some((2, Rule::Word))),
            ("part of a path", format!("a/b{home}x"), None),
            ("host", concat!("https://index.", "crates.io/a").to_owned(), Some((1, Rule::Word))),
            ("open work", format!("// {open}: later"), Some((1, Rule::Todo))),
            ("with its issue", format!("// {open}(#12): later"), None),
            ("with no number", format!("// {open}(#x): later"), Some((1, Rule::Todo))),
            ("longer word", format!("let {open}S = 1;"), None),
        ];
        for (name, text, expected) in cases {
            let findings = check("src/a.rs", &text);
            let first = findings.first().map(|finding| (finding.line, finding.rule));
            assert_eq!(first, expected, "case: {name}");
        }
    }
}
