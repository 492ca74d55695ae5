//! The sockets: how they are bound, and what answers on them.

mod bind;
mod holder;
mod stream;
mod udp;

pub(crate) use bind::{bind_tcp, bind_udp};
pub(crate) use stream::{Limits, StreamListener};
pub(crate) use udp::UdpListener;
