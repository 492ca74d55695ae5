//! A hub's address and one HTTP/1.1 exchange with it, plain or over TLS.

use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderValue, Request, Uri, header, response};
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1::{self, Connection, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, InvalidDnsNameError, ServerName};
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};
use tokio_rustls::{TlsConnector, rustls::client::WebPkiServerVerifier};
use tokio_util::either::Either;

const USER_AGENT: HeaderValue =
    HeaderValue::from_static(concat!("tidings-client/", env!("CARGO_PKG_VERSION")));

type Socket = TokioIo<Either<TcpStream, TlsStream<TcpStream>>>;

/// A connection that has to be polled to work.
type Working = Pin<Box<Connection<Socket, Full<Bytes>>>>;

/// Why an address of a hub cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// The URL is no URL.
    #[error("url `{url}` cannot be parsed")]
    Url {
        /// The URL as it was given.
        url: String,
        /// What is wrong with it.
        source: http::uri::InvalidUri,
    },
    /// The URL is relative or of another scheme.
    #[error("url `{url}` must start with http:// or https://")]
    Scheme {
        /// The URL as it was given.
        url: String,
    },
    /// The URL holds a user name.
    #[error("url must not hold credentials; pass an authorization header")]
    Credentials,
    /// The host cannot stand in a certificate.
    #[error("host `{host}` is not valid for TLS")]
    Host {
        /// The host of the URL.
        host: String,
        /// What is wrong with it.
        source: InvalidDnsNameError,
    },
    /// The file with certificate authorities cannot be read as PEM.
    #[error("read certificate authorities from `{}`", path.display())]
    CaFile {
        /// The file.
        path: PathBuf,
        /// What failed.
        source: pem::Error,
    },
    /// There is no certificate authority to trust.
    #[error("no usable certificate authority in {place}")]
    NoAuthority {
        /// The file, or the system's store.
        place: String,
    },
    /// The TLS library refuses its own defaults.
    #[error("set up TLS")]
    Tls {
        /// What the library says.
        source: rustls::Error,
    },
    /// A parameter makes the URL or a header invalid, or too long.
    #[error("build the request")]
    Request {
        /// What is wrong with it.
        source: http::Error,
    },
}

/// Where a hub is and how to reach it.
#[derive(Clone)]
pub(crate) struct Endpoint {
    host: String,
    port: u16,
    host_header: String,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    path: String,
    query: Option<String>,
}

impl Endpoint {
    /// Parses `url`; one without a path stands for `default_path`.
    ///
    /// Over `https` the authorities of `ca_file` are trusted, or the system's where it is `None`.
    pub(crate) fn parse(
        url: &str,
        default_path: &str,
        ca_file: Option<&Path>,
    ) -> Result<Self, EndpointError> {
        let uri: Uri =
            url.parse().map_err(|source| EndpointError::Url { url: url.to_owned(), source })?;
        let is_tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            Some(_) | None => return Err(EndpointError::Scheme { url: url.to_owned() }),
        };
        let Some(authority) = uri.authority() else {
            return Err(EndpointError::Scheme { url: url.to_owned() });
        };
        if authority.as_str().contains('@') {
            return Err(EndpointError::Credentials);
        }
        let bracketed = authority.host();
        let host = bracketed.trim_start_matches('[').trim_end_matches(']').to_owned();
        let tls = if is_tls { Some(tls_to(&host, ca_file)?) } else { None };
        let path = if matches!(uri.path(), "" | "/") { default_path } else { uri.path() };
        Ok(Self {
            port: authority.port_u16().unwrap_or(if is_tls { 443 } else { 80 }),
            host_header: match authority.port_u16() {
                Some(port) => format!("{bracketed}:{port}"),
                None => bracketed.to_owned(),
            },
            host,
            tls,
            path: path.to_owned(),
            query: uri.query().map(str::to_owned),
        })
    }

    /// Starts a request to this endpoint with `parameters` behind the URL's own query.
    ///
    /// The parameters must be percent-encoded already.
    pub(crate) fn request(&self, parameters: &[String]) -> http::request::Builder {
        let query: Vec<&str> = self
            .query
            .as_deref()
            .into_iter()
            .chain(parameters.iter().map(String::as_str))
            .collect();
        let separator = if query.is_empty() { "" } else { "?" };
        Request::builder()
            .uri(format!("{}{separator}{}", self.path, query.join("&")))
            .header(header::HOST, &self.host_header)
            .header(header::USER_AGENT, USER_AGENT)
    }

    /// Opens a connection of its own, sends `request` and waits for the head of the answer.
    pub(crate) async fn exchange(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Exchange, ExchangeError> {
        let socket = self.open().await.map_err(|source| ExchangeError::Connect { source })?;
        let (mut sender, connection) =
            http1::handshake(socket).await.map_err(|source| ExchangeError::Http { source })?;
        let mut connection = Some(Box::pin(connection));
        let mut response = std::pin::pin!(sender.send_request(request));
        let response = std::future::poll_fn(|cx| {
            loop {
                if let Poll::Ready(response) = response.as_mut().poll(cx) {
                    return Poll::Ready(response);
                }
                std::task::ready!(drive(&mut connection, cx));
            }
        })
        .await
        .map_err(|source| ExchangeError::Http { source })?;
        let (head, body) = response.into_parts();
        Ok(Exchange { head, body, connection, _sender: sender })
    }

    async fn open(&self) -> io::Result<Socket> {
        let socket = TcpStream::connect((self.host.as_str(), self.port)).await?;
        socket.set_nodelay(true)?;
        let socket = match &self.tls {
            None => Either::Left(socket),
            Some((connector, name)) => {
                Either::Right(connector.connect(name.clone(), socket).await?)
            }
        };
        Ok(TokioIo::new(socket))
    }
}

