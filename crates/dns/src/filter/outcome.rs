//! What all matching rules say together, and which of them decides.

use std::sync::Arc;

use crate::filter::rule::{Action, ByLength, Mark, Pattern, Rule, Shape, Weight};
use crate::filter::table::Listed;
use crate::record_type::RecordType;
use crate::verdict::{BlockAnswer, ListId, Reason, Rewrite, Verdict};

/// A rule that matches.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Found<'a> {
    /// A name of the table, which starts there in the name that was asked for.
    Name { listed: Listed, start: usize },
    /// A rule that needs more than a name.
    Rule(&'a Rule),
}

impl Found<'_> {
    fn list(&self) -> ListId {
        match self {
            Self::Name { listed, .. } => listed.list,
            Self::Rule(rule) => rule.list,
        }
    }
}

/// The rules that match, sorted by what becomes of them.
#[derive(Debug, Default)]
pub(crate) struct Outcome<'a> {
    /// The weightiest so far, with the number of its modifiers.
    best: Option<(Weight, u8, Found<'a>)>,
    rewrites: Vec<&'a Rule>,
    /// Rewrites that are taken back.
    offs: Vec<&'a Rule>,
    by_length: Vec<Found<'a>>,
    answer: Option<BlockAnswer>,
}

impl<'a> Outcome<'a> {
    /// Starts with the exceptions from rewrites of rules that were asked before.
    pub(crate) fn after(before: &Self) -> Self {
        Self { offs: before.offs.clone(), ..Self::default() }
    }

    pub(crate) fn add(&mut self, found: Found<'a>) {
        match found {
            Found::Name { listed, .. } => match listed.mark {
                Mark::Weight(weight) => {
                    let n_modifiers =
                        u8::from(matches!(weight, Weight::ImportantAllow | Weight::ImportantBlock));
                    self.weigh(weight, n_modifiers, found);
                }
                Mark::ByLength(_) => self.by_length.push(found),
            },
            Found::Rule(rule) if rule.by_length.is_some() => self.by_length.push(found),
            Found::Rule(rule) => match &rule.action {
                Action::RewriteOff(_) => self.offs.push(rule),
                // A weak rule that rewrites has to stand behind everything that allows.
                Action::Rewrite(_) if rule.weight != Weight::WeakBlock => self.rewrites.push(rule),
                Action::Judge { .. } | Action::Rewrite(_) | Action::Drop => {
                    self.weigh(rule.weight, rule.n_modifiers, found);
                }
            },
        }
    }

    fn weigh(&mut self, weight: Weight, n_modifiers: u8, found: Found<'a>) {
        let is_better = match &self.best {
            None => true,
            Some((best, n_best, held)) => {
                let order = (weight, n_modifiers).cmp(&(*best, *n_best));
                order.then_with(|| place(held).cmp(&place(&found))).is_gt()
            }
        };
        if is_better {
            self.best = Some((weight, n_modifiers, found));
        }
    }

    /// The verdict of these rules; `None` when none has a say.
    pub(crate) fn decide(mut self, name: &str, kind: RecordType) -> Option<Verdict> {
        self.settle_by_length(name, kind);
        self.rewrites.sort_by_key(|rule| (rule.list, rule.line));
        self.rewrites.dedup_by_key(|rule| std::ptr::from_ref::<Rule>(rule));
        let offs = std::mem::take(&mut self.offs);
        self.rewrites.retain(|rule| !offs.iter().any(|off| is_off(off, rule)));
        if let Some(first) = self.rewrites.first() {
            return Some(rewritten(first, &self.rewrites));
        }
        let (weight, _, found) = self.best?;
        let reason = reason(&found, name);
        if weight.is_allow() {
            return Some(Verdict::Allowed(reason));
        }
        let own_answer = self.answer;
        Some(match found {
            Found::Rule(Rule { action: Action::Drop, .. }) => Verdict::Dropped(reason),
            Found::Rule(Rule { action: Action::Rewrite(rewrite), .. }) => {
                Verdict::Rewritten { reason, rewrites: vec![rewrite.clone()] }
            }
            Found::Rule(Rule { action: Action::Judge { answer: Some(answer) }, .. }) => {
                Verdict::Blocked { reason, answer: Some(*answer) }
            }
            Found::Rule(_) | Found::Name { .. } => Verdict::Blocked { reason, answer: own_answer },
        })
    }

    /// Of the rules of which the longest counts, lets the one that counts have its say.
    fn settle_by_length(&mut self, name: &str, kind: RecordType) {
        let mut candidates = std::mem::take(&mut self.by_length);
        candidates.sort_by_key(|found| (found.list(), std::cmp::Reverse(length(found, name))));
        let mut settled: Option<ListId> = None;
        for group in candidates.chunk_by(|left, right| {
            (left.list(), length(left, name)) == (right.list(), length(right, name))
        }) {
            let list = group.first().map(Found::list);
            if settled != list && self.settle_group(group, kind) {
                settled = list;
            }
        }
    }

