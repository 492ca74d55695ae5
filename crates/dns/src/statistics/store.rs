//! Statistics on disk: a small database with one row for each bucket.

use std::fs;
use std::path::Path;

use rusqlite::{Connection, params};

use crate::query_log::{StoreError, is_damage};
use crate::statistics::bucket::Bucket;
use crate::statistics::top::Tops;
use crate::statistics::{Changed, Series};

/// The database, open for writing.
#[derive(Debug)]
pub(crate) struct StatisticsStore(Connection);

fn at(doing: &'static str) -> impl Fn(rusqlite::Error) -> StoreError {
    move |source| StoreError::Database { doing, source }
}

impl StatisticsStore {
    /// Opens the database in a folder, makes both when they are missing, and returns what it holds.
    ///
    /// A row that cannot be understood is left out; a file that is no database is begun anew, as
    /// statistics are worth less than going on.
    pub(crate) fn open(folder: &Path) -> Result<(Self, Vec<Changed>), StoreError> {
        fs::create_dir_all(folder)
            .map_err(|source| StoreError::File { doing: "make its folder", source })?;
        let path = folder.join("statistics.db");
        let opened = Self::open_sound(&path);
        let is_damaged = matches!(
            &opened,
            Err(StoreError::Database { source, .. }) if is_damage(source)
        );
        if is_damaged {
            tracing::error!(path = %path.display(), "the statistics were damaged: begun anew");
            fs::remove_file(&path)
                .map_err(|source| StoreError::File { doing: "begin anew", source })?;
            return Self::open_sound(&path);
        }
        opened
    }

    fn open_sound(path: &Path) -> Result<(Self, Vec<Changed>), StoreError> {
        let connection = Connection::open(path).map_err(at("open the statistics"))?;
        connection
            .execute_batch(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
                 CREATE TABLE IF NOT EXISTS bucket (series TEXT NOT NULL,
                     start_ms INTEGER NOT NULL, data TEXT NOT NULL,
                     PRIMARY KEY (series, start_ms)) WITHOUT ROWID;",
            )
            .map_err(at("open the statistics"))?;
        let store = Self(connection);
        let found = store.read()?;
        Ok((store, found))
    }

    fn read(&self) -> Result<Vec<Changed>, StoreError> {
        const READ: &str = "read the statistics";
        let mut found = Vec::new();
        for series in Series::ALL {
            let select = "SELECT data FROM bucket WHERE series = ? ORDER BY start_ms";
            let mut statement = self.0.prepare(select).map_err(at(READ))?;
            let rows = statement.query_map([series.word()], |row| row.get::<_, String>(0));
            for data in rows.map_err(at(READ))? {
                let data = data.map_err(at(READ))?;
                let bucket = match series {
                    Series::Minutes | Series::Hours => serde_json::from_str::<Bucket>(&data)
                        .map(|bucket| Changed::Counts(series, bucket)),
                    Series::TopMinutes | Series::TopHours => {
                        serde_json::from_str::<Tops>(&data).map(|tops| Changed::Tops(series, tops))
                    }
                };
                found.extend(bucket.ok());
            }
        }
        Ok(found)
    }

    /// Writes buckets and removes those for which there is no room any more.
    pub(crate) fn write(&mut self, changed: &[Changed]) -> Result<(), StoreError> {
        const WRITE: &str = "write the statistics";
        if changed.is_empty() {
            return Ok(());
        }
        let transaction = self.0.transaction().map_err(at(WRITE))?;
        for changed in changed {
            let (series, start_ms, data) = match changed {
                Changed::Counts(series, bucket) => {
                    (*series, bucket.start_ms, serde_json::to_string(bucket))
                }
                Changed::Tops(series, tops) => {
                    (*series, tops.start_ms, serde_json::to_string(tops))
                }
            };
            let data = data.unwrap_or_default();
            transaction
                .prepare_cached("INSERT OR REPLACE INTO bucket VALUES (?, ?, ?)")
                .and_then(|mut insert| insert.execute(params![series.word(), start_ms, data]))
                .map_err(at(WRITE))?;
        }
        for series in Series::ALL {
            let delete = "DELETE FROM bucket WHERE series = ?1 AND start_ms <
                (SELECT start_ms FROM bucket WHERE series = ?1 ORDER BY start_ms DESC
                 LIMIT 1 OFFSET ?2)";
            let last = series.n_max() - 1;
            transaction
                .prepare_cached(delete)
                .and_then(|mut delete| delete.execute(params![series.word(), last]))
                .map_err(at(WRITE))?;
        }
        transaction.commit().map_err(at(WRITE))
    }
}
