//! A state that everybody reads every so often, against events that bring it when it changes.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use clap::Args;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::time::Timespec;
use tokio::time::Instant;

use super::Load;
use super::contender::Contender;
use super::mark::{self, MarkFinder, Stopwatch};
use super::publisher::{Numbering, Publisher, Template};
use super::server::{Lab, Server};
use super::session::{CHANNEL, Session};
use crate::report::{Column, Report, Table, column};
use crate::statistics::{Latencies, Percentiles, figure, median_of};
use crate::{Place, progress};

/// Seconds of each measurement, unless others are asked for.
const SECONDS: u64 = 10;
/// Bytes read at once.
const READ_BYTES: usize = 16_384;
/// Events that epoll tells at once.
const EVENTS_MAX: usize = 256;
/// Longest time for which the load sleeps.
const SLEEP_MAX: Duration = Duration::from_millis(5);

const COLUMNS: &[Column] = &[
    column("how", "how"),
    column("server cores", "server_cores"),
    column("bytes/s per client, both ways", "bytes_per_s"),
    column("staleness p50 ms", "staleness_ms_p50"),
    column("staleness p99 ms", "staleness_ms_p99"),
];

/// Settings of the bench.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    load: Load,
    /// Clients.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=19_000))]
    clients: u32,
    /// Milliseconds between two reads of a client.
    #[arg(
        long,
        default_value_t = 2_000,
        value_parser = clap::value_parser!(u64).range(10..=60_000)
    )]
    interval: u64,
    /// Changes a second.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    rate: u32,
}

impl Arguments {
    /// Makes the bench as small as it can be.
    pub(crate) fn make_quick(&mut self) {
        self.load.make_quick();
        (self.clients, self.interval, self.rate) = (20, 100, 20);
    }
}

/// What one go gave.
#[derive(Debug, Clone, Copy)]
struct Go {
    server_cores: f64,
    bytes_per_s: f64,
    staleness: Percentiles,
}

/// Measures.
///
/// # Errors
///
/// The server does not start, refuses, or hangs up.
pub(crate) fn measure(arguments: &Arguments, place: &Place) -> anyhow::Result<Report> {
    let lab = Lab::new(&arguments.load, place)?;
    let (mut pushed, mut polled) = (Vec::new(), Vec::new());
    for run in 1..=place.n_runs {
        progress(format_args!("run {run} of {}, events", place.n_runs));
        pushed.push(push(&lab.start(Contender::Tidings, &[])?, arguments)?);
        progress(format_args!("run {run} of {}, reads", place.n_runs));
        polled.push(poll(&lab.start(Contender::Tidings, &[])?, arguments)?);
    }
    let mut report = Report::new("polling", place.machine.clone());
    report.note(format!(
        "Medians of {} interleaved runs of {} s each, {} clients, {} changes a second of {} \
         bytes; server and load have a core each.",
        place.n_runs,
        arguments.load.time(SECONDS).as_secs_f64(),
        arguments.clients,
        arguments.rate,
        arguments.load.payload(),
    ));
    report.note(
        "Staleness is the time from each change until a client has it or a newer one; clients \
         that poll keep their connection, and their reads are spread evenly.",
    );
    let mut table = Table::new("Polling against events", COLUMNS);
    let reads = format!("a read every {} ms", arguments.interval);
    for (how, runs) in [("events".to_owned(), &pushed), (reads, &polled)] {
        table.add(vec![
            how.into(),
            median_of(runs, |go| go.server_cores).into(),
            median_of(runs, |go| go.bytes_per_s).into(),
            median_of(runs, |go| go.staleness.p50_ms).into(),
            median_of(runs, |go| go.staleness.p99_ms).into(),
        ]);
    }
    report.table(table);
    Ok(report)
}

fn push(server: &Server, arguments: &Arguments) -> anyhow::Result<Go> {
    let n_clients = usize::try_from(arguments.clients)?;
    let mut session = Session::open(server, n_clients, arguments.load.payload())?;
    let outcome = session.at_rate(arguments.rate, arguments.load.time(SECONDS))?;
    ensure!(outcome.n_wrong == 0, "{} events are lost or doubled", outcome.n_wrong);
    Ok(Go {
        server_cores: outcome.server_cores,
        bytes_per_s: outcome.bytes_per_s / f64::from(arguments.clients),
        staleness: outcome.latency,
    })
}

/// A client that reads again and again.
#[derive(Debug)]
struct Poller {
    socket: TcpStream,
    /// Beginning of a mark.
    rest: Vec<u8>,
    /// Changes that it knows.
    n_known: usize,
}

/// Clients that read again and again.
struct Pollers {
    clients: Vec<Poller>,
    epoll: std::os::fd::OwnedFd,
    finder: MarkFinder,
    stopwatch: Stopwatch,
    /// When each change was published.
    published_ns: Vec<u64>,
    staleness: Latencies,
    n_bytes: usize,
}

