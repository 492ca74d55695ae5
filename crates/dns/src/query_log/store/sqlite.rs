//! The log in `SQLite`: blocks of some thousand entries, and a tail of what came since the last.
//!
//! ```text
//! block       first, n, from_ms, to_ms, dictionary   what a search reads of every block
//! block_rows  first, data                             of those that may hold something
//! block_rest  first, data                             of those that are shown
//! tail        first, n, from_ms, to_ms, dictionary, rows, rest
//! ```
//!
//! `first` is the sequence number of the first entry; the numbers within a part follow one another.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction, params};

use super::{Emit, Retention, StoreError, is_damage};
use crate::entry::Entry;
use crate::query_log::Logged;
use crate::query_log::block::{self, Dictionary, ENTRIES_MAX, Encoded, Rest, Rows};
use crate::query_log::filter::Filter;
use crate::query_log::scan::{Plan, hits, needs_rest, plan};

/// Version of the tables.
const VERSION: i64 = 1;
/// Parts of the tail from which on they become one.
const TAIL_PARTS_MAX: usize = 64;
/// A tail older than this becomes a block however small it is, so that times stay small.
const TAIL_AGE_MAX_MS: u64 = 7 * 24 * 3_600_000;
/// How long a writer waits for another one, such as a backup.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);
/// Pages that one round of retention gives back to the file system.
const VACUUM_PAGES: u32 = 2_000;
/// One of so many blocks goes at a time when the database is too large.
const TOO_LARGE_SHARE: u64 = 16;

const TABLES: &str = "
    CREATE TABLE block (first INTEGER PRIMARY KEY, n INTEGER NOT NULL, from_ms INTEGER NOT NULL,
        to_ms INTEGER NOT NULL, dictionary BLOB NOT NULL);
    CREATE TABLE block_rows (first INTEGER PRIMARY KEY, data BLOB NOT NULL);
    CREATE TABLE block_rest (first INTEGER PRIMARY KEY, data BLOB NOT NULL);
    CREATE TABLE tail (first INTEGER PRIMARY KEY, n INTEGER NOT NULL, from_ms INTEGER NOT NULL,
        to_ms INTEGER NOT NULL, dictionary BLOB NOT NULL, rows BLOB NOT NULL, rest BLOB NOT NULL);
    PRAGMA user_version = 1;";

/// The database, open for writing.
#[derive(Debug)]
pub(crate) struct SqliteStore {
    connection: Connection,
    /// The newest entry.
    last: Option<u64>,
    /// The entries of the tail.
    tail: Vec<Logged>,
    n_tail_parts: usize,
}

/// Names what was being done when the database refused.
fn at(doing: &'static str) -> impl Fn(rusqlite::Error) -> StoreError {
    move |source| StoreError::Database { doing, source }
}

