//! The lists on disk: a file that is written anew, or a database of rows.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, Transaction, params};

use super::{ListDriver, ListKind, ListedEntry};

/// Why a list is not on disk as it should be.
#[derive(Debug, thiserror::Error)]
pub enum ListedError {
    /// The file refuses; what it held it holds.
    #[error("the file of the list {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The database refuses; what it held it holds.
    #[error("the database of the lists")]
    Database {
        /// Why.
        source: rusqlite::Error,
    },
}

/// Where one list is kept.
#[derive(Debug)]
pub(super) enum Kept {
    /// Nowhere.
    Nowhere,
    /// In a file.
    File(PathBuf),
    /// In a table.
    Sqlite(Connection, ListKind),
}

type Names = BTreeMap<String, ListedEntry>;

fn database(source: rusqlite::Error) -> ListedError {
    ListedError::Database { source }
}

impl Kept {
    /// Opens what a driver keeps of a list, and makes it when it is missing.
    pub(super) fn open(
        driver: ListDriver,
        folder: &Path,
        kind: ListKind,
    ) -> Result<(Self, Names), ListedError> {
        if driver != ListDriver::Memory {
            fs::create_dir_all(folder)
                .map_err(|source| ListedError::File { path: folder.to_owned(), source })?;
        }
        match driver {
            ListDriver::Memory => Ok((Self::Nowhere, Names::new())),
            ListDriver::File => {
                let path = folder.join(format!("{}.json", kind.word()));
                let names = read_file(&path)
                    .map_err(|source| ListedError::File { path: path.clone(), source })?;
                Ok((Self::File(path), names))
            }
            ListDriver::Sqlite => {
                let connection = Connection::open(folder.join("lists.db")).map_err(database)?;
                connection
                    .execute_batch(
                        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
                         CREATE TABLE IF NOT EXISTS listed (list TEXT NOT NULL,
                             domain TEXT NOT NULL, data TEXT NOT NULL,
                             PRIMARY KEY (list, domain)) WITHOUT ROWID;",
                    )
                    .map_err(database)?;
                let names = read_table(&connection, kind).map_err(database)?;
                Ok((Self::Sqlite(connection, kind), names))
            }
        }
    }

    /// Keeps entries that were put into a list.
    pub(super) fn put(&mut self, entries: &[ListedEntry], all: &Names) -> Result<(), ListedError> {
        match self {
            Self::Nowhere => Ok(()),
            Self::File(path) => write_file(path, all),
            Self::Sqlite(connection, kind) => {
                let transaction = connection.transaction().map_err(database)?;
                insert(&transaction, *kind, entries.iter()).map_err(database)?;
                transaction.commit().map_err(database)
            }
        }
    }

    /// Keeps that a name was removed.
    pub(super) fn remove(&mut self, domain: &str, all: &Names) -> Result<(), ListedError> {
        match self {
            Self::Nowhere => Ok(()),
            Self::File(path) => write_file(path, all),
            Self::Sqlite(connection, kind) => {
                let delete = "DELETE FROM listed WHERE list = ? AND domain = ?";
                let deleted = connection.execute(delete, params![kind.word(), domain]);
                deleted.map(drop).map_err(database)
            }
        }
    }

    /// Keeps a list in place of what it was.
    pub(super) fn replace(&mut self, all: &Names) -> Result<(), ListedError> {
        match self {
            Self::Nowhere => Ok(()),
            Self::File(path) => write_file(path, all),
            Self::Sqlite(connection, kind) => {
                let transaction = connection.transaction().map_err(database)?;
                transaction
                    .execute("DELETE FROM listed WHERE list = ?", [kind.word()])
                    .map_err(database)?;
                insert(&transaction, *kind, all.values()).map_err(database)?;
                transaction.commit().map_err(database)
            }
        }
    }
}

fn insert<'a>(
    transaction: &Transaction<'_>,
    kind: ListKind,
    entries: impl Iterator<Item = &'a ListedEntry>,
) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare("INSERT OR REPLACE INTO listed VALUES (?, ?, ?)")?;
    for entry in entries {
        let data = serde_json::to_string(entry).unwrap_or_default();
        insert.execute(params![kind.word(), entry.domain, data])?;
    }
    Ok(())
}

fn read_table(connection: &Connection, kind: ListKind) -> rusqlite::Result<Names> {
    let mut select = connection.prepare("SELECT data FROM listed WHERE list = ?")?;
    let rows = select.query_map([kind.word()], |row| row.get::<_, String>(0))?;
    let mut names = Names::new();
    for data in rows {
        if let Ok(entry) = serde_json::from_str::<ListedEntry>(&data?) {
            names.insert(entry.domain.clone(), entry);
        }
    }
    Ok(names)
}

fn read_file(path: &Path) -> io::Result<Names> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Names::new()),
        Err(error) => return Err(error),
    };
    let entries: Vec<ListedEntry> = serde_json::from_slice(&text)?;
    Ok(entries.into_iter().map(|entry| (entry.domain.clone(), entry)).collect())
}

/// Writes a file beside the old one and puts it in its place.
fn write_file(path: &Path, names: &Names) -> Result<(), ListedError> {
    let write = || {
        let beside = path.with_extension("json.new");
        let mut file = File::create(&beside)?;
        let entries: Vec<&ListedEntry> = names.values().collect();
        serde_json::to_writer_pretty(&mut file, &entries)?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    write().map_err(|source| ListedError::File { path: path.to_owned(), source })
}
