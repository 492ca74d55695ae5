//! Compiled rules on disk, so that a start need not read a million lines again.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | magic and version |
//! | 8 | fingerprint of the lists, as the writer says |
//! | 16 | key of the hashes |
//! | 4, 4, 8 | labels of the longest name, sets of lists, slots |
//! | each set | 2: statements; each of them 2, 1, 1: list, shape, mark |
//! | 8 × slots | hashes |
//! | 2 × slots | sets |
//! | 4 | lines of the rules that need more than a name |
//! | each line | 2, 1, 1, 4, 4: list, kind, dialect, number, bytes; then the line |
//! | 4 | CRC-32C of everything before |
//!
//! All numbers are little-endian. A file that is cut short, damaged, or of another version or
//! fingerprint is refused, and the lists are compiled again.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;

use crate::filter::compile::{Fill, ListKind, ListSource, ListText};
use crate::filter::compiled::Compiled;
use crate::filter::dialect::{Dialect, LINE_BYTES_MAX, read_line};
use crate::filter::rule::{ByLength, Mark, Shape, Weight};
use crate::filter::suffixes::HashKey;
use crate::filter::table::{Listed, NameTable, Parts};
use crate::verdict::ListId;

const MAGIC: [u8; 8] = *b"TIDNSL\0\x01";
const BUFFER_BYTES: usize = 256 * 1024;
/// Slots that are written or read at a time.
const SLOTS_AT_ONCE: usize = 8_192;
/// Most rules that need more than a name, in one file.
const LINES_MAX: u32 = 1_000_000;

/// Marks in the order of their numbers.
const MARKS: [Mark; 11] = [
    Mark::Weight(Weight::WeakBlock),
    Mark::Weight(Weight::Block),
    Mark::Weight(Weight::Allow),
    Mark::Weight(Weight::ImportantBlock),
    Mark::Weight(Weight::ImportantAllow),
    Mark::ByLength(ByLength::Local),
    Mark::ByLength(ByLength::NullV4),
    Mark::ByLength(ByLength::NullV6),
    Mark::ByLength(ByLength::Null),
    Mark::ByLength(ByLength::Forward),
    Mark::ByLength(ByLength::Address),
];
const SHAPES: [Shape; 3] = [Shape::Exact, Shape::Below, Shape::Suffix];
const KINDS: [ListKind; 2] = [ListKind::Block, ListKind::Allow];

/// Writes compiled rules to `path`, whole or not at all.
///
/// `fingerprint` stands for the state of `sources`; [`load`] wants the same.
///
/// # Errors
///
/// The file cannot be written; a former one is still there.
pub fn save(
    path: &Path,
    compiled: &Compiled,
    sources: &[ListSource],
    fingerprint: u64,
) -> io::Result<()> {
    if compiled.n_spilled > 0 {
        return Err(io::Error::other("there are too many different sets of lists to save them"));
    }
    let beside = path.with_extension("new");
    let mut out = Checked::new(BufWriter::with_capacity(BUFFER_BYTES, File::create(&beside)?));
    write_table(&mut out, compiled, fingerprint)?;
    write_lines(&mut out, compiled, sources)?;
    let crc = out.crc;
    let mut inner = out.inner;
    inner.write_all(&crc.to_le_bytes())?;
    inner.flush()?;
    inner.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    std::fs::rename(&beside, path)
}

/// Reads compiled rules from `path`.
///
/// # Errors
///
/// The file is not there, is damaged, or was made of other lists.
pub fn load(path: &Path, fingerprint: u64) -> io::Result<Compiled> {
    let opened = File::open(path)?;
    let n_bytes = opened.metadata()?.len();
    let mut input = Checked::new(BufReader::with_capacity(BUFFER_BYTES, opened));
    let (key, table) = read_table(&mut input, n_bytes, fingerprint)?;
    let mut rules = Fill::for_lines(key);
    let n_lines = input.number4()?;
    if n_lines > LINES_MAX {
        return Err(damaged("it has too many rules"));
    }
    let mut line = Vec::new();
    for _ in 0..n_lines {
        let source = read_line_source(&mut input, &mut line, &mut rules)?;
        rules.read_again(&source, &line);
    }
    let crc = input.crc;
    let mut expected = [0; 4];
    input.inner.read_exact(&mut expected)?;
    if crc != u32::from_le_bytes(expected) {
        return Err(damaged("its checksum is wrong"));
    }
    let table = table.into_table()?;
    Ok(Compiled { key, table, rules: rules.into_rules(key), n_spilled: 0 })
}

