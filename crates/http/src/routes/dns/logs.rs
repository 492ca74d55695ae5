//! The filters of the earlier systems on the log.

use std::ops::ControlFlow;

use http::StatusCode;
use serde_json::{Map, Value, json};
use tidings_dns::query_log::filter::Filter;
use tidings_dns::query_log::{Logged, SearchError};

use crate::dns::DnsParts;
use crate::dns::events::ServerEvent;
use crate::dns::wire::LogEntry;
use crate::problem::Problem;
use crate::wire::parse_time_ms;

/// Entries that are listed when nobody says how many.
const LIMIT_DEFAULT: usize = 100;
/// Most entries that are listed.
const LIMIT_MAX: usize = 10_000;
/// The filters, for people.
const NAMES: &str = "type, level, domain, provider, queryType, transport, success, cached, \
                     blocked, whitelisted, startTime, endTime, minResponseTime, \
                     maxResponseTime, id, clientAddress, clientPort, hasError, limit, offset";

/// Which entries are wanted.
#[derive(Debug, Clone, Default)]
pub(super) struct Wanted {
    texts: Vec<(&'static str, String)>,
    flags: Vec<(&'static str, bool)>,
    from_ms: u64,
    to_ms: Option<u64>,
    took_ms: (f64, f64),
    client_port: Option<u64>,
    limit: usize,
    offset: usize,
}

impl Wanted {
    /// Parses the filters of a request; an empty text, `*` and `all` want everything.
    pub(super) fn parse(filter: &Map<String, Value>) -> Result<Self, Problem> {
        let mut wanted =
            Self { limit: LIMIT_DEFAULT, took_ms: (0.0, f64::INFINITY), ..Self::default() };
        for (name, value) in filter {
            let plain = value.as_str().map(|text| text.trim().to_owned());
            let text = plain.unwrap_or_else(|| value.to_string());
            let text = if value.is_null() { String::new() } else { text };
            if text.is_empty() || text == "*" || text.eq_ignore_ascii_case("all") {
                continue;
            }
            wanted.add(name, &text)?;
        }
        Ok(wanted)
    }

    fn add(&mut self, name: &str, text: &str) -> Result<(), Problem> {
        const TEXTS: [&str; 8] = [
            "type",
            "level",
            "domain",
            "provider",
            "queryType",
            "transport",
            "id",
            "clientAddress",
        ];
        const FLAGS: [&str; 5] = ["success", "cached", "blocked", "whitelisted", "hasError"];
        let bad = |detail: &str| Problem::bad_parameter(name, detail);
        let number = || text.parse::<u64>().map_err(|_| bad("must be a whole number"));
        let count = || number().map(|n| usize::try_from(n).unwrap_or(usize::MAX));
        let milliseconds = || {
            let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
            number.ok_or_else(|| bad("must be milliseconds"))
        };
        let time = || parse_time_ms(text).ok_or_else(|| bad("must be a time"));
        if let Some(known) = TEXTS.iter().find(|known| **known == name) {
            self.texts.push((known, text.to_lowercase()));
            return Ok(());
        }
        if let Some(known) = FLAGS.iter().find(|known| **known == name) {
            let flag = text.parse().map_err(|_| bad("must be true or false"))?;
            self.flags.push((known, flag));
            return Ok(());
        }
        match name {
            "startTime" => self.from_ms = time()?,
            "endTime" => self.to_ms = Some(time()?),
            "minResponseTime" => self.took_ms.0 = milliseconds()?,
            "maxResponseTime" => self.took_ms.1 = milliseconds()?,
            "clientPort" => self.client_port = Some(number()?),
            "limit" => self.limit = count()?.min(LIMIT_MAX),
            "offset" => self.offset = count()?,
            _ => return Err(bad(&format!("none of {NAMES}"))),
        }
        Ok(())
    }

    fn text(&self, name: &str) -> Option<&str> {
        let found = self.texts.iter().find(|(held, _)| *held == name);
        found.map(|(_, text)| text.as_str())
    }

    /// Returns what the log's own filter can do of it, so that a search reads less.
    fn own_filter(&self, parts: &DnsParts, now_ms: u64) -> Filter {
        let quoted =
            |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
        let mut text = String::new();
        if let Some(domain) = self.text("domain") {
            text.push_str(&quoted(domain));
        }
        if let Some(kind) = self.text("queryType") {
            text.push_str(" type:");
            text.push_str(&quoted(kind));
        }
        if let Some(address) = self.text("clientAddress") {
            text.push(' ');
            text.push_str(&quoted(address));
        }
        // A text that the grammar does not take is left to the test of each entry.
        let filter = parts.filter(&text, now_ms).unwrap_or_default();
        filter.not_before(self.from_ms)
    }

    fn wants(&self, entry: &LogEntry) -> bool {
        let has = |text: &str, part: &str| text.to_lowercase().contains(part);
        let texts = self.texts.iter().all(|(name, wanted)| match *name {
            "type" => entry.kind == wanted,
            "level" => entry.level == wanted,
            "domain" => has(&entry.query.name, wanted),
            "provider" => {
                entry.processing.provider.as_ref().is_some_and(|of| of.eq_ignore_ascii_case(wanted))
            }
            "queryType" => entry.query.kind.eq_ignore_ascii_case(wanted),
            "transport" => entry.client.transport == wanted,
            "id" => entry.id == *wanted,
            _ => has(&entry.client.address, wanted),
        });
        let processing = &entry.processing;
        let flags = self.flags.iter().all(|(name, wanted)| {
            let flag = match *name {
                "success" => processing.success,
                "cached" => processing.cached,
                "blocked" => processing.blocked,
                "whitelisted" => processing.whitelisted,
                _ => processing.error.is_some(),
            };
            flag == *wanted
        });
        let (least, most) = self.took_ms;
        let is_any_time = least <= 0.0 && most.is_infinite();
        let took = processing.response_time;
        let fits = is_any_time || took.is_some_and(|took| took >= least && took <= most);
        let is_late = entry.timestamp >= self.from_ms;
        let is_early = self.to_ms.is_none_or(|to_ms| entry.timestamp <= to_ms);
        let is_port = self.client_port.is_none_or(|port| port == u64::from(entry.client.port));
        texts && flags && fits && is_late && is_early && is_port
    }

    /// Returns whether an event of the server is wanted: only by what it has.
    fn wants_event(&self, event: &ServerEvent) -> bool {
        let texts = self.texts.iter().all(|(name, wanted)| match *name {
            "type" => event.kind == wanted,
            "level" => event.level == wanted,
            "id" => event.id == *wanted,
            _ => false,
        });
        let is_plain = self.flags.is_empty() && self.client_port.is_none();
        let is_any_time = self.took_ms.0 <= 0.0 && self.took_ms.1.is_infinite();
        let is_late = event.timestamp >= self.from_ms;
        let is_early = self.to_ms.is_none_or(|to_ms| event.timestamp <= to_ms);
        texts && is_plain && is_any_time && is_late && is_early
    }
}

/// Finds the entries that are wanted, newest first: questions, answers, and events of the server
/// between them; blocks while it reads the disk.
pub(super) fn find(parts: &DnsParts, wanted: &Wanted, now_ms: u64) -> Result<Vec<Value>, Problem> {
    let mut events = parts.events.newest(usize::MAX).into_iter().peekable();
    let mut found = Found { wanted, n_skipped: 0, entries: Vec::new() };
    let filter = wanted.own_filter(parts, now_ms);
    let outcome = parts.log.each(&filter, None, &mut |logged: Logged| {
        let answer = LogEntry::response(&logged);
        while let Some(event) = events.next_if(|event| event.timestamp >= answer.timestamp) {
            if found.take_event(&event).is_break() {
                return false;
            }
        }
        found.take(&answer).is_continue() && found.take(&LogEntry::request(&logged)).is_continue()
    });
    match outcome {
        // The console keeps nothing: its list is empty, as it was.
        Ok(()) | Err(SearchError::NoHistory) => {}
        Err(error @ SearchError::Store(_)) => {
            let cause: &dyn std::error::Error = &error;
            tracing::error!(cause, "the query log was not searched");
            return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "dns-log-unavailable")
                .detail(&error)
                .member("success", false));
        }
    }
    for event in events {
        if found.take_event(&event).is_break() {
            break;
        }
    }
    Ok(found.entries)
}

/// What was found so far.
struct Found<'a> {
    wanted: &'a Wanted,
    n_skipped: usize,
    entries: Vec<Value>,
}

impl Found<'_> {
    fn take(&mut self, entry: &LogEntry) -> ControlFlow<()> {
        if self.wanted.wants(entry) { self.push(json!(entry)) } else { ControlFlow::Continue(()) }
    }

    fn take_event(&mut self, event: &ServerEvent) -> ControlFlow<()> {
        let is_wanted = self.wanted.wants_event(event);
        if is_wanted { self.push(json!(event)) } else { ControlFlow::Continue(()) }
    }

    fn push(&mut self, entry: Value) -> ControlFlow<()> {
        if self.n_skipped < self.wanted.offset {
            self.n_skipped += 1;
            return ControlFlow::Continue(());
        }
        if self.entries.len() < self.wanted.limit {
            self.entries.push(entry);
        }
        if self.entries.len() < self.wanted.limit {
            return ControlFlow::Continue(());
        }
        ControlFlow::Break(())
    }
}
