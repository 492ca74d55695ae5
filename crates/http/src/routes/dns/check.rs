//! What the rules say of a name, and why.

use std::net::IpAddr;

use axum::Json;
use axum::extract::{Query, State};
use serde::Serialize;
use tidings_dns::cache::CacheQuery;
use tidings_dns::filter::{Hop, Query as Question};
use tidings_dns::listed::ListKind;
use tidings_dns::name::Name;
use tidings_dns::query_log::words;
use tidings_dns::record_type::RecordType;
use tidings_dns::verdict::{ListId, Reason, Rewrite, Verdict};
use utoipa::ToSchema;

use super::super::stream::{Asked, find};
use super::aside;
use crate::dns::DnsParts;
use crate::dns::wire::ReasonJson;
use crate::problem::Problem;
use crate::state::App;

/// What the rules say of a name.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DnsCheck)]
pub(crate) struct CheckJson {
    /// The name, as it is compared.
    name: String,
    /// The type.
    #[serde(rename = "type")]
    kind: String,
    /// `passed`, `allowed`, `blocked`, `rewritten` or `dropped`.
    verdict: &'static str,
    /// The rule that decides; null when none does.
    reason: Option<CheckReasonJson>,
    /// Who would ask.
    client: CheckClientJson,
    /// What stands in the answer's place.
    rewrites: Vec<String>,
    /// The canonical names of the cached answer, with what the rules say of each.
    chain: Vec<HopJson>,
}

/// The rule that decides, and where it stands.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DnsCheckReason)]
pub(crate) struct CheckReasonJson {
    /// Number of the list; 0 are the rules of one's own.
    list: u16,
    /// Name of the list; `own`, `blacklist`, `whitelist`, `safe-search` or `strict` for what is
    /// none.
    list_name: String,
    /// The rule, or the name that a compiled list matched.
    rule: String,
    /// Line of the rule in its list; null where it has none.
    line: Option<u32>,
    /// The line as it is written.
    text: Option<String>,
}

/// Who would ask.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DnsCheckClient)]
pub(crate) struct CheckClientJson {
    /// The address.
    address: String,
    /// What people call it; null when it has no name.
    name: Option<String>,
    /// Its group.
    group: String,
    /// Whether rules apply: neither switched off nor paused.
    filtered: bool,
}

/// A hop of the cached answer.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DnsCheckHop)]
pub(crate) struct HopJson {
    /// The canonical name.
    name: String,
    /// As of the name itself.
    verdict: &'static str,
    /// The rule that decides; null when none does.
    reason: Option<ReasonJson>,
}

/// Judges a name as the resolver would, for a client when one is named.
///
/// # Errors
///
/// `400` names the parameter.
pub(super) async fn check(
    State(app): State<App>,
    query: Asked,
) -> Result<Json<CheckJson>, Problem> {
    let Query(query) = query?;
    let text = find(&query, "name").unwrap_or_default();
    let name = Name::parse(text).map_err(|error| Problem::bad_parameter("name", error))?;
    let kind = find(&query, "type").filter(|text| !text.is_empty()).unwrap_or("A");
    let kind = RecordType::parse(kind).map_err(|error| Problem::bad_parameter("type", error))?;
    let address = match find(&query, "client").filter(|text| !text.is_empty()) {
        None => IpAddr::from([127, 0, 0, 1]),
        Some(text) => {
            text.parse().map_err(|_| Problem::bad_parameter("client", "must be an address"))?
        }
    };
    let filter = app.dns.dns.filter();
    let written = name.to_string().trim_end_matches('.').to_lowercase();
    let client = filter.client(address, app.now_ms());
    let asks = CheckClientJson {
        address: address.to_string(),
        name: client.names.first().map(ToString::to_string),
        group: client.group.name.to_string(),
        filtered: client.is_filtered,
    };
    let question = Question { name: &written, kind, client };
    let verdict = filter.judge(&question);
    let asked = CacheQuery {
        search: Some(written.clone()),
        kind: Some(kind),
        after: None,
        limit: tidings_dns::cache::PAGE_MAX,
    };
    let held = app.dns.dns.cache_page(&asked).entries.into_iter().find(|held| held.name == name);
    let hops = held.map(|held| held.chain).unwrap_or_default();
    let chain = hops.iter().map(|hop| {
        let (verdict, reason, _) =
            describe(filter.judge_answer(&question, Hop::CanonicalName(hop)));
        let reason = reason.map(|reason| ReasonJson {
            list: reason.list.0,
            rule: reason.rule.to_string(),
            line: reason.line,
        });
        HopJson { name: hop.as_ref().to_owned(), verdict, reason }
    });
    let chain = chain.collect();
    let (verdict, reason, rewrites) = describe(verdict);
    let parts = app.dns.clone();
    let reason = aside(move || reason.map(|reason| place(&parts, &reason))).await?;
    Ok(Json(CheckJson {
        name: written,
        kind: kind.to_string(),
        verdict,
        reason,
        client: asks,
        rewrites,
        chain,
    }))
}

/// Finds out where a rule stands.
fn place(parts: &DnsParts, reason: &Reason) -> CheckReasonJson {
    // A copy that cannot be read has no lines to show; the verdict is as it is.
    let found = parts.rules.rulebook.find_line(reason).ok().flatten();
    let (line, text) = found.unzip();
    let list_name = match reason.list {
        ListId::OWN if line.is_some() => "own".to_owned(),
        ListId::OWN => by_hand(parts, &reason.rule).unwrap_or("own").to_owned(),
        ListId::SAFE_SEARCH => "safe-search".to_owned(),
        ListId::STRICT => "strict".to_owned(),
        list => parts.rules.subscribed(list).map_or_else(
            |_| format!("list {}", list.0),
            |subscribed| subscribed.subscription.name.to_string(),
        ),
    };
    let rule = reason.rule.to_string();
    CheckReasonJson { list: reason.list.0, list_name, rule, line, text }
}

/// Returns the list of names by hand that an own rule stands for.
fn by_hand(parts: &DnsParts, rule: &str) -> Option<&'static str> {
    let (kind, pattern) = match rule.strip_prefix("@@") {
        Some(pattern) => (ListKind::Whitelist, pattern),
        None => (ListKind::Blacklist, rule),
    };
    let domain = pattern.strip_prefix("||").unwrap_or(pattern).strip_suffix('^')?;
    parts.listed.find(kind, domain).map(|_| kind.word())
}

/// Returns a verdict's word, rule and rewrites.
fn describe(verdict: Verdict) -> (&'static str, Option<Reason>, Vec<String>) {
    match verdict {
        Verdict::Pass => ("passed", None, Vec::new()),
        Verdict::Allowed(reason) => ("allowed", Some(reason), Vec::new()),
        Verdict::Blocked { reason, .. } => ("blocked", Some(reason), Vec::new()),
        Verdict::Dropped(reason) => ("dropped", Some(reason), Vec::new()),
        Verdict::Rewritten { reason, rewrites } => {
            let written = rewrites.iter().map(|rewrite| match rewrite {
                Rewrite::Address(address) => address.to_string(),
                Rewrite::CanonicalName(name) => format!("CNAME {name}"),
                Rewrite::Record { kind, data } => format!("{kind} {data}"),
                Rewrite::ResponseCode(code) => words::response_code((*code).into()),
            });
            ("rewritten", Some(reason), written.collect())
        }
    }
}
