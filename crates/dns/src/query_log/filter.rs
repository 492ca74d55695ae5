//! The filter of the query log: one grammar for the search, the export and the live view.
//!
//! ```text
//! filter = term *( space term )              every term must hold
//! term   = [ "-" ] ( key ":" values / text ) "-" turns it round
//! values = value *( "," value )              one of them must hold
//! text   = word / quoted                     part of the name or of the client's address
//! ```

use std::fmt;
use std::net::IpAddr;

use crate::entry::{Entry, Status, Transport};
use crate::network::Network;
use crate::record_type::RecordType;
use crate::verdict::ListId;

mod parse;

pub use parse::{FilterError, Names};

/// Longest filter in bytes.
pub const FILTER_MAX_BYTES: usize = 2_048;
/// Most terms of a filter.
pub const TERMS_MAX: usize = 32;
/// Most values of a term.
pub const VALUES_MAX: usize = 64;

/// Which entries of the log are wanted; the empty one wants all.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Filter {
    /// All of them must hold, in the order of their text, so that equal filters are equal.
    terms: Vec<Term>,
}

/// One condition, or its opposite.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Term {
    pub(crate) is_negated: bool,
    pub(crate) test: Test,
}

/// One condition; of several values one must fit.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Test {
    /// Part of the name or of the client's address, in lower case.
    Text(Box<str>),
    /// The name.
    Name(Vec<NameTest>),
    /// Who asked.
    Client(Vec<Network>),
    /// An address of the answer.
    Address(Vec<Network>),
    /// The type that was asked for.
    Kind(Vec<RecordType>),
    /// What became of it.
    Status(Vec<Status>),
    /// Response code.
    ResponseCode(Vec<u16>),
    /// The upstream's name, in lower case.
    Upstream(Vec<Box<str>>),
    /// How the question came.
    Transport(Vec<Transport>),
    /// The list whose rule decided.
    List(Vec<ListId>),
    /// Part of the rule that decided, in lower case.
    Rule(Vec<Box<str>>),
    /// Whether an upstream vouches for the answer.
    Authentic,
    /// Duration in microseconds, both ends included.
    Duration {
        /// Least.
        from_us: u32,
        /// Most.
        to_us: u32,
    },
    /// Not before this time, milliseconds since 1970.
    After(u64),
    /// Before this time, milliseconds since 1970.
    Before(u64),
}

/// How a name is compared.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum NameTest {
    /// This name.
    Exact(Box<str>),
    /// This name and those below it.
    Below(Box<str>),
    /// Those below it alone.
    Beneath(Box<str>),
}

impl NameTest {
    /// Returns whether a name in lower case is meant.
    pub(crate) fn matches(&self, name: &str) -> bool {
        let is_beneath = |suffix: &str| {
            suffix.is_empty() && !name.is_empty()
                || name.strip_suffix(suffix).is_some_and(|head| head.ends_with('.'))
        };
        match self {
            Self::Exact(wanted) => name == wanted.as_ref(),
            Self::Below(suffix) => name == suffix.as_ref() || is_beneath(suffix),
            Self::Beneath(suffix) => is_beneath(suffix),
        }
    }
}

impl Filter {
    /// Parses a filter; `names` knows the lists and the time.
    ///
    /// # Errors
    ///
    /// Says at which column what is wrong.
    pub fn parse(text: &str, names: &Names<'_>) -> Result<Self, FilterError> {
        let mut terms = parse::terms(text, names)?;
        terms.sort_by_cached_key(ToString::to_string);
        terms.dedup();
        Ok(Self { terms })
    }

    /// Adds the condition that entries came not before a time.
    #[must_use]
    pub fn not_before(mut self, at_ms: u64) -> Self {
        self.terms.push(Term { is_negated: false, test: Test::After(at_ms) });
        self
    }

    /// Returns whether every entry is wanted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Returns whether an entry is wanted.
    #[must_use]
    pub fn matches(&self, entry: &Entry) -> bool {
        self.terms.iter().all(|term| term.test.matches(entry) != term.is_negated)
    }

    /// Returns the least time, and the time before which entries must have come, that every hit
    /// obeys.
    pub(crate) fn times_ms(&self) -> (u64, u64) {
        let positive = self.terms.iter().filter(|term| !term.is_negated);
        positive.fold((0, u64::MAX), |(from, to), term| {
            if let Test::After(at_ms) = term.test {
                (from.max(at_ms), to)
            } else if let Test::Before(at_ms) = term.test {
                (from, to.min(at_ms))
            } else {
                (from, to)
            }
        })
    }

    /// Returns the conditions.
    pub(crate) fn terms(&self) -> &[Term] {
        &self.terms
    }
}

