//! dnsmasq's configuration: which files it is made of, and the pools and reservations in them.
//!
//! Rules: dnsmasq(8) and `src/option.c` of dnsmasq 2.93.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

use crate::network::Problem;
use crate::pool::{Pool, Reservation};

mod host;
mod range;

/// Where Debian's dnsmasq keeps its leases when the configuration names no file.
const LEASE_FILE_DEFAULT: &str = "/var/lib/misc/dnsmasq.leases";
/// How deep `conf-file` and `conf-dir` may nest.
const NESTING_MAX: usize = 16;
/// Most files of one configuration.
const FILES_MAX: usize = 4_096;
/// Largest file of a configuration, in bytes.
pub const CONFIG_FILE_MAX_BYTES: u64 = 16 * 1_048_576;
/// Most problems kept.
const PROBLEMS_MAX: usize = 100;

/// How the reader reaches files; tests give their own.
pub trait Files {
    /// Reads a file whole.
    ///
    /// # Errors
    ///
    /// As the system says, or the file is over [`CONFIG_FILE_MAX_BYTES`].
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// Lists the regular files of a folder by name; `None` when the path is no folder.
    ///
    /// # Errors
    ///
    /// As the system says.
    fn list(&self, path: &Path) -> io::Result<Option<Vec<PathBuf>>>;
}

/// Files below a root: every absolute path of the configuration is taken from there.
#[derive(Debug, Clone)]
pub struct RootedFiles {
    /// The root; `/` or empty changes nothing.
    pub root_path: PathBuf,
}

impl RootedFiles {
    /// Returns the real place of a path of the configuration.
    #[must_use]
    pub fn real(&self, path: &Path) -> PathBuf {
        match path.strip_prefix("/") {
            Ok(below) if !self.root_path.as_os_str().is_empty() => self.root_path.join(below),
            Ok(_) | Err(_) => path.to_owned(),
        }
    }
}

impl Files for RootedFiles {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let real = self.real(path);
        let size = std::fs::metadata(&real)?.len();
        if size > CONFIG_FILE_MAX_BYTES {
            let text = format!("{size} bytes exceed the limit of {CONFIG_FILE_MAX_BYTES} bytes");
            return Err(io::Error::other(text));
        }
        std::fs::read(real)
    }

    fn list(&self, path: &Path) -> io::Result<Option<Vec<PathBuf>>> {
        let real = self.real(path);
        if !real.is_dir() {
            return Ok(None);
        }
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(real)?.take(FILES_MAX) {
            let entry = entry?;
            if entry.path().is_file() {
                paths.push(path.join(entry.file_name()));
            }
        }
        paths.sort();
        Ok(Some(paths))
    }
}

/// What a configuration says about leases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsmasqConfig {
    /// The lease file.
    pub lease_file: PathBuf,
    /// Ranges, in order.
    pub pools: Vec<Pool>,
    /// Reservations, in order.
    pub reservations: Vec<Reservation>,
    /// Every file that was read and every folder that was listed.
    pub files: Vec<PathBuf>,
    /// Lines that could not be understood, and files that could not be read.
    pub problems: Vec<Problem>,
}

/// Reads a configuration from its main file on.
///
/// What cannot be understood is noted and passed over.
///
/// # Errors
///
/// The main file cannot be read.
pub fn read(main: &Path, source: &str, files: &dyn Files) -> io::Result<DnsmasqConfig> {
    let bytes = files.read(main)?;
    let mut reader = Reader {
        files,
        source,
        config: DnsmasqConfig {
            lease_file: PathBuf::from(LEASE_FILE_DEFAULT),
            pools: Vec::new(),
            reservations: Vec::new(),
            files: vec![main.to_owned()],
            problems: Vec::new(),
        },
        has_lease_file: false,
        seen: HashSet::from([main.to_owned()]),
    };
    reader.config_lines(main, &bytes, 0);
    Ok(reader.config)
}

struct Reader<'a> {
    files: &'a dyn Files,
    source: &'a str,
    config: DnsmasqConfig,
    has_lease_file: bool,
    seen: HashSet<PathBuf>,
}

