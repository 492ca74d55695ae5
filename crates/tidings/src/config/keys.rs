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
    key("hub.lag_events_max", Kind::Number, "0", "Publications that a live stream may be behind before it is taken to the newest with a `reset`; `0` is no limit but retention"),
    key("hub.stall_timeout", Kind::Duration, "\"30s\"", "Longest time that a client may take nothing of what waits for it; then it is cut, and resumes when it comes back; `0s` is no limit"),
    key("hub.keep_alive", Kind::Duration, "\"15s\"", "Time between comments on an idle stream"),
    key("hub.retry_min", Kind::Duration, "\"250ms\"", "Shortest time that a client is asked to wait before it reconnects"),
    key("hub.retry_max", Kind::Duration, "\"750ms\"", "Longest time that a client is asked to wait"),
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
    key("dns.enabled", Kind::Switch, "false", "Whether the resolver runs from the start"),
    key("dns.listen", Kind::List, "[\"127.0.0.1:5335\"]", "Addresses of UDP and TCP; port 0 lets the system choose"),
    key("dns.listen_tls", Kind::List, "[]", "Addresses of DNS over TLS, with the certificate of the server"),
    key("dns.threads", Kind::Number, "0", "Threads of each UDP address; 0 is one per core"),
    key("dns.allow", Kind::List, "", "Networks that are answered; private ones by default, everybody else gets nothing"),
    key("dns.blocked_ttl", Kind::Duration, "\"10s\"", "Time that a client may keep the answer of a rule"),
    key("dns.blocked_answer", Kind::Text, "", "How a blocked name is answered where its rule does not say it"),
    key("dns.rate.per_second", Kind::Number, "300", "Questions per second of one network (IPv4 /24, IPv6 /56); 0 is no limit"),
    key("dns.rate.burst", Kind::Number, "1000", "Questions that may come at once"),
    key("dns.rate.is_private_limited", Kind::Switch, "false", "Whether clients of private networks are limited, too"),
    key("dns.upstream.servers", Kind::List, "[\"system\"]", "Upstreams: a provider (`cloudflare`, `google`, `quad9`, `opendns`, `nextdns/PROFILE`, `system`), an address, or `tls://` and `https://` with a host"),
    key("dns.upstream.strategy", Kind::Text, "\"order\"", "`order`, `parallel` or `fastest`"),
    key("dns.upstream.bootstrap", Kind::List, "[\"9.9.9.9\", \"1.1.1.1\"]", "Plain resolvers that find the addresses of upstreams given by name alone"),
    key("dns.upstream.timeout", Kind::Duration, "\"1s 500ms\"", "Longest time for one try"),
    key("dns.upstream.hedge_after", Kind::Duration, "\"400ms\"", "Time after which the next upstream is asked as well"),
    key("dns.upstream.budget", Kind::Duration, "\"2s\"", "Longest time for all tries of one question"),
    key("dns.upstream.back_off_max", Kind::Duration, "\"30s\"", "Longest time that an upstream that keeps failing is left alone"),
    key("dns.forwards", Kind::Tables, "[]", "Domains that are asked elsewhere: `domains`, `upstreams`"),
    key("dns.cache.size_max_bytes", Kind::Number, "16777216", "Bytes of the cache; 0 keeps nothing"),
    key("dns.cache.ttl_min", Kind::Duration, "\"0s\"", "Shortest time that an answer is kept"),
    key("dns.cache.ttl_max", Kind::Duration, "\"1day\"", "Longest time that an answer is kept"),
    key("dns.cache.negative_ttl_max", Kind::Duration, "\"1h\"", "Longest time that the absence of a name is kept"),
    key("dns.cache.failure_ttl", Kind::Duration, "\"5s\"", "Time that a failure is remembered, at most `5s`"),
    key("dns.cache.stale_max", Kind::Duration, "\"1day\"", "Age past its time up to which an answer may stand in for a failing upstream; `0s` is never"),
    key("dns.cache.stale_ttl", Kind::Duration, "\"30s\"", "Time that a client may keep such an answer"),
    key("dns.cache.stale_after", Kind::Duration, "\"1s 800ms\"", "Time that a client waits for upstreams before it gets such an answer"),
    key("dns.cache.prefetch_hits", Kind::Number, "3", "Hits from which on an answer is asked for again shortly before its end; 0 is never"),
    key("dns.cache.never", Kind::List, "[]", "Domains whose answers are not kept"),
    key("dns.cache.never_stale", Kind::List, "[]", "Domains whose answers do not stand in past their time"),
    key("dns.local.leases", Kind::Switch, "true", "Whether leases of the DHCP side have names"),
    key("dns.local.domain", Kind::Text, "\"home.arpa\"", "Domain that names of leases are below"),
    key("dns.local.hosts_files", Kind::List, "[]", "Files of hosts(5)"),
    key("dns.local.rewrites", Kind::Tables, "[]", "Records of ours: `name`, `type`, `value`"),
    key("dns.local.ttl", Kind::Duration, "\"1m\"", "Time that a client may keep a local answer"),
    key("dns.local.forward_special", Kind::Switch, "false", "Whether names that the internet does not have are asked upstream all the same"),
    key("dns.rebind.protect", Kind::Switch, "true", "Whether private addresses are taken out of what upstreams answer"),
    key("dns.rebind.allow", Kind::List, "[]", "Domains that may have private addresses"),
    key("dns.limits.misses_max", Kind::Number, "1024", "Most questions that wait for upstreams; one more is answered SERVFAIL"),
    key("dns.limits.udp_size_max_bytes", Kind::Number, "1232", "Largest answer by UDP, whatever the client can take"),
    key("dns.limits.connections_max", Kind::Number, "256", "Most connections of TCP and TLS together"),
    key("dns.limits.connections_per_address_max", Kind::Number, "64", "Most connections of one address"),
    key("dns.limits.pipelined_max", Kind::Number, "64", "Most questions of one connection that are answered at the same time"),
    key("dns.limits.idle_timeout", Kind::Duration, "\"10s\"", "Longest time that a connection may be idle"),
    key("dns.limits.entries_max", Kind::Number, "8192", "Entries of the query log that may wait in each thread; one more is dropped and counted"),
    key("dns.log.driver", Kind::Text, "\"sqlite\"", "How the query log is kept: `sqlite`, `file`, `inmemory` or `console`"),
    key("dns.log.privacy", Kind::Text, "\"full\"", "How much of a question is kept: `full`, `anonymous_client` or `no_names`"),
    key("dns.log.ignore_names", Kind::List, "[]", "Names, with those below them, that are counted and not logged"),
    key("dns.log.ignore_clients", Kind::List, "[]", "Networks of clients that are counted and not logged"),
    key("dns.log.recent_entries_max", Kind::Number, "10000", "Newest entries of the query log in memory"),
    key("dns.log.age_max", Kind::Duration, "\"7days\"", "Oldest age of an entry on disk"),
    key("dns.log.size_max_bytes", Kind::Number, "536870912", "Most bytes of entries on disk"),
];
