//! The query log as lines of JSON or as CSV, a piece at a time.

use tidings_dns::query_log::Logged;

use crate::dns::wire::DnsLogEntry;
use crate::routes::csv_cell;

/// The form of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportForm {
    /// A JSON object a line.
    Lines,
    /// A table (RFC 4180).
    Csv,
}

impl ExportForm {
    /// Finds the form of a word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "ndjson" | "jsonl" => Some(Self::Lines),
            "csv" => Some(Self::Csv),
            _ => None,
        }
    }

    /// Returns the media type.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Lines => "application/x-ndjson",
            Self::Csv => "text/csv; charset=utf-8",
        }
    }

    /// Returns the name of the file.
    #[must_use]
    pub const fn file_name(self) -> &'static str {
        match self {
            Self::Lines => "dns-log.ndjson",
            Self::Csv => "dns-log.csv",
        }
    }

    /// Returns what stands before the first entry.
    #[must_use]
    pub const fn head(self) -> &'static str {
        match self {
            Self::Lines => "",
            Self::Csv => concat!(
                "at,client,name,type,status,rcode,upstream,duration_ms,",
                "transport,list,rule,addresses\r\n"
            ),
        }
    }

    /// Adds an entry.
    pub fn write(self, to: &mut Vec<u8>, logged: &Logged) {
        let entry = DnsLogEntry::from(logged);
        match self {
            Self::Lines => {
                // Writing to memory cannot fail, and the entry holds nothing that JSON lacks.
                to.extend(serde_json::to_vec(&entry).unwrap_or_default());
                to.push(b'\n');
            }
            Self::Csv => {
                let reason = entry.reason.as_ref();
                let cells = [
                    entry.at.clone(),
                    entry.client.clone(),
                    entry.name.clone(),
                    entry.kind.clone(),
                    entry.status.to_owned(),
                    entry.rcode.clone(),
                    entry.upstream.clone().unwrap_or_default(),
                    entry.duration_ms.to_string(),
                    entry.transport.to_owned(),
                    reason.map(|reason| reason.list.to_string()).unwrap_or_default(),
                    reason.map(|reason| reason.rule.clone()).unwrap_or_default(),
                    entry.addresses.join(" "),
                ];
                let cells: Vec<String> = cells.iter().map(|cell| csv_cell(Some(cell))).collect();
                to.extend(cells.join(",").into_bytes());
                to.extend(b"\r\n");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidings_dns::query_log::samples::entry;
    use tidings_dns::verdict::{ListId, Reason};

    #[test]
    fn a_rule_that_looks_like_a_formula_is_guarded() {
        let mut entry = entry("www.example", 1_790_000_000_000);
        let rule = "=HYPERLINK(\"x\")".into();
        entry.reason = Some(Reason { list: ListId(3), rule, line: None });
        let mut text = Vec::new();
        ExportForm::Csv.write(&mut text, &Logged::new(1, entry));
        let text = String::from_utf8(text).unwrap();
        assert!(text.contains("\"'=HYPERLINK(\"\"x\"\")\""), "{text}");
        assert_eq!(text.matches(',').count(), ExportForm::Csv.head().matches(',').count());
    }
}