impl Test {
    fn matches(&self, entry: &Entry) -> bool {
        match self {
            Self::Text(text) => {
                entry.name.contains(text.as_ref()) || client_contains(entry.client, text)
            }
            Self::Name(tests) => tests.iter().any(|test| test.matches(&entry.name)),
            Self::Client(networks) => networks.iter().any(|net| net.contains(entry.client)),
            Self::Address(networks) => {
                let is_in = |address: &IpAddr| networks.iter().any(|net| net.contains(*address));
                entry.addresses.iter().any(is_in)
            }
            Self::Kind(kinds) => kinds.contains(&entry.kind),
            Self::Status(statuses) => statuses.contains(&entry.status),
            Self::ResponseCode(codes) => codes.contains(&entry.response_code),
            Self::Upstream(names) => entry.upstream.as_deref().is_some_and(|upstream| {
                names.iter().any(|name| name.eq_ignore_ascii_case(upstream))
            }),
            Self::Transport(transports) => transports.contains(&entry.transport),
            Self::List(lists) => {
                entry.reason.as_ref().is_some_and(|reason| lists.contains(&reason.list))
            }
            Self::Rule(parts) => entry.reason.as_ref().is_some_and(|reason| {
                let rule = reason.rule.to_lowercase();
                parts.iter().any(|part| rule.contains(part.as_ref()))
            }),
            Self::Authentic => entry.is_authentic,
            Self::Duration { from_us, to_us } => (*from_us..=*to_us).contains(&entry.duration_us),
            Self::After(at_ms) => entry.at_ms >= *at_ms,
            Self::Before(at_ms) => entry.at_ms < *at_ms,
        }
    }
}

/// Returns whether the text of a client's address holds a part; free of memory for most texts.
pub(crate) fn client_contains(client: IpAddr, part: &str) -> bool {
    // A part with another letter cannot stand in an address, and most are names.
    let may_stand = |byte: u8| byte.is_ascii_hexdigit() || matches!(byte, b'.' | b':');
    part.bytes().all(may_stand) && client.to_string().contains(part)
}

impl fmt::Display for Filter {
    /// Writes the filter so that [`Filter::parse`] reads the same.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, term) in self.terms.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            write!(f, "{term}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_negated {
            f.write_str("-")?;
        }
        match &self.test {
            Test::Text(text) => f.write_str(&quoted(text)),
            Test::Name(tests) => values(f, "name", tests),
            Test::Client(networks) => values(f, "client", networks),
            Test::Address(networks) => values(f, "address", networks),
            Test::Kind(kinds) => values(f, "type", kinds),
            Test::Status(statuses) => values(f, "status", statuses),
            Test::ResponseCode(codes) => values(f, "rcode", codes),
            Test::Upstream(names) => texts(f, "upstream", names),
            Test::Transport(transports) => values(f, "transport", transports),
            Test::List(lists) => {
                let numbers: Vec<u16> = lists.iter().map(|list| list.0).collect();
                values(f, "list", &numbers)
            }
            Test::Rule(parts) => texts(f, "rule", parts),
            Test::Authentic => f.write_str("is:authentic"),
            Test::Duration { from_us, to_us } => match (*from_us, *to_us) {
                (from, u32::MAX) => write!(f, "duration:>={}", Milliseconds(from)),
                (from, to) => write!(f, "duration:{}-{}", Milliseconds(from), Milliseconds(to)),
            },
            Test::After(at_ms) => write!(f, "after:{at_ms}"),
            Test::Before(at_ms) => write!(f, "before:{at_ms}"),
        }
    }
}

/// Microseconds, written as milliseconds.
struct Milliseconds(u32);

impl fmt::Display for Milliseconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1000, self.0 % 1000)
    }
}

impl fmt::Display for NameTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => write!(f, "={}", quoted(name)),
            Self::Below(suffix) => f.write_str(&quoted(suffix)),
            Self::Beneath(suffix) => write!(f, "*.{}", quoted(suffix)),
        }
    }
}

fn values(f: &mut fmt::Formatter<'_>, key: &str, of: &[impl fmt::Display]) -> fmt::Result {
    for (index, value) in of.iter().enumerate() {
        if index == 0 {
            write!(f, "{key}:{value}")?;
        } else {
            write!(f, ",{value}")?;
        }
    }
    Ok(())
}

fn texts(f: &mut fmt::Formatter<'_>, key: &str, of: &[Box<str>]) -> fmt::Result {
    let quoted: Vec<String> = of.iter().map(|text| quoted(text)).collect();
    values(f, key, &quoted)
}

/// Writes a text in quotation marks.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests;
