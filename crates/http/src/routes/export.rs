//! Leases as a file to keep: CSV, JSON or one JSON object a line, for the filter of a page.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Query, State};
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderValue, header};
use tidings_dhcp::network::{LeaseView, Snapshot};
use tidings_dhcp::query::{LeaseQuery, select};

use super::dhcp::{lease_query, refuse_unread};
use super::stream::{Asked, find};
use crate::problem::Problem;
use crate::state::App;
use crate::wire::{LeaseJson, time};

/// First line of a CSV file.
const CSV_HEAD: &str =
    "ip_address,mac_address,hostname,expires,state,is_static,pool_name,vendor,client_id,source\r\n";

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FileFormat {
    Csv,
    Json,
    Ndjson,
}

impl FileFormat {
    fn parse(name: Option<&str>) -> Result<Self, Problem> {
        match name {
            None | Some("" | "csv") => Ok(Self::Csv),
            Some("json") => Ok(Self::Json),
            Some("ndjson") => Ok(Self::Ndjson),
            Some(_) => Err(Problem::bad_parameter("format", "none of csv, json, ndjson")),
        }
    }

    /// Returns media type and ending of the file's name.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Csv => ("text/csv; charset=utf-8", "csv"),
            Self::Json => ("application/json", "json"),
            Self::Ndjson => ("application/x-ndjson", "ndjson"),
        }
    }
}

/// Sends all leases that the filter covers as a file; `limit` bounds them, `cursor` starts them.
///
/// # Errors
///
/// `400` names the parameter; `500` while no source was ever read.
pub(super) async fn leases(State(app): State<App>, query: Asked) -> Result<Response, Problem> {
    let Query(query) = query?;
    let snapshot = app.dhcp.snapshot();
    refuse_unread(&snapshot, "leases")?;
    let format = FileFormat::parse(find(&query, "format"))?;
    let wanted = lease_query(&query)?;
    select(&snapshot.leases, &LeaseQuery { limit: Some(1), ..wanted.clone() })
        .map_err(|error| Problem::bad_parameter("cursor", error))?;
    let (kind, ending) = format.names();
    let now: String = time(app.now_s()).chars().filter(char::is_ascii_alphanumeric).collect();
    let disposition = format!("attachment; filename=\"leases-{now}.{ending}\"");
    let parts = Parts { snapshot, query: wanted, format, n_written: 0, is_ended: false };
    let body = stream::unfold(parts, |mut parts| async move {
        let part = parts.next()?;
        Some((Ok::<Bytes, Infallible>(part), parts))
    });
    let mut response = Response::new(Body::from_stream(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(disposition) = HeaderValue::from_str(&disposition) {
        headers.insert(header::CONTENT_DISPOSITION, disposition);
    }
    Ok(response)
}

/// The rest of a file, made page by page, so that only one page is held.
struct Parts {
    snapshot: Arc<Snapshot>,
    query: LeaseQuery,
    format: FileFormat,
    n_written: usize,
    is_ended: bool,
}

impl Parts {
    /// Returns the next bytes of the file; `None` after the last.
    fn next(&mut self) -> Option<Bytes> {
        if self.is_ended {
            return None;
        }
        let left = self.query.limit.map(|limit| limit - self.n_written);
        let asked = LeaseQuery { limit: left, ..self.query.clone() };
        // The cursor is checked, and the leases under it do not change.
        let page = select(&self.snapshot.leases, &asked).ok()?;
        let mut text = String::new();
        let is_first = self.n_written == 0;
        if is_first {
            text.push_str(match self.format {
                FileFormat::Csv => CSV_HEAD,
                FileFormat::Json => "[",
                FileFormat::Ndjson => "",
            });
        }
        for (index, view) in page.leases.iter().enumerate() {
            if self.format == FileFormat::Json && !(is_first && index == 0) {
                text.push(',');
            }
            match self.format {
                FileFormat::Csv => push_csv(&mut text, view),
                FileFormat::Json | FileFormat::Ndjson => {
                    let json = serde_json::to_string(&LeaseJson::from(view.as_ref()));
                    text.push_str(&json.unwrap_or_default());
                    text.push('\n');
                }
            }
        }
        self.n_written += page.leases.len();
        let is_full = self.query.limit.is_some_and(|limit| self.n_written >= limit);
        self.is_ended = page.next_cursor.is_none() || is_full;
        self.query.cursor = page.next_cursor;
        if self.is_ended && self.format == FileFormat::Json {
            text.push_str("]\n");
        }
        Some(text.into())
    }
}

/// Writes leases as CSV (RFC 4180).
pub(super) fn csv<'a>(leases: impl Iterator<Item = &'a LeaseView>) -> Bytes {
    let mut text = CSV_HEAD.to_owned();
    for view in leases {
        push_csv(&mut text, view);
    }
    text.into()
}

fn push_csv(text: &mut String, view: &LeaseView) {
    let lease = LeaseJson::from(view);
    let expires = if lease.infinite { Some("never".to_owned()) } else { lease.expires };
    let cells = [
        Some(lease.ip_address),
        lease.mac_address,
        lease.hostname,
        expires,
        Some(lease.state.to_owned()),
        Some(lease.is_static.to_string()),
        lease.pool_name,
        lease.vendor,
        lease.client_id.or(lease.duid),
        Some(lease.source),
    ];
    let cells: Vec<String> = cells.into_iter().map(|cell| csv_cell(cell.as_deref())).collect();
    text.push_str(&cells.join(","));
    text.push_str("\r\n");
}

/// Writes a cell; one that a spreadsheet would take for a formula gets a leading apostrophe.
pub(crate) fn csv_cell(text: Option<&str>) -> String {
    let text = text.unwrap_or_default();
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if is_formula { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\n', '\r']) {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_cells_are_safe() {
        #[rustfmt::skip]
        let cases = [
            ("plain",   "plain"),
            ("=1+1",    "'=1+1"),
            ("@x",      "'@x"),
            ("a,b",     "\"a,b\""),
            ("say \"x\"", "\"say \"\"x\"\"\""),
            ("-a,b",    "\"'-a,b\""),
        ];
        for (text, expected) in cases {
            assert_eq!(csv_cell(Some(text)), expected, "case: {text}");
        }
    }
}
