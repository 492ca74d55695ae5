//! Reads the grammar of the filter, and says where it cannot.

use jiff::Timestamp;

use super::{FILTER_MAX_BYTES, NameTest, TERMS_MAX, Term, Test, VALUES_MAX};
use crate::entry::{Status, Transport};
use crate::network::{BadNetwork, Network};
use crate::query_log::words;
use crate::record_type::RecordType;
use crate::verdict::ListId;

/// The keys, for people.
const KEYS: &str = "name, client, type, status, rcode, upstream, transport, list, rule, address, \
                    duration, before, after, is";
/// Milliseconds of the units of a time that is told by its age.
const UNITS: [(char, u64); 4] = [('s', 1_000), ('m', 60_000), ('h', 3_600_000), ('d', 86_400_000)];

/// What a filter may refer to.
pub struct Names<'a> {
    /// Now, milliseconds since 1970.
    pub now_ms: u64,
    /// Finds a list by its name.
    pub list: &'a dyn Fn(&str) -> Option<ListId>,
}

impl std::fmt::Debug for Names<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Names").field("now_ms", &self.now_ms).finish_non_exhaustive()
    }
}

/// Why a text is no filter, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: {what}")]
pub struct FilterError {
    /// Character at which the term begins, from 1.
    pub column: usize,
    /// What is wrong and what would do.
    pub what: String,
}

/// Parses the terms of a filter.
pub(super) fn terms(text: &str, names: &Names<'_>) -> Result<Vec<Term>, FilterError> {
    if text.len() > FILTER_MAX_BYTES {
        let what = format!("a filter has at most {FILTER_MAX_BYTES} bytes");
        return Err(FilterError { column: 1, what });
    }
    let mut terms = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            return Ok(terms);
        }
        let refuse = |what: String| {
            let head = text.len().saturating_sub(rest.len());
            let column = text.get(..head).map_or(0, |head| head.chars().count()) + 1;
            FilterError { column, what }
        };
        if terms.len() == TERMS_MAX {
            return Err(refuse(format!("a filter has at most {TERMS_MAX} terms")));
        }
        let (term, left) = term(rest, names).map_err(refuse)?;
        terms.push(term);
        rest = left;
    }
}

/// Parses one term and returns what follows it.
fn term<'a>(text: &'a str, names: &Names<'_>) -> Result<(Term, &'a str), String> {
    let (is_negated, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let word_end = text.find(|c: char| c.is_whitespace() || c == '"').unwrap_or(text.len());
    let word = text.get(..word_end).unwrap_or_default();
    let key = word.split_once(':').map(|(key, _)| key);
    // Addresses of IPv6 hold colons, too.
    let is_key = |key: &&str| !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphabetic());
    let Some(key) = key.filter(is_key).filter(|_| word.parse::<Network>().is_err()) else {
        let (mut values, rest) = values(text)?;
        if values.len() > 1 {
            return Err("a text with a comma stands in quotation marks".to_owned());
        }
        let value = values.pop().unwrap_or_default();
        if value.is_empty() {
            return Err("nothing to look for".to_owned());
        }
        return Ok((Term { is_negated, test: Test::Text(value.to_lowercase().into()) }, rest));
    };
    let (values, rest) = values(text.get(key.len() + 1..).unwrap_or_default())?;
    if values.iter().any(String::is_empty) {
        return Err(format!("`{key}:` lacks a value"));
    }
    Ok((Term { is_negated, test: test(key, &values, names)? }, rest))
}

/// Reads values with commas between them, each plain or with parts in quotation marks.
fn values(text: &str) -> Result<(Vec<String>, &str), String> {
    let mut values = Vec::new();
    let mut value = String::new();
    let mut characters = text.char_indices();
    let mut is_quoted = false;
    let mut end = text.len();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' if is_quoted => value.extend(characters.next().map(|(_, escaped)| escaped)),
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => values.push(std::mem::take(&mut value)),
            other if other.is_whitespace() && !is_quoted => {
                end = at;
                break;
            }
            other => value.push(other),
        }
        if values.len() == VALUES_MAX {
            return Err(format!("a term has at most {VALUES_MAX} values"));
        }
    }
    if is_quoted {
        return Err("the quotation mark is not closed".to_owned());
    }
    values.push(value);
    Ok((values, text.get(end..).unwrap_or_default()))
}

/// Makes the test of a key and its values.
fn test(key: &str, values: &[String], names: &Names<'_>) -> Result<Test, String> {
    let lower = |value: &str| Ok(Box::from(value.to_lowercase()));
    let kind = |value: &str| RecordType::parse(value).map_err(|error| error.to_string());
    match key.to_ascii_lowercase().as_str() {
        "name" | "domain" => each(values, |value| Ok(name_test(value))).map(Test::Name),
        "client" => each(values, network).map(Test::Client),
        "address" | "answer" => each(values, network).map(Test::Address),
        "type" => each(values, kind).map(Test::Kind),
        "status" => each(values, status).map(Test::Status),
        "rcode" => each(values, response_code).map(Test::ResponseCode),
        "upstream" => each(values, lower).map(Test::Upstream),
        "transport" => each(values, transport).map(Test::Transport),
        "list" => each(values, |value| list(value, names)).map(Test::List),
        "rule" => each(values, lower).map(Test::Rule),
        "is" => match values {
            [value] if value == "authentic" => Ok(Test::Authentic),
            _ => Err("`is:` takes authentic".to_owned()),
        },
        "duration" => one("duration", values).and_then(duration),
        "after" => time(one("after", values)?, names).map(Test::After),
        "before" => time(one("before", values)?, names).map(Test::Before),
        _ => Err(format!("`{key}` is no key; the keys are {KEYS}")),
    }
}

