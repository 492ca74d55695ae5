//! Cookies of DNS: a client that shows ours again is where it says it is (RFC 7873, RFC 9018).

use std::net::IpAddr;

use crate::wire::query::{CLIENT_COOKIE_BYTES, Cookie};

/// Bytes of a cookie with our part.
pub(crate) const COOKIE_BYTES: usize = 24;
/// Bytes before the hash.
const HEAD_BYTES: usize = 16;
/// Age up to which a cookie of ours is good (RFC 9018 §4.3).
const AGE_MAX_S: u32 = 3_600;
/// How far ahead of our clock a cookie may be.
const AHEAD_MAX_S: u32 = 300;

/// The secret behind our cookies.
#[derive(Clone, Copy)]
pub(crate) struct CookieSecret([u8; 16]);

impl CookieSecret {
    pub(crate) fn new(secret: [u8; 16]) -> Self {
        Self(secret)
    }

    /// Makes the cookie that answers one of a client.
    pub(crate) fn cookie(
        &self,
        client: [u8; CLIENT_COOKIE_BYTES],
        address: IpAddr,
        now_s: u32,
    ) -> [u8; COOKIE_BYTES] {
        let mut input = Vec::with_capacity(HEAD_BYTES + 16);
        input.extend_from_slice(&client);
        // Version 1 and three reserved bytes (RFC 9018 §4.1).
        input.extend_from_slice(&[1, 0, 0, 0]);
        input.extend_from_slice(&now_s.to_be_bytes());
        let mut cookie = [0; COOKIE_BYTES];
        let (head, hash) = cookie.split_at_mut(HEAD_BYTES);
        head.copy_from_slice(&input);
        match address.to_canonical() {
            IpAddr::V4(address) => input.extend_from_slice(&address.octets()),
            IpAddr::V6(address) => input.extend_from_slice(&address.octets()),
        }
        hash.copy_from_slice(&siphash(self.0, &input).to_le_bytes());
        cookie
    }

    /// Returns whether a client shows a cookie of ours.
    pub(crate) fn is_ours(&self, cookie: &Cookie<'_>, address: IpAddr, now_s: u32) -> bool {
        let Some(made_at) = cookie.server.get(4..8).and_then(<[u8]>::first_chunk) else {
            return false;
        };
        let made_at = u32::from_be_bytes(*made_at);
        // Serial numbers (RFC 1982), as the field wraps around in 2106.
        let age_s = now_s.wrapping_sub(made_at);
        let is_current = age_s <= AGE_MAX_S || age_s.wrapping_neg() <= AHEAD_MAX_S;
        is_current
            && self.cookie(cookie.client, address, made_at).get(CLIENT_COOKIE_BYTES..)
                == Some(cookie.server)
    }
}

impl std::fmt::Debug for CookieSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CookieSecret")
    }
}

/// SipHash-2-4 of Aumasson and Bernstein, which RFC 9018 §4.4 prescribes.
fn siphash(key: [u8; 16], input: &[u8]) -> u64 {
    let (k0, k1) = key.split_at(8);
    let word = |bytes: &[u8]| u64::from_le_bytes(*bytes.first_chunk().unwrap_or(&[0; 8]));
    let (k0, k1) = (word(k0), word(k1));
    let mut v = [
        k0 ^ 0x736f_6d65_7073_6575,
        k1 ^ 0x646f_7261_6e64_6f6d,
        k0 ^ 0x6c79_6765_6e65_7261,
        k1 ^ 0x7465_6462_7974_6573,
    ];
    let (chunks, rest) = input.as_chunks::<8>();
    let mut last = [0; 8];
    for (place, byte) in last.iter_mut().zip(rest) {
        *place = *byte;
    }
    last[7] = u8::try_from(input.len() & 0xff).unwrap_or(0);
    for chunk in chunks.iter().chain([&last]) {
        let chunk = u64::from_le_bytes(*chunk);
        v[3] ^= chunk;
        round(&mut v);
        round(&mut v);
        v[0] ^= chunk;
    }
    v[2] ^= 0xff;
    for _ in 0..4 {
        round(&mut v);
    }
    v[0] ^ v[1] ^ v[2] ^ v[3]
}

fn round(v: &mut [u64; 4]) {
    v[0] = v[0].wrapping_add(v[1]);
    v[1] = v[1].rotate_left(13) ^ v[0];
    v[0] = v[0].rotate_left(32);
    v[2] = v[2].wrapping_add(v[3]);
    v[3] = v[3].rotate_left(16) ^ v[2];
    v[0] = v[0].wrapping_add(v[3]);
    v[3] = v[3].rotate_left(21) ^ v[0];
    v[2] = v[2].wrapping_add(v[1]);
    v[1] = v[1].rotate_left(17) ^ v[2];
    v[2] = v[2].rotate_left(32);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect()
    }

    fn secret(hex: &str) -> CookieSecret {
        CookieSecret::new(bytes(hex).try_into().unwrap())
    }

    /// RFC 9018, Appendix A.
    #[test]
    fn the_vectors_of_the_standard() {
        #[rustfmt::skip]
        let cases = [
            ("e5e973e5a6b2a43f48e7dc849e37bfcf", "2464c4abcf10c957", "198.51.100.100", 1_559_731_985, "010000005cf79f111f8130c3eee29480"),
            ("e5e973e5a6b2a43f48e7dc849e37bfcf", "2464c4abcf10c957", "198.51.100.100", 1_559_734_385, "010000005cf7a871d4a564a1442aca77"),
        ];
        for (key, client, address, now_s, expected) in cases {
            let client = bytes(client).try_into().unwrap();
            let cookie = secret(key).cookie(client, address.parse().unwrap(), now_s);
            assert_eq!(cookie[8..], bytes(expected), "case: {expected}");
        }
    }

    #[test]
    fn a_cookie_is_ours_for_an_hour_and_one_address() {
        let own = secret("e5e973e5a6b2a43f48e7dc849e37bfcf");
        let other = secret("dd3bdf9344b678b185a6f5cb60fca715");
        let (client, address) = ([7; 8], IpAddr::from([198, 51, 100, 100]));
        let made = own.cookie(client, address, 10_000);
        let shown = |server| Cookie { client, server };
        #[rustfmt::skip]
        let cases = [
            ("at once",         &own,   address,                        10_000, true),
            ("after an hour",   &own,   address,                        13_600, true),
            ("too late",        &own,   address,                        13_601, false),
            ("a little ahead",  &own,   address,                        9_700,  true),
            ("far ahead",       &own,   address,                        9_699,  false),
            ("other address",   &own,   IpAddr::from([198, 51, 100, 1]), 10_000, false),
            ("other secret",    &other, address,                        10_000, false),
        ];
        for (name, secret, address, now_s, expected) in cases {
            assert_eq!(
                secret.is_ours(&shown(&made[8..]), address, now_s),
                expected,
                "case: {name}"
            );
        }
        assert!(!own.is_ours(&shown(&[]), address, 10_000));
        assert!(!own.is_ours(&shown(&made[8..20]), address, 10_000));
    }
}
