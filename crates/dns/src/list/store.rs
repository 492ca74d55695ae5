//! Keeps the last good copy of each list, its state, and the compiled rules, in one folder.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::list::state::ListState;
use crate::verdict::ListId;

/// Largest state file that is read, in bytes.
const STATE_BYTES_MAX: u64 = 65_536;

/// The folder of the lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    folder: PathBuf,
}

impl Store {
    /// Opens the folder, making it when it is not there.
    ///
    /// # Errors
    ///
    /// The folder cannot be made.
    pub fn open(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// The file of the last good copy.
    #[must_use]
    pub fn text_path(&self, list: ListId) -> PathBuf {
        self.folder.join(format!("{}.txt", list.0))
    }

    /// The file that a new copy is written to until it is known to be good.
    #[must_use]
    pub fn incoming_path(&self, list: ListId) -> PathBuf {
        self.folder.join(format!("{}.incoming", list.0))
    }

    /// The file of the compiled rules.
    #[must_use]
    pub fn image_path(&self) -> PathBuf {
        self.folder.join("compiled")
    }

    /// Puts the incoming copy in the place of the last good one.
    ///
    /// # Errors
    ///
    /// It cannot be synced or moved; the last good one is still there.
    pub fn accept(&self, list: ListId) -> io::Result<()> {
        let incoming = self.incoming_path(list);
        File::open(&incoming)?.sync_all()?;
        fs::rename(&incoming, self.text_path(list))?;
        sync_folder(&self.folder)
    }

    /// Keeps pasted text as the copy of a list.
    ///
    /// # Errors
    ///
    /// It cannot be written; the former copy is still there.
    pub fn put_text(&self, list: ListId, text: &str) -> io::Result<()> {
        write_whole(&self.text_path(list), text.as_bytes())
    }

    /// Removes everything of a list.
    ///
    /// # Errors
    ///
    /// A file is there and cannot be removed.
    pub fn remove(&self, list: ListId) -> io::Result<()> {
        for path in [self.text_path(list), self.incoming_path(list), self.state_path(list)] {
            match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// Reads how a list stood; a list without a state is new.
    ///
    /// # Errors
    ///
    /// The file is there and cannot be read, or is none of ours.
    pub fn load_state(&self, list: ListId) -> io::Result<ListState> {
        let path = self.state_path(list);
        match fs::metadata(&path) {
            Ok(metadata) if metadata.len() > STATE_BYTES_MAX => {
                return Err(io::Error::other("the state of the list is larger than 64 KiB"));
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(ListState::default());
            }
            Err(error) => return Err(error),
        }
        let value: Value = serde_json::from_slice(&fs::read(path)?)?;
        ListState::from_json(&value).ok_or_else(|| io::Error::other("the file has no list's state"))
    }

    /// Keeps how a list stands.
    ///
    /// # Errors
    ///
    /// It cannot be written; the former state is still there.
    pub fn save_state(&self, list: ListId, state: &ListState) -> io::Result<()> {
        write_whole(&self.state_path(list), state.to_json().to_string().as_bytes())
    }

    fn state_path(&self, list: ListId) -> PathBuf {
        self.folder.join(format!("{}.json", list.0))
    }
}

/// Writes a file beside its place and moves it there, so that it is whole or the former one.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let beside = path.with_file_name(name);
    let mut file = File::create(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    path.parent().map_or(Ok(()), sync_folder)
}

/// Makes a rename durable.
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
