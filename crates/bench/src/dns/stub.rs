//! An upstream that knows an address for every name.

use std::net::{SocketAddr, UdpSocket};

use anyhow::Context;

/// Seconds that its answers may be kept: longer than any bench.
const TTL_S: u32 = 86_400;

/// Starts it on a thread that ends with the process.
///
/// # Errors
///
/// There is no socket.
pub(super) fn start() -> anyhow::Result<SocketAddr> {
    let socket = UdpSocket::bind("127.0.0.1:0").context("bind the upstream")?;
    let address = socket.local_addr().context("bind the upstream")?;
    std::thread::spawn(move || {
        let mut buffer = [0; 1_500];
        while let Ok((n_bytes, client)) = socket.recv_from(&mut buffer) {
            if let Some(answer) = answer(buffer.get(..n_bytes).unwrap_or_default()) {
                // Who is gone needs no answer.
                socket.send_to(&answer, client).ok();
            }
        }
    });
    Ok(address)
}

/// Answers the question at the start of a message with `192.0.2.1`.
fn answer(message: &[u8]) -> Option<Vec<u8>> {
    let mut end = 12;
    while *message.get(end)? != 0 {
        end += usize::from(*message.get(end)?) + 1;
    }
    let mut answer = message.get(..2)?.to_vec();
    answer.extend_from_slice(&[0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
    answer.extend_from_slice(message.get(12..end + 5)?);
    answer.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1]);
    answer.extend_from_slice(&TTL_S.to_be_bytes());
    answer.extend_from_slice(&[0, 4, 192, 0, 2, 1]);
    Some(answer)
}
