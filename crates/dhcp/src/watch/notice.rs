//! Hears from the file system that something in a directory changed: inotify on Linux, nothing
//! elsewhere (the poll finds it there).
//!
//! Directories are watched, not files, because a file that is replaced takes its watch with it.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// Something that the file system says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Notice {
    /// This entry of a watched directory changed, came or went.
    Path(PathBuf),
    /// Notices were lost, or one came whose directory is not known: anything may have changed.
    Anything,
}

#[cfg(target_os = "linux")]
mod platform {
    use std::collections::HashMap;
    use std::io;

    use inotify::{Event, EventMask, Inotify, WatchDescriptor, WatchMask, Watches};
    use tokio::io::unix::AsyncFd;

    use super::{HashSet, Notice, Path, PathBuf};

    /// Bytes read from the kernel at once: some hundred notices.
    const BUFFER_BYTES: usize = 16 * 1024;

    /// A directory that the kernel watches, as the poll's thread reports it.
    pub(crate) type Watched = (PathBuf, WatchDescriptor);

    /// Adds directories from a thread that may block; see [`Notices::registrar`].
    #[derive(Debug, Clone)]
    pub(crate) struct Registrar(Option<Watches>);

    impl Registrar {
        /// Watches a directory; `None` when there is none now, or when watching is off.
        ///
        /// Adding a watched directory again changes nothing, and a directory that took the place
        /// of another gets a watch of its own, so this is called at every poll.
        pub(crate) fn watch(&mut self, directory: &Path) -> Option<Watched> {
            // Neither OPEN nor ACCESS nor CLOSE: our own reads cause those.
            let mask = WatchMask::MODIFY
                | WatchMask::CREATE
                | WatchMask::MOVED_TO
                | WatchMask::MOVED_FROM
                | WatchMask::DELETE
                | WatchMask::ATTRIB;
            let watches = self.0.as_mut()?;
            let descriptor = watches.add(directory, mask | WatchMask::ONLYDIR).ok()?;
            Some((directory.to_owned(), descriptor))
        }
    }

    /// The notices of all watched directories.
    #[derive(Debug)]
    pub(crate) struct Notices {
        inotify: Option<AsyncFd<Inotify>>,
        /// One directory can be reached by several paths.
        directories: HashMap<WatchDescriptor, Vec<PathBuf>>,
        buffer: Box<[u8]>,
    }

    impl Notices {
        /// Opens the notices; without them (`max_user_instances`) the poll finds every change.
        pub(crate) fn open() -> Self {
            #[expect(
                deprecated,
                reason = "the successor is unsafe code, which is forbidden here; its condition \
                          holds, because `Inotify` owns its descriptor until it is dropped"
            )]
            let inotify = Inotify::init().and_then(AsyncFd::new);
            let inotify = inotify.inspect_err(|error| {
                tracing::warn!(%error, "file notices are off, changes are found by polling");
            });
            Self {
                inotify: inotify.ok(),
                directories: HashMap::new(),
                buffer: vec![0; BUFFER_BYTES].into(),
            }
        }

        /// Returns what adds directories; report them with [`Notices::remember`].
        pub(crate) fn registrar(&self) -> Registrar {
            Registrar(self.inotify.as_ref().map(|inotify| inotify.get_ref().watches()))
        }

        /// Takes note of which directories the registrar watches.
        pub(crate) fn remember(&mut self, watched: Vec<Watched>) {
            for (directory, descriptor) in watched {
                let is_known = self
                    .directories
                    .get(&descriptor)
                    .is_some_and(|known| known.contains(&directory));
                if is_known {
                    continue;
                }
                // The path may have led to another directory before.
                for known in self.directories.values_mut() {
                    known.retain(|path| *path != directory);
                }
                self.directories.entry(descriptor).or_default().push(directory);
            }
            self.drop_unused();
        }

        /// Ends the watches of all other directories.
        pub(crate) fn keep(&mut self, wanted: &HashSet<PathBuf>) {
            for known in self.directories.values_mut() {
                known.retain(|path| wanted.contains(path));
            }
            self.drop_unused();
        }

        fn drop_unused(&mut self) {
            let Some(inotify) = &self.inotify else { return };
            let mut watches = inotify.get_ref().watches();
            self.directories.retain(|descriptor, paths| {
                if paths.is_empty() {
                    // An error means that the directory is gone and its watch with it.
                    watches.remove(descriptor.clone()).ok();
                }
                !paths.is_empty()
            });
        }

        /// Waits for the next notices; never returns when watching is off.
        ///
        /// Cancel safe: notices are taken from the kernel only when they are returned.
        pub(crate) async fn next(&mut self) -> Vec<Notice> {
            loop {
                let Some(inotify) = &mut self.inotify else {
                    return std::future::pending().await;
                };
                match read(inotify, &mut self.buffer, &mut self.directories).await {
                    Ok(notices) => return notices,
                    Err(error) => {
                        tracing::warn!(%error, "file notices ended, changes are found by polling");
                        self.inotify = None;
                    }
                }
            }
        }
    }

    async fn read(
        inotify: &mut AsyncFd<Inotify>,
        buffer: &mut [u8],
        directories: &mut HashMap<WatchDescriptor, Vec<PathBuf>>,
    ) -> io::Result<Vec<Notice>> {
        loop {
            let mut guard = inotify.readable_mut().await?;
            let read = guard.try_io(|inotify| {
                let events = inotify.get_mut().read_events(buffer)?;
                Ok(events.flat_map(|event| notices_of(&event, directories)).collect())
            });
            if let Ok(read) = read {
                return read;
            }
        }
    }

    fn notices_of(
        event: &Event<&std::ffi::OsStr>,
        directories: &mut HashMap<WatchDescriptor, Vec<PathBuf>>,
    ) -> Vec<Notice> {
        if event.mask.contains(EventMask::IGNORED) {
            // The directory is gone; the next poll watches what stands there then.
            let gone = directories.remove(&event.wd).unwrap_or_default();
            return gone.into_iter().map(Notice::Path).collect();
        }
        match directories.get(&event.wd) {
            Some(paths) => paths
                .iter()
                .map(|path| match event.name {
                    Some(name) => Notice::Path(path.join(name)),
                    None => Notice::Path(path.clone()),
                })
                .collect(),
            None => vec![Notice::Anything],
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod platform {
    use super::{HashSet, Notice, Path, PathBuf};

    /// Never made on this system.
    pub(crate) type Watched = std::convert::Infallible;

    /// Watches nothing on this system.
    #[derive(Debug, Clone)]
    pub(crate) struct Registrar;

    impl Registrar {
        pub(crate) fn watch(&mut self, _: &Path) -> Option<Watched> {
            None
        }
    }

    /// No notices on this system.
    #[derive(Debug)]
    pub(crate) struct Notices;

    impl Notices {
        pub(crate) fn open() -> Self {
            Self
        }

        pub(crate) fn registrar(&self) -> Registrar {
            Registrar
        }

        pub(crate) fn remember(&mut self, _: Vec<Watched>) {}

        pub(crate) fn keep(&mut self, _: &HashSet<PathBuf>) {}

        pub(crate) async fn next(&mut self) -> Vec<Notice> {
            std::future::pending().await
        }
    }
}

pub(crate) use platform::{Notices, Registrar, Watched};