fn write_table(
    out: &mut Checked<impl Write>,
    compiled: &Compiled,
    fingerprint: u64,
) -> io::Result<()> {
    let table = &compiled.table;
    out.write_all(&MAGIC)?;
    out.write_all(&fingerprint.to_le_bytes())?;
    for part in compiled.key.parts() {
        out.write_all(&part.to_le_bytes())?;
    }
    out.write_all(&length4(table.n_labels_max())?)?;
    out.write_all(&length4(table.sets().len())?)?;
    let n_slots = u64::try_from(table.hashes().len()).map_err(io::Error::other)?;
    out.write_all(&n_slots.to_le_bytes())?;
    for set in table.sets() {
        let n_listed = u16::try_from(set.len()).map_err(io::Error::other)?;
        out.write_all(&n_listed.to_le_bytes())?;
        for listed in set {
            out.write_all(&listed.list.0.to_le_bytes())?;
            out.write_all(&[number_of(&SHAPES, &listed.shape), number_of(&MARKS, &listed.mark)])?;
        }
    }
    let mut bytes = Vec::with_capacity(SLOTS_AT_ONCE * 8);
    for hashes in table.hashes().chunks(SLOTS_AT_ONCE) {
        bytes.clear();
        bytes.extend(hashes.iter().flat_map(|hash| hash.to_le_bytes()));
        out.write_all(&bytes)?;
    }
    for ids in table.set_ids().chunks(SLOTS_AT_ONCE) {
        bytes.clear();
        bytes.extend(ids.iter().flat_map(|id| id.to_le_bytes()));
        out.write_all(&bytes)?;
    }
    Ok(())
}

/// Writes the lines of the rules that need more than a name, each once.
fn write_lines(
    out: &mut Checked<impl Write>,
    compiled: &Compiled,
    sources: &[ListSource],
) -> io::Result<()> {
    let mut lines: Vec<(ListId, u32, &str)> =
        compiled.rules.iter().map(|rule| (rule.list, rule.line, &*rule.text)).collect();
    lines.dedup();
    out.write_all(&length4(lines.len())?)?;
    for (list, number, text) in lines {
        let source = sources.iter().find(|source| source.list == list);
        let source = source.ok_or_else(|| io::Error::other("a rule is of no list"))?;
        let dialect = Dialect::ALL.map(|(dialect, _)| dialect);
        out.write_all(&list.0.to_le_bytes())?;
        out.write_all(&[number_of(&KINDS, &source.kind), number_of(&dialect, &source.dialect)])?;
        out.write_all(&number.to_le_bytes())?;
        out.write_all(&length4(text.len())?)?;
        out.write_all(text.as_bytes())?;
    }
    Ok(())
}

/// A table that was read and is not yet known to be whole.
struct Unchecked(Parts);

impl Unchecked {
    fn into_table(self) -> io::Result<NameTable> {
        NameTable::from_parts(self.0).ok_or_else(|| damaged("its parts do not fit"))
    }
}

