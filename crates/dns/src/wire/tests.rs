//! Tests of reading and writing messages.

use proptest::prelude::*;

use super::query::{Query, Unanswerable};
use super::response::Response;
use super::*;
use crate::name;

/// A question for `www.example` A, and a response to it with a CNAME and an address.
fn seeds() -> Vec<Vec<u8>> {
    let query = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x01\x03www\x07example\x00\x00\x01\
        \x00\x01\x00\x00\x29\x04\xd0\x00\x00\x80\x00\x00\x0c\x00\x0a\x00\x08abcdefgh"
        .to_vec();
    let response =
        b"\x12\x34\x81\x80\x00\x01\x00\x02\x00\x01\x00\x00\x03www\x07example\x00\x00\x01\
        \x00\x01\xc0\x0c\x00\x05\x00\x01\x00\x00\x00\x3c\x00\x04\x01a\xc0\x10\
        \xc0\x29\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xc0\x00\x02\x01\
        \xc0\x10\x00\x06\x00\x01\x00\x00\x00\x3c\x00\x18\xc0\x10\xc0\x29\
        \x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00\x03\x00\x00\x00\x04\x00\x00\x00\x05"
            .to_vec();
    vec![query, response]
}

#[test]
fn the_seeds_are_read() {
    let seeds = seeds();
    let query = Query::parse(&seeds[0]).unwrap();
    assert_eq!(name::to_text(query.name.as_wire()), "www.example");
    let edns = query.edns.unwrap();
    assert_eq!((edns.udp_size, edns.wants_dnssec), (1_232, true));
    assert_eq!(edns.cookie.unwrap().client, *b"abcdefgh");
    let response = Response::walk(&seeds[1]).unwrap();
    let target = response.target(&response.answers[0]).unwrap();
    assert_eq!(target.to_string(), "a.example");
    assert_eq!(response.answers[1].owner, target);
    assert_eq!(response.address(&response.answers[1]), Some([192, 0, 2, 1].into()));
    let soa = response.whole_data(&response.authority[0]).unwrap();
    assert_eq!(soa.len(), 9 + 11 + 20, "both names whole");
}

#[test]
fn names_in_messages() {
    let label = |n: usize| [&[u8::try_from(n).unwrap()][..], &vec![b'a'; n]].concat();
    let long = [label(63), label(63), label(63), label(61), vec![0]].concat();
    let too_long = [label(63), label(63), label(63), label(62), vec![0]].concat();
    #[rustfmt::skip]
    let cases: [(&str, Vec<u8>, usize, Option<usize>); 8] = [
        ("root",              vec![0],                          0, Some(1)),
        ("longest",           long,                             0, Some(255)),
        ("too long",          too_long,                         0, None),
        ("pointer back",      b"\x01a\x00\xc0\x00".to_vec(),    3, Some(3)),
        ("pointer to itself", b"\xc0\x00".to_vec(),             0, None),
        ("pointer ahead",     b"\xc0\x02\x01a\x00".to_vec(),    0, None),
        ("pointer cut",       b"\x00\xc0".to_vec(),             1, None),
        ("old label type",    b"\x41\x00".to_vec(),             0, None),
    ];
    for (case, message, at, expected) in cases {
        let name = Reader::new(&message, at).name();
        assert_eq!(name.map(|name| name.as_wire().len()), expected, "case: {case}");
    }
}

#[test]
fn two_pointers_at_each_other_end() {
    assert!(Reader::new(b"\xc0\x02\xc0\x00", 2).name().is_none());
    assert!(Reader::new(b"\x01a\xc0\x00", 0).name().is_none());
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        read_every_way(&bytes);
    }

    #[test]
    fn damaged_messages_are_read_without_a_panic(
        seed in 0_usize..2,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        end in any::<prop::sample::Index>(),
    ) {
        let mut message = seeds().swap_remove(seed);
        for (place, byte) in damage {
            let place = place.index(message.len());
            message[place] = byte;
        }
        read_every_way(&message);
        message.truncate(end.index(message.len() + 1));
        read_every_way(&message);
    }

    #[test]
    fn whatever_comes_gets_an_answer_with_its_id_or_silence(
        bytes in prop::collection::vec(any::<u8>(), 12..100),
    ) {
        let sent = [bytes[0], bytes[1]];
        match Query::parse(&bytes) {
            Ok(query) => prop_assert_eq!(query.id.to_be_bytes(), sent),
            Err(Unanswerable::Code { id, .. }) => prop_assert_eq!(id.to_be_bytes(), sent),
            Err(Unanswerable::Silence) => prop_assert!(bytes[2] & 0x80 != 0),
        }
    }
}
