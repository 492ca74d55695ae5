//! Finds the rows of a block that a filter wants: first by its dictionaries, then by its columns.

use std::net::IpAddr;

use memchr::memmem;

use crate::query_log::block::{
    AUTHENTIC_BIT, Column, Dictionary, Rest, Rows, status_of, transport_of,
};
use crate::query_log::filter::{Filter, NameTest, Term, Test, client_contains};

/// What a block's dictionaries leave of a filter.
#[derive(Debug)]
pub(crate) enum Plan {
    /// No row is wanted.
    Nothing,
    /// Every row is wanted.
    Everything,
    /// The rows decide.
    Rows(Vec<RowTest>),
}

/// A condition on the numbers of a row.
#[derive(Debug)]
pub(crate) struct RowTest {
    is_negated: bool,
    on: On,
}

/// What a condition looks at; a set holds which indexes fit.
#[derive(Debug)]
enum On {
    Name(Set),
    Client(Set),
    NameOrClient(Set, Set),
    Kind(Set),
    ResponseCode(Set),
    Upstream(Set),
    Reason(Set),
    Flags(Set),
    /// Milliseconds since the first, both ends included.
    At(usize, usize),
    /// Microseconds, both ends included.
    Duration(usize, usize),
    /// Networks are looked up in the third part.
    Addresses(Vec<crate::network::Network>),
}

/// Which indexes of a dictionary fit.
#[derive(Debug)]
struct Set {
    fits: Vec<bool>,
    n_fits: usize,
}

impl Set {
    fn of<Value>(values: impl IntoIterator<Item = Value>, test: impl Fn(Value) -> bool) -> Self {
        let fits: Vec<bool> = values.into_iter().map(test).collect();
        let n_fits = fits.iter().filter(|fits| **fits).count();
        Self { fits, n_fits }
    }

    /// Makes the set of what fits in a column whose 0 is that there is none.
    fn of_optional<Value>(
        values: impl IntoIterator<Item = Value>,
        test: impl Fn(Value) -> bool,
    ) -> Self {
        let mut set = Self::of(values, test);
        set.fits.insert(0, false);
        set
    }

    fn holds(&self, index: usize) -> bool {
        self.fits.get(index).copied().unwrap_or(false)
    }

    fn is_full(&self) -> bool {
        self.n_fits == self.fits.len()
    }

    fn is_empty(&self) -> bool {
        self.n_fits == 0
    }
}

/// What a condition is for a whole block.
enum Verdict {
    Never,
    Always,
    Sometimes(On),
}

/// Decides from the first part of a block what is left to look at.
pub(crate) fn plan(filter: &Filter, dictionary: &Dictionary<'_>) -> Plan {
    let mut tests = Vec::new();
    for Term { is_negated, test } in filter.terms() {
        match (judge(test, dictionary), *is_negated) {
            (Verdict::Never, false) | (Verdict::Always, true) => return Plan::Nothing,
            (Verdict::Always, false) | (Verdict::Never, true) => {}
            (Verdict::Sometimes(on), is_negated) => tests.push(RowTest { is_negated, on }),
        }
    }
    if tests.is_empty() { Plan::Everything } else { Plan::Rows(tests) }
}

/// Judges a condition by the dictionaries.
fn judge(condition: &Test, of: &Dictionary<'_>) -> Verdict {
    let by_set = |set: Set, on: fn(Set) -> On| match (set.is_empty(), set.is_full()) {
        (true, _) => Verdict::Never,
        (false, true) => Verdict::Always,
        (false, false) => Verdict::Sometimes(on(set)),
    };
    match condition {
        Test::Text(text) => {
            let names = names_with(of, text.as_bytes(), |_| true);
            let clients = Set::of(&of.clients, |client: &IpAddr| client_contains(*client, text));
            match (names.is_empty() && clients.is_empty(), names.is_full() || clients.is_full()) {
                (true, _) => Verdict::Never,
                (_, true) => Verdict::Always,
                (_, _) => Verdict::Sometimes(On::NameOrClient(names, clients)),
            }
        }
        Test::Name(tests) => by_set(names_that_fit(of, tests), On::Name),
        Test::Client(networks) => {
            let is_in = |client: &IpAddr| networks.iter().any(|net| net.contains(*client));
            by_set(Set::of(&of.clients, is_in), On::Client)
        }
        Test::Address(networks) => Verdict::Sometimes(On::Addresses(networks.clone())),
        Test::Kind(kinds) => by_set(Set::of(&of.kinds, |kind| kinds.contains(kind)), On::Kind),
        Test::ResponseCode(codes) => {
            by_set(Set::of(&of.response_codes, |code| codes.contains(code)), On::ResponseCode)
        }
        Test::Upstream(names) => {
            let is_named = |upstream: &&str| names.iter().any(|n| n.eq_ignore_ascii_case(upstream));
            by_set(Set::of_optional(&of.upstreams, is_named), On::Upstream)
        }
        Test::List(lists) => {
            by_set(Set::of_optional(&of.reasons, |(list, ..)| lists.contains(list)), On::Reason)
        }
        Test::Rule(parts) => {
            let has_part = |(_, _, rule): &(_, _, &str)| {
                let rule = rule.to_lowercase();
                parts.iter().any(|part| rule.contains(part.as_ref()))
            };
            by_set(Set::of_optional(&of.reasons, has_part), On::Reason)
        }
        Test::Status(statuses) => {
            let bits = statuses.iter().fold(0_u8, |bits, status| bits | 1 << status.index());
            let fits = |flags| status_of(flags).is_some_and(|status| statuses.contains(&status));
            by_bits(bits, of.statuses, fits)
        }
        Test::Transport(wanted) => {
            let bits = wanted.iter().fold(0_u8, |bits, transport| bits | 1 << transport.index());
            let fits = |flags| transport_of(flags).is_some_and(|of| wanted.contains(&of));
            by_bits(bits, of.transports, fits)
        }
        Test::Authentic => {
            let bit = usize::from(AUTHENTIC_BIT);
            Verdict::Sometimes(On::Flags(Set::of(0..256, |flags: usize| flags & bit != 0)))
        }
        Test::Duration { from_us, to_us } => {
            let (least, greatest) = of.durations_us;
            between((*from_us, *to_us), (least, greatest), On::Duration)
        }
        Test::After(at_ms) => since(of, *at_ms, u64::MAX),
        Test::Before(at_ms) => match at_ms.checked_sub(1) {
            Some(last_ms) => since(of, 0, last_ms),
            None => Verdict::Never,
        },
    }
}