/// Builds the TLS client for `host`.
fn tls_to(
    host: &str,
    ca_file: Option<&Path>,
) -> Result<(TlsConnector, ServerName<'static>), EndpointError> {
    let name = ServerName::try_from(host.to_owned())
        .map_err(|source| EndpointError::Host { host: host.to_owned(), source })?;
    let mut roots = RootCertStore::empty();
    let place = if let Some(path) = ca_file {
        let certificates = CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|source| EndpointError::CaFile { path: path.to_owned(), source })?;
        roots.add_parsable_certificates(certificates);
        format!("`{}`", path.display())
    } else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        "the system's certificate store".to_owned()
    };
    if roots.is_empty() {
        return Err(EndpointError::NoAuthority { place });
    }
    let provider = Arc::new(ring::default_provider());
    let no_authority = |_| EndpointError::NoAuthority { place };
    let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), provider.clone())
        .build()
        .map_err(no_authority)?;
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|source| EndpointError::Tls { source })?
        .with_webpki_verifier(verifier)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((TlsConnector::from(Arc::new(config)), name))
}

/// Why no answer came.
#[derive(Debug)]
pub(crate) enum ExchangeError {
    /// No connection could be made, so the hub has not seen the request.
    Connect { source: io::Error },
    /// The connection broke; the hub may have seen the request.
    Http { source: hyper::Error },
}

/// An answer whose head has come, on a connection of its own.
pub(crate) struct Exchange {
    pub(crate) head: response::Parts,
    body: Incoming,
    connection: Option<Working>,
    /// Without its sender, hyper would be free to close the connection.
    _sender: SendRequest<Full<Bytes>>,
}

impl Exchange {
    /// Polls for the next bytes of the body, making the connection read meanwhile.
    pub(crate) fn poll_data(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, hyper::Error>>> {
        loop {
            if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
                match frame.map(|frame| frame.map(hyper::body::Frame::into_data)) {
                    Some(Ok(Ok(data))) => return Poll::Ready(Some(Ok(data))),
                    Some(Ok(Err(_trailers))) => {}
                    Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                    None => return Poll::Ready(None),
                }
            } else {
                std::task::ready!(drive(&mut self.connection, cx));
            }
        }
    }

    /// Returns the `Retry-After` of the answer in seconds; zero where it has none or a date.
    pub(crate) fn retry_after(&self) -> Duration {
        let value = self.head.headers.get(header::RETRY_AFTER);
        let seconds =
            value.and_then(|value| value.to_str().ok()).and_then(|text| text.parse().ok());
        Duration::from_secs(seconds.unwrap_or(0))
    }

