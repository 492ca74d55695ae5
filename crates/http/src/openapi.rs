//! The `OpenAPI` document, made of the table of endpoints and the wire types.

mod dns;

use std::sync::OnceLock;

use utoipa::openapi::path::{HttpMethod, OperationBuilder, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ArrayBuilder, OneOfBuilder, Schema};
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, InfoBuilder, OpenApi, OpenApiBuilder, PathItem,
    PathsBuilder, Ref, RefOr, Required, ResponseBuilder,
};
use utoipa::{PartialSchema, ToSchema};

use crate::dns::events::ServerEvent;
use crate::dns::rules::people::ClientBody;
use crate::dns::rules::wire::{
    ListDetailJson, ListPatch, ListRefresh, ListRequest, ListsJson, PauseRequest, PausesJson,
    RulesTextJson, RulesTextRequest,
};
use crate::dns::statistics::StatisticsJson;
use crate::dns::wire::LogEntry;
use crate::routes::dns::check::CheckJson;
use crate::routes::dns::log::{DnsLogPage, LiveAnswer, LiveRequest};
use crate::routes::dns::names::{RuleJson, RuleRequest, RulesJson};
use crate::routes::dns::own::{CacheEntryJson, DnsStatusJson, UpstreamHealthJson};
use crate::routes::dns::people::{ClientsJson, GroupRequest, GroupsJson};
use crate::routes::dns::rewrites::{RewriteRequest, RewritesJson};
use crate::routes::publish::{EventJson, PublishedJson};
use crate::routes::steer::PatchJson;
use crate::wire::{self, hub, running};

/// One endpoint: method, path, summary, query parameters with what they mean, schema of the
/// answer: a name, `[name]` for an array of it, or alternatives between `|`.
type Endpoint =
    (HttpMethod, &'static str, &'static str, &'static [(&'static str, &'static str)], &'static str);

/// Parameters of every stream.
const STREAM: &[(&str, &str)] = &[
    ("channels", "Comma list of channels and patterns; without it, every channel"),
    ("channel", "One channel or pattern; may come several times"),
    ("format", "`envelope` (unnamed events) or `named`"),
    ("last_event_id", "Position to resume after; the Last-Event-ID header wins"),
    ("earliest", "Start with the oldest publication held"),
    ("since", "Start with what came at or after this time (RFC 3339 or seconds)"),
    ("tail", "Start with the last N publications"),
    ("heartbeat", "Seconds between heartbeats, 5 to 120"),
];
const LEASE_STREAM: &[(&str, &str)] = &[
    ("events", "`detail` adds an event for every single change"),
    ("style", "`hyphen` writes lease-added, lease-updated, lease-removed"),
    ("last_event_id", "Position to resume after; the Last-Event-ID header wins"),
    ("heartbeat", "Seconds between heartbeats, 5 to 120"),
];
const LEASES: &[(&str, &str)] = &[
    ("q", "Text in address, hardware address, name, vendor, client id or state"),
    ("state", "Binding state"),
    ("source", "Source"),
    ("pool", "Pool name"),
    ("family", "4 or 6"),
    ("static", "true or false"),
    ("sort", "Field to sort by"),
    ("order", "asc or desc"),
    ("limit", "Most leases of the page"),
    ("cursor", "next_cursor of the page before"),
];
const EXPORT: &[(&str, &str)] = &[
    ("format", "`csv`, `json` or `ndjson`"),
    ("q", "Text in address, hardware address, name, vendor, client id or state"),
    ("state", "Binding state"),
    ("source", "Source"),
    ("pool", "Pool name"),
    ("family", "4 or 6"),
    ("static", "true or false"),
    ("sort", "Field to sort by"),
    ("order", "asc or desc"),
    ("limit", "Most leases of the file; all by default"),
];
const HISTORY: &[(&str, &str)] = &[
    ("after", "Only what came after this position"),
    ("before", "Only what came before this position"),
    ("type", "Only events of this type"),
    ("order", "oldest or newest first"),
    ("limit", "Most events of the page, at most 1000"),
];
const CHANNELS: &[(&str, &str)] =
    &[("sort", "rate, subscribers, bytes or name"), ("limit", "Most channels listed")];
const TIME_ZONE: &[(&str, &str)] = &[("tz", "IANA time zone of the reader, UTC by default")];

use HttpMethod::{Delete, Get, Patch, Post, Put};