impl Reader<'_> {
    fn note(&mut self, path: &Path, line: usize, reason: impl Into<Box<str>>) {
        if self.config.problems.len() < PROBLEMS_MAX {
            let path = Some(path.to_owned());
            self.config.problems.push(Problem { path, line, reason: reason.into() });
        }
    }

    /// Reads the settings of one file.
    fn config_lines(&mut self, path: &Path, bytes: &[u8], depth: usize) {
        let text = String::from_utf8_lossy(bytes);
        for (index, line) in text.lines().enumerate() {
            let line = without_comment(line);
            let (key, value) = match line.split_once('=') {
                Some((key, value)) => (key.trim(), value.trim()),
                None => (line.trim(), ""),
            };
            if !key.is_empty() {
                self.setting(path, index + 1, (key, value), depth);
            }
        }
    }

    fn setting(&mut self, path: &Path, line: usize, (key, value): (&str, &str), depth: usize) {
        let value = unquoted(value);
        match key {
            "dhcp-leasefile" | "dhcp-lease-file" if self.has_lease_file => {
                self.note(path, line, "dhcp-leasefile stands twice; the first counts");
            }
            "dhcp-leasefile" | "dhcp-lease-file" => {
                self.config.lease_file = PathBuf::from(value);
                self.has_lease_file = true;
            }
            "dhcp-range" => match range::parse(value, self.source) {
                Ok(pool) => self.config.pools.push(pool),
                Err(reason) => self.note(path, line, format!("dhcp-range: {reason}")),
            },
            "dhcp-host" => match host::parse(value, self.source) {
                Ok(reservation) => self.config.reservations.push(reservation),
                Err(reason) => self.note(path, line, format!("dhcp-host: {reason}")),
            },
            "dhcp-hostsfile" | "dhcp-hostsdir" => self.hosts(Path::new(value), (path, line)),
            "conf-file" => self.include(Path::new(value), (path, line), depth),
            "conf-dir" => self.include_dir(value, (path, line), depth),
            _ => {}
        }
    }

    /// Reads another file of settings.
    fn include(&mut self, path: &Path, from: (&Path, usize), depth: usize) {
        if depth >= NESTING_MAX {
            return self.note(from.0, from.1, format!("files nest deeper than {NESTING_MAX}"));
        }
        if let Some(bytes) = self.open(path, from) {
            self.config_lines(path, &bytes, depth + 1);
        }
    }

    /// Reads the files of a folder: `DIR[,.EXT|*.EXT…]`.
    fn include_dir(&mut self, value: &str, from: (&Path, usize), depth: usize) {
        let mut parts = value.split(',').map(str::trim);
        let dir = PathBuf::from(parts.next().unwrap_or_default());
        let (required, excluded): (Vec<&str>, Vec<&str>) =
            parts.filter(|part| !part.is_empty()).partition(|part| part.starts_with('*'));
        let is_wanted = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            is_plain(&name)
                && !excluded.iter().any(|suffix| name.ends_with(suffix))
                && (required.is_empty()
                    || required.iter().any(|suffix| name.ends_with(suffix.trim_start_matches('*'))))
        };
        match self.files.list(&dir) {
            Ok(Some(paths)) => {
                self.config.files.push(dir);
                for path in paths.into_iter().filter(is_wanted) {
                    self.include(&path, from, depth);
                }
            }
            Ok(None) => self.note(from.0, from.1, format!("{} is no folder", dir.display())),
            Err(error) => self.note(from.0, from.1, format!("{}: {error}", dir.display())),
        }
    }

    /// Reads reservations from a file, or from the files of a folder.
    fn hosts(&mut self, path: &Path, from: (&Path, usize)) {
        let paths = match self.files.list(path) {
            Ok(Some(paths)) => {
                self.config.files.push(path.to_owned());
                let is_wanted = |path: &PathBuf| {
                    is_plain(&path.file_name().unwrap_or_default().to_string_lossy())
                };
                paths.into_iter().filter(is_wanted).collect()
            }
            Ok(None) => vec![path.to_owned()],
            Err(error) => return self.note(from.0, from.1, format!("{}: {error}", path.display())),
        };
        for path in paths {
            let Some(bytes) = self.open(&path, from) else { continue };
            let text = String::from_utf8_lossy(&bytes);
            for (index, line) in text.lines().enumerate() {
                let line = unquoted(without_comment(line).trim());
                if line.is_empty() {
                    continue;
                }
                match host::parse(line, self.source) {
                    Ok(reservation) => self.config.reservations.push(reservation),
                    Err(reason) => self.note(&path, index + 1, reason),
                }
            }
        }
    }

    /// Reads a file once; a second time, or one too many, is a problem of the line that names it.
    fn open(&mut self, path: &Path, from: (&Path, usize)) -> Option<Vec<u8>> {
        if !self.seen.insert(path.to_owned()) {
            self.note(from.0, from.1, format!("{} is read already", path.display()));
            return None;
        }
        if self.seen.len() > FILES_MAX {
            self.note(from.0, from.1, format!("more than {FILES_MAX} files"));
            return None;
        }
        self.config.files.push(path.to_owned());
        match self.files.read(path) {
            Ok(bytes) => Some(bytes),
            Err(error) => {
                self.note(from.0, from.1, format!("{}: {error}", path.display()));
                None
            }
        }
    }
}

/// Returns whether dnsmasq reads a file of this name in a folder.
fn is_plain(name: &str) -> bool {
    let is_editors = name.ends_with('~') || (name.starts_with('#') && name.ends_with('#'));
    !is_editors && !name.starts_with('.')
}

/// Cuts a line at `#` at its start or after white space, outside quotes.
fn without_comment(line: &str) -> &str {
    let mut is_quoted = false;
    let mut is_after_space = true;
    for (index, c) in line.char_indices() {
        match c {
            '"' => is_quoted = !is_quoted,
            '#' if is_after_space && !is_quoted => return line.get(..index).unwrap_or(line),
            _ => {}
        }
        is_after_space = c.is_whitespace();
    }
    line
}

fn unquoted(value: &str) -> &str {
    value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value)
}

/// What a word says about time: seconds, `None` for ever, or nothing.
#[expect(clippy::option_option, reason = "no time, a time without end, or seconds")]
fn lease_time(word: &str) -> Option<Option<u32>> {
    /// Shortest lease that dnsmasq gives, in seconds.
    const LEASE_TIME_MIN_S: u32 = 120;
    if word == "infinite" {
        return Some(None);
    }
    let digits = word.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match word.get(digits.len()..)?.to_ascii_lowercase().as_str() {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "w" => 604_800,
        _ => return None,
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let seconds = digits.parse::<u32>().ok()?.checked_mul(unit)?;
    Some(Some(seconds.max(LEASE_TIME_MIN_S)))
}

#[cfg(test)]
mod tests;
