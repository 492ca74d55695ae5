//! Names of channels and patterns over them.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

/// Longest channel name or pattern, in bytes.
pub const NAME_MAX_BYTES: usize = 256;
/// Most segments of a channel name or pattern.
pub const SEGMENTS_MAX: usize = 8;

/// Name of a channel: 1–8 segments of visible ASCII, `dhcp/leases`.
///
/// A trailing slash is a final empty segment and part of the name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelName(Arc<str>);

/// Why a text is not a channel name or pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChannelNameError {
    /// The text is empty.
    #[error("channel name is empty")]
    Empty,
    /// The text is longer than [`NAME_MAX_BYTES`].
    #[error("channel name of {n_bytes} bytes exceeds the limit of {NAME_MAX_BYTES}")]
    TooLong {
        /// Length of the text.
        n_bytes: usize,
    },
    /// The text has more than [`SEGMENTS_MAX`] segments.
    #[error("channel name of {n_segments} segments exceeds the limit of {SEGMENTS_MAX}")]
    TooManySegments {
        /// Segments of the text.
        n_segments: usize,
    },
    /// A character that names may not hold.
    #[error("channel name may not hold {character:?}: visible ASCII without * , ? # % \\ only")]
    BadCharacter {
        /// The first such character.
        character: char,
    },
    /// A segment other than the last is empty.
    #[error("channel name has an empty segment that is not the last")]
    EmptySegment,
    /// `*` beside other characters, or `**` before the end.
    #[error("a pattern holds * as a whole segment and ** only as the last one")]
    BadWildcard,
}

impl ChannelName {
    /// Parses a channel name.
    ///
    /// # Errors
    ///
    /// Says which rule of DESIGN.md §1 the text breaks.
    pub fn parse(text: &str) -> Result<Self, ChannelNameError> {
        check_shape(text)?;
        if text.contains('*') {
            return Err(ChannelNameError::BadCharacter { character: '*' });
        }
        Ok(Self(text.into()))
    }

    /// Returns the name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for ChannelName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ChannelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A channel name in which `*` stands for one non-empty segment and a final `**` for one or more
/// segments of any kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelPattern(Arc<str>);

impl ChannelPattern {
    /// Parses a pattern; every channel name is a pattern that matches itself alone.
    ///
    /// # Errors
    ///
    /// Says which rule of DESIGN.md §1 the text breaks.
    pub fn parse(text: &str) -> Result<Self, ChannelNameError> {
        check_shape(text)?;
        let n_segments = text.split('/').count();
        for (index, segment) in text.split('/').enumerate() {
            let is_allowed = match segment {
                "*" => true,
                "**" => index + 1 == n_segments,
                other => !other.contains('*'),
            };
            if !is_allowed {
                return Err(ChannelNameError::BadWildcard);
            }
        }
        Ok(Self(text.into()))
    }

    /// Returns the pattern that matches every channel.
    #[must_use]
    pub fn all() -> Self {
        Self("**".into())
    }

    /// Returns the pattern as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the same pattern in memory of its own.
    pub(crate) fn copy(&self) -> Self {
        Self(self.as_str().into())
    }

    /// Returns whether the pattern is a channel name.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        !self.0.contains('*')
    }

    /// Returns whether the pattern covers a channel.
    #[must_use]
    pub fn matches(&self, channel: &ChannelName) -> bool {
        let mut segments = channel.as_str().split('/');
        for wanted in self.0.split('/') {
            let Some(segment) = segments.next() else { return false };
            match wanted {
                "**" => return true,
                "*" if !segment.is_empty() => {}
                literal if literal == segment => {}
                _ => return false,
            }
        }
        segments.next().is_none()
    }

    /// Orders patterns by how much they say: a literal segment before `*` before `**`, from left
    /// to right; the greater is the more specific.
    #[must_use]
    pub fn compare_specificity(&self, other: &Self) -> Ordering {
        let weight = |segment: &str| match segment {
            "**" => 0,
            "*" => 1,
            _ => 2,
        };
        self.0.split('/').map(weight).cmp(other.0.split('/').map(weight))
    }
}

impl From<ChannelName> for ChannelPattern {
    fn from(name: ChannelName) -> Self {
        Self(name.0)
    }
}