fn by_bits(wanted: u8, present: u8, fits: impl Fn(usize) -> bool) -> Verdict {
    match (wanted & present, present & !wanted) {
        (0, _) => Verdict::Never,
        (_, 0) => Verdict::Always,
        (_, _) => Verdict::Sometimes(On::Flags(Set::of(0..256, fits))),
    }
}

fn between(
    (from, to): (u32, u32),
    (least, greatest): (u32, u32),
    on: fn(usize, usize) -> On,
) -> Verdict {
    if greatest < from || least > to {
        return Verdict::Never;
    }
    if from <= least && greatest <= to {
        return Verdict::Always;
    }
    let number = |number| usize::try_from(number).unwrap_or(usize::MAX);
    Verdict::Sometimes(on(number(from), number(to)))
}

fn since(of: &Dictionary<'_>, from_ms: u64, to_ms: u64) -> Verdict {
    if of.to_ms < from_ms || of.from_ms > to_ms {
        return Verdict::Never;
    }
    if from_ms <= of.from_ms && of.to_ms <= to_ms {
        return Verdict::Always;
    }
    let offset =
        |at_ms: u64| usize::try_from(at_ms.saturating_sub(of.from_ms)).unwrap_or(usize::MAX);
    Verdict::Sometimes(On::At(offset(from_ms), offset(to_ms)))
}

/// Finds the names that hold a part and fit, looking at all names at once.
fn names_with(of: &Dictionary<'_>, part: &[u8], fits: impl Fn(&str) -> bool) -> Set {
    let mut set = Set { fits: vec![false; of.name_ends.len()], n_fits: 0 };
    if part.contains(&b'\n') {
        return set;
    }
    for at in memmem::find_iter(of.names.as_bytes(), part) {
        let index = of.name_ends.partition_point(|end| *end < at + part.len());
        let is_one = of.name(index).is_some_and(&fits);
        if let Some(found) = set.fits.get_mut(index).filter(|found| is_one && !**found) {
            *found = true;
            set.n_fits += 1;
        }
    }
    set
}

/// Finds the names that one of the tests means.
fn names_that_fit(of: &Dictionary<'_>, tests: &[NameTest]) -> Set {
    if let [test] = tests {
        let (NameTest::Exact(part) | NameTest::Below(part) | NameTest::Beneath(part)) = test;
        if !part.is_empty() {
            return names_with(of, part.as_bytes(), |name| test.matches(name));
        }
    }
    let names = (0..of.name_ends.len()).filter_map(|index| of.name(index));
    Set::of(names, |name: &str| tests.iter().any(|test| test.matches(name)))
}

/// Returns whether a plan needs the third part of a block.
pub(crate) fn needs_rest(tests: &[RowTest]) -> bool {
    tests.iter().any(|test| matches!(test.on, On::Addresses(_)))
}

