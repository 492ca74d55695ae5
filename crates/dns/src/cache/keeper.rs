//! Where the cache is kept over a restart: nowhere, in a file, or in a database.

use std::fs;
use std::io;
use std::path::Path;

use rusqlite::{Connection, OptionalExtension};

use crate::list::store::write_whole;
use crate::listed::ListDriver;

/// Largest snapshot that is read, in bytes.
const SIZE_MAX_BYTES: u64 = 1 << 30;
const FILE: &str = "cache.snapshot";
const DATABASE: &str = "cache.db";

/// Reads what a driver has kept in a folder; `None` when that is nothing.
///
/// # Errors
///
/// It is there and cannot be read.
pub fn load(driver: ListDriver, folder: &Path) -> io::Result<Option<Vec<u8>>> {
    let path = match driver {
        ListDriver::Memory => return Ok(None),
        ListDriver::File => folder.join(FILE),
        ListDriver::Sqlite => folder.join(DATABASE),
    };
    match fs::metadata(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
        Ok(found) if found.len() > SIZE_MAX_BYTES => {
            return Err(io::Error::other("the kept cache is larger than 1 GiB"));
        }
        Ok(_) => {}
    }
    if driver == ListDriver::File {
        return fs::read(path).map(Some);
    }
    let connection = open(&path).map_err(io::Error::other)?;
    let select = "SELECT data FROM snapshot WHERE id = 1";
    connection.query_row(select, [], |row| row.get(0)).optional().map_err(io::Error::other)
}

/// Keeps the cache in place of what was kept.
///
/// # Errors
///
/// The disk refuses; what was kept is still there.
pub fn save(driver: ListDriver, folder: &Path, bytes: &[u8]) -> io::Result<()> {
    match driver {
        ListDriver::Memory => Ok(()),
        ListDriver::File => {
            fs::create_dir_all(folder)?;
            write_whole(&folder.join(FILE), bytes)
        }
        ListDriver::Sqlite => {
            fs::create_dir_all(folder)?;
            let connection = open(&folder.join(DATABASE)).map_err(io::Error::other)?;
            let replace = "INSERT OR REPLACE INTO snapshot VALUES (1, ?)";
            connection.execute(replace, [bytes]).map(drop).map_err(io::Error::other)
        }
    }
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    let table = "CREATE TABLE IF NOT EXISTS snapshot (id INTEGER PRIMARY KEY, data BLOB NOT NULL)";
    connection.execute_batch(table)?;
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_again_by_its_own_driver() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("dns");
        for driver in ListDriver::ALL {
            assert_eq!(load(driver, &place).unwrap(), None, "case: {driver:?}");
            save(driver, &place, b"first").unwrap();
            save(driver, &place, b"second").unwrap();
            let expected = (driver != ListDriver::Memory).then(|| b"second".to_vec());
            assert_eq!(load(driver, &place).unwrap(), expected, "case: {driver:?}");
        }
        fs::write(place.join(DATABASE), "no database").unwrap();
        assert!(load(ListDriver::Sqlite, &place).is_err());
    }
}