/// Parses every value, and puts them in order, so that equal filters are equal.
fn each<T: Ord>(
    values: &[String],
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Vec<T>, String> {
    let mut parsed = values.iter().map(|value| parse(value)).collect::<Result<Vec<T>, _>>()?;
    parsed.sort();
    parsed.dedup();
    Ok(parsed)
}

fn one<'a>(key: &str, values: &'a [String]) -> Result<&'a str, String> {
    match values {
        [value] => Ok(value),
        _ => Err(format!("`{key}:` takes one value")),
    }
}

fn name_test(value: &str) -> NameTest {
    let lower = value.to_lowercase();
    let clean = |text: &str| Box::from(text.strip_suffix('.').unwrap_or(text));
    if let Some(name) = lower.strip_prefix('=') {
        return NameTest::Exact(clean(name));
    }
    match lower.strip_prefix("*.") {
        Some(suffix) => NameTest::Beneath(clean(suffix)),
        None => NameTest::Below(clean(&lower)),
    }
}

fn network(value: &str) -> Result<Network, String> {
    value.parse().map_err(|error: BadNetwork| error.to_string())
}

fn status(value: &str) -> Result<Status, String> {
    Status::parse(value).ok_or_else(|| {
        let words = words::join(Status::ALL.iter().map(|status| status.word()));
        format!("`{value}` is no status; there are {words}")
    })
}

fn transport(value: &str) -> Result<Transport, String> {
    Transport::parse(value).ok_or_else(|| {
        let words = words::join(Transport::ALL.iter().map(|transport| transport.word()));
        format!("`{value}` is no transport; there are {words}")
    })
}

fn response_code(value: &str) -> Result<u16, String> {
    words::parse_response_code(value)
        .ok_or_else(|| format!("`{value}` is no response code: a name as NXDOMAIN, or a number"))
}

fn list(value: &str, names: &Names<'_>) -> Result<ListId, String> {
    let by_number = || value.parse().ok().map(ListId);
    (names.list)(value).or_else(by_number).ok_or_else(|| format!("there is no list `{value}`"))
}

/// Parses `>50`, `<=1.5`, `20-100`, milliseconds all.
fn duration(value: &str) -> Result<Test, String> {
    let refuse = || format!("`{value}` is no duration: milliseconds as >50, <=1.5 or 20-100");
    let parse = |text: &str| microseconds(text).ok_or_else(refuse);
    let (from_us, to_us) = if let Some(text) = value.strip_prefix(">=") {
        (parse(text)?, u32::MAX)
    } else if let Some(text) = value.strip_prefix("<=") {
        (0, parse(text)?)
    } else if let Some(text) = value.strip_prefix('>') {
        (parse(text)?.saturating_add(1), u32::MAX)
    } else if let Some(text) = value.strip_prefix('<') {
        (0, parse(text)?.checked_sub(1).ok_or_else(refuse)?)
    } else {
        let (from, to) = value.split_once('-').ok_or_else(refuse)?;
        (parse(from)?, parse(to)?)
    };
    Ok(Test::Duration { from_us, to_us })
}

/// Parses milliseconds with up to three decimals.
fn microseconds(text: &str) -> Option<u32> {
    let text = text.strip_suffix("ms").unwrap_or(text);
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !are_digits(whole) || !are_digits(decimals) || decimals.len() > 3 {
        return None;
    }
    let thousandths: u32 = format!("{decimals:0<3}").parse().ok()?;
    whole.parse::<u32>().ok()?.checked_mul(1000)?.checked_add(thousandths)
}

/// Parses RFC 3339, a day, milliseconds since 1970, or an age as `2h`.
fn time(value: &str, names: &Names<'_>) -> Result<u64, String> {
    let refuse = || {
        format!(
            "`{value}` is no time: 2026-01-31T12:00:00Z, 2026-01-31, milliseconds since 1970, or \
             an age such as 30m"
        )
    };
    if let Ok(at_ms) = value.parse::<u64>() {
        return Ok(at_ms);
    }
    for (unit, ms) in UNITS {
        if let Some(Ok(number)) = value.strip_suffix(unit).map(str::parse::<u64>) {
            return Ok(names.now_ms.saturating_sub(number.saturating_mul(ms)));
        }
    }
    let day = (value.len() == 10).then(|| value.parse::<jiff::civil::Date>().ok()).flatten();
    let at: Timestamp = match day.map(|day| day.to_zoned(jiff::tz::TimeZone::UTC)) {
        Some(Ok(day)) => day.timestamp(),
        Some(Err(_)) | None => value.parse().map_err(|_| refuse())?,
    };
    u64::try_from(at.as_millisecond()).map_err(|_| refuse())
}
