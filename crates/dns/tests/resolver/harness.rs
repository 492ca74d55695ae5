//! Starts resolvers and scripted upstreams, and asks questions.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use hickory_proto::op::Message;
use tidings_dns::config::DnsConfig;
use tidings_dns::entry::{Entry, Transport};
use tidings_dns::service::{Dns, DnsEnvironment, TlsServer};

/// Longest wait for an answer that must come.
const PATIENCE: Duration = Duration::from_secs(20);

/// What an upstream is asked.
pub struct Asked {
    pub name: String,
    pub kind: u16,
    /// The question as it came.
    pub question: Vec<u8>,
    pub id: [u8; 2],
    pub is_tcp: bool,
}

/// What an upstream does.
pub enum Reply {
    Silence,
    /// These bytes as they are.
    Wire(Vec<u8>),
    After(Duration, Box<Reply>),
}

type Script = dyn Fn(&Asked) -> Reply + Send + Sync;

/// An upstream on loopback.
pub struct Upstream {
    pub address: SocketAddr,
    n_asked: Arc<AtomicUsize>,
}

impl Upstream {
    /// Starts one that follows a script; its threads end with the test.
    pub fn start(script: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let (udp, tcp) = loop {
            let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
            if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()) {
                break (udp, tcp);
            }
        };
        let address = udp.local_addr().unwrap();
        let n_asked = Arc::<AtomicUsize>::default();
        let script: Arc<Script> = Arc::new(script);
        let (counted, followed) = (Arc::clone(&n_asked), Arc::clone(&script));
        std::thread::spawn(move || {
            let udp = Arc::new(udp);
            let mut buffer = [0; 4096];
            while let Ok((n_bytes, client)) = udp.recv_from(&mut buffer) {
                let asked = parse(&buffer[..n_bytes], false, &counted);
                let (reply, socket) = (followed(&asked), Arc::clone(&udp));
                std::thread::spawn(move || {
                    if let Some(wire) = settle(reply) {
                        socket.send_to(&wire, client).unwrap();
                    }
                });
            }
        });
        let counted = Arc::clone(&n_asked);
        std::thread::spawn(move || {
            for stream in tcp.incoming().flatten() {
                let (script, counted) = (Arc::clone(&script), Arc::clone(&counted));
                std::thread::spawn(move || serve(stream, &*script, &counted));
            }
        });
        Self { address, n_asked }
    }

    pub fn n_asked(&self) -> usize {
        self.n_asked.load(Ordering::SeqCst)
    }
}

fn serve(mut stream: TcpStream, script: &Script, n_asked: &AtomicUsize) {
    while let Some(message) = read_frame(&mut stream) {
        if let Some(wire) = settle(script(&parse(&message, true, n_asked))) {
            write_frame(&mut stream, &wire);
        }
    }
}

fn settle(reply: Reply) -> Option<Vec<u8>> {
    match reply {
        Reply::Silence => None,
        Reply::Wire(wire) => Some(wire),
        Reply::After(time, reply) => {
            std::thread::sleep(time);
            settle(*reply)
        }
    }
}

fn parse(message: &[u8], is_tcp: bool, n_asked: &AtomicUsize) -> Asked {
    n_asked.fetch_add(1, Ordering::SeqCst);
    let mut at = 12;
    let mut labels = Vec::new();
    while message[at] != 0 {
        let end = at + 1 + usize::from(message[at]);
        labels.push(String::from_utf8_lossy(&message[at + 1..end]).to_lowercase());
        at = end;
    }
    let kind = u16::from_be_bytes([message[at + 1], message[at + 2]]);
    let question = message[12..at + 5].to_vec();
    let id = [message[0], message[1]];
    Asked { name: labels.join("."), kind, question, id, is_tcp }
}

pub fn read_frame(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut length = [0; 2];
    stream.read_exact(&mut length).ok()?;
    let mut message = vec![0; u16::from_be_bytes(length).into()];
    stream.read_exact(&mut message).ok()?;
    Some(message)
}

