//! A DNS of its own on loopback: signed zones, a validating upstream, and tools that people use.
//!
//! The root, `lab` and what is below it are served by nsd, validated by unbound, and asked for
//! through the resolver. Without the programs the tests say so and pass.

use std::fmt::Write as _;
use std::fs;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tidings_dns::config::DnsConfig;

use crate::harness::{Answer, Resolver, query};

/// Looks for a program's answer, 50 ms apart.
const LOOKS_MAX: usize = 400;

/// Folders that hold servers beside those of the search path.
const FOLDERS: [&str; 4] = ["/usr/sbin", "/sbin", "/usr/bin", "/usr/local/sbin"];

fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(FOLDERS.iter().map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}

/// Returns whether all programs are there; says which are not.
pub fn has(programs: &[&str]) -> bool {
    let missing: Vec<_> = programs.iter().filter(|name| program(name).is_none()).collect();
    if !missing.is_empty() {
        eprintln!("skipped: {missing:?} missing; `cargo xtask test` installs them on Debian");
    }
    missing.is_empty()
}

/// A server that is killed when it is dropped.
pub struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn start(name: &str, arguments: &[&str], folder: &Path) -> Running {
    let log = fs::File::create(folder.join(format!("{name}.log"))).unwrap();
    let mut command = Command::new(program(name).unwrap());
    command.args(arguments).stdout(log.try_clone().unwrap()).stderr(log);
    Running(command.stdin(Stdio::null()).spawn().unwrap())
}

fn run(name: &str, arguments: &[&str], folder: &Path) -> String {
    let mut command = Command::new(program(name).unwrap());
    let output = command.args(arguments).current_dir(folder).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name} {arguments:?}: {text}{errors}");
    text
}

fn free_port() -> u16 {
    loop {
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = udp.local_addr().unwrap();
        if TcpListener::bind(address).is_ok() {
            return address.port();
        }
    }
}

pub fn ask(address: SocketAddr, message: &[u8]) -> Option<Answer> {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    socket.send_to(message, address).ok()?;
    let mut buffer = vec![0; 65_535];
    let (n_bytes, _) = socket.recv_from(&mut buffer).ok()?;
    buffer.truncate(n_bytes);
    Some(Answer::new(buffer))
}

