//! The resolver under load, in a process of its own: with everything that it can be given, or bare.

use std::io::{BufRead, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tidings_dns::client::{Client, Directory, Group, Selector};
use tidings_dns::config::{DnsConfig, RewriteConfig};
use tidings_dns::filter::compile::{self, ListKind, ListSource, ListText};
use tidings_dns::filter::compiled::Compiled;
use tidings_dns::filter::dialect::Dialect;
use tidings_dns::filter::suffixes::HashKey;
use tidings_dns::filter::{Filter, image};
use tidings_dns::query_log::{QueryLog, QueryLogConfig, QueryLogParts, QueryLogThreads};
use tidings_dns::service::{Dns, DnsEnvironment, TlsServer};
use tidings_dns::verdict::ListId;

use super::names;
use crate::outside;

/// Local names of the furnished resolver.
const N_LOCAL_NAMES: u32 = 10_000;
/// Rules that people wrote themselves, and those of them that are patterns or expressions.
const N_OWN_RULES: u32 = 1_000;
const N_OWN_PATTERNS: u32 = 20;
const N_OWN_EXPRESSIONS: u32 = 5;
/// Clients with a name.
const N_CLIENTS: u16 = 100;
/// Fingerprint of the compiled list, which nobody changes.
const FINGERPRINT: u64 = 1;

/// What a resolver is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Furniture {
    /// Everything: groups of clients, local names, own rules, a list, a log on disk.
    Full,
    /// Access list and cache.
    Bare,
}

/// Makes what a furnished resolver finds: the compiled list, in a folder.
///
/// # Errors
///
/// A file cannot be written.
pub(super) fn prepare(folder: &Path, n_names: u32) -> anyhow::Result<()> {
    let text = folder.join("list.txt");
    names::write_list(&text, n_names)?;
    let (compiled, sources) = compile_list(&text)?;
    image::save(&image_path(folder), &compiled, &sources, FINGERPRINT).context("keep the list")
}

fn image_path(folder: &Path) -> PathBuf {
    folder.join("list.image")
}

/// Compiles a list from its text.
///
/// # Errors
///
/// It cannot be read.
pub(crate) fn compile_list(text: &Path) -> anyhow::Result<(Compiled, Vec<ListSource>)> {
    let sources = vec![ListSource {
        list: ListId(1),
        kind: ListKind::Block,
        dialect: Dialect::AdGuard,
        text: ListText::File(text.to_owned()),
    }];
    let key = HashKey::new([outside::random(), outside::random()]);
    let (compiled, _) = compile::compile(key, &sources, &mut |_, _| {}).context("read a list")?;
    Ok((compiled, sources))
}

/// Compiles rules of one's own; `n_more` makes them differ.
///
/// # Errors
///
/// One is no rule.
pub(crate) fn own_rules(n_more: u32) -> anyhow::Result<Compiled> {
    let mut text = String::new();
    for number in 0..N_OWN_RULES + n_more {
        let rule = match number {
            ..N_OWN_EXPRESSIONS => format!("/^tracker[0-9]+\\.host{number}\\./"),
            _ if number < N_OWN_EXPRESSIONS + N_OWN_PATTERNS => {
                format!("||banner{number}*.example^")
            }
            _ if number.is_multiple_of(10) => format!("@@||own{number}.example^"),
            _ => format!("||own{number}.example^"),
        };
        text.push_str(&rule);
        text.push('\n');
    }
    let source = ListSource {
        list: ListId::OWN,
        kind: ListKind::Block,
        dialect: Dialect::AdGuard,
        text: ListText::Inline(text.into()),
    };
    let key = HashKey::new([outside::random(), outside::random()]);
    let (compiled, reports) =
        compile::compile(key, &[source], &mut |_, _| {}).context("read own rules")?;
    ensure!(reports.iter().all(|report| report.n_ignored == 0), "{reports:?}");
    Ok(compiled)
}

