//! A server whose resolver asks an upstream on loopback, and a client of it.

#![allow(dead_code, reason = "each test program uses its part")]

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use serde_json::Value;
use tidings_testkit::http::Request;
use tidings_testkit::{Instant, Server, ServerOptions};

/// Longest wait for an answer of the resolver.
pub(crate) const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// Seconds that the upstream's answers may be kept.
pub(crate) const TTL_S: u32 = 300;

/// Starts an upstream that knows every name but those that begin with `gone`, and fails for
/// those that begin with `fail`.
fn upstream() -> SocketAddr {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut buffer = [0; 1_500];
        while let Ok((n_bytes, client)) = socket.recv_from(&mut buffer) {
            let answer = answer(&buffer[..n_bytes]);
            if socket.send_to(&answer, client).is_err() {
                return;
            }
        }
    });
    address
}

/// Answers a question: an address for A, nothing for the rest.
fn answer(question: &[u8]) -> Vec<u8> {
    let name_end = 12 + question[12..].iter().position(|byte| *byte == 0).unwrap() + 1;
    let label = &question[13..13 + usize::from(question[12])].to_ascii_lowercase();
    let rcode = match label {
        label if label.starts_with(b"gone") => 3,
        label if label.starts_with(b"fail") => 2,
        _ => 0,
    };
    let is_address = rcode == 0 && question[name_end..name_end + 2] == [0, 1];
    let mut answer = question[..2].to_vec();
    answer.extend([0x81, 0x80 | rcode, 0, 1, 0, u8::from(is_address), 0, 0, 0, 0]);
    answer.extend(&question[12..name_end + 4]);
    if is_address {
        answer.extend([0xc0, 12, 0, 1, 0, 1]);
        answer.extend(TTL_S.to_be_bytes());
        answer.extend([0, 4, 198, 51, 100, 7]);
    }
    answer
}

/// A server whose resolver runs.
pub(crate) struct Running {
    pub(crate) server: Server,
    pub(crate) socket: UdpSocket,
}

/// Starts one, with more settings of `[dns]`.
pub(crate) fn start(more: &str) -> Running {
    start_with(ServerOptions { config: Some(config(more)), ..ServerOptions::default() })
}

/// Configuration of a resolver that asks an upstream of ours.
pub(crate) fn config(more: &str) -> String {
    format!(
        "[dns]\nenabled = true\nlisten = [\"127.0.0.1:0\"]\n{more}\n[dns.upstream]\n\
         servers = [\"udp://{}\"]\n",
        upstream()
    )
}

/// Starts one as the options say.
pub(crate) fn start_with(options: ServerOptions) -> Running {
    let server = Server::start(options);
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.set_read_timeout(Some(ANSWER_TIMEOUT)).unwrap();
    let running = Running { server, socket };
    running.connect();
    running
}

/// Makes a question without EDNS.
pub(crate) fn message(name: &str, kind: u16) -> Vec<u8> {
    let mut message = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        message.push(u8::try_from(label.len()).unwrap());
        message.extend(label.as_bytes());
    }
    message.push(0);
    message.extend(kind.to_be_bytes());
    message.extend([0, 1]);
    message
}

impl Running {
    /// Finds out where the resolver listens, which is elsewhere after each start.
    pub(crate) fn connect(&self) {
        let until = Instant::now() + ANSWER_TIMEOUT;
        let status = loop {
            let status = self.server.get("/api/v1/dns/status").json();
            if status["running"] == true {
                break status;
            }
            assert!(Instant::now() < until, "{status}");
            std::thread::sleep(Duration::from_millis(10));
        };
        let addresses = status["addresses"].as_array().unwrap();
        let udp = addresses.iter().find(|found| found["transport"] == "udp").unwrap();
        let address: SocketAddr = udp["address"].as_str().unwrap().parse().unwrap();
        self.socket.connect(address).unwrap();
    }

    /// Asks by UDP and returns the answer.
    pub(crate) fn ask(&self, name: &str, kind: u16) -> Vec<u8> {
        self.socket.send(&message(name, kind)).unwrap();
        let mut buffer = [0; 1_500];
        let n_bytes = self.socket.recv(&mut buffer).unwrap();
        buffer[..n_bytes].to_vec()
    }

    /// Asks from another address of the loopback and returns the response code.
    pub(crate) fn rcode_from(&self, client: &str, name: &str) -> u8 {
        let socket = UdpSocket::bind((client, 0)).unwrap();
        socket.set_read_timeout(Some(ANSWER_TIMEOUT)).unwrap();
        socket.connect(self.socket.peer_addr().unwrap()).unwrap();
        socket.send(&message(name, 1)).unwrap();
        let mut buffer = [0; 1_500];
        socket.recv(&mut buffer).unwrap();
        buffer[3] & 0x0f
    }

    /// Asks by UDP and returns the response code.
    pub(crate) fn rcode(&self, name: &str, kind: u16) -> u8 {
        self.ask(name, kind)[3] & 0x0f
    }

    /// Posts what must succeed and returns the answer.
    pub(crate) fn post(&self, target: &str, body: &Value) -> Value {
        let response = self.server.post(target, &body.to_string());
        assert!(response.status < 300, "{target} {body}: {}", response.text());
        response.json()
    }

    /// Sends a body that must be taken and returns the answer.
    pub(crate) fn change(&self, method: &'static str, target: &str, body: &Value) -> Value {
        let body = body.to_string();
        let headers = [("content-type", "application/json")];
        let request = Request { method, target, headers: &headers, body: body.as_bytes() };
        let answer = self.server.send(request);
        assert_eq!(answer.status, 200, "{method} {target} {body}: {}", answer.text());
        answer.json()
    }

    /// Waits until a path answers as wanted, and returns the answer.
    pub(crate) fn wait_for(&self, target: &str, is_wanted: impl Fn(&Value) -> bool) -> Value {
        let until = Instant::now() + ANSWER_TIMEOUT;
        loop {
            let answer = self.server.get(target).json();
            if is_wanted(&answer) {
                return answer;
            }
            assert!(Instant::now() < until, "{target}: {answer}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Stops the server, starts it again, and waits for the resolver.
    pub(crate) fn restart(&mut self) {
        self.server.stop();
        self.server.restart();
        self.connect();
    }

    /// Searches the log.
    pub(crate) fn search(&self, filter: &str) -> Vec<Value> {
        let mut encoded = String::new();
        for byte in filter.bytes() {
            write!(encoded, "%{byte:02x}").unwrap();
        }
        let page = self.server.get(&format!("/api/v1/dns/log?limit=1000&filter={encoded}")).json();
        page["entries"].as_array().unwrap_or_else(|| panic!("{filter}: {page}")).clone()
    }

    /// Waits until the log has so many entries.
    pub(crate) fn wait_for_entries(&self, n_entries: usize) {
        for _ in 0..500 {
            if self.search("").len() >= n_entries {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("the log has {} entries, not {n_entries}", self.search("").len());
    }
}
