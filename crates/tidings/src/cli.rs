//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use toml::{Table, Value};

use crate::config::load::{FlagValue, Layers};

pub(crate) mod dns;
pub(crate) mod log;

use dns::DnsCommand;
use log::LogCommand;

/// Live updates for browsers: an event hub over Server-Sent Events, and the live view of a
/// network's DHCP leases.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, arg_required_else_help = true)]
#[command(
    after_help = "Started without any setting, `tidings serve` looks for a DHCP server, says \
    what it found, and listens on 127.0.0.1:8080.\n\n\
    Examples:\n  \
    tidings serve --dnsmasq-conf /etc/dnsmasq.conf\n  \
    tidings publish orders/42 order_paid '{\"amount\": 5}'\n  \
    tidings tail 'orders/**'\n  \
    tidings check /var/lib/misc/dnsmasq.leases"
)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What the program can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the server until SIGTERM or SIGINT.
    Serve(ServeArgs),
    /// Read a lease file once and print what it says as JSON.
    Check(CheckArgs),
    /// Publish one event to a running server.
    Publish(PublishArgs),
    /// Follow channels of a running server, one JSON line an event, through reconnects.
    Tail(TailArgs),
    /// Check, repair, export or import the log of a server that does not run.
    #[command(subcommand)]
    Log(LogCommand),
    /// Try the rules of the resolver without a server.
    #[command(subcommand)]
    Dns(DnsCommand),
    /// Show or check the settings.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print the `OpenAPI` document.
    #[command(hide = true)]
    Openapi,
}

/// Settings of the server; flags win over the environment, the environment over the file.
#[derive(Debug, Args)]
#[command(after_help = SERVE_HELP)]
pub(crate) struct ServeArgs {
    /// Configuration file (TOML); `tidings.toml` in this folder is read when it is there.
    #[arg(long, value_name = "FILE", env = "TIDINGS_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Address to listen on; port 0 lets the system choose. May be given several times.
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) listen: Vec<SocketAddr>,
    /// Folder of what the server keeps.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Main configuration file of a dnsmasq to watch. May be given several times.
    #[arg(long, value_name = "FILE")]
    pub(crate) dnsmasq_conf: Vec<PathBuf>,
    /// Lease file to watch; the n-th goes with the n-th --dnsmasq-conf. May be given several times.
    #[arg(long, value_name = "FILE")]
    pub(crate) leases: Vec<PathBuf>,
    /// Folder that every path of a DHCP server is below.
    #[arg(long, value_name = "DIR")]
    pub(crate) root_path: Option<PathBuf>,
}