impl SqliteStore {
    /// Opens a database, and makes it when it is missing; one that is no database is put aside.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)
                .map_err(|source| StoreError::File { doing: "make its folder", source })?;
        }
        match Self::open_sound(path) {
            Err(StoreError::Database { source, .. }) if is_damage(&source) => {
                let aside = put_aside(path)?;
                let cause: &dyn std::error::Error = &source;
                tracing::error!(
                    cause,
                    aside = %aside.display(),
                    "the query log was damaged: it is put aside and a new one begun"
                );
                Self::open_sound(path)
            }
            opened => opened,
        }
    }

    fn open_sound(path: &Path) -> Result<Self, StoreError> {
        let connection = Connection::open(path).map_err(at("open"))?;
        connection.busy_timeout(BUSY_TIMEOUT).map_err(at("open"))?;
        let version = version_of(&connection)?;
        if version > VERSION {
            return Err(StoreError::Version { version });
        }
        if version == 0 {
            connection
                .execute_batch("PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL;")
                .and_then(|()| connection.execute_batch(&format!("BEGIN;{TABLES}COMMIT;")))
                .map_err(at("make its tables"))?;
        }
        connection
            .execute_batch("PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = 4194304;")
            .map_err(at("set it up"))?;
        let mut store = Self { connection, last: None, tail: Vec::new(), n_tail_parts: 0 };
        store.take_up_tail()?;
        Ok(store)
    }

    /// Reads the tail that the last process left, and makes it a block: sequence numbers go on
    /// somewhere else.
    fn take_up_tail(&mut self) -> Result<(), StoreError> {
        let mut parts: Vec<(u64, Encoded)> = Vec::new();
        read_tail(&self.connection, u64::MAX, &mut |first, encoded| {
            parts.push((first, encoded));
            Ok(true)
        })?;
        for (first, encoded) in parts.into_iter().rev() {
            let entries = block::decode(&encoded);
            let entries = entries.map_err(|source| StoreError::Damaged { first, source })?;
            self.tail.extend((first..).zip(entries).map(|(n, entry)| Logged::new(n, entry)));
        }
        let transaction = self.connection.transaction().map_err(at("begin"))?;
        seal_all(&transaction, &self.tail)?;
        transaction.commit().map_err(at("commit"))?;
        self.tail.clear();
        self.last = self
            .connection
            .query_row("SELECT first + n - 1 FROM block ORDER BY first DESC LIMIT 1", [], |row| {
                row.get(0)
            })
            .optional()
            .map_err(at("find the newest entry"))?;
        Ok(())
    }

    /// Returns the sequence number of the newest entry.
    pub(crate) fn last(&self) -> Option<u64> {
        self.last
    }

    /// Keeps entries, all or none.
    pub(crate) fn append(&mut self, entries: &[Logged]) -> Result<(), StoreError> {
        let (Some(first), Some(newest)) = (entries.first(), entries.last()) else { return Ok(()) };
        let follows = self.last.is_none_or(|last| last + 1 == first.sequence);
        let is_old = self.tail.first().is_some_and(|oldest| {
            newest.entry.at_ms.abs_diff(oldest.entry.at_ms) > TAIL_AGE_MAX_MS
        });
        let transaction = self.connection.transaction().map_err(at("begin"))?;
        let mut tail: Vec<Logged> = Vec::new();
        let mut n_tail_parts = 0;
        if follows && !is_old {
            tail.clone_from(&self.tail);
            n_tail_parts = self.n_tail_parts;
        } else {
            seal_all(&transaction, &self.tail)?;
        }
        tail.extend_from_slice(entries);
        let n_sealed = tail.len() / ENTRIES_MAX * ENTRIES_MAX;
        let rest = tail.split_off(n_sealed);
        seal_all(&transaction, &tail)?;
        if n_sealed > 0 || n_tail_parts >= TAIL_PARTS_MAX {
            delete_tail(&transaction)?;
            put_tail(&transaction, &rest)?;
            n_tail_parts = usize::from(!rest.is_empty());
        } else {
            put_tail(&transaction, entries)?;
            n_tail_parts += 1;
        }
        transaction.commit().map_err(at("commit"))?;
        self.tail = rest;
        self.n_tail_parts = n_tail_parts;
        self.last = Some(newest.sequence);
        Ok(())
    }

    /// Removes what is too old or too much.
    pub(crate) fn retain(&mut self, now_ms: u64, retention: Retention) -> Result<(), StoreError> {
        let age_ms = u64::try_from(retention.age_max.as_millis()).unwrap_or(u64::MAX);
        let oldest_ms = now_ms.saturating_sub(age_ms);
        let n_old: u64 = self
            .connection
            .query_row("SELECT count(*) FROM block WHERE to_ms < ?", [oldest_ms], |row| row.get(0))
            .map_err(at("look for old entries"))?;
        self.delete_oldest(n_old)?;
        let mut is_changed = n_old > 0;
        while self.size_bytes()? > retention.size_max_bytes {
            let n_blocks = self.n_blocks()?;
            if n_blocks == 0 {
                break;
            }
            self.delete_oldest(n_blocks.div_ceil(TOO_LARGE_SHARE))?;
            is_changed = true;
        }
        if is_changed {
            self.give_back()?;
        }
        Ok(())
    }

    /// Removes everything.
    pub(crate) fn clear(&mut self) -> Result<(), StoreError> {
        self.connection
            .execute_batch(
                "BEGIN; DELETE FROM block; DELETE FROM block_rows; DELETE FROM block_rest;
                 DELETE FROM tail; COMMIT;",
            )
            .map_err(at("clear"))?;
        self.tail.clear();
        self.n_tail_parts = 0;
        self.give_back()
    }

    /// Returns bytes in use and entries kept.
    pub(crate) fn size(&self) -> Result<(u64, u64), StoreError> {
        let n_entries: u64 = self
            .connection
            .query_row("SELECT coalesce(sum(n), 0) FROM block", [], |row| row.get(0))
            .map_err(at("count"))?;
        let n_tail = u64::try_from(self.tail.len()).unwrap_or(0);
        Ok((self.size_bytes()?, n_entries + n_tail))
    }

    fn n_blocks(&self) -> Result<u64, StoreError> {
        let count = "SELECT count(*) FROM block";
        self.connection.query_row(count, [], |row| row.get(0)).map_err(at("count"))
    }

    /// Returns the bytes of pages in use.
    fn size_bytes(&self) -> Result<u64, StoreError> {
        let number = |pragma| {
            let found = self.connection.query_row(pragma, [], |row| row.get::<_, u64>(0));
            found.map_err(at("measure"))
        };
        let in_use = number("PRAGMA page_count")?.saturating_sub(number("PRAGMA freelist_count")?);
        Ok(in_use * number("PRAGMA page_size")?)
    }

    fn delete_oldest(&mut self, n_blocks: u64) -> Result<(), StoreError> {
        if n_blocks == 0 {
            return Ok(());
        }
        let transaction = self.connection.transaction().map_err(at("begin"))?;
        let next: Option<u64> = transaction
            .query_row(
                "SELECT first FROM block ORDER BY first LIMIT 1 OFFSET ?",
                [n_blocks],
                |row| row.get(0),
            )
            .optional()
            .map_err(at("look for old entries"))?;
        // Every block goes when there is no next one.
        let next = next.unwrap_or(i64::MAX.unsigned_abs());
        for table in ["block", "block_rows", "block_rest"] {
            transaction
                .execute(&format!("DELETE FROM {table} WHERE first < ?"), [next])
                .map_err(at("remove old entries"))?;
        }
        transaction.commit().map_err(at("commit"))
    }

    /// Gives free pages back to the file system.
    fn give_back(&self) -> Result<(), StoreError> {
        let pragma = format!("PRAGMA incremental_vacuum({VACUUM_PAGES})");
        let mut statement = self.connection.prepare(&pragma).map_err(at("shrink"))?;
        let mut rows = statement.query([]).map_err(at("shrink"))?;
        while rows.next().map_err(at("shrink"))?.is_some() {}
        Ok(())
    }
}

