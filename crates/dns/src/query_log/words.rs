//! The words for what an entry holds, as filters, files and wire write them.

use crate::entry::{Status, Transport};

/// Names of response codes (registry "DNS RCODEs" of IANA).
const RESPONSE_CODES: [(u16, &str); 14] = [
    (0, "NOERROR"),
    (1, "FORMERR"),
    (2, "SERVFAIL"),
    (3, "NXDOMAIN"),
    (4, "NOTIMP"),
    (5, "REFUSED"),
    (6, "YXDOMAIN"),
    (7, "YXRRSET"),
    (8, "NXRRSET"),
    (9, "NOTAUTH"),
    (10, "NOTZONE"),
    (11, "DSOTYPENI"),
    (16, "BADVERS"),
    (23, "BADCOOKIE"),
];

impl Status {
    /// Every status; the place is its number on disk, so new ones go to the end.
    pub const ALL: [Self; 8] = [
        Self::Forwarded,
        Self::Cached,
        Self::Stale,
        Self::Blocked,
        Self::Rewritten,
        Self::Local,
        Self::Refused,
        Self::Failed,
    ];

    /// Returns the word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Forwarded => "forwarded",
            Self::Cached => "cached",
            Self::Stale => "stale",
            Self::Blocked => "blocked",
            Self::Rewritten => "rewritten",
            Self::Local => "local",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }

    /// Finds the status of a word, in any case.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.word().eq_ignore_ascii_case(word))
    }

    /// Returns its place in [`Status::ALL`].
    #[must_use]
    pub fn index(self) -> u8 {
        let place = Self::ALL.iter().position(|status| *status == self);
        place.and_then(|place| u8::try_from(place).ok()).unwrap_or(u8::MAX)
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word())
    }
}

impl Transport {
    /// Every transport; the place is its number on disk, so new ones go to the end.
    pub const ALL: [Self; 4] = [Self::Udp, Self::Tcp, Self::Tls, Self::Https];

    /// Returns the word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Https => "https",
        }
    }

    /// Finds the transport of a word, in any case; `dot` and `doh` are understood.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        match word.to_ascii_lowercase().as_str() {
            "dot" => Some(Self::Tls),
            "doh" => Some(Self::Https),
            word => Self::ALL.into_iter().find(|transport| transport.word() == word),
        }
    }

    /// Returns its place in [`Transport::ALL`].
    #[must_use]
    pub fn index(self) -> u8 {
        let place = Self::ALL.iter().position(|transport| *transport == self);
        place.and_then(|place| u8::try_from(place).ok()).unwrap_or(u8::MAX)
    }
}

impl std::fmt::Display for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word())
    }
}

/// Returns the name of a response code, or its number.
#[must_use]
pub fn response_code(code: u16) -> String {
    match RESPONSE_CODES.iter().find(|(number, _)| *number == code) {
        Some((_, name)) => (*name).to_owned(),
        None => format!("RCODE{code}"),
    }
}

/// Parses the name of a response code in any case, or its number.
#[must_use]
pub fn parse_response_code(text: &str) -> Option<u16> {
    let named = RESPONSE_CODES.iter().find(|(_, name)| name.eq_ignore_ascii_case(text));
    let number = || {
        let digits = text.get(..5).filter(|head| head.eq_ignore_ascii_case("RCODE"));
        digits.and_then(|_| text.get(5..)).unwrap_or(text).parse().ok()
    };
    named.map(|(number, _)| *number).or_else(number)
}

/// Joins words with commas.
pub(crate) fn join(words: impl Iterator<Item = &'static str>) -> String {
    words.collect::<Vec<_>>().join(", ")
}
