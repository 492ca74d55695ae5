//! The usual way to serve events with axum: each stream reads tokio's broadcast channel.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::{Event, Sse};
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use futures_util::stream::{self, Stream};
use tokio::net::TcpSocket;
use tokio::sync::broadcast::{self, error::RecvError};

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 4_096;
/// Events that a stream may lag behind before it loses some.
const CAPACITY: usize = 4_096;

type Events = broadcast::Sender<Arc<str>>;

/// Serves on a free port of the loopback address, which it prints, until it is killed.
///
/// # Errors
///
/// No port.
pub(crate) fn serve() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.context("start the runtime")?.block_on(async {
        let socket = TcpSocket::new_v4().context("open a socket")?;
        socket.bind((Ipv4Addr::LOCALHOST, 0).into()).context("bind a port")?;
        let listener = socket.listen(BACKLOG).context("listen")?;
        super::server::announce(listener.local_addr().context("own address")?)?;
        let listener = listener.tap_io(|socket| {
            // A stream without it works, later.
            socket.set_nodelay(true).ok();
        });
        let (events, _) = broadcast::channel(CAPACITY);
        let router = Router::new()
            .route("/api/sse/stream", get(subscribe))
            .route("/api/sse/events", post(publish))
            .with_state(events);
        axum::serve(listener, router).await.context("serve")
    })
}

async fn subscribe(
    State(events): State<Events>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    Sse::new(stream::unfold(events.subscribe(), async |mut events| {
        loop {
            match events.recv().await {
                Ok(data) => return Some((Ok(Event::default().event("bench").data(data)), events)),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    }))
}

async fn publish(State(events): State<Events>, body: String) -> StatusCode {
    // Nobody may be there.
    events.send(body.into()).ok();
    StatusCode::CREATED
}
