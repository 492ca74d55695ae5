//! A disk in memory that tests can crash, fill, break and stop at any step.
//!
//! It promises no more than a disk does: what is not synced may be lost in a power cut, by sectors
//! of 512 bytes and in any order, and so may the making, renaming and removal of files.

mod content;
mod random;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::io;
use std::sync::Arc;

use parking_lot::Mutex;

use content::Content;
pub use random::Random;

use crate::disk::{Disk, DiskFile};

/// `EIO` of Linux.
const INPUT_OUTPUT_ERROR: i32 = 5;

/// A folder in memory; clones are the same folder.
#[derive(Debug, Clone, Default)]
pub struct SimulatedDisk {
    state: Arc<Mutex<State>>,
}

type Node = Arc<Mutex<Content>>;

#[derive(Debug, Default)]
struct State {
    /// What `list` shows.
    names: BTreeMap<String, Node>,
    /// The folder before `changes`.
    durable_names: BTreeMap<String, Node>,
    changes: Vec<NameChange>,
    is_locked: bool,
    faults: Faults,
    n_operations: u64,
    n_syncs: u64,
    n_writes: u64,
}

#[derive(Debug, Default)]
struct Faults {
    /// Counts down to the sync that fails.
    sync_in: u64,
    /// Counts down to the write that fails.
    write_in: u64,
    operations_left: Option<u64>,
    capacity_bytes: Option<u64>,
}

#[derive(Debug, Clone)]
enum NameChange {
    Create { name: String, node: Node },
    Rename { from: String, to: String },
    Remove { name: String },
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<String, Node>) {
        match self {
            Self::Create { name, node } => {
                names.insert(name.clone(), Arc::clone(node));
            }
            Self::Rename { from, to } => {
                if let Some(node) = names.remove(from) {
                    names.insert(to.clone(), node);
                }
            }
            Self::Remove { name } => {
                names.remove(name);
            }
        }
    }

    fn names(&self) -> Vec<&String> {
        match self {
            Self::Create { name, .. } | Self::Remove { name } => vec![name],
            Self::Rename { from, to } => vec![from, to],
        }
    }
}

impl SimulatedDisk {
    /// Makes an empty folder.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the disk as it may be found after a power cut; the seed decides.
    ///
    /// This disk is as it was. The new one has its capacity, no other fault, and no lock.
    #[must_use]
    pub fn crash(&self, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let state = self.state.lock();
        let mut names = state.durable_names.clone();
        // Changes of one name keep their order: none is found without the ones before it.
        let mut lost_names = BTreeSet::new();
        let keep_in_8 = random.below(9);
        for change in &state.changes {
            let follows_lost = change.names().iter().any(|name| lost_names.contains(*name));
            if follows_lost || random.below(8) >= keep_in_8 {
                lost_names.extend(change.names().into_iter().cloned());
            } else {
                change.apply(&mut names);
            }
        }
        let names: BTreeMap<String, Node> = names
            .into_iter()
            .map(|(name, node)| {
                let bytes = node.lock().crashed(&mut random);
                (name, Arc::new(Mutex::new(Content::durable(bytes))))
            })
            .collect();
        let faults = Faults { capacity_bytes: state.faults.capacity_bytes, ..Faults::default() };
        let durable_names = names.clone();
        Self::of(State { names, durable_names, faults, ..State::default() })
    }

    /// Returns the disk as the next process finds it after this one's death.
    ///
    /// All that was written is there; what was not synced may still be lost in a power cut. This
    /// disk is as it was. The new one has its capacity, no other fault, and no lock.
    #[must_use]
    pub fn kill(&self) -> Self {
        let state = self.state.lock();
        let mut copies: BTreeMap<*const Mutex<Content>, Node> = BTreeMap::new();
        let mut copy = |node: &Node| {
            let duplicate = || Arc::new(Mutex::new(node.lock().clone()));
            Arc::clone(copies.entry(Arc::as_ptr(node)).or_insert_with(duplicate))
        };
        let mut copy_all = |names: &BTreeMap<String, Node>| {
            names.iter().map(|(name, node)| (name.clone(), copy(node))).collect()
        };
        let names = copy_all(&state.names);
        let durable_names = copy_all(&state.durable_names);
        let copy_change = |change: &NameChange| match change {
            NameChange::Create { name, node } => {
                NameChange::Create { name: name.clone(), node: copy(node) }
            }
            NameChange::Rename { .. } | NameChange::Remove { .. } => change.clone(),
        };
        let changes = state.changes.iter().map(copy_change).collect();
        let faults = Faults { capacity_bytes: state.faults.capacity_bytes, ..Faults::default() };
        Self::of(State { names, durable_names, changes, faults, ..State::default() })
    }