/// Waits until a server answers a name without a failure.
pub fn await_answer(address: SocketAddr, name: &str, folder: &Path) {
    for _ in 0..LOOKS_MAX {
        if ask(address, &query(name, 1)).is_some_and(|answer| answer.code() == 0) {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let logs =
        ["nsd", "unbound"].map(|name| fs::read_to_string(folder.join(format!("{name}.log"))));
    panic!("{address} does not answer {name}: {logs:?}");
}

/// Zones below a folder, served by nsd.
pub struct Zones {
    folder: tempfile::TempDir,
    port: u16,
    names: Vec<String>,
}

impl Zones {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder, port: free_port(), names: Vec::new() }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    fn file(zone: &str) -> String {
        format!("zone{}", if zone == "." { "root" } else { zone })
    }

    pub fn add(&mut self, zone: &str, records: &str) {
        let origin = format!("{}.", zone.trim_end_matches('.'));
        let text = format!(
            "$ORIGIN {origin}\n$TTL 300\n@ SOA ns.lab. host.lab. 1 3600 600 86400 60\n@ NS ns.lab.\n\
             {records}\n"
        );
        fs::write(self.path().join(Self::file(zone)), text).unwrap();
        self.names.push(zone.to_owned());
    }

    /// Returns where the zones are served.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// Signs a zone and returns its DS records.
    fn sign(&self, zone: &str) -> String {
        let file = Self::file(zone);
        for flags in [&["-f", "KSK"][..], &[]] {
            let arguments = [&["-q", "-a", "ECDSAP256SHA256"], flags, &[zone]].concat();
            run("dnssec-keygen", &arguments, self.path());
        }
        let signed = ["-q", "-S", "-N", "keep", "-o", zone, "-f", &file, &file];
        run("dnssec-signzone", &signed, self.path());
        let name = if zone == "." { ".".to_owned() } else { format!("{zone}.") };
        fs::read_to_string(self.path().join(format!("dsset-{name}"))).unwrap_or_default()
    }

    pub fn serve(&self) -> Running {
        let folder = self.path().display();
        let mut text = format!(
            "server:\n ip-address: 127.0.0.1@{}\n username: \"\"\n zonesdir: \"{folder}\"\n \
             database: \"\"\n pidfile: \"{folder}/nsd.pid\"\n xfrdfile: \"{folder}/xfrd\"\n \
             zonelistfile: \"{folder}/list\"\n xfrdir: \"{folder}\"\n server-count: 1\n \
             rrl-ratelimit: 0\n\
             remote-control:\n control-enable: no\n",
            self.port
        );
        for zone in &self.names {
            writeln!(text, "zone:\n name: \"{zone}\"\n zonefile: \"{}\"", Self::file(zone))
                .unwrap();
        }
        let path = self.path().join("nsd.conf");
        fs::write(&path, text).unwrap();
        start("nsd", &["-d", "-c", path.to_str().unwrap()], self.path())
    }

    /// Starts unbound in front of the zones.
    pub fn validate(&self, anchor: &str) -> (Running, SocketAddr) {
        let (folder, port) = (self.path().display(), free_port());
        fs::write(self.path().join("anchor"), anchor).unwrap();
        let validation = format!(" trust-anchor-file: \"{folder}/anchor\"\n");
        let text = format!(
            "server:\n interface: 127.0.0.1@{port}\n port: {port}\n username: \"\"\n chroot: \"\"\n \
             directory: \"{folder}\"\n pidfile: \"{folder}/unbound.pid\"\n use-syslog: no\n \
             do-daemonize: no\n do-not-query-localhost: no\n num-threads: 1\n \
             ede: no\n minimal-responses: yes\n rrset-roundrobin: no\n\
             {validation}\
             remote-control:\n control-enable: no\n\
             forward-zone:\n name: \".\"\n forward-addr: 127.0.0.1@{}\n",
            self.port
        );
        let path = self.path().join("unbound.conf");
        fs::write(&path, text).unwrap();
        let running = start("unbound", &["-d", "-c", path.to_str().unwrap()], self.path());
        (running, SocketAddr::from(([127, 0, 0, 1], port)))
    }
}

pub fn resolver(upstream: SocketAddr) -> Resolver {
    let mut config = DnsConfig {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        threads: 1,
        ..DnsConfig::default()
    };
    config.upstream.servers = vec![upstream.to_string()];
    Resolver::start(config)
}

/// A question with DO, and CD where it is wanted.
fn secure_query(name: &str, flags: u8) -> Vec<u8> {
    let mut message = query(name, 1);
    let at = message.len() - 4;
    message[at] = 0x80;
    message[3] |= flags;
    message
}

#[test]
fn signed_zones_are_told_apart_from_forged_ones() {
    if !has(&["nsd", "unbound", "dnssec-keygen", "dnssec-signzone", "delv", "kdig", "dig"]) {
        return;
    }
    let mut zones = Zones::new();
    let records = "www A 192.0.2.1\n*.wild A 192.0.2.7";
    zones.add("secure.lab", records);
    zones.add("bogus.lab", records);
    zones.add("insecure.lab", records);
    let secure = zones.sign("secure.lab");
    let bogus = zones.sign("bogus.lab");
    let forged = zones.path().join(Zones::file("bogus.lab"));
    let text = fs::read_to_string(&forged).unwrap().replace("192.0.2.1", "192.0.2.66");
    fs::write(&forged, text).unwrap();
    let below = ["secure", "bogus", "insecure"].map(|name| format!("{name} NS ns.lab.\n"));
    zones.add("lab", &format!("ns A 127.0.0.1\n{}{secure}{bogus}", below.concat()));
    let lab = zones.sign("lab");
    zones.add(".", &format!("lab. NS ns.lab.\nns.lab. A 127.0.0.1\n{lab}"));
    let root = zones.sign(".");
    let _nsd = zones.serve();
    let (_unbound, upstream) = zones.validate(&root);
    await_answer(upstream, "www.insecure.lab", zones.path());
    let resolver = resolver(upstream);
    #[rustfmt::skip]
    let cases = [
        ("secure",           "www.secure.lab",      0,    0, true,  1),
        ("wildcard",         "any.wild.secure.lab", 0,    0, true,  1),
        ("absent",           "nope.secure.lab",     0,    3, true,  0),
        ("insecure",         "www.insecure.lab",    0,    0, false, 1),
        ("bogus",            "www.bogus.lab",       0,    2, false, 0),
        ("bogus, unchecked", "www.bogus.lab",       0x10, 0, false, 1),
    ];
    for round in ["asked", "kept"] {
        for (case, name, flags, code, is_authentic, n_addresses) in cases {
            let answer = ask(resolver.address, &secure_query(name, flags)).unwrap();
            let addresses = answer.answers().into_iter().filter(|text| text.starts_with("A "));
            let seen = (answer.code(), answer.has_flag(0x20), addresses.count());
            assert_eq!(seen, (code, is_authentic, n_addresses), "case: {case}, {round}");
        }
    }
    tools(&resolver, zones.path());
}

/// Asks with the programs that people have.
fn tools(resolver: &Resolver, folder: &Path) {
    let port = resolver.address.port().to_string();
    // delv takes the key itself, not its digest.
    let keys = fs::read_dir(folder).unwrap().flatten().filter_map(|entry| {
        let name = entry.file_name().into_string().unwrap();
        let is_key = entry.path().extension().is_some_and(|extension| extension == "key");
        (is_key && name.starts_with("K.+")).then(|| fs::read_to_string(entry.path()).unwrap())
    });
    let key = keys.into_iter().find(|text| text.contains(" 257 3 13 ")).unwrap();
    let (_, data) = key.lines().last().unwrap().split_once("257 3 13 ").unwrap();
    let data: String = data.split_whitespace().collect();
    let anchor = format!("trust-anchors {{ . static-key 257 3 13 \"{data}\"; }};\n");
    fs::write(folder.join("delv.anchor"), anchor).unwrap();
    let delv = |name: &str| {
        let arguments = ["@127.0.0.1", "-p", &port, "-a", "delv.anchor", "+root=.", name, "A"];
        run("delv", &arguments, folder)
    };
    assert!(delv("www.secure.lab").contains("fully validated"), "{}", delv("www.secure.lab"));
    let absent = delv("nope.secure.lab");
    assert!(absent.contains("negative response, fully validated"), "{absent}");
    #[rustfmt::skip]
    let cases: [(&str, &[&str], &[&str]); 8] = [
        ("dig",  &["www.secure.lab", "A"],                       &["status: NOERROR", "192.0.2.1", "EDNS: version: 0"]),
        ("dig",  &["www.secure.lab", "A", "+tcp"],               &["status: NOERROR", "192.0.2.1", "(TCP)"]),
        ("dig",  &["www.secure.lab", "A", "+edns=1", "+noednsneg"], &["status: BADVERS"]),
        ("dig",  &["www.secure.lab", "A", "+dnssec"],            &["RRSIG", "flags: qr rd ra ad"]),
        ("dig",  &["www.bogus.lab", "A"],                        &["status: SERVFAIL"]),
        ("dig",  &["www.secure.lab", "ANY", "+notcp"],           &["HINFO", "RFC8482"]),
        ("kdig", &["www.secure.lab", "A", "+cookie"],            &["status: NOERROR", "COOKIE"]),
        ("kdig", &["www.secure.lab", "A", "+ednsopt=100:", "+noall", "+header"], &["status: NOERROR"]),
    ];
    for (tool, arguments, expected) in cases {
        let all = [&["@127.0.0.1", "-p", &port][..], arguments].concat();
        let text = run(tool, &all, folder);
        for part in expected {
            assert!(text.contains(part), "{tool} {arguments:?} lacks `{part}`: {text}");
        }
    }
}