/// Returns the version of the tables; 0 before there are any.
fn version_of(connection: &Connection) -> Result<i64, StoreError> {
    let pragma = "PRAGMA user_version";
    connection.query_row(pragma, [], |row| row.get(0)).map_err(at("read its version"))
}

/// Renames a damaged database and what belongs to it.
fn put_aside(path: &Path) -> Result<PathBuf, StoreError> {
    let named = |tail: &str| PathBuf::from(format!("{}{tail}", path.display()));
    let aside = named(".damaged");
    for tail in ["-wal", "-shm"] {
        match fs::remove_file(named(tail)) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                return Err(StoreError::File { doing: "put a damaged one aside", source });
            }
            Ok(()) | Err(_) => {}
        }
    }
    fs::rename(path, &aside)
        .map_err(|source| StoreError::File { doing: "put a damaged one aside", source })?;
    Ok(aside)
}

fn encode(entries: &[Logged]) -> Encoded {
    let plain: Vec<&Entry> = entries.iter().map(|logged| logged.entry.as_ref()).collect();
    block::encode(&plain)
}

/// Makes blocks of entries and removes the tail that held them.
fn seal_all(transaction: &Transaction<'_>, entries: &[Logged]) -> Result<(), StoreError> {
    for entries in entries.chunks(ENTRIES_MAX) {
        let Some(first) = entries.first() else { continue };
        let Encoded { from_ms, to_ms, dictionary, rows, rest } = encode(entries);
        transaction
            .prepare_cached("INSERT INTO block VALUES (?, ?, ?, ?, ?)")
            .and_then(|mut insert| {
                insert.execute(params![first.sequence, entries.len(), from_ms, to_ms, dictionary])
            })
            .map_err(at("write a block"))?;
        for (table, data) in [("block_rows", rows), ("block_rest", rest)] {
            transaction
                .prepare_cached(&format!("INSERT INTO {table} VALUES (?, ?)"))
                .and_then(|mut insert| insert.execute(params![first.sequence, data]))
                .map_err(at("write a block"))?;
        }
    }
    if entries.is_empty() { Ok(()) } else { delete_tail(transaction) }
}

