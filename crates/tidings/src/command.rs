//! The commands beside `serve`.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use http::HeaderMap;
use serde_json::{Value, json};
use tidings_client::{
    EventData, EventStream, Format, Options, PublishEvent, Publisher, Start, StreamItem,
};
use tidings_dhcp::format::LeaseFormat;

use crate::cli::{
    CheckArgs, CheckFormat, Command, ConfigCommand, PublishArgs, ServeArgs, TailArgs,
};
use crate::config::keys::{KEYS, Kind};
use crate::config::load::{Loaded, find, variable_of};
use crate::{outside, serve};

mod check;
mod dns;
mod log;

/// Largest lease file that `check` reads, in bytes.
const CHECK_SIZE_MAX_BYTES: u64 = 256 * 1_048_576;
/// Largest payload that `publish` reads from standard input, in bytes.
const INPUT_MAX_BYTES: u64 = 16 * 1_048_576;

/// Does what the command line asks for.
///
/// # Errors
///
/// Says what cannot be done and why.
pub(crate) fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve(args) => serve::run(&args),
        Command::Check(args) => check(&args),
        Command::Publish(args) => wait_for(publish(args)),
        Command::Tail(args) => wait_for(tail(args)),
        Command::Log(command) => log::run(command),
        Command::Dns(command) => dns::run(&command),
        Command::Config(ConfigCommand::Print(args)) => config_print(&args),
        Command::Config(ConfigCommand::Check(args)) => {
            load(&args)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Config(ConfigCommand::Reference) => print(&reference()?),
        Command::Openapi => print(&tidings_http::openapi().to_pretty_json()?),
    }
}

fn wait_for(task: impl Future<Output = anyhow::Result<ExitCode>>) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(task)
}

/// Prints a text; a reader that has gone ends the program quietly.
fn print(text: &str) -> anyhow::Result<ExitCode> {
    let mut output = std::io::stdout().lock();
    match writeln!(output, "{text}").and_then(|()| output.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        written => written.map(|()| ExitCode::SUCCESS).context("write to standard output"),
    }
}

fn check(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let bytes = read_file(&args.file, CHECK_SIZE_MAX_BYTES)?;
    let format = match args.format {
        CheckFormat::Dnsmasq => LeaseFormat::Dnsmasq,
        CheckFormat::Auto => {
            LeaseFormat::detect(&bytes).with_context(|| args.file.display().to_string())?
        }
    };
    let now = i64::try_from(outside::now_ms() / 1000).unwrap_or(i64::MAX);
    let report = check::report(format, &bytes, args.as_of.unwrap_or(now));
    print(&serde_json::to_string_pretty(&report)?)
}

fn read_file(path: &Path, size_max_bytes: u64) -> anyhow::Result<Vec<u8>> {
    let name = path.display();
    let about = std::fs::metadata(path).with_context(|| format!("read {name}"))?;
    if !about.is_file() {
        bail!("{name} is not a regular file");
    }
    if about.len() > size_max_bytes {
        bail!("{name}: {} bytes exceed the limit of {size_max_bytes} bytes", about.len());
    }
    std::fs::read(path).with_context(|| format!("read {name}"))
}

async fn publish(args: PublishArgs) -> anyhow::Result<ExitCode> {
    let data = match args.data.as_deref() {
        None => "null".to_owned(),
        Some("-") => {
            let mut text = String::new();
            let input = std::io::stdin().lock();
            input.take(INPUT_MAX_BYTES + 1).read_to_string(&mut text).context("standard input")?;
            if u64::try_from(text.len()).unwrap_or(u64::MAX) > INPUT_MAX_BYTES {
                bail!("standard input exceeds the limit of {INPUT_MAX_BYTES} bytes");
            }
            text
        }
        Some(text) => text.to_owned(),
    };
    let data = EventData::json(data.clone()).unwrap_or(EventData::Text(data));
    let event = PublishEvent {
        channel: args.channel,
        kind: Some(args.kind),
        data,
        ttl: args.ttl.map(Duration::from_secs),
    };
    let ca_file = args.server.ca_file.as_deref();
    let random = Box::new(outside::random);
    let mut publisher = Publisher::new(&args.server.url, HeaderMap::new(), ca_file, random)?;
    let key =
        args.key.unwrap_or_else(|| format!("{:016x}{:016x}", outside::random(), outside::random()));
    let outcome = publisher.publish(&[event], &key).await?;
    print(&json!({ "positions": outcome.positions, "matched": outcome.matched }).to_string())
}

