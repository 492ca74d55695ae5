//! What DNS looks like on the wire: our own entries, and those of the earlier systems.

use serde::Serialize;
use serde_json::{Value, json};
use tidings_dns::entry::{Entry, Status, Transport};
use tidings_dns::query_log::{Logged, words};
use utoipa::ToSchema;

use crate::wire::time_ms;

/// An entry of the query log.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct DnsLogEntry {
    /// Its place in the log, as text: it grows from entry to entry.
    pub id: String,
    /// When the question came, UTC.
    pub at: String,
    /// When the question came, milliseconds since 1970.
    pub at_ms: u64,
    /// Who asked.
    pub client: String,
    /// How the question came: `udp`, `tcp`, `tls` or `https`.
    pub transport: &'static str,
    /// The name; empty for the root, or when it is not to be kept.
    pub name: String,
    /// The type that was asked for.
    #[serde(rename = "type")]
    pub kind: String,
    /// What became of it: `forwarded`, `cached`, `stale`, `blocked`, `rewritten`, `local`,
    /// `refused` or `failed`.
    pub status: &'static str,
    /// Response code.
    pub rcode: String,
    /// The rule that decided.
    pub reason: Option<ReasonJson>,
    /// The upstream that answered.
    pub upstream: Option<String>,
    /// Time of the answer in milliseconds.
    pub duration_ms: f64,
    /// The first addresses of the answer.
    pub addresses: Vec<String>,
    /// Whether an upstream vouches for the answer.
    pub authentic: bool,
}

/// The rule that decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = DnsReason)]
pub struct ReasonJson {
    /// Number of the list; 0 are the rules of one's own.
    pub list: u16,
    /// The rule, or the name that a compiled list matched.
    pub rule: String,
    /// Line of the rule in its list.
    pub line: Option<u32>,
}

/// Returns microseconds as milliseconds.
pub(crate) fn milliseconds(us: u64) -> f64 {
    // Times beyond 71 minutes do not occur in answers; they are cut.
    f64::from(u32::try_from(us).unwrap_or(u32::MAX)) / 1_000.0
}

impl From<&Logged> for DnsLogEntry {
    fn from(logged: &Logged) -> Self {
        let entry = &logged.entry;
        Self {
            id: logged.sequence.to_string(),
            at: time_ms(entry.at_ms),
            at_ms: entry.at_ms,
            client: entry.client.to_string(),
            transport: entry.transport.word(),
            name: entry.name.as_ref().to_owned(),
            kind: entry.kind.to_string(),
            status: entry.status.word(),
            rcode: words::response_code(entry.response_code),
            reason: entry.reason.as_ref().map(|reason| ReasonJson {
                list: reason.list.0,
                rule: reason.rule.as_ref().to_owned(),
                line: reason.line,
            }),
            upstream: entry.upstream.as_deref().map(str::to_owned),
            duration_ms: milliseconds(entry.duration_us.into()),
            addresses: entry.addresses.iter().map(ToString::to_string).collect(),
            authentic: entry.is_authentic,
        }
    }
}

/// An entry of the log as the earlier systems had it: one for the question and one for the answer.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct LogEntry {
    /// Question and answer have the same.
    pub id: String,
    /// Milliseconds since 1970.
    pub timestamp: u64,
    /// `request`, `response` or `error`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// `info`, `warn` or `error`.
    pub level: &'static str,
    /// What was asked.
    pub query: QueryJson,
    /// The answer, as far as it is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    pub packet: Option<Value>,
    /// Who asked.
    pub client: ClientJson,
    /// What became of it.
    pub processing: ProcessingJson,
}

/// A question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = LogQuery)]
pub struct QueryJson {
    /// The name.
    pub name: String,
    /// The type.
    #[serde(rename = "type")]
    pub kind: String,
    /// `IN`.
    pub class: &'static str,
}

/// Who asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = LogClient)]
pub struct ClientJson {
    /// Address.
    pub address: String,
    /// Port; 0 when it is not to be kept.
    pub port: u16,
    /// `udp`, `tcp`, `dot` or `doh`.
    pub transport: &'static str,
}

/// What became of a question.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = LogProcessing)]
#[expect(clippy::struct_excessive_bools, reason = "the shape is that of the earlier systems")]
pub struct ProcessingJson {
    /// `cache`, `blacklist`, `whitelist`, or the upstream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_time: Option<f64>,
    /// Whether the cache answered.
    pub cached: bool,
    /// Whether a rule blocked it.
    pub blocked: bool,
    /// Whether a rule let it through.
    pub whitelisted: bool,
    /// Whether what there is to say was said.
    pub success: bool,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Returns the word of the earlier systems for a transport.
fn transport_word(transport: Transport) -> &'static str {
    match transport {
        Transport::Udp => "udp",
        Transport::Tcp => "tcp",
        Transport::Tls => "dot",
        Transport::Https => "doh",
    }
}

