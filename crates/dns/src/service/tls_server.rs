//! The certificate of DNS over TLS, which is replaced while connections come.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use rustls::ServerConfig;
use tokio_rustls::TlsAcceptor;

/// The certificate, or none; clones share it.
#[derive(Clone, Default)]
pub struct TlsServer(Arc<ArcSwapOption<ServerConfig>>);

impl TlsServer {
    /// Begins with a certificate; `None` has none for good.
    #[must_use]
    pub fn new(config: Option<&ServerConfig>) -> Self {
        Self(Arc::new(ArcSwapOption::from_pointee(config.map(for_dns))))
    }

    /// Takes another one, for connections from now on; where there is none, none is needed.
    pub(super) fn replace(&self, config: &ServerConfig) {
        if self.is_there() {
            self.0.store(Some(Arc::new(for_dns(config))));
        }
    }

    /// Returns whether there is one.
    pub(super) fn is_there(&self) -> bool {
        self.0.load().is_some()
    }

    /// Returns what takes a connection with the newest.
    pub(crate) fn acceptor(&self) -> Option<TlsAcceptor> {
        self.0.load_full().map(TlsAcceptor::from)
    }
}

fn for_dns(config: &ServerConfig) -> ServerConfig {
    let mut config = config.clone();
    // RFC 7858 has no name of its own; "dot" is in the registry for those who send one.
    config.alpn_protocols = vec![b"dot".to_vec()];
    config
}

impl fmt::Debug for TlsServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TlsServer").field(&self.is_there()).finish()
    }
}
