//! Every setting by its dotted key: what it takes, its default, what it means.

/// What a setting takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Text, also a path.
    Text,
    /// A whole number.
    Number,
    /// `true` or `false`.
    Switch,
    /// A time with unit, `10s`, `5m`.
    Duration,
    /// A list of texts; with commas in the environment.
    List,
    /// A list of tables.
    Tables,
}

/// One setting.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key {
    /// Dotted path in the file.
    pub(crate) path: &'static str,
    /// What it takes.
    pub(crate) kind: Kind,
    /// Default, as it would stand in the file; empty is none.
    pub(crate) default: &'static str,
    /// What it means.
    pub(crate) meaning: &'static str,
    /// Whether its value is never shown.
    pub(crate) is_secret: bool,
}

const fn key(path: &'static str, kind: Kind, default: &'static str, meaning: &'static str) -> Key {
    Key { path, kind, default, meaning, is_secret: false }
}

/// Every setting, in the order in which it is shown.
#[rustfmt::skip]
pub(crate) const KEYS: &[Key] = &[
    key("environment", Kind::Text, "\"development\"", "`development` or `production`; production refuses the simulator"),
    key("data", Kind::Text, "\"data\"", "Folder of what the server keeps"),
    key("server.listen", Kind::List, "[\"127.0.0.1:8080\"]", "Addresses to listen on; port 0 lets the system choose"),
    key("server.tls.certificate", Kind::Text, "", "Certificate chain, PEM; with `server.tls.key` the server speaks TLS and HTTP/2"),
    key("server.tls.key", Kind::Text, "", "Private key, PEM"),
    key("server.shutdown_grace", Kind::Duration, "\"10s\"", "Longest time from the first signal to the end of the process"),
    key("log.format", Kind::Text, "\"text\"", "`text` or `json`"),
    key("log.level", Kind::Text, "\"info\"", "Least level, or directives as `info,tidings_dhcp=debug`"),
    key("http.cors_origins", Kind::List, "[]", "Origins whose pages may read answers and publish; `*` is any"),
    key("http.body_size_max_bytes", Kind::Number, "8388608", "Largest body of a request"),
    key("http.header_timeout", Kind::Duration, "\"10s\"", "Longest time that a request's head may take"),
    key("http.body_timeout", Kind::Duration, "\"30s\"", "Longest time that a request's body may take"),
    key("http.sockets_max", Kind::Number, "16384", "Most connections open at once, streams and requests together"),
    Key { is_secret: true, ..key("http.notify_secret", Kind::Text, "", "Lets other machines call the notify endpoint; at least 16 characters") },
    key("http.path_prefix", Kind::Text, "\"\"", "Path that a reverse proxy serves the server below, as `/tidings`; requests with and without it are answered"),
    key("http.forwarded_prefix", Kind::Switch, "false", "Whether the proxy's `X-Forwarded-Prefix` wins over `http.path_prefix` in pages"),
    key("hub.connections_max", Kind::Number, "10000", "Most streams open at once; one more is answered 503"),
    key("hub.connections_per_address_max", Kind::Number, "2000", "Most streams of one address; a reverse proxy counts as one"),
    key("hub.connection_lifetime_max", Kind::Duration, "\"0s\"", "Longest life of a stream; `0s` is no limit"),
    key("hub.patterns_per_subscription_max", Kind::Number, "100", "Most channels and patterns of one subscription"),
    key("hub.channels_max", Kind::Number, "20000", "Most channels known at once"),
    key("hub.event_size_max_bytes", Kind::Number, "1048576", "Largest payload of one event"),
    key("hub.events_per_publish_max", Kind::Number, "1000", "Most events of one publish request"),
    key("hub.history_events_max", Kind::Number, "100000", "Publications kept per channel for resume"),
    key("hub.history_age_max", Kind::Duration, "\"7d\"", "Longest time a publication is kept for resume"),
    key("hub.history_bytes_max", Kind::Number, "268435456", "Bytes of records kept per channel for resume"),
    key("hub.log_size_max_bytes", Kind::Number, "1073741824", "Bytes of the whole log on disk; over it the oldest segment goes"),
    key("hub.segment_size_max_bytes", Kind::Number, "67108864", "Bytes after which a new segment of the log is begun"),
    key("hub.durability", Kind::Text, "\"fsync\"", "When a publication counts as kept: `fsync`, on stable storage; `os`, with the operating system (a power cut may lose it)"),
    key("hub.on_disk_full", Kind::Text, "\"refuse\"", "`refuse` publications, or `trim_oldest` segment of the log"),
    key("hub.window_size_max_bytes", Kind::Number, "67108864", "Bytes of the newest publications held in memory; older ones are read from disk"),
    key("hub.ephemeral_size_max_bytes", Kind::Number, "8388608", "Bytes of ephemeral publications held for slow clients"),
    key("hub.delivery_size_max_bytes", Kind::Number, "67108864", "Bytes that may wait for clients whose sockets take no more; over it they are cut"),
    key("hub.stall_timeout", Kind::Duration, "\"30s\"", "Longest time that a client may take nothing of what waits for it; then it is cut, and resumes when it comes back; `0s` is no limit"),
    key("hub.keep_alive", Kind::Duration, "\"15s\"", "Time between comments on an idle stream"),
    key("hub.retry_min", Kind::Duration, "\"1s\"", "Shortest time that a client is asked to wait before it reconnects"),
    key("hub.retry_max", Kind::Duration, "\"4s\"", "Longest time that a client is asked to wait"),
    key("hub.idempotency_window", Kind::Duration, "\"10m\"", "How long a repeated key is answered with the first outcome"),
    key("hub.idempotency_keys_max", Kind::Number, "100000", "Most keys remembered"),
    key("hub.channels", Kind::Tables, "[]", "Classes and retention by pattern: `pattern`, `class`, `history_events_max`, `history_age_max`, `history_bytes_max`"),
    key("dhcp.sources", Kind::Tables, "[]", "DHCP servers to watch: `id`, `format`, `leases`, `dnsmasq_conf`, `pools`; none: look in the usual places"),
    key("dhcp.root_path", Kind::Text, "\"/\"", "Folder that every path of a DHCP server is below"),
    key("dhcp.lease_file_size_max_bytes", Kind::Number, "67108864", "Largest lease file that is read"),
    key("dhcp.poll_interval", Kind::Duration, "\"2s\"", "Time between two looks at the files beside the file system's notices"),
    key("dhcp.settle", Kind::Duration, "\"100ms\"", "Time for which a lease file must be quiet before it is read"),
    key("dhcp.simulate.enabled", Kind::Switch, "false", "Make changes up, for trying things out"),
    key("dhcp.simulate.seed", Kind::Number, "0", "Start of the random numbers; the same seed makes the same changes"),
    key("dhcp.simulate.interval", Kind::Duration, "", "Time between two made-up changes without any call"),
    key("dhcp.oui_file", Kind::Text, "", "Registry of hardware makers (IEEE, CSV) newer than the one in the program"),
];
