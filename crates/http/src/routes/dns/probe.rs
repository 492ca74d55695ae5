//! Trying a name out, with the shapes of the earlier systems; the live resolver goes on untouched.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use serde::Deserialize;
use serde_json::{Value, json};
use tidings_dns::entry::Transport;
use tidings_dns::name::Name;
use tidings_dns::query_log::words;
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout};

use super::control::{PROFILE_MIN_BYTES, bad_body, port};
use crate::dns::doh_media::addresses;
use crate::dns::put_member;
use crate::problem::Problem;
use crate::state::App;

/// Longest wait for an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// Largest answer by UDP that is read.
const ANSWER_MAX_BYTES: usize = 4_096;

/// What is to be tried.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TestRequest {
    domain: String,
    method: Option<String>,
    config_id: Option<String>,
    port: Option<u16>,
}

/// How a name is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    Udp,
    Doh,
}

/// What came of it.
struct Tried {
    duration_ms: f64,
    outcome: Result<Vec<u8>, String>,
}

/// Asks for a name by UDP, or as DNS over HTTPS would.
///
/// # Errors
///
/// `400` for a body or method that cannot be used; that there is no answer is told by
/// `success: false`.
pub(super) async fn test(
    State(app): State<App>,
    body: Result<Json<TestRequest>, JsonRejection>,
) -> Result<Json<Value>, Problem> {
    let Json(request) = body.map_err(bad_body)?;
    let name =
        Name::parse(&request.domain).map_err(|error| Problem::bad_parameter("domain", error))?;
    let method = match request.method.as_deref().map(str::to_ascii_uppercase).as_deref() {
        None | Some("DOH" | "DOH GET" | "DOH POST" | "DOH-GET" | "DOH-POST") => Method::Doh,
        Some("UDP") => Method::Udp,
        Some(_) => {
            return Err(Problem::bad_parameter("method", "none of UDP, DoH GET, DoH POST"));
        }
    };
    if let Some(id) = &request.config_id
        && id.len() < PROFILE_MIN_BYTES
    {
        let text = "a NextDNS profile has at least 6 characters";
        return Ok(Json(json!({ "success": false, "configId": id, "error": text })));
    }
    let question = question(&name);
    let started = Instant::now();
    let outcome = match method {
        Method::Udp => by_udp(&app, request.port, &question).await,
        Method::Doh => by_doh(&app, &question).await,
    };
    let duration_ms = started.elapsed().as_secs_f64() * 1_000.0;
    Ok(Json(describe(&request, method, &Tried { duration_ms, outcome })))
}

/// Writes a question for the addresses of a name.
fn question(name: &Name) -> Vec<u8> {
    // The number is free: the socket hears the resolver alone.
    let mut message = vec![0x54, 0x54, 0x01, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    message.extend_from_slice(name.as_wire());
    message.extend_from_slice(&[0, 1, 0, 1]);
    message
}

async fn by_udp(app: &App, asked: Option<u16>, question: &[u8]) -> Result<Vec<u8>, String> {
    let status = app.dns.dns.status();
    let mut udp = status.addresses.iter().filter(|found| found.transport == Transport::Udp);
    let port = asked.unwrap_or_else(|| port(&app.dns));
    let Some(found) = udp.find(|found| found.address.port() == port) else {
        return Err(format!("the resolver does not listen on UDP port {port}"));
    };
    let ip = match found.address.ip() {
        IpAddr::V4(v4) if v4.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(v6) if v6.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        IpAddr::V4(_) | IpAddr::V6(_) => found.address.ip(),
    };
    let exchange = async {
        let own = if ip.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let socket = UdpSocket::bind(own).await?;
        socket.connect(SocketAddr::new(ip, port)).await?;
        socket.send(question).await?;
        let mut answer = vec![0; ANSWER_MAX_BYTES];
        let n_bytes = socket.recv(&mut answer).await?;
        answer.truncate(n_bytes);
        Ok::<Vec<u8>, std::io::Error>(answer)
    };
    match timeout(ANSWER_TIMEOUT, exchange).await {
        Ok(outcome) => outcome.map_err(|error| error.to_string()),
        Err(_) => Err("no answer within 5 s".to_owned()),
    }
}

async fn by_doh(app: &App, question: &[u8]) -> Result<Vec<u8>, String> {
    if !app.dns.dns.status().is_running {
        return Err("the resolver is stopped".to_owned());
    }
    let client = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let resolved = app.dns.dns.resolve(question, client, Transport::Https);
    match timeout(ANSWER_TIMEOUT, resolved).await {
        Ok(Some(answer)) => Ok(answer),
        Ok(None) => Err("the resolver answers nothing to this machine".to_owned()),
        Err(_) => Err("no answer within 5 s".to_owned()),
    }
}

fn describe(request: &TestRequest, method: Method, tried: &Tried) -> Value {
    let mut body = json!({
        "success": false,
        "domain": request.domain,
        "configId": request.config_id,
        "duration": tried.duration_ms,
        "ips": [],
    });
    let answer = match &tried.outcome {
        Ok(answer) => answer,
        Err(error) => {
            put_member(&mut body, "error", error.as_str());
            return body;
        }
    };
    let code = answer.get(3).map_or(2, |flags| flags & 0x0f);
    let word = words::response_code(code.into());
    let ips: Vec<String> = addresses(answer).iter().map(ToString::to_string).collect();
    put_member(&mut body, "success", code == 0);
    put_member(&mut body, "resolvedAddress", ips.first().cloned());
    put_member(&mut body, "result", word.as_str());
    let details = match method {
        Method::Udp => format!("{word} by UDP"),
        Method::Doh => format!("{word} by DoH"),
    };
    put_member(&mut body, "details", details);
    if code != 0 {
        put_member(&mut body, "error", word);
    }
    put_member(&mut body, "ips", ips);
    body
}
