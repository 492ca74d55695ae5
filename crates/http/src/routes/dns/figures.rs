//! Figures of DNS: of the earlier systems, and our own.

use axum::Json;
use axum::extract::{Query, State};
use serde_json::Value;
use tidings_dns::statistics::Range;

use super::super::stream::{Asked, Pairs, find};
use crate::dns::statistics;
use crate::problem::Problem;
use crate::state::App;

/// Figures of a range, by the contract.
///
/// # Errors
///
/// `400` for a range that there is not.
pub(super) async fn metrics(State(app): State<App>, query: Asked) -> Result<Json<Value>, Problem> {
    let Query(query) = query?;
    Ok(Json(statistics::metrics(&app.dns, range(&query)?, app.now_ms())))
}

/// Figures of a range.
///
/// # Errors
///
/// `400` for a range that there is not.
pub(super) async fn statistics(
    State(app): State<App>,
    query: Asked,
) -> Result<Json<statistics::StatisticsJson>, Problem> {
    let Query(query) = query?;
    Ok(Json(statistics::statistics(&app.dns, range(&query)?, app.now_ms())))
}

fn range(query: &Pairs) -> Result<Range, Problem> {
    match find(query, "range") {
        None | Some("") => Ok(Range::default()),
        Some(word) => Range::parse(word)
            .ok_or_else(|| Problem::bad_parameter("range", "none of 1h, 6h, 24h, 7d, 30d")),
    }
}