pub fn write_frame(stream: &mut TcpStream, message: &[u8]) {
    let mut frame = u16::try_from(message.len()).unwrap().to_be_bytes().to_vec();
    frame.extend_from_slice(message);
    stream.write_all(&frame).unwrap();
}

impl Asked {
    /// Answers with a code and records: owner, type, TTL, data.
    pub fn answer(&self, code: u8, answers: &[Record<'_>], authority: &[Record<'_>]) -> Reply {
        Reply::Wire(self.wire(code, answers, authority))
    }

    pub fn wire(&self, code: u8, answers: &[Record<'_>], authority: &[Record<'_>]) -> Vec<u8> {
        let mut wire = vec![self.id[0], self.id[1], 0x81, 0x80 | code, 0, 1, 0, 0, 0, 0, 0, 0];
        wire[7] = u8::try_from(answers.len()).unwrap();
        wire[9] = u8::try_from(authority.len()).unwrap();
        wire.extend_from_slice(&self.question);
        for (owner, kind, ttl_s, data) in answers.iter().chain(authority) {
            wire.extend_from_slice(&name(owner));
            wire.extend_from_slice(&kind.to_be_bytes());
            wire.extend_from_slice(&[0, 1]);
            wire.extend_from_slice(&ttl_s.to_be_bytes());
            wire.extend_from_slice(&u16::try_from(data.len()).unwrap().to_be_bytes());
            wire.extend_from_slice(data);
        }
        wire
    }

    /// Answers A with this address, and nothing else.
    pub fn address(&self, address: [u8; 4], ttl_s: u32) -> Reply {
        self.answer(0, &[(&self.name, 1, ttl_s, address.to_vec())], &[])
    }
}

pub type Record<'a> = (&'a str, u16, u32, Vec<u8>);

/// Returns a name in wire form.
pub fn name(text: &str) -> Vec<u8> {
    let mut wire = Vec::new();
    for label in text.split('.').filter(|label| !label.is_empty()) {
        wire.push(u8::try_from(label.len()).unwrap());
        wire.extend_from_slice(label.as_bytes());
    }
    wire.push(0);
    wire
}

/// Returns the data of a SOA record with this last field.
pub fn soa(minimum_s: u32) -> Vec<u8> {
    let mut data = name("ns.example");
    data.extend_from_slice(&name("host.example"));
    for number in [1, 2, 3, 4, minimum_s] {
        data.extend_from_slice(&u32::to_be_bytes(number));
    }
    data
}

/// A running resolver.
pub struct Resolver {
    pub dns: Arc<Dns>,
    pub address: SocketAddr,
    /// Keeps the tasks running.
    pub runtime: tokio::runtime::Runtime,
}

/// Settings that listen on a free port and ask these upstreams.
pub fn config(upstreams: &[&Upstream]) -> DnsConfig {
    let mut config = DnsConfig {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        threads: 1,
        ..DnsConfig::default()
    };
    config.upstream.servers =
        upstreams.iter().map(|upstream| upstream.address.to_string()).collect();
    if upstreams.is_empty() {
        config.upstream.servers = vec!["127.0.0.1:1".to_owned()];
    }
    config
}

pub fn environment() -> DnsEnvironment {
    let random = AtomicU64::new(0x9e37_79b9_7f4a_7c15);
    DnsEnvironment {
        clock: Arc::new(|| 1_700_000_000_000),
        entropy: Arc::new(move || {
            let mut x = random.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
            x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            x ^ (x >> 27)
        }),
        tls_server: TlsServer::default(),
        tls_client: None,
    }
}

