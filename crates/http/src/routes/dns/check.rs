//! What the rules say of a name, and why.

use std::net::IpAddr;

use axum::Json;
use axum::extract::{Query, State};
use serde::Serialize;
use tidings_dns::cache::CacheQuery;
use tidings_dns::filter::{Hop, Query as Question};
use tidings_dns::name::Name;
use tidings_dns::query_log::words;
use tidings_dns::record_type::RecordType;
use tidings_dns::verdict::{Reason, Rewrite, Verdict};
use utoipa::ToSchema;

use super::super::stream::{Asked, find};
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
    reason: Option<ReasonJson>,
    /// What stands in the answer's place.
    rewrites: Vec<String>,
    /// The canonical names of the cached answer, with what the rules say of each.
    chain: Vec<HopJson>,
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
    let client = match find(&query, "client").filter(|text| !text.is_empty()) {
        None => IpAddr::from([127, 0, 0, 1]),
        Some(text) => {
            text.parse().map_err(|_| Problem::bad_parameter("client", "must be an address"))?
        }
    };
    let filter = app.dns.dns.filter();
    let written = name.to_string().trim_end_matches('.').to_lowercase();
    let client = filter.client(client, app.now_ms());
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
        HopJson { name: hop.as_ref().to_owned(), verdict, reason }
    });
    let chain = chain.collect();
    let (verdict, reason, rewrites) = describe(verdict);
    Ok(Json(CheckJson { name: written, kind: kind.to_string(), verdict, reason, rewrites, chain }))
}

/// Returns a verdict's word, rule and rewrites.
fn describe(verdict: Verdict) -> (&'static str, Option<ReasonJson>, Vec<String>) {
    let json = |reason: Reason| {
        let rule = reason.rule.as_ref().to_owned();
        Some(ReasonJson { list: reason.list.0, rule, line: reason.line })
    };
    match verdict {
        Verdict::Pass => ("passed", None, Vec::new()),
        Verdict::Allowed(reason) => ("allowed", json(reason), Vec::new()),
        Verdict::Blocked { reason, .. } => ("blocked", json(reason), Vec::new()),
        Verdict::Dropped(reason) => ("dropped", json(reason), Vec::new()),
        Verdict::Rewritten { reason, rewrites } => {
            let written = rewrites.iter().map(|rewrite| match rewrite {
                Rewrite::Address(address) => address.to_string(),
                Rewrite::CanonicalName(name) => format!("CNAME {name}"),
                Rewrite::Record { kind, data } => format!("{kind} {data}"),
                Rewrite::ResponseCode(code) => words::response_code((*code).into()),
            });
            ("rewritten", json(reason), written.collect())
        }
    }
}
