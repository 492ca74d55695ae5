//! Clients that come back: in this process, and over HTTP from a process of their own.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tidings_hub::Hub;
use tidings_hub::delivery::Start;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::child::{address_of, count_of};
use crate::events::Numbers;
use crate::load::Stream;
use crate::statistics::{Latencies, rate};
use crate::{role, streams};

/// A client that comes back: what it follows, and what it saw last.
#[derive(Debug, Clone)]
pub(super) struct Client {
    pub pattern: String,
    pub last_id: String,
    pub n_missed: u64,
}

/// Clients, and how many resumes there are of them.
#[derive(Debug, Clone)]
pub(super) struct Resumes {
    pub clients: Arc<[Client]>,
    pub n: usize,
    /// Resumes at the same time.
    pub n_at_once: usize,
}

/// How one go went.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outcome {
    pub per_s: f64,
    pub ready_ms_p50: f64,
    pub ready_ms_p99: f64,
}

/// Where the streams are.
#[derive(Debug, Clone)]
enum Place {
    Hub(Arc<Hub>),
    Http(SocketAddr),
}

/// Resumes in this process, by as many threads as there are cores.
///
/// # Errors
///
/// A stream does not get exactly what it missed.
pub(super) fn in_process(hub: &Arc<Hub>, resumes: &Resumes) -> anyhow::Result<Outcome> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.context("start the runtime")?;
    runtime.block_on(resume_all(Place::Hub(Arc::clone(hub)), resumes))
}

/// Returns what asks the child for some resumes over HTTP.
pub(super) fn question(address: SocketAddr, resumes: &Resumes) -> Value {
    let clients = resumes.clients.iter().map(
        |client| json!({"pattern": client.pattern, "id": client.last_id, "n": client.n_missed}),
    );
    json!({
        "address": address.to_string(),
        "resumes": resumes.n,
        "at_once": resumes.n_at_once,
        "clients": clients.collect::<Vec<Value>>(),
    })
}

/// Resumes over HTTP as asked and tells how it went.
///
/// # Errors
///
/// The question is none, or a stream does not get exactly what it missed.
pub(crate) fn run(question: &Value) -> anyhow::Result<Value> {
    let count = |key| anyhow::Ok(usize::try_from(count_of(question, key)?)?);
    let listed = question.get("clients").and_then(Value::as_array).context("no clients")?;
    let text = |client: &Value, key: &'static str| {
        client.get(key).and_then(Value::as_str).map(str::to_owned).context(key)
    };
    let clients = listed.iter().map(|client| {
        let (pattern, last_id) = (text(client, "pattern")?, text(client, "id")?);
        Ok(Client { pattern, last_id, n_missed: count_of(client, "n")? })
    });
    let clients = clients.collect::<anyhow::Result<Arc<[Client]>>>()?;
    let resumes = Resumes { clients, n: count("resumes")?, n_at_once: count("at_once")? };
    let place = Place::Http(address_of(question)?);
    let outcome = role::current_thread()?.block_on(resume_all(place, &resumes))?;
    Ok(json!({
        "per_s": outcome.per_s,
        "ready_ms_p50": outcome.ready_ms_p50,
        "ready_ms_p99": outcome.ready_ms_p99,
    }))
}

async fn resume_all(place: Place, resumes: &Resumes) -> anyhow::Result<Outcome> {
    let begin = Instant::now();
    let mut tasks = JoinSet::new();
    let n_tasks = resumes.n_at_once.min(resumes.n).max(1);
    for index in 0..n_tasks {
        let n = resumes.n / n_tasks + usize::from(index < resumes.n % n_tasks);
        let clients = Arc::clone(&resumes.clients);
        // An order that no cache knows.
        let numbers = Numbers::new(u64::try_from(index).unwrap_or(0));
        tasks.spawn(resume_some(place.clone(), clients, n, numbers));
    }
    let mut latencies = Latencies::default();
    while let Some(done) = tasks.join_next().await {
        latencies.extend(done.context("a resume panicked")??);
    }
    let per_s = rate(latencies.len(), begin.elapsed());
    let ready = latencies.percentiles();
    Ok(Outcome { per_s, ready_ms_p50: ready.p50_ms, ready_ms_p99: ready.p99_ms })
}

/// Resumes `n` clients, one after the other.
async fn resume_some(
    place: Place,
    clients: Arc<[Client]>,
    n: usize,
    mut numbers: Numbers,
) -> anyhow::Result<Latencies> {
    let n_clients = u64::try_from(clients.len()).unwrap_or(u64::MAX).max(1);
    let mut latencies = Latencies::default();
    for _ in 0..n {
        let index = usize::try_from(numbers.next() % n_clients).unwrap_or(0);
        let client = clients.get(index).context("no clients")?;
        let start = Instant::now();
        let n_events = match &place {
            Place::Hub(hub) => {
                let after = Start::After(client.last_id.clone());
                streams::until_ready(hub, &client.pattern, after).await?.n_events
            }
            Place::Http(address) => {
                let query = format!("channels={}&last_event_id={}", client.pattern, client.last_id);
                let mut stream = Stream::open(*address, &query).await?;
                stream.until_ready().await?;
                stream.frames.n_events
            }
        };
        latencies.add(start.elapsed());
        let Client { pattern, n_missed, .. } = client;
        ensure!(n_events == *n_missed, "{pattern}: {n_events} of {n_missed} missed events came");
    }
    Ok(latencies)
}
