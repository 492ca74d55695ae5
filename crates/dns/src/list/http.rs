//! Fetches lists over HTTP and HTTPS, on the caller's thread.
//!
//! Names are looked up by the system's resolver, so that a list can be fetched while this one does
//! not run.

use std::io::Write;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flate2::write::GzDecoder;
use http::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, ETAG, HOST, HeaderMap, HeaderName, HeaderValue,
    IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, LOCATION, USER_AGENT,
};
use http::{Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::rt::{Read, Write as RuntimeWrite};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;

use crate::list::fetch::{Fetch, FetchError, FetchRequest, Fetched};

/// Redirects that are followed.
const REDIRECTS_MAX: usize = 5;
/// Time for the connection, with its handshake.
const CONNECT_MAX: Duration = Duration::from_secs(15);
/// Time without a byte after which a server is given up.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// Time for everything.
const TOTAL_MAX: Duration = Duration::from_mins(10);
const AGENT: &str = concat!("tidings/", env!("CARGO_PKG_VERSION"));

/// Fetches lists with one connection each.
#[derive(Clone)]
pub struct HttpFetch {
    tls: Option<Arc<rustls::ClientConfig>>,
    stop: CancellationToken,
}

impl HttpFetch {
    /// Makes a client that trusts whom `tls` trusts; without it, `https` is refused.
    ///
    /// What is under way when `stop` is cancelled is broken off.
    #[must_use]
    pub fn new(tls: Option<Arc<rustls::ClientConfig>>, stop: CancellationToken) -> Self {
        Self { tls, stop }
    }

    async fn follow(
        &self,
        request: FetchRequest<'_>,
        sink: &mut dyn Write,
    ) -> Result<Fetched, FetchError> {
        let mut target: Uri = request.url.parse().map_err(|_| broken("the URL is none"))?;
        for _ in 0..=REDIRECTS_MAX {
            match self.exchange(&target, request, sink).await? {
                Step::Done(fetched) => return Ok(fetched),
                Step::Elsewhere(location) => target = location,
            }
        }
        Err(broken("the server redirects without end"))
    }

    async fn exchange(
        &self,
        target: &Uri,
        request: FetchRequest<'_>,
        sink: &mut dyn Write,
    ) -> Result<Step, FetchError> {
        let host = target.host().ok_or_else(|| broken("the URL names no server"))?;
        let is_tls = match target.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(broken("the URL is neither http nor https")),
        };
        let port = target.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let bare_host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let connecting = timeout(CONNECT_MAX, TcpStream::connect((&*bare_host, port)));
        let stream = connecting.await.map_err(|_| broken("the server does not answer"))?;
        let stream = stream.map_err(broken)?;
        let wanted = wanted(target, request)?;
        if !is_tls {
            return talk(TokioIo::new(stream), wanted, target, sink).await;
        }
        let name = ServerName::try_from(bare_host).map_err(broken)?;
        let tls = self.tls.as_ref().ok_or_else(|| {
            broken("no certificate is trusted on this system: install ca-certificates")
        })?;
        let connector = TlsConnector::from(Arc::clone(tls));
        let shaking = timeout(CONNECT_MAX, connector.connect(name, stream));
        let stream = shaking.await.map_err(|_| broken("the server does not answer"))?;
        talk(TokioIo::new(stream.map_err(broken)?), wanted, target, sink).await
    }
}

impl Fetch for HttpFetch {
    fn fetch(
        &self,
        request: FetchRequest<'_>,
        sink: &mut dyn Write,
    ) -> Result<Fetched, FetchError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.map_err(broken)?.block_on(async {
            let fetching = timeout(TOTAL_MAX, self.follow(request, sink));
            tokio::select! {
                () = self.stop.cancelled() => Err(FetchError::Stopped),
                fetched = fetching => {
                    fetched.map_err(|_| broken("the server took more than ten minutes"))?
                }
            }
        })
    }
}

impl std::fmt::Debug for HttpFetch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpFetch").finish_non_exhaustive()
    }
}

/// What one exchange gave.
enum Step {
    Done(Fetched),
    Elsewhere(Uri),
}

