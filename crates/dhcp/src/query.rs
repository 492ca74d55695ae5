//! Filtering, sorting and paging of leases.

use std::cmp::Ordering;
use std::net::IpAddr;
use std::sync::Arc;

use crate::lease::{EpochSeconds, Expiry, LeaseState};
use crate::network::LeaseView;

/// Most leases of one page.
pub const PAGE_MAX: usize = 10_000;
/// Longest search text, in bytes.
pub const SEARCH_MAX_BYTES: usize = 256;

/// What leases are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SortField {
    /// Address, as a number.
    #[default]
    IpAddress,
    /// Hardware address.
    MacAddress,
    /// Host name, digits by value, leases without one last.
    Hostname,
    /// End of the lease, infinite ones last.
    LeaseTime,
    /// Maker of the hardware.
    Vendor,
    /// Binding state.
    State,
    /// Pool.
    PoolName,
    /// Source.
    Source,
    /// Whether a reservation covers the lease.
    IsStatic,
    /// Whether the lease is held now.
    IsActive,
}

impl SortField {
    /// Returns the field of this name on the wire.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "ip_address" | "ip" => Self::IpAddress,
            "mac_address" | "mac" => Self::MacAddress,
            "hostname" => Self::Hostname,
            "lease_time" | "expires" => Self::LeaseTime,
            "vendor" => Self::Vendor,
            "state" => Self::State,
            "pool_name" | "pool" => Self::PoolName,
            "source" => Self::Source,
            "is_static" => Self::IsStatic,
            "is_active" => Self::IsActive,
            _ => return None,
        })
    }
}

/// Which end comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SortOrder {
    /// Smallest first.
    #[default]
    Ascending,
    /// Greatest first.
    Descending,
}

/// Which leases are wanted.
#[derive(Debug, Clone, Default)]
pub struct LeaseQuery {
    /// Text that stands in address, hardware address, name, vendor, client id or state.
    pub search: Option<String>,
    /// Binding state.
    pub state: Option<LeaseState>,
    /// Source.
    pub source: Option<String>,
    /// Pool.
    pub pool: Option<String>,
    /// 4 or 6.
    pub family: Option<u8>,
    /// Whether a reservation covers the lease.
    pub is_static: Option<bool>,
    /// What to sort by; equal ones by source and address.
    pub sort: SortField,
    /// Which end comes first.
    pub order: SortOrder,
    /// Most leases of the page, at most [`PAGE_MAX`]; `None` is all up to that.
    pub limit: Option<usize>,
    /// Where the page before ended: its [`LeasePage::next_cursor`].
    pub cursor: Option<String>,
}

/// Some of the leases that a query covers.
#[derive(Debug, Clone)]
pub struct LeasePage {
    /// The leases.
    pub leases: Vec<Arc<LeaseView>>,
    /// How many the query covers in all.
    pub n_matching: usize,
    /// Where the next page starts; `None` after the last.
    pub next_cursor: Option<String>,
}

/// The cursor of a query is none of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("cursor is not one that a page ended with")]
pub struct CursorError;

/// Returns a page of leases.
///
/// A cursor names the last lease of a page, so pages neither repeat nor skip leases that stay when
/// others come and go between them; when that lease itself is gone, its address still tells the
/// place in an order by address, and any other order starts over.
///
/// # Errors
///
/// The cursor is not one that a page ended with.
pub fn select(leases: &[Arc<LeaseView>], query: &LeaseQuery) -> Result<LeasePage, CursorError> {
    let search = query.search.as_deref().map(|text| text.trim().to_lowercase());
    let mut found: Vec<&Arc<LeaseView>> =
        leases.iter().filter(|view| is_wanted(view, query, search.as_deref())).collect();
    found.sort_by(|left, right| compare(left, right, query));
    let n_matching = found.len();
    let start = match &query.cursor {
        None => 0,
        Some(cursor) => {
            let (source, ip) = cursor.rsplit_once('@').ok_or(CursorError)?;
            let ip: IpAddr = ip.parse().map_err(|_| CursorError)?;
            place_after(&found, query, source, ip)
        }
    };
    let limit = query.limit.unwrap_or(PAGE_MAX).clamp(1, PAGE_MAX);
    let page: Vec<Arc<LeaseView>> =
        found.iter().skip(start).take(limit).map(|view| Arc::clone(view)).collect();
    let is_last = start + page.len() >= n_matching;
    let next_cursor =
        page.last().filter(|_| !is_last).map(|view| format!("{}@{}", view.source, view.lease.ip));
    Ok(LeasePage { leases: page, n_matching, next_cursor })
}