fn read_table(
    input: &mut Checked<impl Read>,
    n_bytes: u64,
    fingerprint: u64,
) -> io::Result<(HashKey, Unchecked)> {
    if input.bytes::<8>()? != MAGIC {
        return Err(damaged("it is of another kind or version"));
    }
    if u64::from_le_bytes(input.bytes()?) != fingerprint {
        return Err(damaged("it was made of other lists"));
    }
    let parts = [u64::from_le_bytes(input.bytes()?), u64::from_le_bytes(input.bytes()?)];
    let n_labels_max = usize::try_from(input.number4()?).map_err(io::Error::other)?;
    let n_sets = input.number4()?;
    let n_slots = u64::from_le_bytes(input.bytes()?);
    // What the file has no bytes for must not be allocated.
    if n_slots.saturating_mul(10) > n_bytes || u64::from(n_sets).saturating_mul(2) > n_bytes {
        return Err(damaged("it is cut short"));
    }
    let mut sets: Vec<Box<[Listed]>> = Vec::new();
    for _ in 0..n_sets {
        let n_listed = u16::from_le_bytes(input.bytes()?);
        let set: io::Result<Box<[Listed]>> = (0..n_listed).map(|_| read_listed(input)).collect();
        sets.push(set?);
    }
    let n_slots = usize::try_from(n_slots).map_err(io::Error::other)?;
    let mut hashes = Vec::with_capacity(n_slots);
    input.in_chunks(n_slots, |bytes: &[[u8; 8]]| {
        hashes.extend(bytes.iter().map(|bytes| u64::from_le_bytes(*bytes)));
    })?;
    let mut set_ids = Vec::with_capacity(n_slots);
    input.in_chunks(n_slots, |bytes: &[[u8; 2]]| {
        set_ids.extend(bytes.iter().map(|bytes| u16::from_le_bytes(*bytes)));
    })?;
    let (hashes, set_ids) = (hashes.into_boxed_slice(), set_ids.into_boxed_slice());
    let parts = (HashKey::from_parts(parts), Parts { hashes, set_ids, sets, n_labels_max });
    Ok((parts.0, Unchecked(parts.1)))
}

fn read_listed(input: &mut Checked<impl Read>) -> io::Result<Listed> {
    let list = ListId(u16::from_le_bytes(input.bytes()?));
    let [shape, mark] = input.bytes()?;
    match (SHAPES.get(usize::from(shape)), MARKS.get(usize::from(mark))) {
        (Some(shape), Some(mark)) => Ok(Listed { list, shape: *shape, mark: *mark }),
        _ => Err(damaged("it says what this version does not know")),
    }
}

/// Reads the place and the text of a line; the text comes into `line`.
fn read_line_source(
    input: &mut Checked<impl Read>,
    line: &mut Vec<u8>,
    fill: &mut Fill,
) -> io::Result<ListSource> {
    let list = ListId(u16::from_le_bytes(input.bytes()?));
    let [kind, dialect] = input.bytes()?;
    fill.set_line(input.number4()?);
    let n_bytes = usize::try_from(input.number4()?).map_err(io::Error::other)?;
    let (Some(kind), Some((dialect, _)), true) = (
        KINDS.get(usize::from(kind)),
        Dialect::ALL.get(usize::from(dialect)),
        n_bytes <= LINE_BYTES_MAX,
    ) else {
        return Err(damaged("it says what this version does not know"));
    };
    line.resize(n_bytes, 0);
    input.read_exact(line)?;
    let text = ListText::Inline("".into());
    Ok(ListSource { list, kind: *kind, dialect: *dialect, text })
}

impl Fill {
    /// Takes the rules of a line that need more than a name; its names are in the table.
    fn read_again(&mut self, source: &ListSource, line: &[u8]) {
        self.start(source);
        self.set_text(line);
        read_line(source.dialect, line, &mut RulesOnly(self));
    }
}

/// Passes rules on and leaves names out.
struct RulesOnly<'a>(&'a mut Fill);

impl crate::filter::dialect::Sink for RulesOnly<'_> {
    fn name(&mut self, _: &str, _: Shape, _: Mark) {}

    fn rule(&mut self, draft: crate::filter::dialect::Draft) {
        self.0.rule(draft);
    }

    fn disable(&mut self, _: &crate::filter::dialect::RuleKey) {}

    fn is_disabled(&self, _: &dyn Fn() -> crate::filter::dialect::RuleKey, _: &str) -> bool {
        false
    }

    fn reject(&mut self, _: &'static str) {}
}

fn number_of<Kind: PartialEq>(all: &[Kind], one: &Kind) -> u8 {
    let index = all.iter().position(|known| known == one).and_then(|index| index.try_into().ok());
    debug_assert!(index.is_some(), "every kind is in its table");
    index.unwrap_or(u8::MAX)
}

fn length4(length: usize) -> io::Result<[u8; 4]> {
    u32::try_from(length).map(u32::to_le_bytes).map_err(io::Error::other)
}

fn damaged(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the file of compiled rules: {why}"))
}

/// Sums up what passes.
struct Checked<Inner> {
    inner: Inner,
    crc: u32,
}