impl Resolver {
    pub fn start(config: DnsConfig) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let dns = runtime.block_on(async {
            let dns = Dns::new(config, environment());
            dns.start().await.unwrap();
            dns
        });
        let address = dns.status().addresses[0].address;
        Self { dns, address, runtime }
    }

    /// Sends bytes by UDP and returns what comes back within a while.
    pub fn send(&self, message: &[u8], wait: Duration) -> Option<Vec<u8>> {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(wait)).unwrap();
        socket.send_to(message, self.address).unwrap();
        let mut buffer = vec![0; 65_535];
        let (n_bytes, _) = socket.recv_from(&mut buffer).ok()?;
        buffer.truncate(n_bytes);
        Some(buffer)
    }

    /// Asks by UDP with EDNS.
    pub fn ask(&self, name: &str, kind: u16) -> Answer {
        Answer::new(self.send(&query(name, kind), PATIENCE).expect("an answer"))
    }

    /// Asks by TCP.
    pub fn ask_tcp(&self, name: &str, kind: u16) -> Answer {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write_frame(&mut stream, &query(name, kind));
        Answer::new(read_frame(&mut stream).expect("an answer"))
    }

    /// Returns the entries of the log once there are so many.
    pub fn entries(&self, n_entries: usize) -> Vec<Entry> {
        let mut reader = self.dns.entries();
        let mut entries = Vec::new();
        while entries.len() < n_entries {
            reader.drain(100, |entry| entries.push(entry));
            std::thread::yield_now();
        }
        entries
    }

    pub fn apply(&self, config: DnsConfig) {
        self.runtime.block_on(self.dns.apply(config)).unwrap();
    }

    /// Asks as the HTTP server does.
    pub fn resolve(&self, message: &[u8], client: &str) -> Option<Vec<u8>> {
        let client = client.parse().unwrap();
        self.runtime.block_on(self.dns.resolve(message, client, Transport::Https))
    }
}

/// Returns a question with EDNS and a datagram size of 1,232 bytes.
pub fn query(name: &str, kind: u16) -> Vec<u8> {
    with_opt(plain_query(name, kind), 0, &[])
}

/// Returns a question without EDNS.
pub fn plain_query(text: &str, kind: u16) -> Vec<u8> {
    let mut message = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    message.extend_from_slice(&name(text));
    message.extend_from_slice(&kind.to_be_bytes());
    message.extend_from_slice(&[0, 1]);
    message
}

/// Adds an OPT record with this version and these options.
pub fn with_opt(mut message: Vec<u8>, version: u8, options: &[u8]) -> Vec<u8> {
    message[11] += 1;
    message.extend_from_slice(&[0, 0, 41, 4, 208, 0, version, 0, 0]);
    message.extend_from_slice(&u16::try_from(options.len()).unwrap().to_be_bytes());
    message.extend_from_slice(options);
    message
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub wire: Vec<u8>,
    pub message: Message,
}

impl Answer {
    pub fn new(wire: Vec<u8>) -> Self {
        let message = Message::from_vec(&wire).expect("a message");
        Self { wire, message }
    }

    /// Response code with the part in EDNS.
    pub fn code(&self) -> u16 {
        self.message.metadata.response_code.into()
    }

    /// Type, TTL and data of the answers as text.
    pub fn answers(&self) -> Vec<String> {
        let records = self.message.answers.iter();
        records
            .map(|record| format!("{} {} {}", record.record_type(), record.ttl, record.data))
            .collect()
    }

    /// The first extended error.
    pub fn extended_error(&self) -> Option<u16> {
        let at = self.wire.len() - self.opt_bytes()?;
        let mut options = &self.wire[at..];
        while let [a, b, c, d, rest @ ..] = options {
            let length = usize::from(u16::from_be_bytes([*c, *d]));
            if u16::from_be_bytes([*a, *b]) == 15 {
                return Some(u16::from_be_bytes([rest[0], rest[1]]));
            }
            options = &rest[length..];
        }
        None
    }

    /// Bytes of the options: OPT is our only additional record and the last one.
    fn opt_bytes(&self) -> Option<usize> {
        self.message.edns.as_ref()?;
        let n_bytes = self.wire.len();
        (0..n_bytes - 10).rev().find_map(|at| {
            let length = usize::from(u16::from_be_bytes([self.wire[at + 9], self.wire[at + 10]]));
            (self.wire[at..at + 3] == [0, 0, 41] && at + 11 + length == n_bytes).then_some(length)
        })
    }

    pub fn has_flag(&self, flag: u16) -> bool {
        u16::from_be_bytes([self.wire[2], self.wire[3]]) & flag != 0
    }
}
