//! The endpoints of DNS.

use utoipa::openapi::path::HttpMethod::{Delete, Get, Patch, Post, Put};

use super::Endpoint;

const RANGE: &[(&str, &str)] = &[("range", "1h, 6h, 24h, 7d or 30d; 1h by default")];
const LOG: &[(&str, &str)] = &[
    ("filter", "Filter of the query log, `status:blocked type:A client:192.0.2.0/24 \"ads\"`"),
    ("limit", "Most entries of the page, 1 to 1000; 100 by default"),
    ("cursor", "next_cursor of the page before"),
];
const EXPORT: &[(&str, &str)] = &[
    ("filter", "Filter of the query log"),
    ("format", "ndjson or csv; ndjson by default"),
    ("cursor", "Begin before this entry"),
];
const CACHE: &[(&str, &str)] = &[
    ("q", "Text in the name"),
    ("type", "Type of the records"),
    ("limit", "Most entries of the page, 1 to 1000; 100 by default"),
    ("cursor", "next_cursor of the page before"),
];
const FLUSH: &[(&str, &str)] = &[
    ("name", "Throw the answers of this name away"),
    ("type", "With name: only those of this type"),
    ("within", "Throw the answers of this name and of everything below it away"),
    ("all", "true throws every answer away"),
];
const CHECK: &[(&str, &str)] = &[
    ("name", "The name"),
    ("type", "The type; A by default"),
    ("client", "Address of a client; the server's own by default"),
];
const PAUSE: &[(&str, &str)] = &[
    ("all", "true ends the pause of everybody"),
    ("group", "Name of a group whose pause ends"),
    ("client", "Name, number or an address of a client whose pause ends"),
];
const DOH: &[(&str, &str)] = &[("dns", "The question, base64url (RFC 8484)")];

