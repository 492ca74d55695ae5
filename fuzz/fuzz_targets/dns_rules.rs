//! Any bytes are read as rules in every dialect, and what they become judges without a panic.
#![no_main]

use std::sync::Arc;

use tidings_dns::client::{ClientView, Group};
use tidings_dns::filter::compile::{ListKind, ListSource, ListText, compile};
use tidings_dns::filter::dialect::Dialect;
use tidings_dns::filter::suffixes::HashKey;
use tidings_dns::filter::{Filter, Query};
use tidings_dns::record_type::RecordType;
use tidings_dns::verdict::{ListId, Verdict};

libfuzzer_sys::fuzz_target!(|input: (u8, bool, &str)| {
    let (dialect, is_allowing, text) = input;
    let (dialect, _) = Dialect::ALL[usize::from(dialect) % Dialect::ALL.len()];
    let kind = if is_allowing { ListKind::Allow } else { ListKind::Block };
    let list = ListSource { list: ListId(1), kind, dialect, text: ListText::Inline(text.into()) };
    let (lists, reports) =
        compile(HashKey::new([1, 2]), &[list], &mut |_, _| {}).expect("text in memory");
    assert!(reports[0].ignored.len() <= reports[0].n_ignored);
    let filter = Filter { lists: Arc::new(lists), ..Filter::default() };
    let group = Group::default();
    let client =
        ClientView { address: None, names: &[], tags: &[], group: &group, is_filtered: true };
    for name in ["", "example", "www.example.org", "192.0.2.1", "2001:db8::1"] {
        let verdict = filter.judge(&Query { name, kind: RecordType::A, client });
        if let Verdict::Rewritten { rewrites, .. } = &verdict {
            assert!(!rewrites.is_empty());
        }
        if is_allowing {
            assert!(matches!(verdict, Verdict::Pass | Verdict::Allowed(_)));
        }
    }
});