/// Groups and clients; the load is in a group by its network.
fn clients() -> anyhow::Result<Directory> {
    let groups = ["default", "children", "loaded"]
        .map(|name| Group { name: name.into(), ..Group::default() });
    let mut clients = Vec::new();
    for number in 0..N_CLIENTS {
        let selector = format!("192.0.2.{}", number + 1).parse().context("an address")?;
        clients.push(Client {
            name: format!("device {number}").into(),
            selectors: vec![Selector::Network(selector)],
            tags: Vec::new(),
            group: "children".into(),
        });
    }
    clients.push(Client {
        name: "the load".into(),
        selectors: vec![Selector::Network("127.0.0.0/8".parse().context("a network")?)],
        tags: vec!["device_pc".into()],
        group: "loaded".into(),
    });
    Directory::new(groups.into(), &clients, None).context("clients and groups")
}

fn config(question: &Value, furniture: Furniture) -> anyhow::Result<DnsConfig> {
    let text = |key: &str| question.get(key).and_then(Value::as_str);
    let n_threads = question.get("threads").and_then(Value::as_u64).unwrap_or(1);
    let listen: SocketAddr = text("listen").context("no address")?.parse().context("address")?;
    let mut config = DnsConfig {
        listen: vec![listen],
        threads: usize::try_from(n_threads)?,
        ..DnsConfig::default()
    };
    config.upstream.servers = vec![text("upstream").context("no upstream")?.to_owned()];
    if furniture == Furniture::Full {
        config.local.rewrites = (0..N_LOCAL_NAMES)
            .map(|number| RewriteConfig {
                name: format!("local{number}.bench.example"),
                kind: None,
                value: "192.0.2.7".to_owned(),
            })
            .collect();
    }
    Ok(config)
}

/// Plays the resolver until the input ends.
///
/// # Errors
///
/// It does not start.
pub(crate) fn play(folder: &Path) -> anyhow::Result<()> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).context("read the question")?;
    let question: Value = serde_json::from_str(&line).context("the question is no JSON")?;
    let is_bare = question.get("is_bare").and_then(Value::as_bool) == Some(true);
    let furniture = if is_bare { Furniture::Bare } else { Furniture::Full };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .context("start the runtime")?;
    let environment = DnsEnvironment {
        clock: Arc::new(outside::now_ms),
        entropy: Arc::new(outside::random),
        tls_server: TlsServer::default(),
        tls_client: None,
    };
    let config = config(&question, furniture)?;
    let (dns, log) = runtime.block_on(async {
        let dns = Dns::new(config, environment);
        let log = match furniture {
            Furniture::Full => Some(furnish(&dns, folder)?),
            Furniture::Bare => None,
        };
        dns.start().await.context("start the resolver")?;
        anyhow::Ok((dns, log))
    })?;
    let address = dns.status().addresses.first().context("no address")?.address;
    let mut output = std::io::stdout().lock();
    writeln!(output, "{}", json!({"address": address.to_string()})).context("answer")?;
    output.flush().context("answer")?;
    std::io::stdin().lock().lines().for_each(drop);
    runtime.block_on(dns.stop());
    if let Some(log) = log {
        log.stop();
    }
    Ok(())
}

fn furnish(dns: &Dns, folder: &Path) -> anyhow::Result<QueryLogThreads> {
    let lists = image::load(&image_path(folder), FINGERPRINT).context("read the list")?;
    dns.set_filter(Arc::new(Filter {
        own: Arc::new(own_rules(0)?),
        lists: Arc::new(lists),
        clients: Arc::new(clients()?),
        ..Filter::default()
    }));
    let parts = QueryLogParts {
        source: Box::new(dns.entries()),
        folder: folder.join("dns"),
        clock: Arc::new(outside::now_ms),
    };
    let (_log, threads, batches) =
        QueryLog::start(&QueryLogConfig::default(), parts).context("start the query log")?;
    // Nobody looks on.
    drop(batches);
    Ok(threads)
}
