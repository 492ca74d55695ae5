//! Regular expressions of rules, matched together and bounded in size, number and time.
//!
//! The engine has no look-around and no back references, so a match takes time linear in the name.

use regex::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};

/// Most expressions of all lists together.
pub const REGEXES_MAX: usize = 2_000;
/// Largest compiled expression, in bytes.
pub const REGEX_BYTES_MAX: usize = 256 * 1024;
/// Longest expression as it is written, in bytes.
pub const REGEX_TEXT_BYTES_MAX: usize = 1_024;
/// Expressions that are matched in one pass.
const SET_SIZE: usize = 64;

/// The expressions, done.
#[derive(Debug, Default)]
pub(crate) struct Regexes {
    sets: Vec<Set>,
    /// Those that are for the names which do not match.
    inverted: Vec<(Regex, u32)>,
}

#[derive(Debug)]
struct Set {
    set: RegexSet,
    /// The rule of each expression.
    indexes: Vec<u32>,
}

impl Regexes {
    /// Hands over the numbers of the rules whose expression matches `name`.
    pub(crate) fn for_matches(&self, name: &str, mut take: impl FnMut(u32)) {
        for Set { set, indexes } in &self.sets {
            // Only `matches` says which, and only it allocates.
            if set.is_match(name) {
                for at in set.matches(name) {
                    indexes.get(at).copied().into_iter().for_each(&mut take);
                }
            }
        }
        for (regex, index) in &self.inverted {
            if !regex.is_match(name) {
                take(*index);
            }
        }
    }
}

/// Expressions while they come in.
#[derive(Debug, Default)]
pub(crate) struct RegexesBuilder {
    texts: Vec<(String, u32)>,
    inverted: Vec<(Regex, u32)>,
}

impl RegexesBuilder {
    /// Checks an expression and keeps it for the rule `index`.
    ///
    /// # Errors
    ///
    /// It is invalid, too large, or one too many.
    pub(crate) fn add(
        &mut self,
        index: u32,
        text: &str,
        is_case_insensitive: bool,
        is_inverted: bool,
    ) -> Result<(), &'static str> {
        if self.texts.len() + self.inverted.len() >= REGEXES_MAX {
            return Err("there are more than 2000 regular expressions");
        }
        if text.len() > REGEX_TEXT_BYTES_MAX {
            return Err("the regular expression is longer than 1024 bytes");
        }
        let text = if is_case_insensitive { format!("(?i){text}") } else { text.into() };
        let regex = RegexBuilder::new(&text).size_limit(REGEX_BYTES_MAX).build();
        let regex = regex
            .map_err(|_| "the regular expression is invalid, too large, or looks around or back")?;
        if is_inverted {
            self.inverted.push((regex, index));
        } else {
            self.texts.push((text, index));
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> Regexes {
        let mut regexes = Regexes { sets: Vec::new(), inverted: self.inverted };
        for texts in self.texts.chunks(SET_SIZE) {
            regexes.add_set(texts);
        }
        regexes
    }
}

impl Regexes {
    /// Compiles expressions into one set, or into two halves when that is too large.
    fn add_set(&mut self, texts: &[(String, u32)]) {
        let set = RegexSetBuilder::new(texts.iter().map(|(text, _)| text))
            .size_limit(REGEX_BYTES_MAX * 8)
            .build();
        match set {
            Ok(set) => {
                let indexes = texts.iter().map(|(_, index)| *index).collect();
                self.sets.push(Set { set, indexes });
            }
            // Each alone was small enough, so the halving ends.
            Err(_) if texts.len() > 1 => {
                let (left, right) = texts.split_at(texts.len() / 2);
                self.add_set(left);
                self.add_set(right);
            }
            Err(_) => debug_assert!(false, "an expression was checked and does not compile"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(texts: &[(&str, bool)], name: &str) -> Vec<u32> {
        let mut builder = RegexesBuilder::default();
        for (index, (text, is_inverted)) in (0..).zip(texts) {
            builder.add(index, text, true, *is_inverted).expect("valid");
        }
        let mut found = Vec::new();
        builder.finish().for_matches(name, |index| found.push(index));
        found.sort_unstable();
        found
    }

    #[test]
    fn expressions_find_their_rules() {
        let texts = [("^ads?\\.", false), ("TRACK", false), ("\\.example$", true)];
        assert_eq!(matches(&texts, "ad.example"), [0]);
        assert_eq!(matches(&texts, "ads.tracker.test"), [0, 1, 2]);
        assert_eq!(matches(&texts, "plain.example"), Vec::<u32>::new());
    }

    #[test]
    fn more_than_one_set_keeps_the_numbers() {
        let texts: Vec<String> = (0..200).map(|number| format!("^host{number}\\.")).collect();
        let texts: Vec<(&str, bool)> = texts.iter().map(|text| (text.as_str(), false)).collect();
        assert_eq!(matches(&texts, "host137.example"), [137]);
    }

    #[test]
    fn refused_cases() {
        let cases = [
            ("(unclosed", "invalid"),
            ("(?=look)ahead", "looks around"),
            ("(a)\\1", "back"),
            ("(a{1,1000}){1,1000}", "too large"),
            (&*"a".repeat(REGEX_TEXT_BYTES_MAX + 1), "longer"),
        ];
        for (text, expected) in cases {
            let why = RegexesBuilder::default().add(0, text, true, false).err();
            let case: String = text.chars().take(20).collect();
            assert!(why.is_some_and(|why| why.contains(expected)), "case: {case}: {why:?}");
        }
    }

    #[test]
    fn one_too_many_is_refused() {
        let mut builder = RegexesBuilder::default();
        for index in 0..2_000 {
            builder.add(index, "a", false, false).expect("valid");
        }
        assert!(builder.add(2_000, "a", false, false).is_err());
    }
}
