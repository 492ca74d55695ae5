//! The servers that are compared: each is a process of its own, on the core of the servers.

use std::fs;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};
use serde_json::json;
use tokio::time::Instant;

use super::load;
use crate::delivery::process::Usage;
use crate::role::Role;
use crate::statistics::{figure, milliseconds};

/// Folders that hold servers beside those of the search path.
const FOLDERS: [&str; 4] = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"];
/// What our threads that answer are called.
const ANSWERING: &str = "dns";

/// A server under load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Contender {
    /// Sends back what it gets: what the system alone costs.
    Echo,
    /// Ours, with everything.
    Full,
    /// Ours, with access list and cache only.
    Bare,
    /// unbound, as it is installed.
    Unbound,
    /// dnsmasq, as it is installed.
    Dnsmasq,
}

/// How servers are started.
#[derive(Debug)]
pub(super) struct Lab {
    /// Folder with what [`super::resolver::prepare`] made.
    pub(super) folder: PathBuf,
    /// Whom the servers ask.
    pub(super) upstream: SocketAddr,
    /// Threads; more than one may use every core.
    pub(super) n_threads: usize,
    /// Whether servers go before other work.
    pub(super) goes_first: bool,
}

/// A server that runs; it is killed when it is dropped.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) contender: Contender,
    pub(super) address: SocketAddr,
    pub(super) first_answer_ms: f64,
    process: std::process::Child,
    /// Ours ends when it closes.
    input: Option<ChildStdin>,
}

/// Time on a core until now, in seconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    /// Of all threads.
    pub(super) all_s: f64,
    /// Of those that answer, where they are known.
    pub(super) answering_s: f64,
}

impl Contender {
    /// Every one, the echo first.
    pub(super) const ALL: [Self; 5] =
        [Self::Echo, Self::Full, Self::Bare, Self::Unbound, Self::Dnsmasq];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Echo => "bare UDP echo",
            Self::Full => "tidings, everything on",
            Self::Bare => "tidings, cache only",
            Self::Unbound => "unbound",
            Self::Dnsmasq => "dnsmasq",
        }
    }

    /// Starts it and waits for its first answer; `None` when it is not installed.
    pub(super) fn start(self, lab: &Lab) -> anyhow::Result<Option<Running>> {
        let address = free_address()?;
        let own = std::env::current_exe().context("find this program")?;
        let folder = lab.folder.join(format!("server-{self:?}"));
        fs::create_dir_all(&folder).context("make a folder")?;
        let mut command = Command::new(&own);
        command.arg("launch");
        if lab.goes_first {
            command.arg("--first");
        }
        if lab.n_threads > 1 {
            command.arg("--every-core");
        }
        command.arg("--");
        let mut question = None;
        match self {
            Self::Echo | Self::Full | Self::Bare => {
                let role = if self == Self::Echo { Role::DnsEcho } else { Role::DnsResolver };
                command.arg(own).args(["child", role.as_str()]).arg(&lab.folder);
                question = Some(json!({
                    "listen": address.to_string(),
                    "upstream": lab.upstream.to_string(),
                    "threads": lab.n_threads,
                    "is_bare": self == Self::Bare,
                }));
            }
            Self::Unbound => {
                let Some(program) = program("unbound") else { return Ok(None) };
                let path = folder.join("unbound.conf");
                fs::write(&path, unbound(lab, &folder, address)).context("write unbound.conf")?;
                command.arg(program).args(["-d", "-c"]).arg(path);
            }
            Self::Dnsmasq => {
                let Some(program) = program("dnsmasq") else { return Ok(None) };
                command.arg(program).args(dnsmasq(lab, address));
            }
        }
        let errors = fs::File::create(folder.join("stderr.txt")).context("make a file")?;
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(errors);
        let start = Instant::now();
        let mut process = command.spawn().with_context(|| format!("start {}", self.name()))?;
        let input = process.stdin.take();
        let mut running =
            Running { contender: self, address, first_answer_ms: 0.0, process, input };
        if let (Some(question), Some(input)) = (question, &mut running.input) {
            writeln!(input, "{question}").context("tell the child")?;
        }
        load::first_answer(address).with_context(|| {
            let said = fs::read_to_string(folder.join("stderr.txt")).unwrap_or_default();
            format!("start {}: {said}", self.name())
        })?;
        running.first_answer_ms = milliseconds(start.elapsed());
        Ok(Some(running))
    }
}

fn program(name: &str) -> Option<PathBuf> {
    FOLDERS.iter().map(|folder| Path::new(folder).join(name)).find(|path| path.is_file())
}