fn poll(server: &Server, arguments: &Arguments) -> anyhow::Result<Go> {
    let publish = server.contender.publish(CHANNEL, &mark::payload(arguments.load.payload()));
    let mut template = Template::new(publish, Numbering::Alike);
    let mut publisher = Publisher::connect(server.address)?;
    let mut pollers = Pollers::connect(server, arguments.clients)?;
    let stopwatch = pollers.stopwatch;
    let read = format!(
        "GET /api/sse/channels/{CHANNEL}/events?order=newest&limit=1 HTTP/1.1\r\n\
         Host: 127.0.0.1\r\n\r\n"
    );
    let interval = Duration::from_millis(arguments.interval);
    let time = arguments.load.time(SECONDS);
    // The first interval is for warming up; everybody reads once in it.
    let (mut n_reads, mut n_changes) = (0, 0);
    let mut before = None;
    let begin = Instant::now();
    loop {
        let elapsed = begin.elapsed();
        if before.is_none() && elapsed >= interval {
            pollers.staleness = Latencies::default();
            pollers.n_bytes = 0;
            before = Some((server.cpu_s()?, Instant::now()));
        }
        if elapsed >= interval + time {
            break;
        }
        if elapsed >= Duration::from_secs(1) * n_changes / arguments.rate {
            pollers.published_ns.push(stopwatch.now_ns());
            publisher.publish(&mut template, u64::from(n_changes), stopwatch)?;
            n_changes += 1;
        }
        while elapsed >= interval * n_reads / arguments.clients {
            pollers.ask(n_reads % arguments.clients, read.as_bytes())?;
            n_reads += 1;
        }
        publisher.pump()?;
        let due = interval * n_reads / arguments.clients;
        pollers.wait(due.saturating_sub(elapsed).min(SLEEP_MAX))?;
    }
    let (cpu_s_before, at_before) = before.context("nothing was measured")?;
    let seconds = at_before.elapsed().as_secs_f64();
    Ok(Go {
        server_cores: (server.cpu_s()? - cpu_s_before) / seconds,
        bytes_per_s: figure(pollers.n_bytes) / seconds / f64::from(arguments.clients),
        staleness: pollers.staleness.percentiles(),
    })
}

impl Pollers {
    fn connect(server: &Server, n_clients: u32) -> anyhow::Result<Self> {
        ensure!(server.address.ip().is_loopback(), "load goes to this machine only");
        let epoll = epoll::create(CreateFlags::CLOEXEC).context("epoll")?;
        let mut clients = Vec::new();
        for index in 0..n_clients {
            let socket = TcpStream::connect(server.address).context("connect")?;
            socket.set_nodelay(true).context("set TCP_NODELAY")?;
            socket.set_nonblocking(true).context("set non-blocking")?;
            let data = EventData::new_u64(u64::from(index));
            epoll::add(&epoll, &socket, data, EventFlags::IN).context("watch a socket")?;
            clients.push(Poller { socket, rest: Vec::new(), n_known: 0 });
        }
        Ok(Self {
            clients,
            epoll,
            finder: MarkFinder::new(),
            stopwatch: Stopwatch::start(),
            published_ns: Vec::new(),
            staleness: Latencies::default(),
            n_bytes: 0,
        })
    }

    fn ask(&mut self, index: u32, request: &[u8]) -> anyhow::Result<()> {
        let poller = self.clients.get_mut(usize::try_from(index)?).context("no such client")?;
        let n_written = poller.socket.write(request).context("read the state")?;
        ensure!(n_written == request.len(), "a request is sent in parts");
        self.n_bytes += n_written;
        Ok(())
    }

    /// Waits for answers, at most so long, and reads them.
    fn wait(&mut self, longest: Duration) -> anyhow::Result<()> {
        let timeout = Timespec::try_from(longest).context("a time to wait")?;
        let mut events = Vec::with_capacity(EVENTS_MAX);
        let room = rustix::buffer::spare_capacity(&mut events);
        epoll::wait(&self.epoll, room, Some(&timeout)).context("wait for answers")?;
        let mut buffer = [0; READ_BYTES];
        for event in &events {
            let index = usize::try_from(event.data.u64())?;
            let poller = self.clients.get_mut(index).context("no such client")?;
            let n_read = match poller.socket.read(&mut buffer) {
                Ok(0) => bail!("the server closed a client's connection"),
                Ok(n_read) => n_read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
                Err(error) => return Err(error).context("read an answer"),
            };
            self.n_bytes += n_read;
            self.take(index, buffer.get(..n_read).unwrap_or_default())?;
        }
        Ok(())
    }

    fn take(&mut self, index: usize, bytes: &[u8]) -> anyhow::Result<()> {
        let Self { clients, finder, stopwatch, published_ns, staleness, .. } = self;
        let poller = clients.get_mut(index).context("no such client")?;
        let mut all = std::mem::take(&mut poller.rest);
        all.extend_from_slice(bytes);
        let now_ns = stopwatch.now_ns();
        let cut = finder.find(&all, |mark| {
            let n_now = usize::try_from(mark.sequence).map_or(0, |sequence| sequence + 1);
            for published in published_ns.get(poller.n_known..n_now).unwrap_or_default() {
                staleness.add(Duration::from_nanos(now_ns.saturating_sub(*published)));
            }
            poller.n_known = poller.n_known.max(n_now);
        });
        poller.rest.extend_from_slice(all.get(cut..).unwrap_or_default());
        Ok(())
    }
}
