//! Formats of lease databases: which one a file is in, and what it says.

use crate::lease::{EpochSeconds, Lease};

pub mod dnsmasq;

/// Most leases read from one file.
pub const LEASES_MAX: usize = 1_000_000;
/// Most lines that could not be understood that are kept with their reason.
pub const PROBLEMS_KEPT_MAX: usize = 20;

/// What a lease file says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parsed {
    /// The leases, by address.
    pub leases: Vec<Lease>,
    /// The first lines that could not be understood.
    pub problems: Vec<LineProblem>,
    /// How many lines could not be understood in all.
    pub n_problems: usize,
    /// The server's own DUID.
    pub server_duid: Option<Box<[u8]>>,
    /// Whether the file ends with a whole line.
    pub is_complete: bool,
}

/// A line that could not be understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineProblem {
    /// Line number from 1.
    pub line: usize,
    /// What is wrong, for people.
    pub reason: Box<str>,
}

impl Parsed {
    pub(crate) fn note(&mut self, line: usize, reason: impl Into<Box<str>>) {
        self.n_problems += 1;
        if self.problems.len() < PROBLEMS_KEPT_MAX {
            self.problems.push(LineProblem { line, reason: reason.into() });
        }
    }
}

/// Format of a lease file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseFormat {
    /// dnsmasq's lease file, also Pi-hole's and `OpenWrt`'s.
    Dnsmasq,
}

/// Why a file cannot be read as leases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// The content looks like another server's.
    #[error("this is a lease file of {server}, which is not supported; only dnsmasq's is")]
    NotSupported {
        /// The server.
        server: &'static str,
    },
    /// The content is not text.
    #[error("this is not a lease file: it holds binary data")]
    Binary,
}

/// Bytes of a file that are looked at to tell its format.
const SNIFFED_BYTES: usize = 4_096;

impl LeaseFormat {
    /// Returns the format's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dnsmasq => "dnsmasq",
        }
    }

    /// Tells the format by the content.
    ///
    /// # Errors
    ///
    /// The content is another server's, or no text.
    pub fn detect(bytes: &[u8]) -> Result<Self, FormatError> {
        let start = bytes.get(..SNIFFED_BYTES).unwrap_or(bytes);
        if start.contains(&0) {
            return Err(FormatError::Binary);
        }
        let text = String::from_utf8_lossy(start);
        let first = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
        if first.starts_with("address,") {
            return Err(FormatError::NotSupported { server: "Kea" });
        }
        let dhcpd = ["# The format", "lease ", "ia-", "ia_", "authoring-byte-order", "server-duid"];
        if dhcpd.iter().any(|word| first.starts_with(word)) {
            return Err(FormatError::NotSupported { server: "ISC dhcpd" });
        }
        Ok(Self::Dnsmasq)
    }

    /// Reads a lease file; lines that make no sense are noted and passed over.
    #[must_use]
    pub fn parse(self, bytes: &[u8], as_of: EpochSeconds) -> Parsed {
        match self {
            Self::Dnsmasq => dnsmasq::parse(bytes, as_of),
        }
    }
}