    /// Reads the body up to `limit_bytes`; what lies behind is cut off.
    ///
    /// # Errors
    ///
    /// The connection broke before the end of the body.
    pub(crate) async fn read_body(&mut self, limit_bytes: usize) -> Result<Bytes, hyper::Error> {
        let mut body = BytesMut::new();
        while body.len() < limit_bytes {
            match std::future::poll_fn(|cx| self.poll_data(cx)).await {
                Some(data) => body.extend_from_slice(&data?),
                None => break,
            }
        }
        body.truncate(limit_bytes);
        Ok(body.freeze())
    }
}

/// Lets the connection work; ready once, when it has ended and its last bytes can be taken.
fn drive(connection: &mut Option<Working>, cx: &mut Context<'_>) -> Poll<()> {
    let Some(working) = connection else {
        return Poll::Pending;
    };
    // The error of a connection also ends its body or its request, where the caller sees it.
    std::task::ready!(working.as_mut().poll(cx)).ok();
    *connection = None;
    Poll::Ready(())
}

/// Percent-encodes `text` for a query parameter, leaving what channel names and lists consist of.
pub(crate) fn encode_parameter(text: &str) -> String {
    use std::fmt::Write as _;

    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z'
            | b'a'..=b'z'
            | b'0'..=b'9'
            | b'-'
            | b'.'
            | b'_'
            | b'~'
            | b'/'
            | b'*'
            | b','
            | b':' => encoded.push(char::from(byte)),
            _ => write!(encoded, "%{byte:02X}").expect("a string takes all that is written"),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_cases() {
        #[rustfmt::skip]
        let cases = [
            ("with a path",     "http://hub.example:8080/x/y", Ok("/x/y|hub.example:8080|hub.example|8080")),
            ("without a path",  "http://hub.example",          Ok("/default|hub.example|hub.example|80")),
            ("with a query",    "http://hub.example/x?a=b",    Ok("/x?a=b|hub.example|hub.example|80")),
            ("IPv6",            "http://[::1]:9/x",            Ok("/x|[::1]:9|::1|9")),
            ("root alone",      "http://192.0.2.1/",           Ok("/default|192.0.2.1|192.0.2.1|80")),
            ("no scheme",       "hub.example/x",               Err("url `hub.example/x` cannot be parsed")),
            ("only a path",     "/x",                          Err("url `/x` must start with http:// or https://")),
            ("only a host",     "hub.example",                 Err("url `hub.example` must start with http:// or https://")),
            ("other scheme",    "ftp://hub.example/",          Err("url `ftp://hub.example/` must start with http:// or https://")),
            ("credentials",     "http://me:pw@hub.example/",   Err("url must not hold credentials; pass an authorization header")),
            ("empty",           "",                            Err("url `` cannot be parsed")),
            ("space",           "http://hub example/",         Err("url `http://hub example/` cannot be parsed")),
        ];
        for (name, url, expected) in cases {
            let parsed = Endpoint::parse(url, "/default", None)
                .map(|endpoint| {
                    let request = endpoint.request(&[]).body(()).unwrap();
                    let header = request.headers()["host"].to_str().unwrap().to_owned();
                    format!("{}|{header}|{}|{}", request.uri(), endpoint.host, endpoint.port)
                })
                .map_err(|error| error.to_string());
            assert_eq!(parsed.as_deref().map_err(String::as_str), expected, "case: {name}");
        }
    }

    #[test]
    fn tls_needs_an_authority_to_trust() {
        let folder = tempfile::tempdir().unwrap();
        let empty = folder.path().join("empty.pem");
        std::fs::write(&empty, "no certificate here\n").unwrap();
        let missing = folder.path().join("missing.pem");
        for (name, path, expected) in
            [("empty", &empty, "no usable certificate authority"), ("missing", &missing, "read")]
        {
            let error = Endpoint::parse("https://hub.example/", "/", Some(path)).err().unwrap();
            assert!(error.to_string().starts_with(expected), "case: {name}: {error}");
            assert!(error.to_string().contains(path.to_str().unwrap()), "case: {name}: {error}");
        }
    }

    #[test]
    fn parameters_are_encoded_once() {
        assert_eq!(encode_parameter("dhcp/**,a-b.c"), "dhcp/**,a-b.c");
        assert_eq!(encode_parameter("a b&c=é%#?+"), "a%20b%26c%3D%C3%A9%25%23%3F%2B");
    }
}