/// Every endpoint.
#[rustfmt::skip]
const ENDPOINTS: &[Endpoint] = &[
    (Get,    "/api/v1/health",                      "Health", &[], ""),
    (Get,    "/api/v1/status",                      "Versions, parts that are on, and the health of each source", &[], "Status"),
    (Get,    "/api/v1/leases",                      "Leases: an array, or with parameters a page; CSV by Accept", LEASES, "[DhcpLease]|DhcpLeasePage"),
    (Get,    "/api/v1/leases/export",               "Leases as a file: all that the filter covers", EXPORT, "[DhcpLease]"),
    (Get,    "/api/v1/leases/stream",               "Event stream of lease changes", LEASE_STREAM, "DataChangeNotification"),
    (Get,    "/api/v1/pools",                       "Pools", &[], "[DhcpPool]"),
    (Get,    "/api/v1/pools/usage",                 "Pools with their usage", &[], "[DhcpPoolUsage]"),
    (Get,    "/api/v1/statistics",                  "Figures of the four cards of the lease page", TIME_ZONE, "DhcpStatistics"),
    (Post,   "/api/v1/simulate",                    "Make one simulated change", &[], ""),
    (Post,   "/api/v1/internal/notify-lease-change", "Tell that a DHCP server changed its leases", &[], ""),
    (Get,    "/api/v1/settings",                    "Every setting in effect, with its origin", &[], "Settings"),
    (Get,    "/api/v1/setup",                       "What a first run finds: DHCP servers with their first leases", &[], "Setup"),
    (Get,    "/api/v1/demo",                        "Whether changes are made up", &[], "Demo"),
    (Put,    "/api/v1/demo",                        "Switch made-up changes on or off; refused in production", &[], "Demo"),
    (Get,    "/api/v1/openapi.json",                "This document", &[], ""),
    (Get,    "/api/v1/docs",                        "This document for people", &[], ""),
    (Get,    "/api/sse/stream",                     "Event stream of chosen channels", STREAM, "SseConnectionEstablished"),
    (Post,   "/api/sse/events",                     "Publish an event, an array (all or none), or NDJSON lines", &[], "PublishedJson"),
    (Get,    "/api/sse/stats",                      "Figures of the hub", &[], ""),
    (Get,    "/api/sse/channels",                   "Channels", CHANNELS, "Channels"),
    (Get,    "/api/sse/channels/{name}/events",     "History of a channel", HISTORY, "History"),
    (Get,    "/api/sse/connections",                "Open streams", &[], "Connections"),
    (Patch,  "/api/sse/connections/{id}",           "Change the channels of an open stream", &[], ""),
    (Delete, "/api/sse/connections/{id}",           "End a stream", &[], ""),
    (Get,    "/api/sse/test",                       "Publish three test events", &[], ""),
    (Get,    "/livez",                              "Whether the process lives", &[], ""),
    (Get,    "/readyz",                             "Whether the server wants traffic", &[], ""),
    (Get,    "/metrics",                            "Figures for Prometheus", &[], ""),
];

/// First frame of a stream.
#[derive(ToSchema)]
#[schema(as = SseConnectionEstablished)]
#[expect(dead_code, reason = "describes a frame that the hub writes")]
struct ConnectionEstablished {
    /// Id of the stream.
    client_id: String,
    /// Greeting.
    message: String,
    /// Streams open.
    active_connections: usize,
    /// Channels and patterns of the subscription.
    channels: Vec<String>,
    /// Life of the log.
    epoch: String,
    /// Whether nothing was missed; absent when no position was given.
    recovered: Option<bool>,
    /// Seconds between heartbeats.
    heartbeat_seconds: u64,
    /// Version of the server.
    version: String,
    /// Milliseconds since 1970.
    timestamp: u64,
}

/// Heartbeat of a named stream.
#[derive(ToSchema)]
#[schema(as = SseHeartbeat)]
#[expect(dead_code, reason = "describes a frame that the hub writes")]
struct Heartbeat {
    /// Seconds since 1970.
    timestamp: f64,
    /// Streams open.
    active_connections: usize,
}

/// `reset`: events were missed; reload by REST.
#[derive(ToSchema)]
#[schema(as = SseReset)]
#[expect(dead_code, reason = "describes a frame that the hub writes")]
struct Reset {
    /// Channels that missed something; null is all.
    channels: Option<Vec<String>>,
    /// `trimmed`, `epoch`, `future`, `diverged`, `lagged` or `bad_id`.
    reason: String,
    /// Position before the hole.
    from: String,
    /// Position after the hole.
    to: String,
}

/// An error (RFC 9457).
#[derive(ToSchema)]
#[schema(as = Error)]
#[expect(dead_code, reason = "describes what `Problem` writes")]
struct ProblemJson {
    /// Kind of problem.
    r#type: String,
    /// Kind of problem in words.
    title: String,
    /// HTTP status.
    status: u16,
    /// What happened this time.
    detail: Option<String>,
    /// What happened, by the contract of the earlier systems.
    error: String,
}

