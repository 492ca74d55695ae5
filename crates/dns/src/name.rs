//! Domain names: wire form in lower case, and the text that people write (RFC 1035 §5.1).

use std::fmt;

/// Longest name in wire form, in bytes (RFC 1035 §2.3.4).
pub const NAME_MAX_BYTES: usize = 255;
/// Longest label, in bytes.
const LABEL_MAX_BYTES: usize = 63;

/// A domain name in wire form and lower case, so that equal names are equal bytes.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(Box<[u8]>);

/// A text that is no domain name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no domain name: {reason}")]
pub struct BadName {
    text: String,
    reason: &'static str,
}

impl Name {
    /// Parses a text, with or without the final dot; `.` and the empty text are the root.
    ///
    /// A backslash takes the next character, or three digits, literally.
    ///
    /// # Errors
    ///
    /// A label is empty or over 63 bytes, the name is over 255 bytes, or an escape is cut short.
    pub fn parse(text: &str) -> Result<Self, BadName> {
        parse_wire(text)
            .map(|wire| Self(wire.into_boxed_slice()))
            .map_err(|reason| BadName { text: text.chars().take(80).collect(), reason })
    }

    /// Takes a name in wire form without pointers, which the caller has walked.
    pub(crate) fn from_wire(wire: &[u8]) -> Self {
        debug_assert!(is_whole(wire), "a name ends with the root's label");
        Self(wire.to_ascii_lowercase().into_boxed_slice())
    }

    /// Returns the wire form.
    #[must_use]
    pub fn as_wire(&self) -> &[u8] {
        &self.0
    }

    /// Returns whether this name is the other one or below it.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        suffixes(&self.0).any(|suffix| suffix == other.as_wire())
    }
}

/// Returns every ancestor of a name in wire form, itself first, the root last.
pub(crate) fn suffixes(wire: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::successors(Some(wire), |name| match name.first() {
        None | Some(0) => None,
        Some(length) => name.get(usize::from(*length) + 1..),
    })
    .filter(|name| !name.is_empty())
}

/// Writes a name in wire form as text without the final dot; the root is empty.
pub(crate) fn write_text(wire: &[u8], text: &mut String) {
    let mut rest = wire;
    let mut is_first = true;
    while let Some((length, after)) = rest.split_first() {
        let Some((label, next)) = after.split_at_checked(usize::from(*length)) else { return };
        if label.is_empty() {
            return;
        }
        if !is_first {
            text.push('.');
        }
        is_first = false;
        for byte in label {
            write_byte(*byte, text);
        }
        rest = next;
    }
}

fn write_byte(byte: u8, text: &mut String) {
    match byte {
        b'.' | b'\\' | b'"' | b';' | b'@' | b'$' | b'(' | b')' => {
            text.push('\\');
            text.push(char::from(byte));
        }
        0x21..=0x7e => text.push(char::from(byte)),
        _ => {
            text.push('\\');
            for digit in [byte / 100, byte / 10 % 10, byte % 10] {
                text.push(char::from(b'0' + digit));
            }
        }
    }
}

/// Returns a name in wire form as text without the final dot.
pub(crate) fn to_text(wire: &[u8]) -> String {
    let mut text = String::with_capacity(wire.len());
    write_text(wire, &mut text);
    text
}

pub(crate) fn is_whole(wire: &[u8]) -> bool {
    wire.len() <= NAME_MAX_BYTES && suffixes(wire).last() == Some(&[0])
}

fn parse_wire(text: &str) -> Result<Vec<u8>, &'static str> {
    let mut wire = vec![0];
    let mut label_start = 0;
    let mut bytes = text.bytes();
    if text == "." {
        return Ok(wire);
    }
    while let Some(byte) = bytes.next() {
        match byte {
            b'.' => {
                close_label(&mut wire, label_start)?;
                label_start = wire.len();
                wire.push(0);
            }
            b'\\' => wire.push(escaped(&mut bytes)?.to_ascii_lowercase()),
            byte => wire.push(byte.to_ascii_lowercase()),
        }
        if wire.len() > NAME_MAX_BYTES + 1 {
            return Err("longer than 255 bytes");
        }
    }
    if wire.len() > label_start + 1 {
        close_label(&mut wire, label_start)?;
        wire.push(0);
    }
    if wire.len() > NAME_MAX_BYTES {
        return Err("longer than 255 bytes");
    }
    Ok(wire)
}

fn close_label(wire: &mut [u8], start: usize) -> Result<(), &'static str> {
    let length = wire.len() - start - 1;
    if length == 0 {
        return Err("a label is empty");
    }
    if length > LABEL_MAX_BYTES {
        return Err("a label is longer than 63 bytes");
    }
    if let (Some(place), Ok(length)) = (wire.get_mut(start), u8::try_from(length)) {
        *place = length;
    }
    Ok(())
}

fn escaped(bytes: &mut std::str::Bytes<'_>) -> Result<u8, &'static str> {
    let first = bytes.next().ok_or("an escape is cut short")?;
    if !first.is_ascii_digit() {
        return Ok(first);
    }
    let mut value = u16::from(first - b'0');
    for _ in 0..2 {
        let digit = bytes.next().filter(u8::is_ascii_digit).ok_or("an escape has three digits")?;
        value = value * 10 + u16::from(digit - b'0');
    }
    u8::try_from(value).map_err(|_| "an escape is over 255")
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&to_text(&self.0))
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({})", to_text(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parse_cases() {
        let long = "a".repeat(63);
        let too_long = "a".repeat(64);
        let longest = format!("{long}.{long}.{long}.{}", "a".repeat(61));
        let too_much = format!("{longest}a");
        #[rustfmt::skip]
        let cases = [
            ("",              Some("")),
            (".",             Some("")),
            ("example",       Some("example")),
            ("WWW.Example.",  Some("www.example")),
            (r"a\.b.example", Some(r"a\.b.example")),
            (r"a\046b",       Some(r"a\.b")),
            (r"\000x",        Some(r"\000x")),
            ("ä.example",     Some(r"\195\164.example")),
            (&long,           Some(&*long)),
            (&longest,        Some(&*longest)),
            (&too_long,       None),
            (&too_much,       None),
            ("a..b",          None),
            (".a",            None),
            ("..",            None),
            (r"a\",           None),
            (r"a\25",         None),
            (r"a\256",        None),
        ];
        for (text, expected) in cases {
            let parsed = Name::parse(text).ok().map(|name| name.to_string());
            assert_eq!(parsed.as_deref(), expected, "case: {text}");
        }
    }

    #[test]
    fn within_cases() {
        #[rustfmt::skip]
        let cases = [
            ("www.example", "example", true), ("example", "example", true), ("example", "", true),
            ("notexample", "example", false), ("example", "www.example", false),
        ];
        for (name, other, expected) in cases {
            let is_within = Name::parse(name).unwrap().is_within(&Name::parse(other).unwrap());
            assert_eq!(is_within, expected, "case: {name} within {other}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_parses_to_the_same(
            labels in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..20), 0..8),
        ) {
            let mut wire = Vec::new();
            for label in &labels {
                wire.push(u8::try_from(label.len()).unwrap());
                wire.extend_from_slice(label);
            }
            wire.push(0);
            let name = Name::from_wire(&wire);
            prop_assert_eq!(Name::parse(&name.to_string()).unwrap(), name);
        }
    }
}