fn delete_tail(transaction: &Transaction<'_>) -> Result<(), StoreError> {
    transaction.execute("DELETE FROM tail", []).map(drop).map_err(at("write the newest"))
}

fn put_tail(transaction: &Transaction<'_>, entries: &[Logged]) -> Result<(), StoreError> {
    let Some(first) = entries.first() else { return Ok(()) };
    let Encoded { from_ms, to_ms, dictionary, rows, rest } = encode(entries);
    transaction
        .prepare_cached("INSERT INTO tail VALUES (?, ?, ?, ?, ?, ?, ?)")
        .and_then(|mut insert| {
            let n_entries = entries.len();
            insert.execute(params![
                first.sequence,
                n_entries,
                from_ms,
                to_ms,
                dictionary,
                rows,
                rest
            ])
        })
        .map(drop)
        .map_err(at("write the newest"))
}

/// Reads the parts of the tail that begin before a sequence number, newest first, until `take`
/// says false.
fn read_tail(
    connection: &Connection,
    before: u64,
    take: &mut dyn FnMut(u64, Encoded) -> Result<bool, StoreError>,
) -> Result<(), StoreError> {
    let select = "SELECT first, from_ms, to_ms, dictionary, rows, rest FROM tail
                  WHERE first < ? ORDER BY first DESC";
    let mut statement = connection.prepare(select).map_err(at("read the newest"))?;
    let mut parts = statement.query([database_number(before)]).map_err(at("read the newest"))?;
    while let Some(row) = parts.next().map_err(at("read the newest"))? {
        let part = || {
            let encoded = Encoded {
                from_ms: row.get(1)?,
                to_ms: row.get(2)?,
                dictionary: row.get(3)?,
                rows: row.get(4)?,
                rest: row.get(5)?,
            };
            Ok((row.get(0)?, encoded))
        };
        let (first, encoded) = part().map_err(at("read the newest"))?;
        if !take(first, encoded)? {
            return Ok(());
        }
    }
    Ok(())
}

/// Returns a sequence number as the database takes it.
fn database_number(sequence: u64) -> i64 {
    i64::try_from(sequence).unwrap_or(i64::MAX)
}

/// Hands over what a filter wants of the entries before a sequence number, newest first.
pub(crate) fn search(
    path: &Path,
    filter: &Filter,
    before: u64,
    emit: &mut Emit<'_>,
) -> Result<(), StoreError> {
    if !path.exists() {
        return Ok(());
    }
    let mut connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
        .map_err(at("open for a search"))?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(at("open for a search"))?;
    // One transaction: an entry that moves from the tail into a block is seen once.
    let snapshot = connection.transaction().map_err(at("open for a search"))?;
    // A database that is being made has no tables yet.
    if version_of(&snapshot)? == 0 {
        return Ok(());
    }
    let mut is_wanted = true;
    read_tail(&snapshot, before, &mut |first, encoded| {
        let part = Part { first, before, dictionary: &encoded.dictionary };
        let rows = || Ok(encoded.rows.clone());
        is_wanted = part.search(filter, &rows, &|| Ok(encoded.rest.clone()), emit)?;
        Ok(is_wanted)
    })?;
    if is_wanted {
        search_blocks(&snapshot, filter, before, emit)?;
    }
    Ok(())
}

