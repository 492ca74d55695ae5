//! Invented names: those that a load asks for, and lists with as many as one likes.

use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;

/// First of the names of a list; see [`listed`].
const LETTERS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
/// Domains that names of lists are below, mean length and all.
const DOMAINS: [&str; 4] = ["example", "com.example", "net.example", "org.example"];

/// Returns the name of a number, of 20 bytes in the mean; each number has another one.
///
/// It starts with five letters that tell the number; then comes what the number's bits make of it.
pub(crate) fn listed(number: u32) -> String {
    let mut name = String::with_capacity(32);
    let mut rest = number;
    for _ in 0..5 {
        name.push(letter(rest % 36));
        rest /= 36;
    }
    // The finaliser of murmur3: near numbers get names that are not alike.
    let mut bits = number ^ (number >> 16);
    bits = bits.wrapping_mul(0x85eb_ca6b);
    bits ^= bits >> 13;
    let n_more = bits % 4;
    for index in 0..n_more {
        name.push(letter((bits >> (2 + index * 5)) % 36));
    }
    let is_deep = bits & 0x100 != 0;
    if is_deep {
        name.push('.');
        name.push(letter(bits >> 20));
        name.push(letter(bits >> 25));
    }
    name.push('.');
    let domain = usize::try_from((bits >> 28) % 4).unwrap_or(0);
    name.push_str(DOMAINS.get(domain).copied().unwrap_or("example"));
    name
}

fn letter(number: u32) -> char {
    let index = usize::try_from(number % 36).unwrap_or(0);
    LETTERS.get(index).copied().map_or('a', char::from)
}

/// Writes a list of names as most lists are written, `||name^`; returns its bytes.
///
/// # Errors
///
/// The file cannot be written.
pub(crate) fn write_list(path: &Path, n_names: u32) -> anyhow::Result<()> {
    let file = std::fs::File::create(path).context("make a list")?;
    let mut out = BufWriter::with_capacity(1 << 20, file);
    for number in 0..n_names {
        writeln!(out, "||{}^", listed(number)).context("write a list")?;
    }
    out.flush().context("write a list")
}

/// Questions of type A, ready to be sent; the id of each is its number.
#[derive(Debug, Clone)]
pub(super) struct Questions(Arc<[Vec<u8>]>);

impl Questions {
    /// Makes questions for `name0`, `name1`, … below a domain.
    pub(super) fn new(n_questions: u32, domain: &str) -> Self {
        let questions = (0..n_questions.max(1)).map(|number| {
            let id = u16::try_from(number & 0xffff).unwrap_or(0);
            question(&format!("name{number}.{domain}"), id)
        });
        Self(questions.collect())
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns a question; after the last the first comes again.
    pub(super) fn at(&self, index: usize) -> &[u8] {
        self.0.get(index % self.0.len()).map_or(&[], |question| question)
    }
}

/// Writes a question of type A with recursion desired.
pub(super) fn question(name: &str, id: u16) -> Vec<u8> {
    let mut message = id.to_be_bytes().to_vec();
    message.extend_from_slice(&[1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.split('.') {
        message.push(u8::try_from(label.len()).unwrap_or(0));
        message.extend_from_slice(label.as_bytes());
    }
    message.extend_from_slice(&[0, 0, 1, 0, 1]);
    message
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_differ_and_have_twenty_bytes() {
        let names: HashSet<String> = (0..100_000).map(listed).collect();
        assert_eq!(names.len(), 100_000);
        let n_bytes: usize = names.iter().map(String::len).sum();
        assert!((19 * 100_000..21 * 100_000).contains(&n_bytes), "{n_bytes}");
    }
}