fn place_after(found: &[&Arc<LeaseView>], query: &LeaseQuery, source: &str, ip: IpAddr) -> usize {
    let place = found.iter().position(|view| view.source.as_ref() == source && view.lease.ip == ip);
    if let Some(place) = place {
        return place + 1;
    }
    if query.sort != SortField::IpAddress {
        return 0;
    }
    match query.order {
        SortOrder::Ascending => found.partition_point(|view| view.lease.ip <= ip),
        SortOrder::Descending => found.partition_point(|view| view.lease.ip >= ip),
    }
}

fn is_wanted(view: &LeaseView, query: &LeaseQuery, search: Option<&str>) -> bool {
    let lease = &view.lease;
    let is_family = query.family.is_none_or(|family| (family == 4) == lease.ip.is_ipv4());
    let wants = |want: &Option<String>, have: Option<&str>| {
        want.as_deref().is_none_or(|want| have == Some(want))
    };
    is_family
        && query.state.is_none_or(|state| state == lease.state)
        && query.is_static.is_none_or(|is_static| is_static == view.is_static)
        && wants(&query.source, Some(&view.source))
        && wants(&query.pool, view.pool_name.as_deref())
        && search.is_none_or(|search| holds(view, search))
}

/// Returns whether a text stands anywhere that a person sees.
fn holds(view: &LeaseView, search: &str) -> bool {
    if search.is_empty() {
        return true;
    }
    let lease = &view.lease;
    let mac = lease.mac.as_ref().map(ToString::to_string).unwrap_or_default();
    // Addresses are typed with dashes, dots or nothing between the octets, too.
    let bare: String = search.chars().filter(char::is_ascii_hexdigit).collect();
    let is_octets = search.len() >= 4
        && search.chars().all(|c| c.is_ascii_hexdigit() || matches!(c, ':' | '-' | '.'));
    let label = match lease.state {
        LeaseState::Active if view.is_static => "static active",
        LeaseState::Active => "active",
        LeaseState::Expired => "expired",
        LeaseState::Declined => "declined",
        LeaseState::Released => "released",
        LeaseState::Free
        | LeaseState::Backup
        | LeaseState::Reset
        | LeaseState::Registered
        | LeaseState::Unknown => "",
    };
    let id = lease.client_id.as_deref().or(lease.duid.as_deref()).unwrap_or_default();
    let id: Vec<String> = id.iter().map(|octet| format!("{octet:02x}")).collect();
    let texts = [view.vendor.as_deref(), lease.hostname.as_deref()].into_iter().flatten();
    lease.ip.to_string().contains(search)
        || mac.contains(search)
        || (is_octets && bare.len() >= 4 && mac.replace(':', "").contains(&bare))
        || texts.into_iter().any(|text| text.to_lowercase().contains(search))
        || label.contains(search)
        || id.join(":").contains(search)
}

fn compare(left: &LeaseView, right: &LeaseView, query: &LeaseQuery) -> Ordering {
    let end = |view: &LeaseView| match view.lease.expiry {
        Expiry::At(end) => end,
        Expiry::Unknown { .. } => EpochSeconds::MAX - 1,
        Expiry::Never => EpochSeconds::MAX,
    };
    let by_field = match query.sort {
        SortField::IpAddress => left.lease.ip.cmp(&right.lease.ip),
        SortField::MacAddress => left.lease.mac.cmp(&right.lease.mac),
        SortField::Hostname => {
            by_text(left.lease.hostname.as_deref(), right.lease.hostname.as_deref())
        }
        SortField::LeaseTime => end(left).cmp(&end(right)),
        SortField::Vendor => by_text(left.vendor.as_deref(), right.vendor.as_deref()),
        SortField::State => {
            format!("{:?}", left.lease.state).cmp(&format!("{:?}", right.lease.state))
        }
        SortField::PoolName => by_text(left.pool_name.as_deref(), right.pool_name.as_deref()),
        SortField::Source => left.source.cmp(&right.source),
        SortField::IsStatic => left.is_static.cmp(&right.is_static),
        SortField::IsActive => {
            (left.lease.state == LeaseState::Active).cmp(&(right.lease.state == LeaseState::Active))
        }
    };
    let by_field = match query.order {
        SortOrder::Ascending => by_field,
        SortOrder::Descending => by_field.reverse(),
    };
    by_field.then_with(|| {
        (left.lease.ip, &left.source, left.lease.kind).cmp(&(
            right.lease.ip,
            &right.source,
            right.lease.kind,
        ))
    })
}

/// Compares texts without case and digits by value; nothing comes last.
fn by_text(left: Option<&str>, right: Option<&str>) -> Ordering {
    match (left, right) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (Some(left), Some(right)) => natural(left).cmp(&natural(right)),
    }
}