/// Marks the rows of a block that pass every test; `rest` is there when [`needs_rest`] says so.
pub(crate) fn hits(
    tests: &[RowTest],
    n_rows: usize,
    rows: &Rows<'_>,
    rest: Option<&Rest>,
) -> Vec<bool> {
    let mut hits = vec![true; n_rows];
    for RowTest { is_negated, on } in tests {
        let negated = *is_negated;
        let mut by = |column: &Column<'_>, set: &Set| {
            column.keep(&mut hits, |index| set.holds(index) != negated);
        };
        match on {
            On::Name(set) => by(&rows.name, set),
            On::Client(set) => by(&rows.client, set),
            On::Kind(set) => by(&rows.kind, set),
            On::ResponseCode(set) => by(&rows.response_code, set),
            On::Upstream(set) => by(&rows.upstream, set),
            On::Reason(set) => by(&rows.reason, set),
            On::Flags(set) => by(&rows.flags, set),
            On::At(from, to) => {
                rows.at.keep(&mut hits, |at| (*from..=*to).contains(&at) != negated);
            }
            On::Duration(from, to) => {
                rows.duration.keep(&mut hits, |us| (*from..=*to).contains(&us) != negated);
            }
            On::NameOrClient(names, clients) => {
                for (row, hit) in hits.iter_mut().enumerate().filter(|(_, hit)| **hit) {
                    let has = rows.name.get(row).is_some_and(|index| names.holds(index))
                        || rows.client.get(row).is_some_and(|index| clients.holds(index));
                    *hit = has != negated;
                }
            }
            On::Addresses(networks) => {
                let is_in = |address: &IpAddr| networks.iter().any(|net| net.contains(*address));
                let of_rest = rest.map_or(&[][..], |rest| rest.address_indexes.as_slice());
                for (hit, index) in hits.iter_mut().zip(of_rest) {
                    let addresses = rest.and_then(|rest| rest.addresses.get(usize::from(*index)));
                    *hit = *hit && addresses.is_some_and(|of| of.iter().any(is_in)) != negated;
                }
            }
        }
    }
    hits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::Entry;
    use crate::query_log::block::encode;
    use crate::query_log::filter::Names;
    use crate::query_log::samples::Samples;
    use crate::verdict::ListId;

    fn found(filter: &Filter, encoded: &crate::query_log::block::Encoded) -> Vec<bool> {
        let dictionary = Dictionary::decode(&encoded.dictionary).unwrap();
        let rows = Rows::decode(&encoded.rows, &dictionary).unwrap();
        match plan(filter, &dictionary) {
            Plan::Nothing => vec![false; dictionary.n_rows],
            Plan::Everything => vec![true; dictionary.n_rows],
            Plan::Rows(tests) => {
                let rest = Rest::decode(&encoded.rest, dictionary.n_rows).unwrap();
                let rest = needs_rest(&tests).then_some(&rest);
                hits(&tests, dictionary.n_rows, &rows, rest)
            }
        }
    }

    #[test]
    fn a_scan_finds_what_the_filter_matches() {
        let filters = [
            "",
            "www",
            "-www",
            "192.0.2.1",
            "-192.0.2.1",
            "site12.example",
            "nowhere",
            "name:site12.example",
            "name:*.example",
            "name:=www3.site3.example",
            "name:=\"\"",
            "name:site1.example,site2.example",
            "-name:site1.example,site2.example",
            "client:192.0.2.7",
            "client:192.0.2.0/28",
            "-client:192.0.2.0/28",
            "client:::/0",
            "type:A",
            "type:PTR,HTTPS",
            "-type:A",
            "type:MX",
            "-type:MX",
            "status:blocked",
            "-status:blocked",
            "status:stale",
            "-status:stale",
            "status:blocked,cached,forwarded",
            "rcode:NXDOMAIN",
            "rcode:NOERROR,NXDOMAIN",
            "upstream:QUAD9",
            "-upstream:quad9",
            "upstream:other",
            "list:1",
            "-list:1",
            "list:99",
            "rule:site1",
            "-rule:site1",
            "transport:tcp",
            "-transport:tcp",
            "transport:doh",
            "is:authentic",
            "-is:authentic",
            "duration:>50",
            "duration:<0.02",
            "-duration:>=0",
            "duration:0-100000",
            "address:198.51.0.0/24",
            "-address:198.51.0.0/24",
            "after:1790000005000",
            "before:1790000005000",
            "-after:1790000005000",
            "after:1790000001000 before:1790000005000",
            "before:0",
            "after:0",
            "status:blocked type:A client:192.0.2.0/26 -www",
        ];
        let mut samples = Samples::new(3);
        for n_entries in [1, 2, 255, 300, 2_000] {
            let entries: Vec<Entry> = (0..n_entries).map(|_| samples.next_entry()).collect();
            let encoded = encode(&entries.iter().collect::<Vec<_>>());
            for text in filters {
                let list = |_: &str| None::<ListId>;
                let filter = Filter::parse(text, &Names { now_ms: 0, list: &list }).unwrap();
                let expected: Vec<bool> = entries.iter().map(|e| filter.matches(e)).collect();
                assert_eq!(found(&filter, &encoded), expected, "case: {text} of {n_entries}");
            }
        }
    }
}
