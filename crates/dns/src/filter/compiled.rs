//! Rules ready to judge: the table of names beside the rules that need more.

use crate::client::ClientView;
use crate::filter::list_mask::ListMask;
use crate::filter::outcome::{Found, Outcome};
use crate::filter::rule::{Rule, Shape};
use crate::filter::rules::Rules;
use crate::filter::suffixes::{HashKey, suffixes};
use crate::filter::table::NameTable;
use crate::record_type::RecordType;

/// What a set of rules is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question<'a> {
    pub(crate) name: &'a str,
    pub(crate) kind: RecordType,
    pub(crate) client: &'a ClientView<'a>,
    /// The lists that count.
    pub(crate) lists: &'a ListMask,
}

/// Compiled rules, immutable.
#[derive(Debug)]
pub struct Compiled {
    pub(crate) key: HashKey,
    pub(crate) table: NameTable,
    pub(crate) rules: Rules,
    /// Names that found no place in the table and became rules.
    pub(crate) n_spilled: usize,
}

impl Default for Compiled {
    fn default() -> Self {
        let key = HashKey::new([0; 2]);
        Self { key, table: NameTable::default(), rules: Rules::default(), n_spilled: 0 }
    }
}

impl Compiled {
    /// Different names, and rules that need more than a name.
    #[must_use]
    pub fn n_rules(&self) -> usize {
        self.table.len() + self.rules.len()
    }

    /// Bytes that the table of names takes.
    #[must_use]
    pub fn table_bytes(&self) -> usize {
        self.table.size_bytes()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.table.is_empty() && self.rules.is_empty()
    }

    /// Collects what the rules say of a question; allocates nothing when none matches.
    pub(crate) fn collect<'a>(&'a self, question: &Question<'a>, outcome: &mut Outcome<'a>) {
        if self.is_empty() {
            return;
        }
        let name = question.name;
        let n_table_labels = self.table.n_labels_max();
        for (n_labels, suffix) in (1..).zip(suffixes(self.key, name)) {
            if n_labels <= n_table_labels {
                for listed in self.table.find(suffix.hash) {
                    if question.lists.has(listed.list) && is_for(listed.shape, suffix.start == 0) {
                        outcome.add(Found::Name { listed: *listed, start: suffix.start });
                    }
                }
            }
            self.rules.for_suffix(name, suffix, |rule| take_rule(rule, question, outcome));
        }
        self.rules.for_name(name, |rule| take_rule(rule, question, outcome));
    }
}

fn take_rule<'a>(rule: &'a Rule, question: &Question<'a>, outcome: &mut Outcome<'a>) {
    if question.lists.has(rule.list)
        && rule.scope.applies(question.name, question.kind, question.client)
    {
        outcome.add(Found::Rule(rule));
    }
}

/// Whether a rule of `shape` for a suffix is for the name, which is the suffix itself or below.
pub(crate) fn is_for(shape: Shape, is_itself: bool) -> bool {
    match shape {
        Shape::Exact => is_itself,
        Shape::Below => !is_itself,
        Shape::Suffix => true,
    }
}
