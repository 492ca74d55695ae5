//! DNS messages in HTTP (RFC 8484): base64url, how long an answer may be kept, its addresses.

use std::net::IpAddr;

/// Longest DNS message in bytes (RFC 1035 §4.2.2).
pub(crate) const MESSAGE_MAX_BYTES: usize = 65_535;
/// Bytes of the head of a message.
const HEAD_BYTES: usize = 12;
/// The type OPT, whose time to live is none (RFC 6891 §6.1.3).
const OPT: u16 = 41;
/// The type SOA.
const SOA: u16 = 6;

/// Decodes base64url without padding (RFC 4648 §5); padding is let through.
pub(crate) fn from_base64url(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=');
    if text.len() > MESSAGE_MAX_BYTES.div_ceil(3) * 4 || text.len() % 4 == 1 {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    let (mut held, mut n_bits) = (0_u32, 0_u32);
    for byte in text.bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        held = (held << 6 | u32::from(value)) & 0xffff;
        n_bits += 6;
        if n_bits >= 8 {
            n_bits -= 8;
            bytes.push(u8::try_from(held >> n_bits & 0xff).unwrap_or(0));
        }
    }
    Some(bytes)
}

fn u16_at(message: &[u8], at: usize) -> Option<u16> {
    let bytes = message.get(at..at + 2)?;
    Some(u16::from_be_bytes(bytes.try_into().ok()?))
}

fn u32_at(message: &[u8], at: usize) -> Option<u32> {
    let bytes = message.get(at..at + 4)?;
    Some(u32::from_be_bytes(bytes.try_into().ok()?))
}

/// Returns where a name ends that begins at a place.
fn name_end(message: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *message.get(at)? {
            0 => return Some(at + 1),
            length @ 1..=63 => at += 1 + usize::from(length),
            0xc0.. => return Some(at + 2),
            _ => return None,
        }
    }
}

/// Returns the seconds that an answer may be kept (RFC 8484 §5.1): the least time of its records,
/// for a denial that of the SOA and its minimum; 0 without any.
pub(crate) fn max_age_s(message: &[u8]) -> u32 {
    seconds(message).unwrap_or(0)
}

fn seconds(message: &[u8]) -> Option<u32> {
    let mut at = HEAD_BYTES;
    for _ in 0..u16_at(message, 4)? {
        at = name_end(message, at)? + 4;
    }
    let n_answers = u16_at(message, 6)?;
    let n_records = u32::from(n_answers) + u32::from(u16_at(message, 8)?);
    let mut least: Option<u32> = None;
    for index in 0..n_records {
        at = name_end(message, at)?;
        let kind = u16_at(message, at)?;
        let mut ttl = u32_at(message, at + 4)?;
        let end = at + 10 + usize::from(u16_at(message, at + 8)?);
        let is_denial = n_answers == 0;
        if is_denial && kind == SOA {
            // The minimum is the last number of the SOA (RFC 2308 §4).
            ttl = ttl.min(u32_at(message, end.checked_sub(4)?)?);
        }
        let counts = kind != OPT && (index < n_answers.into() || is_denial && kind == SOA);
        if counts {
            least = Some(least.map_or(ttl, |least| least.min(ttl)));
        }
        at = end;
    }
    least
}

/// Returns the addresses of an answer, in its order.
pub(crate) fn addresses(message: &[u8]) -> Vec<IpAddr> {
    let mut found = Vec::new();
    // A message that is cut has the addresses before the cut.
    let _: Option<()> = each_address(message, &mut found);
    found
}

fn each_address(message: &[u8], found: &mut Vec<IpAddr>) -> Option<()> {
    let mut at = HEAD_BYTES;
    for _ in 0..u16_at(message, 4)? {
        at = name_end(message, at)? + 4;
    }
    for _ in 0..u16_at(message, 6)? {
        at = name_end(message, at)?;
        let data = message.get(at + 10..at + 10 + usize::from(u16_at(message, at + 8)?))?;
        match u16_at(message, at)? {
            1 => found.extend(<[u8; 4]>::try_from(data).ok().map(IpAddr::from)),
            28 => found.extend(<[u8; 16]>::try_from(data).ok().map(IpAddr::from)),
            _ => {}
        }
        at += 10 + data.len();
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64url_cases() {
        let cases: [(&str, Option<&[u8]>); 9] = [
            ("", Some(b"")),
            ("Zg", Some(b"f")),
            ("Zg==", Some(b"f")),
            ("Zm8", Some(b"fo")),
            ("Zm9v", Some(b"foo")),
            ("-_8", Some(&[0xfb, 0xff])),
            ("+/8", None),
            ("Z", None),
            ("Zm 9v", None),
        ];
        for (text, expected) in cases {
            assert_eq!(from_base64url(text).as_deref(), expected, "case: {text}");
        }
        assert_eq!(from_base64url(&"A".repeat(100_000)), None);
    }

    /// A message of a question for `a.` and records that point back at its name.
    fn message(n_answers: u16, records: &[(u16, u32, &[u8])]) -> Vec<u8> {
        let mut bytes = vec![0, 0, 0x81, 0x80, 0, 1];
        bytes.extend(n_answers.to_be_bytes());
        let n_others = u16::try_from(records.len()).unwrap() - n_answers;
        bytes.extend(n_others.to_be_bytes());
        bytes.extend([0, 0, 1, b'a', 0, 0, 1, 0, 1]);
        for (kind, ttl, data) in records {
            bytes.extend([0xc0, 12]);
            bytes.extend(kind.to_be_bytes());
            bytes.extend([0, 1]);
            bytes.extend(ttl.to_be_bytes());
            bytes.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
            bytes.extend(*data);
        }
        bytes
    }

    #[test]
    fn the_addresses_of_an_answer_are_read() {
        let v6: &[u8] = &[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7];
        let records: [(u16, u32, &[u8]); 4] =
            [(5, 9, &[0]), (1, 9, &[192, 0, 2, 1]), (28, 9, v6), (1, 9, &[1])];
        let message = message(4, &records);
        let found: Vec<String> = addresses(&message).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["192.0.2.1", "2001:db8::7"]);
        assert!(addresses(&message[..40]).is_empty());
    }

    #[test]
    fn an_answer_is_kept_as_long_as_its_shortest_record() {
        let soa: &[u8] = &[0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 60];
        let address: &[u8] = &[192, 0, 2, 1];
        let cases = [
            ("two addresses", message(2, &[(1, 300, address), (1, 200, address)]), 200),
            ("authority aside", message(1, &[(1, 300, address), (2, 5, &[0])]), 300),
            ("denial by its minimum", message(0, &[(6, 900, soa)]), 60),
            ("denial by its time", message(0, &[(6, 30, soa)]), 30),
            ("nothing", message(0, &[]), 0),
            ("cut", message(1, &[(1, 300, address)])[..30].to_vec(), 0),
            ("empty", Vec::new(), 0),
        ];
        for (name, message, expected) in cases {
            assert_eq!(max_age_s(&message), expected, "case: {name}");
        }
    }
}