    /// Fails the n-th sync from now, of a file or the folder, once, with `EIO`; 0 takes it back.
    ///
    /// What a file's failed sync was to make durable may be lost even if a later sync succeeds:
    /// Linux takes such bytes for written. A failed sync of the folder can be done again: where
    /// the journal itself cannot be written, a file system allows no further change.
    pub fn fail_sync(&self, n: u64) {
        self.state.lock().faults.sync_in = n;
    }

    /// Fails the n-th write from now, once, with `EIO`, after a part of it; 0 takes it back.
    pub fn fail_write(&self, n: u64) {
        self.state.lock().faults.write_in = n;
    }

    /// Limits the sum of the lengths of all files.
    ///
    /// What goes beyond it fails with `StorageFull`, after writing what fits.
    pub fn set_capacity(&self, capacity_bytes: Option<u64>) {
        self.state.lock().faults.capacity_bytes = capacity_bytes;
    }

    /// Fails everything after n further operations, changing nothing any more.
    ///
    /// An operation is what changes or syncs: looking and reading count nothing, but fail too.
    pub fn stop_after(&self, n_operations: u64) {
        self.state.lock().faults.operations_left = Some(n_operations);
    }

    /// Flips a bit of a file, counted from the lowest of the first byte; `false` if there is none.
    #[must_use]
    pub fn flip_bit(&self, name: &str, bit_index: usize) -> bool {
        let node = self.state.lock().names.get(name).cloned();
        node.is_some_and(|node| node.lock().flip_bit(bit_index))
    }

    /// Returns the names of all files in order.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.state.lock().names.keys().cloned().collect()
    }

    /// Returns what a file holds as reads see it, `None` when there is no such file.
    #[must_use]
    pub fn content(&self, name: &str) -> Option<Vec<u8>> {
        let node = self.state.lock().names.get(name).cloned()?;
        let bytes = node.lock().visible().to_vec();
        Some(bytes)
    }

    /// Returns the sum of the lengths of all files.
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        self.state.lock().used_bytes()
    }

    /// Counts the operations as [`SimulatedDisk::stop_after`] does, failed ones too.
    #[must_use]
    pub fn n_operations(&self) -> u64 {
        self.state.lock().n_operations
    }

    /// Counts the syncs of files and the folder, failed ones too.
    #[must_use]
    pub fn n_syncs(&self) -> u64 {
        self.state.lock().n_syncs
    }

    /// Counts the writes, failed ones too.
    #[must_use]
    pub fn n_writes(&self) -> u64 {
        self.state.lock().n_writes
    }

    fn of(state: State) -> Self {
        Self { state: Arc::new(Mutex::new(state)) }
    }

    fn file(&self, node: Node) -> Arc<dyn DiskFile> {
        Arc::new(SimulatedFile { state: Arc::clone(&self.state), node })
    }
}

impl Disk for SimulatedDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        let state = self.state.lock();
        state.look()?;
        Ok(state.names.keys().cloned().collect())
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let state = self.state.lock();
        state.look()?;
        let node = state.names.get(name).cloned().ok_or(io::ErrorKind::NotFound)?;
        Ok(self.file(node))
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.state.lock();
        state.step()?;
        if state.names.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let node = Node::default();
        state.change(NameChange::Create { name: name.to_owned(), node: Arc::clone(&node) });
        Ok(self.file(node))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.state.lock();
        state.step()?;
        if !state.names.contains_key(name) {
            return Err(io::ErrorKind::NotFound.into());
        }
        state.change(NameChange::Remove { name: name.to_owned() });
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.state.lock();
        state.step()?;
        if !state.names.contains_key(from) {
            return Err(io::ErrorKind::NotFound.into());
        }
        if from != to {
            state.change(NameChange::Rename { from: from.to_owned(), to: to.to_owned() });
        }
        Ok(())
    }

    fn sync_folder(&self) -> io::Result<()> {
        let mut state = self.state.lock();
        state.step()?;
        if state.is_failing_sync() {
            return Err(input_output_error());
        }
        let state = &mut *state;
        for change in state.changes.drain(..) {
            change.apply(&mut state.durable_names);
        }
        Ok(())
    }

    fn lock(&self) -> io::Result<Box<dyn Debug + Send + Sync>> {
        let mut state = self.state.lock();
        state.look()?;
        if state.is_locked {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        state.is_locked = true;
        Ok(Box::new(Lock { state: Arc::clone(&self.state) }))
    }
}

