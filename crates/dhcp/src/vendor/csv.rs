//! Reads the registry files that the IEEE publishes as CSV.

/// Largest registry file accepted; the largest of 2022 has 3 MB.
pub const CSV_SIZE_MAX_BYTES: usize = 64 * 1024 * 1024;
/// Longest vendor name kept, in bytes; longer ones are cut at a character.
const NAME_MAX_BYTES: usize = 120;
/// Name under which holders who want to stay unnamed are registered.
const UNLISTED: &str = "Private";
/// Holder of the blocks that are handed on in smaller blocks; says nothing about a device.
const REGISTRY_ITSELF: &str = "IEEE Registration Authority";

/// One registered block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VendorRow {
    /// Length of the block's prefix in bits: 24 (MA-L), 28 (MA-M) or 36 (MA-S and IAB).
    pub bits: u8,
    /// The prefix, right-aligned.
    pub prefix: u64,
    /// Who holds the block.
    pub name: Box<str>,
}

/// Why a file is no IEEE registry.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum CsvError {
    /// The file is larger than any registry.
    #[error("vendor file of {size_bytes} bytes exceeds the limit of {limit_bytes}")]
    TooLarge {
        /// Size of the file.
        size_bytes: usize,
        /// The limit.
        limit_bytes: usize,
    },
    /// A record names a registry that is not known.
    #[error("line {line}: `{registry}` is none of the registries MA-L, MA-M, MA-S and IAB")]
    Registry {
        /// Line number from 1.
        line: usize,
        /// What stands there, cut short.
        registry: Box<str>,
    },
    /// A record's block is not of the length of its registry.
    #[error("line {line}: `{assignment}` is not a block of {digits} hexadecimal digits")]
    Assignment {
        /// Line number from 1.
        line: usize,
        /// What stands there, cut short.
        assignment: Box<str>,
        /// Digits that the registry asks for.
        digits: usize,
    },
    /// No record at all.
    #[error("no record of a registry in the file (the CSV form is needed, not the text form)")]
    Empty,
}

/// Reads the records of one or several registry files.
///
/// # Errors
///
/// [`CsvError`]; nothing of a damaged file is used.
pub fn read_csv(bytes: &[u8]) -> Result<Vec<VendorRow>, CsvError> {
    if bytes.len() > CSV_SIZE_MAX_BYTES {
        return Err(CsvError::TooLarge {
            size_bytes: bytes.len(),
            limit_bytes: CSV_SIZE_MAX_BYTES,
        });
    }
    let text = String::from_utf8_lossy(bytes);
    let mut rows = Vec::new();
    for record in (Records { rest: text.trim_start_matches('\u{feff}'), line: 1 }) {
        let [registry, assignment, name] = &record.fields;
        if registry == "Registry" || (registry.is_empty() && assignment.is_empty()) {
            continue;
        }
        let Some(bits) = registry_bits(registry) else {
            return Err(CsvError::Registry { line: record.line, registry: cut(registry).into() });
        };
        let digits = usize::from(bits / 4);
        let prefix = u64::from_str_radix(assignment, 16).ok();
        let Some(prefix) = prefix.filter(|_| assignment.len() == digits) else {
            return Err(CsvError::Assignment {
                line: record.line,
                assignment: cut(assignment).into(),
                digits,
            });
        };
        let name = name.trim();
        if name.is_empty() || name == REGISTRY_ITSELF {
            continue;
        }
        let name = if name == UNLISTED { "Unlisted" } else { cut(name) };
        rows.push(VendorRow { bits, prefix, name: name.into() });
    }
    if rows.is_empty() {
        return Err(CsvError::Empty);
    }
    Ok(rows)
}

fn registry_bits(registry: &str) -> Option<u8> {
    match registry {
        "MA-L" => Some(24),
        "MA-M" => Some(28),
        "MA-S" | "IAB" => Some(36),
        _ => None,
    }
}

/// Cuts a text at the last character that ends within [`NAME_MAX_BYTES`].
fn cut(text: &str) -> &str {
    let end = (0..=NAME_MAX_BYTES.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    text.get(..end.unwrap_or(0)).unwrap_or_default().trim_end()
}

/// The first three fields of one record.
struct Record {
    line: usize,
    fields: [String; 3],
}

/// Iterator over the records of an RFC 4180 text; quoted fields may hold line ends.
struct Records<'text> {
    rest: &'text str,
    line: usize,
}

impl Iterator for Records<'_> {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        if self.rest.is_empty() {
            return None;
        }
        let mut record = Record { line: self.line, fields: Default::default() };
        let mut field_index = 0;
        let mut is_quoted = false;
        let mut used = self.rest.len();
        let mut characters = self.rest.char_indices().peekable();
        while let Some((at, character)) = characters.next() {
            if character == '\n' {
                self.line += 1;
            }
            match character {
                // Inside quotes a doubled quote is one quote.
                '"' if is_quoted && characters.next_if(|(_, next)| *next == '"').is_none() => {
                    is_quoted = false;
                    continue;
                }
                '"' if !is_quoted => {
                    is_quoted = true;
                    continue;
                }
                ',' if !is_quoted => {
                    field_index += 1;
                    continue;
                }
                '\n' if !is_quoted => {
                    used = at + 1;
                    break;
                }
                '\r' => continue,
                _ => {}
            }
            if let Some(field) = record.fields.get_mut(field_index) {
                field.push(character);
            }
        }
        self.rest = self.rest.get(used..).unwrap_or_default();
        Some(record)
    }
}
