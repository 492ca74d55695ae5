//! Rules that need more than a name, indexed so that a name which none matches costs little.

use std::collections::HashMap;

use aho_corasick::AhoCorasick;

use crate::filter::regexes::{Regexes, RegexesBuilder};
use crate::filter::rule::{Pattern, Rule};
use crate::filter::suffixes::{HashKey, Suffix, hash_name};

/// Shortest text of a pattern by which it is looked up; shorter ones are tried on every name.
const LITERAL_BYTES_MIN: usize = 2;

/// The rules with their indexes.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    all: Vec<Rule>,
    /// Rules for a name or what is below, by its hash.
    by_name: HashMap<u64, Vec<u32>>,
    /// Finds the text that patterns contain.
    literals: Option<AhoCorasick>,
    /// The rules of each text.
    by_literal: Vec<Vec<u32>>,
    /// Rules that are tried on every name.
    everywhere: Vec<u32>,
    regexes: Regexes,
}

impl Rules {
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.all.iter()
    }

    /// Hands the rules over that are for `suffix` of `name`; its conditions are not looked at.
    pub(crate) fn for_suffix<'a>(
        &'a self,
        name: &str,
        suffix: Suffix,
        mut take: impl FnMut(&'a Rule),
    ) {
        if self.by_name.is_empty() {
            return;
        }
        let Some(indexes) = self.by_name.get(&suffix.hash) else {
            return;
        };
        let text = name.get(suffix.start..).unwrap_or_default();
        for rule in self.at(indexes) {
            // Hashes of 64 bits are not proof enough where the text is at hand.
            let is_match = match &rule.pattern {
                Pattern::Name(shape, domain) => {
                    **domain == *text && super::compiled::is_for(*shape, suffix.start == 0)
                }
                Pattern::Any | Pattern::Glob(_) | Pattern::Regex { .. } | Pattern::Ending(_) => {
                    false
                }
            };
            if is_match {
                take(rule);
            }
        }
    }

    /// Hands the other rules over whose pattern matches `name`; one may come twice.
    pub(crate) fn for_name<'a>(&'a self, name: &str, mut take: impl FnMut(&'a Rule)) {
        let is_match = |rule: &Rule| match &rule.pattern {
            Pattern::Any => true,
            Pattern::Glob(glob) => glob.is_match(name),
            Pattern::Ending(ending) => name.ends_with(&**ending),
            Pattern::Name(..) | Pattern::Regex { .. } => false,
        };
        for rule in self.at(&self.everywhere).filter(|rule| is_match(rule)) {
            take(rule);
        }
        if let Some(literals) = &self.literals {
            for found in literals.find_overlapping_iter(name) {
                let indexes = self.by_literal.get(found.pattern().as_usize());
                for rule in self.at(indexes.map_or(&[], |indexes| indexes)) {
                    if is_match(rule) {
                        take(rule);
                    }
                }
            }
        }
        self.regexes.for_matches(name, |index| {
            if let Some(rule) = usize::try_from(index).ok().and_then(|at| self.all.get(at)) {
                take(rule);
            }
        });
    }

    fn at<'a>(&'a self, indexes: &'a [u32]) -> impl Iterator<Item = &'a Rule> {
        indexes
            .iter()
            .filter_map(|index| usize::try_from(*index).ok())
            .filter_map(|index| self.all.get(index))
    }
}

/// Rules while they come in.
#[derive(Debug, Default)]
pub(crate) struct RulesBuilder {
    rules: Vec<Rule>,
    regexes: RegexesBuilder,
}

impl RulesBuilder {
    /// Adds a rule.
    ///
    /// # Errors
    ///
    /// Its expression is invalid, too large, or one too many.
    pub(crate) fn add(&mut self, rule: Rule) -> Result<(), &'static str> {
        let index = u32::try_from(self.rules.len()).map_err(|_| "there are too many rules")?;
        if let Pattern::Regex { text, is_case_insensitive, is_inverted } = &rule.pattern {
            self.regexes.add(index, text, *is_case_insensitive, *is_inverted)?;
        }
        self.rules.push(rule);
        Ok(())
    }

    /// Builds the indexes; names are hashed with `key`.
    pub(crate) fn finish(self, key: HashKey) -> Rules {
        let mut rules = Rules { all: self.rules, ..Rules::default() };
        let mut literals: HashMap<Vec<u8>, Vec<u32>> = HashMap::new();
        for (index, rule) in (0_u32..).zip(&rules.all) {
            let literal = match &rule.pattern {
                Pattern::Name(_, name) => {
                    rules.by_name.entry(hash_name(key, name)).or_default().push(index);
                    continue;
                }
                Pattern::Regex { .. } => continue,
                Pattern::Any => &[],
                Pattern::Glob(glob) => glob.literal(),
                Pattern::Ending(ending) => ending.as_bytes(),
            };
            if literal.len() < LITERAL_BYTES_MIN {
                rules.everywhere.push(index);
            } else {
                literals.entry(literal.to_vec()).or_default().push(index);
            }
        }
        let mut literals: Vec<(Vec<u8>, Vec<u32>)> = literals.into_iter().collect();
        literals.sort_unstable();
        let (texts, by_literal): (Vec<Vec<u8>>, Vec<Vec<u32>>) = literals.into_iter().unzip();
        if !texts.is_empty() {
            match AhoCorasick::new(texts) {
                Ok(automaton) => (rules.literals, rules.by_literal) = (Some(automaton), by_literal),
                // Too much text for one automaton: slow beats wrong.
                Err(_) => rules.everywhere.extend(by_literal.into_iter().flatten()),
            }
        }
        rules.regexes = self.regexes.finish();
        rules
    }
}