impl State {
    /// Checks that the disk has not stopped.
    fn look(&self) -> io::Result<()> {
        if self.faults.operations_left == Some(0) {
            return Err(io::Error::other("the simulated disk has stopped"));
        }
        Ok(())
    }

    /// Counts an operation that changes or syncs.
    fn step(&mut self) -> io::Result<()> {
        self.look()?;
        self.n_operations += 1;
        if let Some(left) = &mut self.faults.operations_left {
            *left -= 1;
        }
        Ok(())
    }

    fn change(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.changes.push(change);
    }

    fn is_failing_sync(&mut self) -> bool {
        self.n_syncs += 1;
        let is_failing = self.faults.sync_in == 1;
        self.faults.sync_in = self.faults.sync_in.saturating_sub(1);
        is_failing
    }

    fn is_failing_write(&mut self) -> bool {
        self.n_writes += 1;
        let is_failing = self.faults.write_in == 1;
        self.faults.write_in = self.faults.write_in.saturating_sub(1);
        is_failing
    }

    fn used_bytes(&self) -> u64 {
        self.names.values().map(|node| len_bytes(node.lock().visible())).sum()
    }

    /// Returns how long a file of this length can become.
    fn len_max_bytes(&self, file_len_bytes: u64) -> u64 {
        let Some(capacity_bytes) = self.faults.capacity_bytes else { return u64::MAX };
        file_len_bytes + capacity_bytes.saturating_sub(self.used_bytes())
    }
}

/// A handle; it goes on to work when the file is removed or renamed.
#[derive(Debug)]
struct SimulatedFile {
    state: Arc<Mutex<State>>,
    node: Node,
}

// The state's lock is always taken before a node's.
impl DiskFile for SimulatedFile {
    fn len_bytes(&self) -> io::Result<u64> {
        self.state.lock().look()?;
        Ok(len_bytes(self.node.lock().visible()))
    }

    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        self.state.lock().look()?;
        let content = self.node.lock();
        let start = usize::try_from(position).unwrap_or(usize::MAX);
        let there = content.visible().get(start..).unwrap_or_default();
        let n_read = there.len().min(buffer.len());
        if let (Some(target), Some(source)) = (buffer.get_mut(..n_read), there.get(..n_read)) {
            target.copy_from_slice(source);
        }
        Ok(n_read)
    }

    fn write_all_at(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        let mut state = self.state.lock();
        state.step()?;
        let is_failing = state.is_failing_write();
        let file_len_bytes = len_bytes(self.node.lock().visible());
        let room = state.len_max_bytes(file_len_bytes).saturating_sub(position);
        let fitting = bytes.get(..usize::try_from(room).unwrap_or(usize::MAX).min(bytes.len()));
        let fitting = fitting.unwrap_or_default();
        let written = if is_failing {
            fitting.get(..bytes.len().min(fitting.len()) / 2).unwrap_or_default()
        } else {
            fitting
        };
        if !written.is_empty() {
            self.node.lock().write(written, position)?;
        }
        if is_failing {
            return Err(input_output_error());
        }
        if written.len() < bytes.len() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }

    fn set_len(&self, len_bytes: u64) -> io::Result<()> {
        let mut state = self.state.lock();
        state.step()?;
        let file_len_bytes = self::len_bytes(self.node.lock().visible());
        if len_bytes > file_len_bytes && len_bytes > state.len_max_bytes(file_len_bytes) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.node.lock().set_len(len_bytes)
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.state.lock();
        state.step()?;
        if state.is_failing_sync() {
            self.node.lock().refuse_sync();
            return Err(input_output_error());
        }
        self.node.lock().sync();
        Ok(())
    }
}

/// Holds the folder until it is dropped.
#[derive(Debug)]
struct Lock {
    state: Arc<Mutex<State>>,
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.state.lock().is_locked = false;
    }
}

fn input_output_error() -> io::Error {
    io::Error::from_raw_os_error(INPUT_OUTPUT_ERROR)
}

fn len_bytes(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