/// What `serve --help` adds.
const SERVE_HELP: &str = "\
Without --dnsmasq-conf, --leases and [[dhcp.sources]], these places are looked at:
  /etc/dnsmasq.conf with /var/lib/misc/dnsmasq.leases      Debian, Ubuntu, Arch, Alpine
  /etc/pihole/dhcp.leases                                  Pi-hole
  /tmp/dhcp.leases                                         OpenWrt
  /var/lib/dnsmasq/dnsmasq.leases                          Fedora, openSUSE
  /var/lib/NetworkManager/dnsmasq-*.leases                 NetworkManager
  /var/lib/libvirt/dnsmasq/*.leases                        libvirt before 1.2.6

Every setting is also an environment variable: hub.connections_max is
TIDINGS_HUB_CONNECTIONS_MAX. `tidings config print` shows all with their origin.

Signals: SIGTERM and SIGINT end the server within server.shutdown_grace, a second one at once;
SIGHUP reads the configuration and the certificate again.";

/// Which lease file to read, and how.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The lease file.
    pub(crate) file: PathBuf,
    /// Format of the file.
    #[arg(long, value_enum, default_value_t = CheckFormat::Auto)]
    pub(crate) format: CheckFormat,
    /// Time at which leases are active or expired, in seconds since 1970; now when missing.
    #[arg(long, value_name = "EPOCH")]
    pub(crate) as_of: Option<i64>,
}

/// Format of a lease file on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CheckFormat {
    /// Tell it by the content.
    Auto,
    /// dnsmasq.
    Dnsmasq,
}

/// How a running server is reached.
#[derive(Debug, Args)]
pub(crate) struct ServerArgs {
    /// URL of the server.
    #[arg(long, value_name = "URL", env = "TIDINGS_URL", default_value = "http://127.0.0.1:8080")]
    pub(crate) url: String,
    /// PEM file of the certificate authorities to trust; the system's when missing.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
}

/// What to publish.
#[derive(Debug, Args)]
pub(crate) struct PublishArgs {
    /// Channel, as orders/42.
    pub(crate) channel: String,
    /// Event type, as `order_paid`.
    #[arg(value_name = "TYPE")]
    pub(crate) kind: String,
    /// Payload: JSON, or text when it is none; `-` reads standard input; null when missing.
    pub(crate) data: Option<String>,
    /// Seconds after which nobody is shown the event any more.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) ttl: Option<u64>,
    /// Makes a repeat with the same key answer with the first outcome; random when missing.
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<String>,
    /// The server.
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

/// What to follow.
#[derive(Debug, Args)]
pub(crate) struct TailArgs {
    /// Channels and patterns: `*` is one segment, a final `**` the rest. All when missing.
    pub(crate) patterns: Vec<String>,
    /// Start after this position.
    #[arg(long, value_name = "POSITION")]
    pub(crate) after: Option<String>,
    /// Start with the oldest event held.
    #[arg(long, conflicts_with = "after")]
    pub(crate) earliest: bool,
    /// Start with the last N events.
    #[arg(long, short = 'n', value_name = "N", conflicts_with_all = ["after", "earliest"])]
    pub(crate) last: Option<u32>,
    /// End after so many events.
    #[arg(long, value_name = "N")]
    pub(crate) count: Option<u64>,
    /// The server.
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

/// What to do with the settings.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print every setting in effect, with its origin, as TOML.
    Print(ServeArgs),
    /// Check the settings; prints nothing and ends with 0 when they are fine.
    Check(ServeArgs),
    /// Print the reference of all settings as Markdown.
    Reference,
}

impl ServeArgs {
    /// Returns the layers that these flags and the environment make.
    #[must_use]
    pub(crate) fn layers(&self, environment: impl Iterator<Item = (String, String)>) -> Layers {
        let mut flags = Vec::new();
        let mut add = |flag, key, value| flags.push(FlagValue { flag, key, value });
        if !self.listen.is_empty() {
            let addresses = self.listen.iter().map(|address| Value::from(address.to_string()));
            add("--listen", "server.listen", addresses.collect::<Vec<Value>>().into());
        }
        if let Some(data) = &self.data {
            add("--data", "data", data.display().to_string().into());
        }
        if let Some(root_path) = &self.root_path {
            add("--root-path", "dhcp.root_path", root_path.display().to_string().into());
        }
        let n_sources = self.dnsmasq_conf.len().max(self.leases.len());
        let sources = (0..n_sources).map(|index| {
            let mut source = Table::new();
            let mut set = |key: &str, path: Option<&PathBuf>| {
                if let Some(path) = path {
                    source.insert(key.to_owned(), path.display().to_string().into());
                }
            };
            set("dnsmasq_conf", self.dnsmasq_conf.get(index));
            set("leases", self.leases.get(index));
            Value::Table(source)
        });
        let sources: Vec<Value> = sources.collect();
        if !sources.is_empty() {
            let flag = if self.dnsmasq_conf.is_empty() { "--leases" } else { "--dnsmasq-conf" };
            add(flag, "dhcp.sources", sources.into());
        }
        Layers { file: self.file(), environment: environment.collect(), flags }
    }

    /// Returns the configuration file to read; `None` is none.
    #[must_use]
    pub(crate) fn file(&self) -> Option<PathBuf> {
        let default = PathBuf::from("tidings.toml");
        self.config.clone().or_else(|| default.is_file().then_some(default))
    }
}
