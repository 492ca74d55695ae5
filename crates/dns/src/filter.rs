//! Judges questions and answers by rules: one immutable snapshot of lists, own rules and clients.

use std::io::Write;
use std::net::IpAddr;
use std::sync::Arc;

use crate::client::{ClientView, Directory};
use crate::record_type::RecordType;
use crate::verdict::{ListId, Reason, Rewrite, Verdict};

pub mod compile;
pub mod compiled;
pub mod dialect;
mod estimate;
mod glob;
pub mod hits;
pub mod image;
pub mod list_mask;
mod outcome;
mod regexes;
mod rewrite;
pub mod rule;
mod rules;
pub mod suffixes;
mod table;

use compiled::{Compiled, Question};
use hits::Hits;
use list_mask::ListMask;
use outcome::Outcome;
pub use regexes::{REGEX_BYTES_MAX, REGEX_TEXT_BYTES_MAX, REGEXES_MAX};
pub use rewrite::RESPONSE_CODES;

/// Longest address as text: `ffff:` seven times and an IPv4 address.
const ADDRESS_TEXT_BYTES_MAX: usize = 50;

/// What is asked, and by whom.
#[derive(Debug, Clone, Copy)]
pub struct Query<'a> {
    /// The name in lower case, presentation format, without the final dot; the root is empty.
    pub name: &'a str,
    /// The type that is asked for.
    pub kind: RecordType,
    /// Who asks; [`Filter::client`] finds it by the address.
    pub client: ClientView<'a>,
}

/// What an upstream answered to a question, as far as rules look at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hop<'a> {
    /// The target of a CNAME, written as [`Query::name`] is.
    CanonicalName(&'a str),
    /// An address of an A or AAAA record.
    Address(IpAddr),
}

/// Rules and clients at one moment; a clone shares them.
///
/// ```text
/// own rules of the group ─▶ own rules of all ─▶ strict? ─▶ safe search ─▶ lists ─▶ pass
/// ```
///
/// The first tier that has a say decides; inside one, rewrites, then the greatest weight.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Rules that people wrote themselves.
    pub own: Arc<Compiled>,
    /// Whether what no own rule lets through is blocked; names of this network are not.
    pub is_strict: bool,
    /// The lists.
    pub lists: Arc<Compiled>,
    /// The clients and their groups.
    pub clients: Arc<Directory>,
    /// How often each list had its say.
    pub hits: Arc<Hits>,
}

impl Filter {
    /// Finds who asks from `address`; `now_ms`, milliseconds since 1970, decides about pauses.
    #[must_use]
    pub fn client(&self, address: IpAddr, now_ms: u64) -> ClientView<'_> {
        self.clients.find(address, now_ms)
    }

    /// Judges a question; allocates nothing when no rule matches.
    #[must_use]
    pub fn judge(&self, query: &Query<'_>) -> Verdict {
        debug_assert!(!query.name.ends_with('.'), "names come without the final dot");
        if !query.client.is_filtered {
            return Verdict::Pass;
        }
        self.counted(self.judge_name(query.name, query.kind, &query.client))
    }

    /// Judges one hop of the answer to `query`, which was neither allowed nor blocked itself.
    ///
    /// A hop is never rewritten: rules that rewrite speak of questions only.
    #[must_use]
    pub fn judge_answer(&self, query: &Query<'_>, hop: Hop<'_>) -> Verdict {
        if !query.client.is_filtered {
            return Verdict::Pass;
        }
        let mut text = [0; ADDRESS_TEXT_BYTES_MAX];
        let (name, kind) = match hop {
            Hop::CanonicalName(name) => (name, RecordType::CNAME),
            Hop::Address(address) => {
                let mut rest = text.as_mut_slice();
                if write!(rest, "{address}").is_err() {
                    return Verdict::Pass;
                }
                let n_unused = rest.len();
                let used = text.get(..ADDRESS_TEXT_BYTES_MAX - n_unused).unwrap_or_default();
                let kind = if address.is_ipv4() { RecordType::A } else { RecordType::AAAA };
                (std::str::from_utf8(used).unwrap_or_default(), kind)
            }
        };
        match self.judge_name(name, kind, &query.client) {
            Verdict::Rewritten { .. } | Verdict::Dropped(_) => Verdict::Pass,
            verdict @ (Verdict::Pass | Verdict::Allowed(_) | Verdict::Blocked { .. }) => {
                self.counted(verdict)
            }
        }
    }

    fn counted(&self, verdict: Verdict) -> Verdict {
        match &verdict {
            Verdict::Pass => {}
            Verdict::Allowed(reason)
            | Verdict::Dropped(reason)
            | Verdict::Blocked { reason, .. }
            | Verdict::Rewritten { reason, .. } => self.hits.add(reason.list),
        }
        verdict
    }

    fn judge_name(&self, name: &str, kind: RecordType, client: &ClientView<'_>) -> Verdict {
        let own = Question { name, kind, client, lists: &ListMask::ALL };
        let mut outcome = Outcome::default();
        client.group.own.collect(&own, &mut outcome);
        let mut after = Outcome::after(&outcome);
        if let Some(verdict) = outcome.decide(name, kind) {
            return verdict;
        }
        let mut outcome = after;
        self.own.collect(&own, &mut outcome);
        after = Outcome::after(&outcome);
        if let Some(verdict) = outcome.decide(name, kind) {
            return verdict;
        }
        if self.is_strict {
            let rule = Arc::from("no rule of one's own lets it through");
            let reason = Reason { list: ListId::STRICT, rule, line: None };
            return Verdict::Blocked { reason, answer: None };
        }
        if let Some((engine, target)) = client.group.safe_search.replace(name) {
            let rule = Arc::from(engine.to_string());
            return Verdict::Rewritten {
                reason: Reason { list: ListId::SAFE_SEARCH, rule, line: None },
                rewrites: vec![Rewrite::CanonicalName(Arc::from(target))],
            };
        }
        let question = Question { lists: &client.group.lists, ..own };
        let mut outcome = after;
        self.lists.collect(&question, &mut outcome);
        outcome.decide(name, kind).unwrap_or(Verdict::Pass)
    }
}
