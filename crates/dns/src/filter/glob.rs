//! Patterns of AdGuard's rules: literal text with `*`, `^` and anchors, matched on names.

/// Where a pattern has to start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Start {
    /// Anywhere.
    Anywhere,
    /// At the start of the name (`|`).
    Name,
    /// At the start of the name or of a label (`||`).
    Label,
}

/// A pattern, made ready for names in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Glob {
    start: Start,
    /// Lower-case text; `*` stands for anything, `^` for a separator or the end.
    text: Box<[u8]>,
    /// Whether the name has to end where the pattern does (`|` at the end).
    is_ended: bool,
}

impl Glob {
    /// Takes the anchors off `pattern` and keeps the rest.
    pub(crate) fn parse(pattern: &str) -> Self {
        let lower = pattern.to_ascii_lowercase();
        let (start, rest) = if let Some(rest) = lower.strip_prefix("||") {
            (Start::Label, rest)
        } else if let Some(rest) = lower.strip_prefix('|') {
            (Start::Name, rest)
        } else {
            (Start::Anywhere, lower.as_str())
        };
        let (rest, is_ended) = rest.strip_suffix('|').map_or((rest, false), |rest| (rest, true));
        Self { start, text: rest.as_bytes().into(), is_ended }
    }

    /// Anchors a pattern at the start of the name, whatever it says itself.
    pub(crate) fn from_name_start(pattern: &str) -> Self {
        Self { start: Start::Name, ..Self::parse(pattern) }
    }

    /// Whether the pattern matches `name`, which is in lower case.
    pub(crate) fn is_match(&self, name: &str) -> bool {
        let name = name.as_bytes();
        match self.start {
            Start::Name => self.is_match_from(name, 0),
            Start::Anywhere => (0..=name.len()).any(|start| self.is_match_from(name, start)),
            Start::Label => self.is_match_at_label(name),
        }
    }

    /// The longest run of plain text, which every match contains.
    pub(crate) fn literal(&self) -> &[u8] {
        let runs = self.text.split(|byte| matches!(byte, b'*' | b'^'));
        runs.max_by_key(|run| run.len()).unwrap_or_default()
    }

    fn is_match_at_label(&self, name: &[u8]) -> bool {
        if self.is_match_from(name, 0) {
            return true;
        }
        // What stands before the label may hold only what host names are made of.
        for (index, byte) in name.iter().enumerate() {
            match byte {
                b'.' if index > 0 && self.is_match_from(name, index + 1) => return true,
                b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {}
                _ => return false,
            }
        }
        false
    }

    /// Matches from `start` on, going back to the last `*` when the text differs.
    fn is_match_from(&self, name: &[u8], start: usize) -> bool {
        let (mut at, mut pattern_at) = (start, 0);
        let mut retry: Option<(usize, usize)> = None;
        loop {
            let is_step = match self.text.get(pattern_at) {
                None if !self.is_ended || at == name.len() => return true,
                None => false,
                Some(b'*') => {
                    pattern_at += 1;
                    retry = Some((pattern_at, at));
                    continue;
                }
                Some(b'^') if at == name.len() => {
                    pattern_at += 1;
                    continue;
                }
                Some(b'^') => name.get(at).is_some_and(|byte| is_separator(*byte)),
                Some(literal) => name.get(at) == Some(literal),
            };
            if is_step {
                (at, pattern_at) = (at + 1, pattern_at + 1);
                continue;
            }
            let Some((after_star, star_at)) = retry.filter(|(_, at)| *at < name.len()) else {
                return false;
            };
            (at, pattern_at) = (star_at + 1, after_star);
            retry = Some((after_star, star_at + 1));
        }
    }
}

/// Whether `^` stands for this character: none that names are made of (AdGuard's syntax).
fn is_separator(byte: u8) -> bool {
    !(byte.is_ascii_alphanumeric() || matches!(byte, b' ' | b'.' | b'%' | b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn match_cases() {
        #[rustfmt::skip]
        let cases = [
            ("||example.org^",     "example.org",          true),
            ("||example.org^",     "a.b.example.org",      true),
            ("||example.org^",     "myexample.org",        false),
            ("||example.org^",     "example.org.evil.net", false),
            ("||example.org",      "example.organic",      true),
            ("||example.org",      "example.org.evil.net", true),
            ("||example.org|",     "www.example.org",      true),
            ("||exam*.org^",       "www.example.org",      true),
            ("||exam*.org^",       "www.example.orga",     false),
            ("|example.org^",      "example.org",          true),
            ("|example.org^",      "www.example.org",      false),
            ("example.org^",       "myexample.org",        true),
            ("example.org|",       "myexample.org",        true),
            ("example.org|",       "example.org.net",      false),
            (".example.org^",      "example.org",          false),
            (".example.org^",      "www.example.org",      true),
            ("*.example.org^",     "www.example.org",      true),
            ("*.example.org^",     "example.org",          false),
            ("ads*track",          "my-ads-and-tracks.example", true),
            ("ads*track",          "track.ads.example",    false),
            ("EXAMPLE.ORG^",       "example.org",          true),
            ("||example^org^",     "example.org",          false),
            ("||^",                "a",                    false),
            ("^",                  "example.org",          true),
            ("||a.b.a.b.c^",       "a.b.a.b.a.b.c",        true),
            ("|a*a*a*b|",          "aaaaaaaaaaaaaaaa",     false),
            ("||*.example.org^",   "www.example.org",      true),
            ("||*.example.org^",   "example.org",          false),
            ("||example.org^^",    "example.org",          true),
            ("||example.org^*",    "example.org",          true),
            ("||b c.example^",     "b c.example",          true),
            ("||example^",         "b c.example",          false),
            ("a|b",                "ab",                   false),
        ];
        for (pattern, name, expected) in cases {
            assert_eq!(Glob::parse(pattern).is_match(name), expected, "case: {pattern} on {name}");
        }
    }

    #[test]
    fn the_longest_literal_is_found() {
        let cases =
            [("||ads*.example^", &b".example"[..]), ("*", b""), ("^^", b""), ("x*yy", b"yy")];
        for (pattern, expected) in cases {
            assert_eq!(Glob::parse(pattern).literal(), expected, "case: {pattern}");
        }
    }

    proptest! {
        #[test]
        fn matching_agrees_with_plain_recursion(pattern in "[ab.*^|]{0,8}", name in "[ab.]{0,10}") {
            let glob = Glob::parse(&pattern);
            let is_match_at = |start: usize| recurse(&glob, &glob.text, &name.as_bytes()[start..]);
            let starts: Vec<usize> = match glob.start {
                Start::Name => vec![0],
                Start::Anywhere => (0..=name.len()).collect(),
                Start::Label => std::iter::once(0)
                    .chain(name.match_indices('.').filter(|(at, _)| *at > 0).map(|(at, _)| at + 1))
                    .collect(),
            };
            prop_assert_eq!(glob.is_match(&name), starts.into_iter().any(is_match_at));
        }
    }

    fn recurse(glob: &Glob, text: &[u8], name: &[u8]) -> bool {
        match (text, name) {
            ([], rest) => rest.is_empty() || !glob.is_ended,
            ([b'*', text @ ..], name) => {
                (0..=name.len()).any(|skip| recurse(glob, text, &name[skip..]))
            }
            ([b'^', text @ ..], []) => recurse(glob, text, &[]),
            ([b'^', text @ ..], [first, name @ ..]) => {
                is_separator(*first) && recurse(glob, text, name)
            }
            ([literal, text @ ..], [first, name @ ..]) => {
                literal == first && recurse(glob, text, name)
            }
            (_, []) => false,
        }
    }
}