/// Returns the `OpenAPI` document.
#[must_use]
pub fn openapi() -> OpenApi {
    let mut paths = PathsBuilder::new();
    for (method, path, summary, parameters, schema) in ENDPOINTS.iter().chain(dns::ENDPOINTS) {
        let mut operation = OperationBuilder::new().summary(Some(*summary));
        for (name, description) in *parameters {
            let parameter = ParameterBuilder::new()
                .name(*name)
                .parameter_in(ParameterIn::Query)
                .required(Required::False)
                .description(Some(*description))
                .schema(Some(String::schema()));
            operation = operation.parameter(parameter);
        }
        for name in path.split('/').filter_map(|part| part.strip_prefix('{')) {
            let parameter = ParameterBuilder::new()
                .name(name.trim_end_matches('}'))
                .parameter_in(ParameterIn::Path)
                .required(Required::True)
                .schema(Some(String::schema()));
            operation = operation.parameter(parameter);
        }
        let kind = if path.ends_with("/stream") { "text/event-stream" } else { "application/json" };
        let mut answer = ResponseBuilder::new().description("Success");
        if !schema.is_empty() {
            let content = ContentBuilder::new().schema(Some(answer_schema(schema))).build();
            answer = answer.content(kind, content);
        }
        let problem = ContentBuilder::new().schema(Some(Ref::from_schema_name("Error"))).build();
        let refusal = ResponseBuilder::new()
            .description("Refused")
            .content("application/problem+json", problem);
        let status = if *path == "/api/sse/events" { "201" } else { "200" };
        operation = operation.response(status, answer).response("4XX", refusal);
        paths = paths.path(*path, PathItem::new(method.clone(), operation));
    }
    let info = InfoBuilder::new()
        .title("Tidings")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("Live updates: channels over Server-Sent Events, DHCP leases, and a resolver that is seen live."))
        .build();
    OpenApiBuilder::new().info(info).paths(paths).components(Some(components())).build()
}

/// Reads the notation of [`Endpoint`].
fn answer_schema(notation: &str) -> RefOr<Schema> {
    if notation.contains('|') {
        let alternatives = notation.split('|').map(answer_schema);
        let one_of = alternatives.fold(OneOfBuilder::new(), OneOfBuilder::item);
        return one_of.into();
    }
    match notation.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(name) => ArrayBuilder::new().items(Ref::from_schema_name(name)).into(),
        None => Ref::from_schema_name(notation).into(),
    }
}

fn components() -> utoipa::openapi::Components {
    let mut schemas = Vec::new();
    macro_rules! add {
        ($($name:ty),* $(,)?) => {$(
            schemas.push((<$name>::name().into_owned(), <$name>::schema()));
            <$name as ToSchema>::schemas(&mut schemas);
        )*};
    }
    add!(wire::LeaseJson, wire::PoolJson, wire::PoolUsageJson, wire::SourceJson);
    add!(running::StatusJson, running::LeasePageJson, running::StatisticsJson);
    add!(running::SettingsJson, running::SetupJson, running::DemoJson, running::DemoSwitchJson);
    add!(hub::ChannelsJson, hub::HistoryJson, hub::ConnectionsJson);
    add!(wire::DataChanged, wire::LeaseChanged, wire::LeasesChanged, wire::SnapshotTaken);
    add!(EventJson, PublishedJson, PatchJson);
    add!(DnsStatusJson, UpstreamHealthJson, CacheEntryJson, StatisticsJson, CheckJson);
    add!(DnsLogPage, LiveRequest, LiveAnswer, RuleRequest, RuleJson, RulesJson);
    add!(ListsJson, ListDetailJson, ListRequest, ListPatch, ListRefresh);
    add!(RulesTextJson, RulesTextRequest, RewritesJson, RewriteRequest);
    add!(GroupsJson, GroupRequest, ClientsJson, ClientBody, PausesJson, PauseRequest);
    add!(LogEntry, ServerEvent);
    add!(ConnectionEstablished, Heartbeat, Reset, ProblemJson);
    let mut components = ComponentsBuilder::new();
    for (name, schema) in schemas {
        components = components.schema(name, schema);
    }
    components.build()
}

/// Returns the document as JSON text, made once.
pub(crate) fn text() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| openapi().to_pretty_json().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reference_has_its_schema() {
        let text = text();
        let held = openapi().components.unwrap().schemas;
        for part in text.split("#/components/schemas/").skip(1) {
            let name = part.split('"').next().unwrap();
            assert!(held.contains_key(name), "schema `{name}` is missing");
        }
        for name in
            ["DataChangeNotification", "SseConnectionEstablished", "SseHeartbeat", "DhcpLease"]
        {
            assert!(held.contains_key(name), "schema `{name}` is missing");
        }
    }
}
