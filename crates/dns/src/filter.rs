//! Judges questions and answers by rules: one immutable snapshot of lists, own rules and clients.

use std::net::IpAddr;
use std::sync::Arc;

use crate::client::{ClientView, Directory};
use crate::record_type::RecordType;
use crate::verdict::Verdict;

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
#[derive(Debug, Clone, Default)]
pub struct Filter {
    clients: Arc<Directory>,
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
        Verdict::Pass
    }

    /// Judges one hop of the answer to `query`, which was neither allowed nor blocked itself.
    ///
    /// A hop is never rewritten: rules that rewrite speak of questions only.
    #[must_use]
    pub fn judge_answer(&self, query: &Query<'_>, hop: Hop<'_>) -> Verdict {
        let _: (&Query<'_>, Hop<'_>) = (query, hop);
        Verdict::Pass
    }
}