fn unbound(lab: &Lab, folder: &Path, address: SocketAddr) -> String {
    let (folder, port) = (folder.display(), address.port());
    let (n_threads, upstream_port) = (lab.n_threads, lab.upstream.port());
    format!(
        "server:\n interface: 127.0.0.1@{port}\n port: {port}\n username: \"\"\n chroot: \"\"\n \
         directory: \"{folder}\"\n pidfile: \"\"\n use-syslog: no\n do-daemonize: no\n \
         do-not-query-localhost: no\n num-threads: {n_threads}\n so-reuseport: yes\n \
         module-config: \"iterator\"\n msg-cache-size: 64m\n rrset-cache-size: 64m\n\
         remote-control:\n control-enable: no\nforward-zone:\n name: \".\"\n \
         forward-addr: 127.0.0.1@{upstream_port}\n"
    )
}

fn dnsmasq(lab: &Lab, address: SocketAddr) -> Vec<String> {
    [
        "--keep-in-foreground",
        "--conf-file=/dev/null",
        "--no-resolv",
        "--no-hosts",
        "--bind-interfaces",
        "--user=root",
        "--listen-address=127.0.0.1",
        "--cache-size=20000",
        "--pid-file=",
    ]
    .into_iter()
    .map(str::to_owned)
    .chain([
        format!("--port={}", address.port()),
        format!("--server=127.0.0.1#{}", lab.upstream.port()),
    ])
    .collect()
}

impl Running {
    /// Returns the time on a core until now, by the scheduler's own account.
    ///
    /// # Errors
    ///
    /// It is gone.
    pub(super) fn times(&self) -> anyhow::Result<Times> {
        let folder = format!("/proc/{}/task", self.process.id());
        let mut times = Times { all_s: 0.0, answering_s: 0.0 };
        for thread in fs::read_dir(folder).context("read the threads of a server")?.flatten() {
            let text = fs::read_to_string(thread.path().join("schedstat")).unwrap_or_default();
            let ns: u64 = text.split(' ').next().and_then(|text| text.parse().ok()).unwrap_or(0);
            let seconds = figure(ns) / 1e9;
            times.all_s += seconds;
            let name = fs::read_to_string(thread.path().join("comm")).unwrap_or_default();
            if name.trim() == ANSWERING {
                times.answering_s += seconds;
            }
        }
        ensure!(times.all_s > 0.0, "{} is gone", self.contender.name());
        Ok(times)
    }

    /// Returns the resident memory.
    ///
    /// # Errors
    ///
    /// It is gone.
    pub(super) fn resident_bytes(&self) -> anyhow::Result<f64> {
        Ok(figure(Usage::of(self.process.id())?.resident_bytes))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// Plays the echo until the input ends: one plain socket and loop for each thread.
///
/// # Errors
///
/// There is no socket.
pub(crate) fn play_echo() -> anyhow::Result<()> {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).context("read the question")?;
    let question: serde_json::Value = serde_json::from_str(&line).context("no JSON")?;
    let listen = question.get("listen").and_then(serde_json::Value::as_str);
    let listen: SocketAddr = listen.context("no address")?.parse().context("an address")?;
    let n_threads = question.get("threads").and_then(serde_json::Value::as_u64).unwrap_or(1);
    for _ in 0..n_threads {
        let socket = reusable(listen)?;
        std::thread::Builder::new()
            .name(ANSWERING.to_owned())
            .spawn(move || {
                let mut buffer = [0; 4_096];
                loop {
                    if let Ok((n_bytes, client)) = socket.recv_from(&mut buffer) {
                        // Who is gone needs no answer.
                        socket.send_to(buffer.get(..n_bytes).unwrap_or_default(), client).ok();
                    }
                }
            })
            .context("start a thread")?;
    }
    // Ends with the process that started it, which kills it.
    loop {
        std::thread::sleep(Duration::from_mins(1));
    }
}

/// Finds an address whose port is free for datagrams and for streams.
///
/// # Errors
///
/// There is none in so many tries.
pub(super) fn free_address() -> anyhow::Result<SocketAddr> {
    const TRIES: usize = 32;
    for _ in 0..TRIES {
        let datagrams = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).context("find a port")?;
        let address = datagrams.local_addr().context("find a port")?;
        if TcpListener::bind(address).is_ok() {
            return Ok(address);
        }
    }
    anyhow::bail!("no port is free for datagrams and streams, of {TRIES} tried")
}

/// Binds a socket that shares its address with others of this process.
fn reusable(address: SocketAddr) -> anyhow::Result<UdpSocket> {
    let socket = rustix::net::socket_with(
        AddressFamily::INET,
        SocketType::DGRAM,
        SocketFlags::CLOEXEC,
        None,
    );
    let socket = socket.context("make a socket")?;
    sockopt::set_socket_reuseport(&socket, true).context("set up a socket")?;
    rustix::net::bind(&socket, &address).context("bind a socket")?;
    Ok(UdpSocket::from(socket))
}
