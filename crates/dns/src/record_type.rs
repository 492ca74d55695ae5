//! Types of resource records, by number and by name.

use std::fmt;

/// A type of resource record (RFC 1035 §3.2.2, registry "Resource Record (RR) TYPEs" of IANA).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordType(pub u16);

/// Why [`RecordType::parse`] knows no such type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no type of resource record: a name such as AAAA, or TYPE with a number to 65535")]
pub struct UnknownRecordType(String);

/// Names of the types that people meet, in order of their numbers.
const NAMES: [(u16, &str); 35] = [
    (1, "A"),
    (2, "NS"),
    (5, "CNAME"),
    (6, "SOA"),
    (10, "NULL"),
    (11, "WKS"),
    (12, "PTR"),
    (13, "HINFO"),
    (15, "MX"),
    (16, "TXT"),
    (17, "RP"),
    (18, "AFSDB"),
    (24, "SIG"),
    (25, "KEY"),
    (28, "AAAA"),
    (29, "LOC"),
    (33, "SRV"),
    (35, "NAPTR"),
    (37, "CERT"),
    (39, "DNAME"),
    (41, "OPT"),
    (43, "DS"),
    (44, "SSHFP"),
    (46, "RRSIG"),
    (47, "NSEC"),
    (48, "DNSKEY"),
    (50, "NSEC3"),
    (51, "NSEC3PARAM"),
    (52, "TLSA"),
    (64, "SVCB"),
    (65, "HTTPS"),
    (251, "IXFR"),
    (252, "AXFR"),
    (255, "ANY"),
    (257, "CAA"),
];

impl RecordType {
    /// An IPv4 address.
    pub const A: Self = Self(1);
    /// A name server.
    pub const NS: Self = Self(2);
    /// The canonical name of an alias.
    pub const CNAME: Self = Self(5);
    /// The start of a zone.
    pub const SOA: Self = Self(6);
    /// A name for an address.
    pub const PTR: Self = Self(12);
    /// A mail exchange.
    pub const MX: Self = Self(15);
    /// Text.
    pub const TXT: Self = Self(16);
    /// An IPv6 address.
    pub const AAAA: Self = Self(28);
    /// A service's host and port.
    pub const SRV: Self = Self(33);
    /// Options of EDNS.
    pub const OPT: Self = Self(41);
    /// A service binding (RFC 9460).
    pub const SVCB: Self = Self(64);
    /// A service's binding for HTTP.
    pub const HTTPS: Self = Self(65);
    /// A question for whatever there is.
    pub const ANY: Self = Self(255);

    /// Parses a name in any case, or `TYPE` with a number (RFC 3597 §5).
    ///
    /// # Errors
    ///
    /// The text is neither.
    pub fn parse(text: &str) -> Result<Self, UnknownRecordType> {
        let named = NAMES.iter().find(|(_, name)| name.eq_ignore_ascii_case(text));
        if let Some((number, _)) = named {
            return Ok(Self(*number));
        }
        let number = text.get(..4).filter(|head| head.eq_ignore_ascii_case("TYPE"));
        number
            .and_then(|_| text.get(4..))
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|digits| digits.parse().ok())
            .map(Self)
            .ok_or_else(|| UnknownRecordType(text.chars().take(32).collect()))
    }
}

impl fmt::Display for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMES.iter().find(|(number, _)| *number == self.0) {
            Some((_, name)) => f.write_str(name),
            None => write!(f, "TYPE{}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_cases() {
        let cases = [
            ("A", Some(1)),
            ("aaaa", Some(28)),
            ("Https", Some(65)),
            ("TYPE65", Some(65)),
            ("type65534", Some(65534)),
            ("TYPE65536", None),
            ("TYPE+1", None),
            ("TYPE", None),
            ("", None),
            ("AAAAA", None),
            ("ÄÖÜß", None),
        ];
        for (text, expected) in cases {
            assert_eq!(RecordType::parse(text).ok().map(|kind| kind.0), expected, "case: {text}");
        }
    }

    #[test]
    fn what_is_displayed_parses_to_the_same() {
        for number in 0..=u16::MAX {
            let kind = RecordType(number);
            assert_eq!(RecordType::parse(&kind.to_string()), Ok(kind));
        }
    }
}