    /// Takes what rules of one length say of the type; `false` when they say nothing.
    fn settle_group(&mut self, group: &[Found<'a>], kind: RecordType) -> bool {
        let has = |wanted: ByLength| group.iter().find(|found| meaning(found) == Some(wanted));
        let addresses: Vec<&'a Rule> =
            group.iter().filter_map(|found| address(found, kind)).collect();
        if !addresses.is_empty() {
            self.rewrites.extend(addresses);
            return true;
        }
        let null = match kind {
            RecordType::A => has(ByLength::NullV4).or(has(ByLength::Null)),
            RecordType::AAAA => has(ByLength::NullV6).or(has(ByLength::Null)),
            _ => None,
        };
        let (weight, answer, found) = if let Some(found) = null {
            (Weight::Block, Some(BlockAnswer::NullAddress), found)
        } else if let Some(found) = has(ByLength::Forward) {
            (Weight::Allow, None, found)
        } else if let Some(found) = has(ByLength::Local) {
            let is_alone = group.iter().all(|found| meaning(found) == Some(ByLength::Local));
            let answer = if is_alone { BlockAnswer::NxDomain } else { BlockAnswer::NoData };
            (Weight::Block, Some(answer), found)
        } else {
            return false;
        };
        let before = self.best.map(|(weight, n_modifiers, _)| (weight, n_modifiers));
        self.weigh(weight, 0, *found);
        if before != self.best.map(|(weight, n_modifiers, _)| (weight, n_modifiers)) {
            self.answer = answer;
        }
        true
    }
}

/// Where a rule stands, the first first.
fn place(found: &Found<'_>) -> (ListId, u32) {
    match found {
        Found::Name { listed, .. } => (listed.list, 0),
        Found::Rule(rule) => (rule.list, rule.line),
    }
}

/// How long the domain of a rule is, and whether it has no wildcard.
fn length(found: &Found<'_>, name: &str) -> (usize, bool) {
    match found {
        Found::Name { start, .. } => (name.len().saturating_sub(*start), true),
        Found::Rule(rule) => match &rule.pattern {
            Pattern::Name(_, domain) => (domain.len(), true),
            Pattern::Ending(ending) => (ending.len(), false),
            Pattern::Any | Pattern::Glob(_) | Pattern::Regex { .. } => (0, false),
        },
    }
}

fn meaning(found: &Found<'_>) -> Option<ByLength> {
    match found {
        Found::Name { listed: Listed { mark: Mark::ByLength(kind), .. }, .. } => Some(*kind),
        Found::Name { .. } => None,
        Found::Rule(rule) => rule.by_length,
    }
}

/// The rule, when it has an address of the family that was asked for.
fn address<'a>(found: &Found<'a>, kind: RecordType) -> Option<&'a Rule> {
    let Found::Rule(rule) = found else {
        return None;
    };
    let Action::Rewrite(Rewrite::Address(address)) = &rule.action else {
        return None;
    };
    let family = if address.is_ipv4() { RecordType::A } else { RecordType::AAAA };
    (family == kind).then_some(*rule)
}

/// Whether an exception takes this rewrite back.
fn is_off(off: &Rule, rule: &Rule) -> bool {
    match (&off.action, &rule.action) {
        (Action::RewriteOff(None), _) => true,
        (Action::RewriteOff(Some(off)), Action::Rewrite(rewrite)) => off == rewrite,
        _ => false,
    }
}

/// Another name or a response code answers alone, whichever comes first; records add up.
fn rewritten(first: &Rule, rules: &[&Rule]) -> Verdict {
    let rewrite_of = |rule: &&Rule| match &rule.action {
        Action::Rewrite(rewrite) => Some(rewrite.clone()),
        Action::Judge { .. } | Action::RewriteOff(_) | Action::Drop => None,
    };
    let alone = rules.iter().find(|rule| {
        matches!(
            rule.action,
            Action::Rewrite(Rewrite::CanonicalName(_) | Rewrite::ResponseCode(1..))
        )
    });
    match alone {
        Some(rule) => Verdict::Rewritten {
            reason: rule_reason(rule),
            rewrites: rewrite_of(rule).into_iter().collect(),
        },
        None => Verdict::Rewritten {
            reason: rule_reason(first),
            rewrites: rules.iter().filter_map(rewrite_of).collect(),
        },
    }
}

fn rule_reason(rule: &Rule) -> Reason {
    Reason { list: rule.list, rule: Arc::from(&*rule.text), line: Some(rule.line) }
}

fn reason(found: &Found<'_>, name: &str) -> Reason {
    match found {
        Found::Rule(rule) => rule_reason(rule),
        Found::Name { listed, start } => {
            let domain = name.get(*start..).unwrap_or_default();
            Reason { list: listed.list, rule: write_name_rule(domain, *listed).into(), line: None }
        }
    }
}

/// Writes a rule of the table in AdGuard's words; its own line is in the source of the list.
pub(super) fn write_name_rule(domain: &str, listed: Listed) -> String {
    let (exception, important) = match listed.mark {
        Mark::Weight(Weight::Allow) | Mark::ByLength(ByLength::Forward) => ("@@", ""),
        Mark::Weight(Weight::ImportantAllow) => ("@@", "$important"),
        Mark::Weight(Weight::ImportantBlock) => ("", "$important"),
        Mark::Weight(Weight::Block | Weight::WeakBlock) | Mark::ByLength(_) => ("", ""),
    };
    match listed.shape {
        Shape::Exact if exception.is_empty() && important.is_empty() => domain.to_owned(),
        Shape::Exact => format!("{exception}|{domain}^{important}"),
        Shape::Below => format!("{exception}*.{domain}^{important}"),
        Shape::Suffix => format!("{exception}||{domain}^{important}"),
    }
}
