//! Tables and properties of the event-stream decoder.

use proptest::prelude::*;

use super::*;

fn event(id: Option<&str>, kind: &str, data: &str) -> Frame {
    Frame::Event { id: id.map(str::to_owned), kind: kind.to_owned(), data: data.to_owned() }
}

fn id_only(id: &str) -> Frame {
    Frame::IdOnly(id.to_owned())
}

struct Decoded {
    frames: Vec<Frame>,
    last_event_id: String,
    result: Result<(), DecodeError>,
}

/// The one place where these tests call the decoder.
fn decode(mut decoder: Decoder, chunks: &[&[u8]]) -> Decoded {
    let mut frames = Vec::new();
    let mut result = Ok(());
    for chunk in chunks {
        result = decoder.decode(chunk, &mut frames);
    }
    Decoded { frames, last_event_id: decoder.last_event_id().to_owned(), result }
}

fn decode_in_chunks(decoder: Decoder, bytes: &[u8], chunk_len: usize) -> Decoded {
    decode(decoder, &bytes.chunks(chunk_len).collect::<Vec<_>>())
}

#[test]
fn decode_cases() {
    let message = |data| event(None, "message", data);
    #[rustfmt::skip]
    let cases: Vec<(&str, &[u8], Vec<Frame>, &str)> = vec![
        ("plain",                 b"id: 7\nevent: lease\ndata: {}\n\n",    vec![event(Some("7"), "lease", "{}")], "7"),
        ("no kind",               b"data: a\n\n",                          vec![message("a")], ""),
        ("lines ended by CRLF",   b"id: 7\r\ndata: a\r\n\r\ndata: b\r\n\r\n", vec![event(Some("7"), "message", "a"), message("b")], "7"),
        ("lines ended by CR",     b"data: a\rdata: b\r\rdata: c\r\r",      vec![message("a\nb"), message("c")], ""),
        ("mixed line ends",       b"data: a\r\ndata: b\ndata: c\r\n\r",    vec![message("a\nb\nc")], ""),
        ("LF then CR is two",     b"data: a\n\rdata: b\n\n",               vec![message("a"), message("b")], ""),
        ("byte order mark",       b"\xef\xbb\xbfdata: a\n\n",              vec![message("a")], ""),
        ("second mark is data",   b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\n",  vec![], ""),
        ("mark on a later line",  b"data: a\n\xef\xbb\xbfdata: b\n\n",     vec![message("a")], ""),
        ("half a mark",           b"\xef\xbbdata: a\n\ndata: b\n\n",       vec![message("b")], ""),
        ("many lines of data",    b"data: a\ndata:\ndata: b\n\n",          vec![message("a\n\nb")], ""),
        ("empty data dispatches", b"data\n\n",                             vec![message("")], ""),
        ("two empty data lines",  b"data\ndata\n\n",                       vec![message("\n")], ""),
        ("one space is eaten",    b"data:  a\n\n",                         vec![message(" a")], ""),
        ("no space needed",       b"data:a\n\n",                           vec![message("a")], ""),
        ("colons in a value",     b"data: a:b: c\n\n",                     vec![message("a:b: c")], ""),
        ("last event field wins", b"event: a\nevent: b\ndata: x\n\n",      vec![event(None, "b", "x")], ""),
        ("empty event field",     b"event: a\nevent:\ndata: x\n\n",        vec![message("x")], ""),
        ("event without data",    b"event: a\n\ndata: x\n\n",              vec![message("x")], ""),
        ("unknown fields",        b"foo: a\nDATA: b\n data: c\ndata : d\ndata: e\n\n", vec![message("e")], ""),
        ("comments",              b":\n: hello\ndata: a\n:x\n\n",          vec![Frame::Comment, Frame::Comment, Frame::Comment, message("a")], ""),
        ("only blank lines",      b"\n\n\r\n\r\r",                         vec![], ""),
        ("id alone",              b"id: 9\n\n",                            vec![id_only("9")], "9"),
        ("id stays",              b"id: 9\n\ndata: a\n\n",                 vec![id_only("9"), message("a")], "9"),
        ("empty id resets",       b"id: 9\n\nid\ndata: a\n\n",             vec![id_only("9"), event(Some(""), "message", "a")], ""),
        ("id with NUL ignored",   b"id: 9\n\nid: 1\x002\ndata: a\n\n",     vec![id_only("9"), event(None, "message", "a")], "9"),
        ("NUL keeps earlier id",  b"id: 9\nid: 1\x00\ndata: a\n\n",        vec![event(Some("9"), "message", "a")], "9"),
        ("last id field wins",    b"id: 1\nid: 2\ndata: a\n\n",            vec![event(Some("2"), "message", "a")], "2"),
        ("retry",                 b"retry: 1500\n\n",                      vec![Frame::Retry(1500)], ""),
        ("retry within a block",  b"retry: 10\ndata: a\n\n",               vec![Frame::Retry(10), message("a")], ""),
        ("retry without block",   b"retry: 10\n",                          vec![Frame::Retry(10)], ""),
        ("retry not digits",      b"retry: 1s\nretry: -1\nretry: +1\nretry:  1\nretry: 1.0\nretry\n\n", vec![], ""),
        ("retry too large",       b"retry: 99999999999999999999999\n\n",   vec![], ""),
        ("retry with zeros",      b"retry: 007\n\n",                       vec![Frame::Retry(7)], ""),
        ("torn block",            b"id: 1\ndata: a\n\nid: 2\ndata: b\n",   vec![event(Some("1"), "message", "a")], "1"),
        ("torn line",             b"id: 1\n\nid: 2",                       vec![id_only("1")], "1"),
        ("not UTF-8",             b"data: a\xffb\xc3\n\n",                 vec![message("a\u{fffd}b\u{fffd}")], ""),
        ("wide characters",       "data: é\u{2028}\u{1f4e1}\n\n".as_bytes(), vec![message("é\u{2028}\u{1f4e1}")], ""),
        ("NUL in data",           b"data: a\x00b\n\n",                     vec![message("a\0b")], ""),
    ];
    for (name, bytes, expected, last_event_id) in &cases {
        for chunk_len in [1, 2, 3, 7, bytes.len()] {
            let decoded = decode_in_chunks(Decoder::new(), bytes, chunk_len);
            assert_eq!(decoded.frames, *expected, "case: {name}, chunks of {chunk_len}");
            assert_eq!(decoded.last_event_id, *last_event_id, "case: {name}, id");
            assert_eq!(decoded.result, Ok(()), "case: {name}");
        }
    }
}

#[test]
fn limits_are_exact_and_named() {
    let line = Err(DecodeError::LineTooLong { limit_bytes: 10 });
    let large = Err(DecodeError::EventTooLarge { limit_bytes: 12 });
    #[rustfmt::skip]
    let cases = [
        ("line at the limit",         &b"data: 1234\n\n"[..],                         1, Ok(())),
        ("line over the limit",       &b"data: 12345\n\n"[..],                        0, line),
        ("endless line",              &b"data: 123456789012345678901234567890"[..],   0, line),
        ("long comment",              &b":123456789012345\n"[..],                     0, line),
        ("long unknown field",        &b"data: 1\n\nxxxxxxxxxxxxxxx\n"[..],           1, line),
        ("event at the limit",        &b"data: 1234\ndata: 1234\ndata: 12\n\n"[..],   1, Ok(())),
        ("event over the limit",      &b"data: 1234\ndata: 1234\ndata: 123\n\n"[..],  0, large),
        ("many empty lines of data",  &b"data\ndata\ndata\ndata\ndata\ndata\ndata\ndata\ndata\ndata\ndata\ndata\ndata\ndata\n\n"[..], 0, large),
    ];
    for (name, bytes, n_frames, expected) in cases {
        for chunk_len in [1, 2, 3, 7, bytes.len()] {
            let decoded = decode_in_chunks(Decoder::with_limits(10, 12), bytes, chunk_len);
            assert_eq!(decoded.result, expected, "case: {name}, chunks of {chunk_len}");
            assert_eq!(decoded.frames.len(), n_frames, "case: {name}, chunks of {chunk_len}");
        }
    }
}

#[test]
fn a_failed_decoder_stays_failed_and_keeps_its_id() {
    let chunks: [&[u8]; 3] = [b"id: 1\n\n", b"id: 2\ndata: too long\n\n", b"id: 3\n\n"];
    let decoded = decode(Decoder::with_limits(10, 100), &chunks);
    assert_eq!(decoded.result, Err(DecodeError::LineTooLong { limit_bytes: 10 }));
    assert_eq!(decoded.last_event_id, "1");
    assert_eq!(decoded.frames, [id_only("1")]);
}

/// Bytes made of the pieces that matter to the format, and of noise.
fn stream_bytes() -> impl Strategy<Value = Vec<u8>> {
    let pieces: Vec<&'static [u8]> = vec![
        b"data",
        b"id",
        b"event",
        b"retry",
        b":",
        b" ",
        b"\n",
        b"\r",
        b"\r\n",
        b"\n\n",
        b"\0",
        b"\xef",
        b"\xbb",
        b"\xbf",
        b"1",
        b"x",
        b"data: a\n\n",
        b"id: 5\n\n",
        b"\xc3\xa9",
    ];
    let piece = prop_oneof![
        4 => proptest::sample::select(pieces).prop_map(<[u8]>::to_vec),
        1 => proptest::collection::vec(any::<u8>(), 0..4),
    ];
    proptest::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn chunking_never_changes_what_is_decoded(
        bytes in stream_bytes(),
        cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..8),
    ) {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let chunks: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
        let decoder = Decoder::with_limits(24, 40);

        let whole = decode(decoder.clone(), &[&bytes]);
        let split = decode(decoder, &chunks);

        prop_assert_eq!(whole.frames, split.frames);
        prop_assert_eq!(whole.last_event_id, split.last_event_id);
        prop_assert_eq!(whole.result, split.result);
    }

    #[test]
    fn an_encoded_event_is_decoded_as_it_was(
        id in "[!-~]{1,20}",
        kind in "[a-z_-]{1,20}",
        lines in proptest::collection::vec("[^\r\n]{0,20}", 1..4),
    ) {
        let data = lines.join("\n");
        let text = format!("id: {id}\nevent: {kind}\ndata: {}\n\n", lines.join("\ndata: "));
        let decoded = decode(Decoder::new(), &[text.as_bytes()]);
        prop_assert_eq!(decoded.frames, vec![event(Some(&id), &kind, &data)]);
    }
}
