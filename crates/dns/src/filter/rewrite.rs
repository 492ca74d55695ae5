//! Values of AdGuard's `$dnsrewrite`: a response code, another name, or a record.

use std::fmt::Write;
use std::net::IpAddr;
use std::sync::Arc;

use crate::record_type::RecordType;
use crate::verdict::Rewrite;

/// Names of the response codes that rules use (RFC 1035 §4.1.1, RFC 2136 §2.2).
pub const RESPONSE_CODES: [(&str, u8); 11] = [
    ("NOERROR", 0),
    ("FORMERR", 1),
    ("SERVFAIL", 2),
    ("NXDOMAIN", 3),
    ("NOTIMP", 4),
    ("REFUSED", 5),
    ("YXDOMAIN", 6),
    ("YXRRSET", 7),
    ("NXRRSET", 8),
    ("NOTAUTH", 9),
    ("NOTZONE", 10),
];

/// Most octets in one string of a TXT record (RFC 1035 §3.3).
const TEXT_STRING_MAX: usize = 255;

/// Parses the value of `$dnsrewrite`; an empty one is `None` and takes all rewrites back.
///
/// # Errors
///
/// What is wrong with it, in words that follow the rule.
pub(crate) fn parse(value: &str) -> Result<Option<Rewrite>, &'static str> {
    if value.is_empty() {
        return Ok(None);
    }
    let mut parts = value.splitn(3, ';');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(short), None, None) => parse_short(short).map(Some),
        (Some(code), Some(kind), Some(data)) => parse_full(code, kind, data).map(Some),
        _ => Err("$dnsrewrite has one value or three, separated by `;`"),
    }
}

/// Parses `NXDOMAIN`, an address or a name.
fn parse_short(value: &str) -> Result<Rewrite, &'static str> {
    if value.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return match value {
            "NOERROR" | "SERVFAIL" | "NXDOMAIN" | "REFUSED" => {
                response_code(value).ok_or("$dnsrewrite names no known response code")
            }
            _ => Err("$dnsrewrite names no known response code"),
        };
    }
    if let Ok(address) = value.parse() {
        return Ok(Rewrite::Address(address));
    }
    host(value).map(|name| Rewrite::CanonicalName(name.into()))
}

/// Parses `NOERROR;A;192.0.2.1` and its like.
fn parse_full(code: &str, kind: &str, data: &str) -> Result<Rewrite, &'static str> {
    let code = response_code(&code.to_ascii_uppercase())
        .ok_or("$dnsrewrite names no known response code")?;
    if code != Rewrite::ResponseCode(0) || (kind.is_empty() && data.is_empty()) {
        return Ok(code);
    }
    let kind = RecordType::parse(kind).map_err(|_| "$dnsrewrite names no known record type")?;
    match kind {
        RecordType::A | RecordType::AAAA => {
            let address: IpAddr = data.parse().map_err(|_| "$dnsrewrite has no valid address")?;
            if address.is_ipv4() == (kind == RecordType::A) {
                Ok(Rewrite::Address(address))
            } else {
                Err("$dnsrewrite has an address of the other family")
            }
        }
        RecordType::CNAME => host(data).map(|name| Rewrite::CanonicalName(name.into())),
        _ => record_data(kind, data).map(|data| Rewrite::Record { kind, data }),
    }
}

fn response_code(name: &str) -> Option<Rewrite> {
    let known = RESPONSE_CODES.iter().find(|(known, _)| *known == name);
    known.map(|(_, number)| Rewrite::ResponseCode(*number))
}

/// Brings the data of a record into presentation format.
fn record_data(kind: RecordType, data: &str) -> Result<Arc<str>, &'static str> {
    let mut fields = data.split(' ');
    let mut next = || fields.next().ok_or("$dnsrewrite lacks fields of its record");
    match kind {
        RecordType::PTR => {
            let name = host(data.strip_suffix('.').unwrap_or(data))?;
            Ok(format!("{name}.").into())
        }
        RecordType::MX => {
            let (preference, exchange) = (number(next()?)?, host(next()?)?);
            Ok(format!("{preference} {exchange}.").into())
        }
        RecordType::SRV => {
            let numbers = (number(next()?)?, number(next()?)?, number(next()?)?);
            let target = target(next()?)?;
            Ok(format!("{} {} {} {target}", numbers.0, numbers.1, numbers.2).into())
        }
        RecordType::HTTPS | RecordType::SVCB => {
            let mut text = format!("{} {}", number(next()?)?, target(next()?)?);
            for parameter in fields {
                if parameter.matches('=').count() != 1 {
                    return Err("$dnsrewrite has a parameter that is not `key=value`");
                }
                text.push(' ');
                text.push_str(parameter);
            }
            Ok(text.into())
        }
        RecordType::TXT => Ok(text_data(data)),
        _ => Err("$dnsrewrite cannot make records of this type"),
    }
}