impl<Inner> Checked<Inner> {
    fn new(inner: Inner) -> Self {
        Self { inner, crc: 0 }
    }
}

impl<W: Write> Write for Checked<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n_written = self.inner.write(bytes)?;
        self.crc = crc32c::crc32c_append(self.crc, bytes.get(..n_written).unwrap_or_default());
        Ok(n_written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let n_read = self.inner.read(bytes)?;
        self.crc = crc32c::crc32c_append(self.crc, bytes.get(..n_read).unwrap_or_default());
        Ok(n_read)
    }
}

impl<R: Read> Checked<R> {
    fn bytes<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn number4(&mut self) -> io::Result<u32> {
        self.bytes().map(u32::from_le_bytes)
    }

    /// Reads `n` numbers of `N` bytes, some thousand at a time.
    fn in_chunks<const N: usize>(
        &mut self,
        n: usize,
        mut take: impl FnMut(&[[u8; N]]),
    ) -> io::Result<()> {
        let mut buffer = vec![0; SLOTS_AT_ONCE * N];
        let mut n_left = n;
        while n_left > 0 {
            let n_now = n_left.min(SLOTS_AT_ONCE);
            let bytes = buffer.get_mut(..n_now * N).unwrap_or_default();
            self.read_exact(bytes)?;
            take(bytes.as_chunks().0);
            n_left -= n_now;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{ClientView, Group};
    use crate::filter::compile::compile;
    use crate::filter::{Filter, Query};
    use crate::record_type::RecordType;
    use crate::verdict::Verdict;

    const RULES: &str = "||ads.example^\n@@||good.ads.example^\n192.0.2.7 nas.example nas2.example\n\
        /^track[0-9]+\\./\n||six.example^$dnstype=AAAA\nplain.example\n";
    const OPTIONS: &str = "address=/x.example/#\naddress=/y.example/192.0.2.1\n";

    fn sources() -> [ListSource; 2] {
        [(1, Dialect::AdGuard, RULES), (2, Dialect::Dnsmasq, OPTIONS)].map(
            |(list, dialect, text)| {
                let text = ListText::Inline(text.into());
                ListSource { list: ListId(list), kind: ListKind::Block, dialect, text }
            },
        )
    }

    fn verdicts(compiled: Compiled) -> Vec<Verdict> {
        let filter = Filter { lists: compiled.into(), ..Filter::default() };
        let group = Group::default();
        let client =
            ClientView { address: None, names: &[], tags: &[], group: &group, is_filtered: true };
        [
            "ads.example",
            "a.good.ads.example",
            "nas.example",
            "nas2.example",
            "track1.example",
            "six.example",
            "plain.example",
            "www.plain.example",
            "a.x.example",
            "y.example",
        ]
        .iter()
        .flat_map(|name| [RecordType::A, RecordType::AAAA].map(|kind| (*name, kind)))
        .map(|(name, kind)| filter.judge(&Query { name, kind, client }))
        .collect()
    }

    #[test]
    fn what_is_saved_judges_alike() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("compiled");
        let (compiled, _) =
            compile(HashKey::new([1, 2]), &sources(), &mut |_, _| {}).expect("compiled");
        save(&path, &compiled, &sources(), 7).expect("saved");
        let loaded = load(&path, 7).expect("loaded");
        assert_eq!(loaded.n_rules(), compiled.n_rules());
        assert_eq!(verdicts(loaded), verdicts(compiled));
    }

    #[test]
    fn damage_is_seen_wherever_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("compiled");
        let (compiled, _) =
            compile(HashKey::new([1, 2]), &sources(), &mut |_, _| {}).expect("compiled");
        save(&path, &compiled, &sources(), 7).expect("saved");
        assert!(load(&path, 8).is_err(), "other lists");
        let whole = std::fs::read(&path).expect("read");
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x40;
            std::fs::write(&path, &bytes).expect("written");
            assert!(load(&path, 7).is_err(), "byte {at}");
        }
        for length in (0..whole.len()).step_by(7) {
            std::fs::write(&path, &whole[..length]).expect("written");
            assert!(load(&path, 7).is_err(), "cut at {length}");
        }
    }
}