/// Makes the request.
fn wanted(target: &Uri, request: FetchRequest<'_>) -> Result<Request<Empty<Bytes>>, FetchError> {
    let path = target.path_and_query().map_or("/", |path| path.as_str());
    let authority = target.authority().map_or("", |authority| authority.as_str());
    // Who is named before the `@` is for us, not for the server.
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let mut wanted = Request::get(path)
        .header(HOST, host)
        .header(USER_AGENT, AGENT)
        .header(ACCEPT_ENCODING, "gzip");
    if let Some(etag) = request.etag {
        wanted = wanted.header(IF_NONE_MATCH, etag);
    }
    if let Some(last_modified) = request.last_modified {
        wanted = wanted.header(IF_MODIFIED_SINCE, last_modified);
    }
    wanted.body(Empty::new()).map_err(broken)
}

/// Sends the request over `io` and takes the answer.
async fn talk<Io: Read + RuntimeWrite + Unpin>(
    io: Io,
    wanted: Request<Empty<Bytes>>,
    target: &Uri,
    sink: &mut dyn Write,
) -> Result<Step, FetchError> {
    let (mut sender, connection) = http1::handshake(io).await.map_err(broken)?;
    let mut connection = pin!(connection);
    let mut exchange = pin!(async {
        let response = timeout(SILENCE_MAX, sender.send_request(wanted)).await;
        let response = response.map_err(|_| broken("the server does not answer"))?;
        take(response.map_err(broken)?, target, sink).await
    });
    let mut is_open = true;
    loop {
        // What came before the end of the connection is still to be taken.
        tokio::select! {
            biased;
            step = &mut exchange => return step,
            _ = &mut connection, if is_open => is_open = false,
        }
    }
}

async fn take(
    response: Response<Incoming>,
    target: &Uri,
    sink: &mut dyn Write,
) -> Result<Step, FetchError> {
    let (status, headers) = (response.status(), response.headers().clone());
    match status {
        StatusCode::NOT_MODIFIED => return Ok(Step::Done(Fetched::Unchanged)),
        StatusCode::OK => {}
        _ if status.is_redirection() => {
            let location = text(&headers, &LOCATION);
            let location = location.ok_or_else(|| broken("the redirect leads nowhere"))?;
            return redirected(target, &location).map(Step::Elsewhere);
        }
        _ => return Err(FetchError::Status(status.as_u16())),
    }
    match headers.get(CONTENT_ENCODING).map(HeaderValue::as_bytes) {
        None | Some(b"identity") => copy(response.into_body(), sink).await?,
        Some(b"gzip" | b"x-gzip") => {
            let mut unpacked = GzDecoder::new(&mut *sink);
            copy(response.into_body(), &mut unpacked).await?;
            unpacked.finish().map_err(FetchError::Sink)?;
        }
        Some(_) => return Err(broken("the server packs the list in an unknown way")),
    }
    let (etag, last_modified) = (text(&headers, &ETAG), text(&headers, &LAST_MODIFIED));
    Ok(Step::Done(Fetched::New { etag, last_modified }))
}

async fn copy(mut body: Incoming, sink: &mut dyn Write) -> Result<(), FetchError> {
    while let Some(frame) =
        timeout(SILENCE_MAX, body.frame()).await.map_err(|_| broken("the server fell silent"))?
    {
        if let Ok(bytes) = frame.map_err(broken)?.into_data() {
            sink.write_all(&bytes).map_err(FetchError::Sink)?;
        }
    }
    Ok(())
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// Where a redirect leads: to a path of the same server, or to another URL; never from https away.
fn redirected(target: &Uri, location: &str) -> Result<Uri, FetchError> {
    let is_path = location.starts_with('/') && !location.starts_with("//");
    let location = match (target.scheme_str(), target.authority()) {
        (Some(scheme), Some(authority)) if is_path => format!("{scheme}://{authority}{location}"),
        _ => location.to_owned(),
    };
    let location: Uri = location.parse().map_err(|_| broken("the redirect leads nowhere"))?;
    if target.scheme_str() == Some("https") && location.scheme_str() != Some("https") {
        return Err(broken("the server redirects from https to http"));
    }
    Ok(location)
}

#[expect(clippy::needless_pass_by_value, reason = "it takes errors from `map_err`")]
fn broken(why: impl ToString) -> FetchError {
    FetchError::Transport(why.to_string())
}

#[cfg(test)]
mod tests;
