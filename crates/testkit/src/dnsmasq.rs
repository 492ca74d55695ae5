//! A real dnsmasq and real DHCP clients, in network namespaces of their own.
//!
//! ```text
//! namespace "server"                           one namespace per client
//! dnsmasq -- br0 192.0.2.1/24 -- veth pair --> eth0 -- udhcpc
//! ```
//!
//! Nothing touches the network of the machine: even the interfaces are made inside the namespaces,
//! whose names carry the id of this process.

use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;

use crate::binary::find_program;
use crate::process::{Process, wait_until};

/// Address of the server.
pub const SERVER_ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

/// Time for what the server and its clients do.
const PATIENCE: Duration = Duration::from_secs(15);

/// Debian's packages of the programs needed.
const PROGRAMS: [(&str, &str); 3] =
    [("dnsmasq", "dnsmasq-base"), ("ip", "iproute2"), ("udhcpc", "udhcpc")];

/// What udhcpc runs on every change: it configures the address and logs `<event> <address> <ns>`.
///
/// Renewal and release are unicast, so they need the address on the interface. The line is written
/// last and at once, so that a reader that sees it finds the rest done.
const CLIENT_SCRIPT: &str = r#"#!/bin/sh
case "$1" in
  deconfig) ip -4 addr flush dev "$interface" ;;
  bound | renew) ip -4 addr replace "$ip/${mask:-24}" dev "$interface" ;;
esac
echo "$1 ${ip:-0.0.0.0} $(date +%s%N)" >> "$EVENTS"
"#;

/// Distinguishes the labs of one process.
static N_LABS: AtomicU32 = AtomicU32::new(0);

/// How dnsmasq is configured.
#[derive(Debug, Clone)]
pub struct DhcpOptions {
    /// First and last address of the pool, in 192.0.2.0/24.
    pub pool: (Ipv4Addr, Ipv4Addr),
    /// Lease time in dnsmasq's notation; two minutes is its minimum.
    pub lease_time: String,
    /// More lines of the configuration file, such as a `dhcp-host`.
    pub lines: Vec<String>,
}

impl Default for DhcpOptions {
    fn default() -> Self {
        Self {
            pool: (Ipv4Addr::new(192, 0, 2, 10), Ipv4Addr::new(192, 0, 2, 99)),
            lease_time: "1h".to_owned(),
            lines: Vec::new(),
        }
    }
}

/// A namespace that is removed when dropped.
#[derive(Debug)]
struct Namespace {
    name: String,
}

impl Namespace {
    fn add(name: String) -> Result<Self, String> {
        ip(&["netns", "add", &name])?;
        let namespace = Self { name };
        namespace.ip(&["link", "set", "lo", "up"])?;
        Ok(namespace)
    }

    /// Runs `ip` inside.
    fn ip(&self, arguments: &[&str]) -> Result<(), String> {
        ip(&[&["-n", self.name.as_str()], arguments].concat())
    }

    /// Prepares a program that runs inside; its process id is that of the child itself.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(find_program("ip").unwrap_or_else(|| "ip".into()));
        command.args(["netns", "exec", self.name.as_str()]);
        command.arg(find_program(program).unwrap_or_else(|| program.into()));
        command
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // It may be gone already; a test that ends has nobody to tell.
        ip(&["netns", "del", &self.name]).ok();
    }
}

/// A dnsmasq with an empty lease file.
///
/// Fields are dropped in order: first the process, then its namespace, then its files.
#[derive(Debug)]
pub struct DhcpLab {
    process: Process,
    namespace: Namespace,
    folder: TempDir,
    n_clients: AtomicU32,
}

impl DhcpLab {
    /// Says why this machine cannot run a lab; `None` if it can.
    ///
    /// It makes and removes a namespace to find out.
    #[must_use]
    pub fn why_unavailable() -> Option<String> {
        if !rustix::process::geteuid().is_root() {
            return Some("network namespaces need root".to_owned());
        }
        for (program, package) in PROGRAMS {
            if find_program(program).is_none() {
                return Some(format!("{program} is not installed (Debian: {package})"));
            }
        }
        probe().err()
    }