/// Quotes text for a TXT record, cut into strings that fit.
fn text_data(data: &str) -> Arc<str> {
    let mut text = String::new();
    for chunk in data.as_bytes().chunks(TEXT_STRING_MAX) {
        text.push_str(if text.is_empty() { "\"" } else { " \"" });
        for byte in chunk {
            match byte {
                b'"' | b'\\' => text.extend(['\\', char::from(*byte)]),
                b' '..=b'~' => text.push(char::from(*byte)),
                _ => write!(text, "\\{byte:03}").expect("writing to a String cannot fail"),
            }
        }
        text.push('"');
    }
    if text.is_empty() { "\"\"".into() } else { text.into() }
}

fn number(text: &str) -> Result<u16, &'static str> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number).ok_or("$dnsrewrite has no number to 65535 in its place")
}

/// A host name with its final dot, or `.` alone.
fn target(text: &str) -> Result<String, &'static str> {
    if text == "." { Ok(text.into()) } else { host(text).map(|name| format!("{name}.")) }
}

/// Checks a host name (RFC 952, RFC 1123 §2.1) and lowers it.
fn host(text: &str) -> Result<String, &'static str> {
    let is_label = |label: &str| {
        label.starts_with(|first: char| first.is_ascii_alphanumeric())
            && label.len() <= 63
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    if text.len() <= 253 && text.split('.').all(is_label) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err("$dnsrewrite has no valid host name")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_cases() {
        let record = |kind, data: &str| Some(Some(Rewrite::Record { kind, data: data.into() }));
        let address = |text: &str| Some(Some(Rewrite::Address(text.parse().expect("address"))));
        let name = |text: &str| Some(Some(Rewrite::CanonicalName(text.into())));
        let code = |code| Some(Some(Rewrite::ResponseCode(code)));
        #[rustfmt::skip]
        let cases = [
            ("",                                   Some(None)),
            ("192.0.2.1",                          address("192.0.2.1")),
            ("2001:db8::1",                        address("2001:db8::1")),
            ("Other.example",                      name("other.example")),
            ("other",                              name("other")),
            ("NXDOMAIN",                           code(3)),
            ("NOERROR",                            code(0)),
            ("NOTIMP",                             None),
            ("OTHER",                              None),
            ("nxdomain;;",                         code(3)),
            ("NOERROR;;",                          code(0)),
            ("REFUSED;A;192.0.2.1",                code(5)),
            ("NOERROR;A",                          None),
            ("NOERROR;A;192.0.2.1",                address("192.0.2.1")),
            ("NOERROR;a;192.0.2.1",                address("192.0.2.1")),
            ("NOERROR;A;2001:db8::1",              None),
            ("NOERROR;AAAA;2001:db8::1",           address("2001:db8::1")),
            ("NOERROR;AAAA;192.0.2.1",             None),
            ("NOERROR;A;example",                  None),
            ("NOERROR;CNAME;other.example",        name("other.example")),
            ("NOERROR;CNAME;-bad",                 None),
            ("NOERROR;PTR;host.example",           record(RecordType::PTR, "host.example.")),
            ("NOERROR;PTR;host.example.",          record(RecordType::PTR, "host.example.")),
            ("NOERROR;PTR;",                       None),
            ("NOERROR;TXT;a \"b\" c",              record(RecordType::TXT, r#""a \"b\" c""#)),
            ("NOERROR;TXT;",                       record(RecordType::TXT, "\"\"")),
            ("NOERROR;MX;32 mail.example",         record(RecordType::MX, "32 mail.example.")),
            ("NOERROR;MX;mail.example",            None),
            ("NOERROR;MX;70000 mail.example",      None),
            ("NOERROR;SRV;30 60 8080 h.example",   record(RecordType::SRV, "30 60 8080 h.example.")),
            ("NOERROR;SRV;30 60 8080 .",           record(RecordType::SRV, "30 60 8080 .")),
            ("NOERROR;SRV;30 60 h.example",        None),
            ("NOERROR;HTTPS;1 h.example alpn=h3",  record(RecordType::HTTPS, "1 h.example. alpn=h3")),
            ("NOERROR;SVCB;1 .",                   record(RecordType::SVCB, "1 .")),
            ("NOERROR;SVCB;1 . alpn",              None),
            ("NOERROR;SVCB;1",                     None),
            ("NOERROR;NOSUCH;x",                   None),
            ("NOERROR;SOA;x",                      None),
            ("A:NOERROR:192.0.2.1",                None),
            ("192.0.2.1.5",                        name("192.0.2.1.5")),
            ("under_score.example",                None),
        ];
        for (value, expected) in cases {
            assert_eq!(parse(value).ok(), expected, "case: {value}");
        }
    }
}
