//! However a stream is cut into pieces, the same frames come out.
#![no_main]

use tidings_client::decode::Decoder;

libfuzzer_sys::fuzz_target!(|input: (usize, &[u8])| {
    let (size, bytes) = (input.0 % 7 + 1, input.1);
    let mut whole = Vec::new();
    let is_whole = Decoder::new().decode(bytes, &mut whole).is_ok();
    let mut decoder = Decoder::new();
    let mut pieces = Vec::new();
    let is_pieces = bytes.chunks(size).all(|piece| decoder.decode(piece, &mut pieces).is_ok());
    assert_eq!((is_whole, whole), (is_pieces, pieces));
});