    /// Starts dnsmasq and waits until it serves.
    ///
    /// # Panics
    ///
    /// Namespaces or dnsmasq fail; the message has the output. Ask
    /// [`why_unavailable`](Self::why_unavailable) first.
    #[must_use]
    #[track_caller]
    pub fn start(options: &DhcpOptions) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let namespace = server_namespace().unwrap_or_else(|why| panic!("{why}"));
        let config = folder.path().join("dnsmasq.conf");
        fs::write(&config, configuration(folder.path(), options))
            .expect("the temporary folder can be written");
        // In the foreground dnsmasq logs to standard error.
        let mut process = Process::spawn(
            namespace
                .command("dnsmasq")
                .args(["--keep-in-foreground", "--log-facility=-"])
                .arg(format!("--conf-file={}", config.display())),
        );
        let is_serving = wait_until(PATIENCE, || {
            if process.log().contains("DHCP, IP range") {
                return Some(true);
            }
            if process.is_running() { None } else { Some(false) }
        });
        assert_eq!(is_serving, Some(true), "dnsmasq does not serve\n{}", process.log());
        Self { process, namespace, folder, n_clients: AtomicU32::new(0) }
    }

    /// Returns the path of the lease file.
    #[must_use]
    pub fn lease_file(&self) -> PathBuf {
        self.folder.path().join("dnsmasq.leases")
    }

    /// Returns the path of dnsmasq's configuration file.
    #[must_use]
    pub fn config_file(&self) -> PathBuf {
        self.folder.path().join("dnsmasq.conf")
    }

    /// Returns the lease file; empty while there is none.
    #[must_use]
    pub fn leases(&self) -> String {
        fs::read_to_string(self.lease_file()).unwrap_or_default()
    }

    /// Waits until the lease file is as `condition` wants it, and returns it.
    ///
    /// # Panics
    ///
    /// It is not within 15 seconds; the message has it and dnsmasq's log.
    #[track_caller]
    pub fn wait_for_leases(&self, condition: impl Fn(&str) -> bool) -> String {
        wait_until(PATIENCE, || Some(self.leases()).filter(|leases| condition(leases)))
            .unwrap_or_else(|| {
                panic!("lease file stays\n{}dnsmasq\n{}", self.leases(), self.process.log())
            })
    }

    /// Returns the last lines of dnsmasq's log.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Connects a client with this hardware address, and a host name if it is not empty.
    ///
    /// The client asks for a lease at once; [`DhcpClient::wait_for_lease`] tells when it has it.
    ///
    /// # Panics
    ///
    /// Namespaces or udhcpc fail.
    #[must_use]
    #[track_caller]
    pub fn client(&self, mac: &str, hostname: &str) -> DhcpClient {
        let n = self.n_clients.fetch_add(1, Ordering::Relaxed);
        let namespace = self.cabled_namespace(n, mac).unwrap_or_else(|why| panic!("{why}"));
        let script = self.folder.path().join(format!("client{n}.sh"));
        fs::write(&script, CLIENT_SCRIPT).expect("the temporary folder can be written");
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755))
            .expect("a file of ours can be made executable");
        let events = self.folder.path().join(format!("client{n}.events"));
        let mut command = namespace.command("udhcpc");
        command.args(["-f", "-i", "eth0", "-t", "10", "-T", "1", "-A", "1", "-s"]);
        command.arg(&script).env("EVENTS", &events);
        if !hostname.is_empty() {
            command.arg("-x").arg(format!("hostname:{hostname}"));
        }
        DhcpClient { process: Process::spawn(&mut command), _namespace: namespace, events }
    }

    /// Makes a namespace whose `eth0` is plugged into the server's bridge.
    fn cabled_namespace(&self, n: u32, mac: &str) -> Result<Namespace, String> {
        let namespace = Namespace::add(format!("{}c{n}", self.namespace.name))?;
        let port = format!("port{n}");
        let cable = ["link", "add", "name", &port, "type", "veth", "peer", "name", "eth0", "netns"];
        self.namespace.ip(&[&cable[..], &[&namespace.name]].concat())?;
        self.namespace.ip(&["link", "set", &port, "master", "br0", "up"])?;
        namespace.ip(&["link", "set", "eth0", "address", mac, "up"])?;
        Ok(namespace)
    }
}

/// A DHCP client that runs until it is dropped, which leaves its lease as it is.
#[derive(Debug)]
pub struct DhcpClient {
    process: Process,
    _namespace: Namespace,
    events: PathBuf,
}

/// What a client was told by the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientEvent {
    /// udhcpc's word: `deconfig`, `bound`, `renew`, `leasefail` or `nak`.
    pub kind: String,
    /// The address that it is about; 0.0.0.0 for none.
    pub address: Ipv4Addr,
    /// Nanoseconds since the Unix epoch, right after the client acted on it.
    pub at_ns: u128,
}