#[expect(clippy::print_stderr, reason = "what is no event must not stand among the events")]
async fn tail(args: TailArgs) -> anyhow::Result<ExitCode> {
    let mut options = Options::new(args.server.url, Box::new(outside::random));
    options.channels = args.patterns;
    options.format = Format::Envelope;
    options.ca_file = args.server.ca_file;
    options.start = match (args.after, args.last) {
        (Some(position), _) => Start::After(position),
        (None, Some(n)) => Start::Tail(n),
        (None, None) if args.earliest => Start::Earliest,
        (None, None) => Start::Live,
    };
    let mut stream = EventStream::connect(options)?;
    let mut n_left = args.count.unwrap_or(u64::MAX);
    while n_left > 0 {
        let item = tokio::select! {
            item = stream.next() => item,
            interrupted = tokio::signal::ctrl_c() => {
                interrupted.context("listen for signals")?;
                return Ok(ExitCode::SUCCESS);
            }
        };
        match item {
            None => break,
            Some(StreamItem::Event(event)) => {
                n_left -= 1;
                let data: Value = serde_json::from_str(&event.data)
                    .unwrap_or_else(|_| Value::from(event.data.as_str()));
                print(
                    &json!({
                        "id": event.id,
                        "channel": event.channel,
                        "type": event.kind,
                        "data": data,
                        "timestamp": event.timestamp_ms,
                    })
                    .to_string(),
                )?;
            }
            Some(StreamItem::Reset(reset)) => {
                let reason = reset.reason.as_str();
                eprintln!("tidings: events were missed ({reason}): {:?}", reset.channels);
            }
            Some(StreamItem::Disconnected { cause, retry_in }) => {
                let cause = anyhow::Error::new(cause);
                eprintln!("tidings: {cause:#}; again in {:.1} s", retry_in.as_secs_f64());
            }
            Some(StreamItem::Closed { reason }) => return Err(reason.into()),
            Some(
                StreamItem::Opened(_) | StreamItem::Ready { .. } | StreamItem::Heartbeat { .. },
            ) => {}
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn load(args: &ServeArgs) -> anyhow::Result<Loaded> {
    args.layers(outside::environment().into_iter()).load()
}

/// Prints every setting with its origin, as TOML that can be read again.
fn config_print(args: &ServeArgs) -> anyhow::Result<ExitCode> {
    let loaded = load(args)?;
    let mut text = String::new();
    let mut section = "";
    for key in KEYS {
        let (table, name) = key.path.rsplit_once('.').unwrap_or(("", key.path));
        if table != section {
            writeln!(text, "\n[{table}]")?;
            section = table;
        }
        let origin = loaded.origins.get(key.path);
        let origin = origin.map_or_else(|| "default".to_owned(), ToString::to_string);
        let line = match find(&loaded.table, key.path) {
            Some(_) if key.is_secret => format!("# {name} is set  # {origin}"),
            Some(value) => format!("{name} = {value}  # {origin}"),
            None if key.default.is_empty() => format!("# {name} is not set"),
            None => format!("{name} = {}  # {origin}", key.default),
        };
        text.push_str(&line);
        text.push('\n');
    }
    print(text.trim())
}

/// Returns the reference of all settings as Markdown.
fn reference() -> anyhow::Result<String> {
    let mut text = String::from(
        "# Configuration\n\n\
         Settings come from `tidings.toml`, then from the environment, then from flags; the later \
         wins.\n\
         An unknown key is refused with file, line and key.\n\
         `tidings config print` shows what is in effect and where it comes from.\n\n\
         | key | environment | takes | default | meaning |\n|---|---|---|---|---|\n",
    );
    for key in KEYS {
        let takes = match key.kind {
            Kind::Text => "text",
            Kind::Number => "whole number",
            Kind::Switch => "true or false",
            Kind::Duration => "time with unit",
            Kind::List => "list of texts",
            Kind::Tables => "list of tables",
        };
        let default =
            if key.default.is_empty() { "none".to_owned() } else { format!("`{}`", key.default) };
        let (path, variable, meaning) = (key.path, variable_of(key), key.meaning);
        writeln!(text, "| `{path}` | `{variable}` | {takes} | {default} | {meaning} |")?;
    }
    text.push_str(
        "\nThe names of the earlier systems still work, below the `TIDINGS_` ones: \
         `DNSMASQ_CONFIG_FILE_PATH`, `ROOT_PATH`, `HOST` (an address) and `PORT`.",
    );
    Ok(text)
}