fn search_blocks(
    snapshot: &Transaction<'_>,
    filter: &Filter,
    before: u64,
    emit: &mut Emit<'_>,
) -> Result<(), StoreError> {
    const READ: &str = "read a block";
    let (after_ms, before_ms) = filter.times_ms();
    let select = "SELECT first, dictionary FROM block WHERE first < ? AND to_ms >= ?
                  AND from_ms < ? ORDER BY first DESC";
    let mut statement = snapshot.prepare(select).map_err(at(READ))?;
    let limits = [before, after_ms, before_ms].map(database_number);
    let mut blocks = statement.query(limits).map_err(at(READ))?;
    while let Some(row) = blocks.next().map_err(at(READ))? {
        let first: u64 = row.get(0).map_err(at(READ))?;
        let dictionary = row.get_ref(1).map_err(at(READ))?;
        let dictionary = dictionary.as_blob().map_err(|error| at(READ)(error.into()))?;
        let data = |table: &str| {
            let select = format!("SELECT data FROM {table} WHERE first = ?");
            let data = snapshot.prepare_cached(&select);
            data.and_then(|mut select| select.query_row([first], |row| row.get(0)))
                .map_err(at(READ))
        };
        let part = Part { first, before, dictionary };
        if !part.search(filter, &|| data("block_rows"), &|| data("block_rest"), emit)? {
            return Ok(());
        }
    }
    Ok(())
}

/// A block or a part of the tail that is searched.
struct Part<'a> {
    first: u64,
    before: u64,
    dictionary: &'a [u8],
}

/// Reads a further part of a block.
type Load<'a> = dyn Fn() -> Result<Vec<u8>, StoreError> + 'a;

impl Part<'_> {
    /// Hands over the hits, newest first; false when no more are wanted.
    fn search(
        &self,
        filter: &Filter,
        rows: &Load<'_>,
        rest: &Load<'_>,
        emit: &mut Emit<'_>,
    ) -> Result<bool, StoreError> {
        let first = self.first;
        let damaged = |source| StoreError::Damaged { first, source };
        let dictionary = Dictionary::decode(self.dictionary).map_err(damaged)?;
        let n_rows = dictionary.n_rows;
        let plan = plan(filter, &dictionary);
        if matches!(plan, Plan::Nothing) {
            return Ok(true);
        }
        let row_bytes = rows()?;
        let rows = Rows::decode(&row_bytes, &dictionary).map_err(damaged)?;
        let load_rest = || Rest::decode(&rest()?, n_rows).map_err(damaged);
        let mut rest = None;
        let hits = match &plan {
            Plan::Nothing => Vec::new(),
            Plan::Everything => vec![true; n_rows],
            Plan::Rows(tests) => {
                if needs_rest(tests) {
                    rest = Some(load_rest()?);
                }
                hits(tests, n_rows, &rows, rest.as_ref())
            }
        };
        let n_before = usize::try_from(self.before - first).unwrap_or(usize::MAX);
        let wanted = hits.iter().enumerate().take(n_before).rev().filter(|(_, hit)| **hit);
        for (row, _) in wanted {
            let rest = match &mut rest {
                Some(rest) => rest,
                empty @ None => empty.insert(load_rest()?),
            };
            let entry = block::entry(row, &dictionary, &rows, rest);
            let entry = entry.ok_or(crate::query_log::bytes::Cut).map_err(damaged)?;
            let sequence = first + u64::try_from(row).unwrap_or(0);
            if !emit(Logged::new(sequence, entry)) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