impl DhcpClient {
    /// Returns all that happened to this client so far.
    #[must_use]
    pub fn events(&self) -> Vec<ClientEvent> {
        let text = fs::read_to_string(&self.events).unwrap_or_default();
        text.lines()
            .filter_map(|line| {
                let mut words = line.split(' ');
                Some(ClientEvent {
                    kind: words.next()?.to_owned(),
                    address: words.next()?.parse().ok()?,
                    at_ns: words.next()?.parse().ok()?,
                })
            })
            .collect()
    }

    /// Waits for the first event of `kind` behind the first `n_seen` events.
    ///
    /// # Panics
    ///
    /// None comes within 15 seconds; the message has all events and udhcpc's output.
    #[track_caller]
    pub fn wait_for(&mut self, kind: &str, n_seen: usize) -> ClientEvent {
        wait_until(PATIENCE, || {
            self.events().into_iter().skip(n_seen).find(|event| event.kind == kind)
        })
        .unwrap_or_else(|| {
            panic!("no `{kind}` in {:#?}\nudhcpc\n{}", self.events(), self.process.log())
        })
    }

    /// Waits for the lease.
    ///
    /// # Panics
    ///
    /// As [`wait_for`](Self::wait_for).
    #[track_caller]
    pub fn wait_for_lease(&mut self) -> ClientEvent {
        self.wait_for("bound", 0)
    }

    /// Renews the lease now and returns when the server has agreed.
    ///
    /// # Panics
    ///
    /// It does not agree within 15 seconds.
    #[track_caller]
    pub fn renew(&mut self) -> ClientEvent {
        let n_seen = self.events().len();
        self.process.signal(Signal::USR1);
        self.wait_for("renew", n_seen)
    }

    /// Gives the lease back by a DHCPRELEASE, which no server answers.
    ///
    /// # Panics
    ///
    /// The client does not do it within 15 seconds.
    #[track_caller]
    pub fn release(&mut self) -> ClientEvent {
        let n_seen = self.events().len();
        self.process.signal(Signal::USR2);
        self.wait_for("deconfig", n_seen)
    }
}

/// Returns a name for a namespace that no other process and no other lab uses.
fn fresh_name() -> String {
    format!("tidings{}n{}", std::process::id(), N_LABS.fetch_add(1, Ordering::Relaxed))
}

/// Makes a namespace with the bridge that clients are plugged into.
fn server_namespace() -> Result<Namespace, String> {
    let namespace = Namespace::add(fresh_name())?;
    // Without a forwarding delay, which would swallow the first requests.
    namespace.ip(&["link", "add", "name", "br0", "type", "bridge", "forward_delay", "0"])?;
    namespace.ip(&["addr", "add", &format!("{SERVER_ADDRESS}/24"), "dev", "br0"])?;
    namespace.ip(&["link", "set", "br0", "up"])?;
    Ok(namespace)
}

/// Tries everything that needs the kernel's permission.
fn probe() -> Result<(), String> {
    let namespace =
        server_namespace().map_err(|why| format!("network namespaces are not permitted: {why}"))?;
    namespace.ip(&["link", "add", "name", "near", "type", "veth", "peer", "name", "far"])?;
    let output = namespace.command("ip").arg("link").output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!(
        "programs cannot run in a network namespace: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    ))
}

/// Runs `ip` and waits for it.
fn ip(arguments: &[&str]) -> Result<(), String> {
    let program = find_program("ip").ok_or("ip is not installed")?;
    let what = format!("ip {}", arguments.join(" "));
    let output = Command::new(program)
        .args(arguments)
        .output()
        .map_err(|error| format!("`{what}`: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("`{what}`: {}", String::from_utf8_lossy(&output.stderr).trim()))
}

/// Writes a configuration whose every path lies in `folder`.
///
/// As root dnsmasq may write there, and without the ping a lease comes at once.
fn configuration(folder: &Path, options: &DhcpOptions) -> String {
    let DhcpOptions { pool: (first, last), lease_time, lines } = options;
    let folder = folder.display();
    format!(
        "port=0\ninterface=br0\nbind-interfaces\nuser=root\nno-ping\nlog-dhcp\n\
         dhcp-authoritative\n\
         dhcp-range={first},{last},255.255.255.0,{lease_time}\n\
         dhcp-leasefile={folder}/dnsmasq.leases\npid-file={folder}/dnsmasq.pid\n{}\n",
        lines.join("\n")
    )
}