/// Every endpoint of DNS.
#[rustfmt::skip]
pub(super) const ENDPOINTS: &[Endpoint] = &[
    (Get,    "/api/v1/dns/status",          "Whether the resolver runs; how query log and cache do", &[], "DnsStatusJson"),
    (Post,   "/api/v1/dns/start",           "Start the resolver", &[], "DnsStatusJson"),
    (Post,   "/api/v1/dns/stop",            "Stop the resolver", &[], "DnsStatusJson"),
    (Get,    "/api/v1/dns/settings",        "Settings in effect", &[], ""),
    (Patch,  "/api/v1/dns/settings",        "Change settings (RFC 7396); null takes one back to the configuration", &[], ""),
    (Get,    "/api/v1/dns/upstreams",       "Upstreams with their health", &[], "DnsUpstream"),
    (Get,    "/api/v1/dns/statistics",      "What was asked within a range", RANGE, "DnsStatistics"),
    (Get,    "/api/v1/dns/log",             "Query log, newest first", LOG, "DnsLogPage"),
    (Delete, "/api/v1/dns/log",             "Remove every entry of the query log", &[], ""),
    (Get,    "/api/v1/dns/log/export",      "Query log as lines of JSON or as CSV", EXPORT, ""),
    (Post,   "/api/v1/dns/log/live",        "Channel on which a filter's entries come as they happen", &[], "LiveAnswer"),
    (Get,    "/api/v1/dns/cache",           "Cached answers by name", CACHE, "DnsCacheEntry"),
    (Delete, "/api/v1/dns/cache",           "Throw cached answers away", FLUSH, ""),
    (Get,    "/api/v1/dns/rules",           "Rules of one's own", &[], "DnsRules"),
    (Post,   "/api/v1/dns/rules",           "Add a rule, in effect with the next question", &[], "DnsRule"),
    (Delete, "/api/v1/dns/rules/{action}/{domain}", "Remove a rule; the answer is the rule, for undoing", &[], "DnsRule"),
    (Get,    "/api/v1/dns/rules/text",      "Text of own rules, in AdGuard's dialect", &[], "DnsRulesText"),
    (Put,    "/api/v1/dns/rules/text",      "Replace the text of own rules, in effect with the next question (DnsRulesTextRequest)", &[], "DnsRulesText"),
    (Get,    "/api/v1/dns/lists",           "Lists that are subscribed to, with how they stand", &[], "DnsLists"),
    (Post,   "/api/v1/dns/lists",           "Add a list (DnsListRequest); its copy is fetched and counts soon after", &[], "DnsList"),
    (Get,    "/api/v1/dns/lists/{id}",      "A list with its ignored lines, and its text where that was pasted", &[], "DnsListDetail"),
    (Patch,  "/api/v1/dns/lists/{id}",      "Change a list (DnsListPatch), with effect soon after", &[], "DnsList"),
    (Delete, "/api/v1/dns/lists/{id}",      "Remove a list; the answer is the list, for undoing", &[], "DnsList"),
    (Post,   "/api/v1/dns/lists/{id}/refresh", "Look at a list now (DnsListRefresh); dns/lists tells how it goes", &[], "DnsList"),
    (Get,    "/api/v1/dns/rewrites",        "Local names that were written down", &[], "DnsRewrites"),
    (Post,   "/api/v1/dns/rewrites",        "Add a local name (DnsRewriteRequest), in effect with the next question", &[], "DnsRewrite"),
    (Delete, "/api/v1/dns/rewrites/{id}",   "Remove a local name; the answer is the name, for undoing", &[], "DnsRewrite"),
    (Get,    "/api/v1/dns/groups",          "Groups of clients", &[], "DnsGroups"),
    (Post,   "/api/v1/dns/groups",          "Add a group (DnsGroupRequest)", &[], "DnsGroup"),
    (Patch,  "/api/v1/dns/groups/{name}",   "Change a group (RFC 7396), in effect with the next question", &[], "DnsGroup"),
    (Delete, "/api/v1/dns/groups/{name}",   "Remove a group without clients; the answer is the group, for undoing", &[], "DnsGroup"),
    (Get,    "/api/v1/dns/clients",         "Clients that have a name", &[], "DnsClients"),
    (Post,   "/api/v1/dns/clients",         "Add a client (DnsClientRequest)", &[], "DnsClient"),
    (Patch,  "/api/v1/dns/clients/{id}",    "Change a client (RFC 7396), in effect with the next question", &[], "DnsClient"),
    (Delete, "/api/v1/dns/clients/{id}",    "Remove a client; the answer is the client, for undoing", &[], "DnsClient"),
    (Get,    "/api/v1/dns/pause",           "What is paused", &[], "DnsPauses"),
    (Post,   "/api/v1/dns/pause",           "Pause blocking (DnsPauseRequest), over restarts, too", &[], "DnsPauses"),
    (Delete, "/api/v1/dns/pause",           "End a pause; without parameters every pause", PAUSE, "DnsPauses"),
    (Get,    "/api/v1/dns/check",           "What the rules say of a name, and why", CHECK, "DnsCheck"),
    (Get,    "/dns-query",                  "DNS over HTTPS (RFC 8484)", DOH, ""),
    (Post,   "/dns-query",                  "DNS over HTTPS (RFC 8484)", &[], ""),
    (Get,    "/api/dns/status",             "Earlier systems: whether the resolver runs", &[], ""),
    (Get,    "/api/dns/config",             "Earlier systems: settings", &[], ""),
    (Put,    "/api/dns/config",             "Earlier systems: change settings", &[], ""),
    (Post,   "/api/dns/start",              "Earlier systems: start", &[], ""),
    (Post,   "/api/dns/stop",               "Earlier systems: stop", &[], ""),
    (Post,   "/api/dns/toggle",             "Earlier systems: start what is stopped, stop what runs", &[], ""),
    (Post,   "/api/dns/apply",              "Earlier systems: take the settings over", &[], ""),
    (Post,   "/api/dns/test",               "Earlier systems: try a name out", &[], ""),
    (Get,    "/api/dns/metrics",            "Earlier systems: figures of a range", RANGE, ""),
    (Get,    "/api/dns/driver",             "Earlier systems: drivers in use, and those there are", &[], ""),
    (Post,   "/api/dns/driver",             "Earlier systems: as the path of the scope that the body names", &[], ""),
    (Get,    "/api/dns/log",                "Earlier systems: driver of the log", &[], ""),
    (Post,   "/api/dns/log",                "Earlier systems: SET, GET, CLEAR", &[], "LogEntry"),
    (Get,    "/api/dns/cache",              "Earlier systems: driver of the cache", &[], ""),
    (Post,   "/api/dns/cache",              "Earlier systems: SET, GET, CLEAR, ADD, REMOVE, UPDATE", &[], ""),
    (Get,    "/api/dns/blacklist",          "Earlier systems: driver of the blacklist", &[], ""),
    (Post,   "/api/dns/blacklist",          "Earlier systems: SET, GET, CLEAR, ADD, REMOVE, UPDATE, IMPORT, EXPORT", &[], ""),
    (Get,    "/api/dns/whitelist",          "Earlier systems: driver of the whitelist", &[], ""),
    (Post,   "/api/dns/whitelist",          "Earlier systems: as the blacklist", &[], ""),
];