impl Borrow<str> for ChannelPattern {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ChannelPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Checks what names and patterns have in common.
fn check_shape(text: &str) -> Result<(), ChannelNameError> {
    if text.is_empty() {
        return Err(ChannelNameError::Empty);
    }
    if text.len() > NAME_MAX_BYTES {
        return Err(ChannelNameError::TooLong { n_bytes: text.len() });
    }
    let is_bad = |c: &char| !c.is_ascii_graphic() || matches!(c, ',' | '?' | '#' | '%' | '\\');
    if let Some(character) = text.chars().find(is_bad) {
        return Err(ChannelNameError::BadCharacter { character });
    }
    let n_segments = text.split('/').count();
    if n_segments > SEGMENTS_MAX {
        return Err(ChannelNameError::TooManySegments { n_segments });
    }
    if text.split('/').take(n_segments - 1).any(str::is_empty) {
        return Err(ChannelNameError::EmptySegment);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channel_names_follow_the_rules() {
        let long = "a".repeat(257);
        #[rustfmt::skip]
        let cases = [
            ("one segment",        "news",              Ok(())),
            ("two segments",       "dhcp/leases",       Ok(())),
            ("trailing slash",     "dns/log/",          Ok(())),
            ("eight segments",     "a/b/c/d/e/f/g/h",   Ok(())),
            ("punctuation",        "a.b-c_d~e:f@g",     Ok(())),
            ("longest",            &long[..256],        Ok(())),
            ("empty",              "",                  Err(ChannelNameError::Empty)),
            ("too long",           &long,               Err(ChannelNameError::TooLong { n_bytes: 257 })),
            ("nine segments",      "a/b/c/d/e/f/g/h/i", Err(ChannelNameError::TooManySegments { n_segments: 9 })),
            ("leading slash",      "/a",                Err(ChannelNameError::EmptySegment)),
            ("double slash",       "a//b",              Err(ChannelNameError::EmptySegment)),
            ("wildcard",           "a/*",               Err(ChannelNameError::BadCharacter { character: '*' })),
            ("comma",              "a,b",               Err(ChannelNameError::BadCharacter { character: ',' })),
            ("space",              "a b",               Err(ChannelNameError::BadCharacter { character: ' ' })),
            ("newline",            "a\nb",              Err(ChannelNameError::BadCharacter { character: '\n' })),
            ("not ASCII",          "caf\u{e9}",         Err(ChannelNameError::BadCharacter { character: '\u{e9}' })),
            ("percent",            "a%2fb",             Err(ChannelNameError::BadCharacter { character: '%' })),
        ];
        for (name, text, expected) in cases {
            assert_eq!(ChannelName::parse(text).map(|_| ()), expected, "case: {name}");
        }
    }

    #[test]
    fn patterns_match_segments() {
        #[rustfmt::skip]
        let cases = [
            ("dns/**",     "dns/log/",       true),
            ("dns/**",     "dns/log/event",  true),
            ("dns/**",     "dns/",           true),
            ("dns/**",     "dns",            false),
            ("dns/*",      "dns/log/",       false),
            ("dns/*",      "dns/",           false),
            ("dns/*",      "dns/status",     true),
            ("dns/*",      "dns/log/event",  false),
            ("*/status",   "dhcp/status",    true),
            ("*",          "dhcp",           true),
            ("*",          "dhcp/leases",    false),
            ("**",         "a/b/c",          true),
            ("dns/log/",   "dns/log/event",  false),
            ("dns/log/",   "dns/log/",       true),
            ("dns/log",    "dns/log/",       false),
        ];
        for (pattern, channel, expected) in cases {
            let parsed = ChannelPattern::parse(pattern).unwrap();
            let channel = ChannelName::parse(channel).unwrap();
            assert_eq!(parsed.matches(&channel), expected, "case: {pattern} on {channel}");
        }
    }

    #[test]
    fn patterns_refuse_misplaced_wildcards() {
        for text in ["**/a", "a*", "a/b*/c", "***", "a/**/b"] {
            let parsed = ChannelPattern::parse(text);
            assert_eq!(parsed, Err(ChannelNameError::BadWildcard), "case: {text}");
        }
    }

    #[test]
    fn the_more_specific_pattern_is_greater() {
        let ascending = ["**", "*", "*/b", "a/**", "a/*", "a/b"];
        for pair in ascending.windows(2) {
            let low = ChannelPattern::parse(pair[0]).unwrap();
            let high = ChannelPattern::parse(pair[1]).unwrap();
            assert_eq!(low.compare_specificity(&high), Ordering::Less, "case: {low} < {high}");
        }
    }
}