impl LogEntry {
    /// Describes the question of an entry.
    #[must_use]
    pub fn request(logged: &Logged) -> Self {
        let entry = &logged.entry;
        Self {
            id: logged.sequence.to_string(),
            timestamp: entry.at_ms,
            kind: "request",
            level: "info",
            query: QueryJson {
                name: entry.name.as_ref().to_owned(),
                kind: entry.kind.to_string(),
                class: "IN",
            },
            packet: None,
            client: ClientJson {
                address: entry.client.to_string(),
                port: entry.client_port,
                transport: transport_word(entry.transport),
            },
            processing: ProcessingJson {
                provider: None,
                response_time: None,
                cached: false,
                blocked: false,
                whitelisted: false,
                success: true,
                error: None,
            },
        }
    }

    /// Describes the answer of an entry.
    #[must_use]
    pub fn response(logged: &Logged) -> Self {
        let entry = &logged.entry;
        let is_failed = matches!(entry.status, Status::Failed | Status::Refused);
        let is_blocked = entry.status == Status::Blocked;
        let is_cached = matches!(entry.status, Status::Cached | Status::Stale);
        let is_allowed = entry.is_allowed();
        let provider = match entry.status {
            Status::Cached | Status::Stale => Some("cache"),
            Status::Blocked => Some("blacklist"),
            Status::Rewritten => Some("rewrite"),
            Status::Local => Some("local"),
            Status::Forwarded | Status::Refused | Status::Failed => entry.upstream.as_deref(),
        };
        let code = words::response_code(entry.response_code);
        Self {
            timestamp: entry.at_ms + u64::from(entry.duration_us / 1_000),
            kind: if is_failed { "error" } else { "response" },
            level: match (is_failed, is_blocked) {
                (true, _) => "error",
                (false, true) => "warn",
                (false, false) => "info",
            },
            packet: Some(packet(entry)),
            processing: ProcessingJson {
                provider: provider.map(str::to_owned),
                response_time: Some(milliseconds(entry.duration_us.into())),
                cached: is_cached,
                blocked: is_blocked,
                whitelisted: is_allowed,
                success: !is_failed && matches!(entry.response_code, 0 | 3),
                error: is_failed.then_some(code),
            },
            ..Self::request(logged)
        }
    }
}

/// Describes an answer as far as the log keeps it.
fn packet(entry: &Entry) -> Value {
    let answers = entry.addresses.iter().map(|address| {
        let kind = if address.is_ipv4() { "A" } else { "AAAA" };
        json!({ "name": entry.name.as_ref(), "type": kind, "class": "IN", "data": address })
    });
    let question = json!({
        "name": entry.name.as_ref(),
        "type": entry.kind.to_string(),
        "class": "IN",
    });
    json!({
        "type": "response",
        "rcode": words::response_code(entry.response_code),
        "flag_ad": entry.is_authentic,
        "questions": [question],
        "answers": answers.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidings_dns::query_log::samples::entry;
    use tidings_dns::verdict::{ListId, Reason};

    fn response(change: impl Fn(&mut Entry)) -> LogEntry {
        let mut entry = entry("www.example", 1_000);
        change(&mut entry);
        LogEntry::response(&Logged::new(7, entry))
    }

    #[test]
    fn question_and_answer_have_the_same_id() {
        let logged = Logged::new(7, entry("www.example", 1_000));
        let (request, response) = (LogEntry::request(&logged), LogEntry::response(&logged));
        assert_eq!((request.id.as_str(), response.id.as_str()), ("7", "7"));
        assert_eq!((request.kind, response.kind), ("request", "response"));
        assert_eq!((request.timestamp, response.timestamp), (1_000, 1_009));
    }

    #[test]
    fn answers_say_what_became_of_the_question() {
        let reason = || Some(Reason { list: ListId(1), rule: "x".into(), line: None });
        let forwarded = response(|_| {}).processing;
        assert_eq!((forwarded.provider.as_deref(), forwarded.success), (Some("quad9"), true));
        let cached = response(|entry| entry.status = Status::Cached).processing;
        assert_eq!((cached.provider.as_deref(), cached.cached), (Some("cache"), true));
        let blocked = response(|entry| {
            (entry.status, entry.response_code, entry.reason) = (Status::Blocked, 3, reason());
        });
        assert_eq!((blocked.level, blocked.processing.blocked), ("warn", true));
        assert!(blocked.processing.success && !blocked.processing.whitelisted);
        let allowed = response(|entry| entry.reason = reason()).processing;
        assert!(allowed.whitelisted);
        let failed = response(|entry| {
            (entry.status, entry.response_code) = (Status::Failed, 2);
        });
        assert_eq!((failed.kind, failed.level), ("error", "error"));
        assert_eq!(failed.processing.error.as_deref(), Some("SERVFAIL"));
        assert!(!failed.processing.success);
    }
}