/// Cuts a text into words, each with the number that follows it.
fn natural(text: &str) -> Vec<(String, u128)> {
    let mut parts: Vec<(String, u128)> = vec![(String::new(), 0)];
    let mut is_in_number = false;
    for c in text.to_lowercase().chars() {
        if is_in_number && !c.is_ascii_digit() {
            parts.push((String::new(), 0));
        }
        is_in_number = c.is_ascii_digit();
        let Some((word, number)) = parts.last_mut() else { break };
        match c.to_digit(10) {
            Some(digit) => *number = number.saturating_mul(10).saturating_add(digit.into()),
            None => word.push(c),
        }
    }
    parts
}

/// Figures of the four cards of the lease page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Statistics {
    /// Leases held now.
    pub total_leases: usize,
    /// Addresses of all pools that nobody holds.
    pub available_ips: u128,
    /// Leases held now that end by the end of the day.
    pub expiring_today: usize,
    /// Distinct makers of hardware among the leases held now.
    pub device_types: usize,
}

/// Counts for the four cards; `day_end` is the first second of the next day where the reader is.
#[must_use]
pub fn statistics(snapshot: &crate::network::Snapshot, day_end: EpochSeconds) -> Statistics {
    let active: Vec<&Arc<LeaseView>> =
        snapshot.leases.iter().filter(|view| view.lease.state == LeaseState::Active).collect();
    let mut vendors: Vec<&str> = active.iter().filter_map(|view| view.vendor.as_deref()).collect();
    vendors.sort_unstable();
    vendors.dedup();
    let ends_today =
        |view: &&&Arc<LeaseView>| matches!(view.lease.expiry, Expiry::At(end) if end < day_end);
    Statistics {
        total_leases: active.len(),
        available_ips: crate::pool::available(&snapshot.pools, &snapshot.leases),
        expiring_today: active.iter().filter(ends_today).count(),
        device_types: vendors.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::Pools;

    fn views() -> Vec<Arc<LeaseView>> {
        let text = "1795220009 02:00:00:00:00:0a 10.0.0.10 tv-10 *\n\
                    1795220001 02:00:00:00:00:02 10.0.0.9 TV-2 *\n\
                    0 02:00:00:00:00:01 10.0.0.100 * 01:de:ad\n\
                    1795220003 77 fd77::1 laptop 00:01\n";
        let leases = crate::format::dnsmasq::parse(text.as_bytes(), 1_795_217_100).leases;
        crate::view::views(leases, "dnsmasq", &[], &Pools::default(), &|_| None)
    }

    fn ips(query: &LeaseQuery) -> Vec<String> {
        let page = select(&views(), query).unwrap();
        page.leases.iter().map(|view| view.lease.ip.to_string()).collect()
    }

    #[test]
    fn leases_are_sorted_as_people_read() {
        #[rustfmt::skip]
        let cases = [
            (SortField::IpAddress, ["10.0.0.9", "10.0.0.10", "10.0.0.100", "fd77::1"]),
            (SortField::Hostname,  ["fd77::1", "10.0.0.9", "10.0.0.10", "10.0.0.100"]),
            (SortField::LeaseTime, ["10.0.0.9", "fd77::1", "10.0.0.10", "10.0.0.100"]),
        ];
        for (sort, expected) in cases {
            let query = LeaseQuery { sort, ..LeaseQuery::default() };
            assert_eq!(ips(&query), expected, "case: {sort:?}");
        }
    }

    #[test]
    fn a_search_looks_where_people_look() {
        #[rustfmt::skip]
        let cases: [(&str, &[&str]); 8] = [
            ("tv",             &["10.0.0.9", "10.0.0.10"]),
            (" LAPTOP ",       &["fd77::1"]),
            ("10.0.0.10",      &["10.0.0.10", "10.0.0.100"]),
            ("02-00-00-00-00-0A", &["10.0.0.10"]),
            ("00000000000a",   &[]),
            ("02000000000a",   &["10.0.0.10"]),
            ("01:de:ad",       &["10.0.0.100"]),
            ("nothing",        &[]),
        ];
        for (search, expected) in cases {
            let search = Some(search.to_owned());
            assert_eq!(ips(&LeaseQuery { search, ..LeaseQuery::default() }), expected);
        }
    }

    #[test]
    fn pages_cover_everything_once() {
        for order in [SortOrder::Ascending, SortOrder::Descending] {
            let mut seen = Vec::new();
            let mut query = LeaseQuery { limit: Some(3), order, ..LeaseQuery::default() };
            loop {
                let page = select(&views(), &query).unwrap();
                seen.extend(page.leases.iter().map(|view| view.lease.ip));
                query.cursor = page.next_cursor;
                if query.cursor.is_none() {
                    break;
                }
            }
            seen.sort_unstable();
            seen.dedup();
            assert_eq!(seen.len(), 4, "case: {order:?}");
        }
        let query = LeaseQuery { cursor: Some("x".to_owned()), ..LeaseQuery::default() };
        assert_eq!(select(&views(), &query).err(), Some(CursorError));
    }
}
