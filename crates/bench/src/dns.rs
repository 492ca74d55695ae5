//! What an answer from the resolver's cache costs, beside a bare UDP echo and other resolvers.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Args;

use crate::delivery::process::{self, Side, pin};
use crate::report::{Bound, Column, Report, Table, Target, column};
use crate::statistics::{figure, median_of};
use crate::{Place, dns_log, progress};

mod load;
pub(crate) mod names;
pub(crate) mod resolver;
mod server;
mod stub;
mod viewers;

pub(crate) use server::play_echo;

use load::Open;
use names::Questions;
use server::{Contender, Lab, Running};
use viewers::{N_VIEWERS, Program};

const HITS: &[Column] = &[
    column("server", "server"),
    column("answers/s", "answers_per_s"),
    column("CPU µs per answer", "cpu_us"),
    column("× echo", "cpu_by_echo"),
    column("of the threads that answer, × echo", "answering_by_echo"),
    column("lost of 1,000", "lost_per_1000"),
    column("first answer ms", "first_answer_ms"),
    column("resident MiB", "resident_mib"),
];
const DELAYS: &[Column] = &[
    column("server", "server"),
    column("p50 ms", "p50_ms"),
    column("p99 ms", "p99_ms"),
    column("p99 × echo", "p99_by_echo"),
    column("CPU µs per answer", "cpu_us"),
    column("lost of 1,000", "lost_per_1000"),
];
const THREADS: &[Column] = &[
    column("server", "server"),
    column("answers/s", "answers_per_s"),
    column("CPU µs per answer", "cpu_us"),
    column("× echo", "cpu_by_echo"),
];
const MISSES: &[Column] = &[
    column("asked", "server"),
    column("p50 ms", "p50_ms"),
    column("more than the stub alone, p50 ms", "added_ms"),
];
const VIEWERS: &[Column] = &[
    column("questions/s", "rate"),
    column("viewers", "viewers"),
    column("p50 ms", "p50_ms"),
    column("p99 ms", "p99_ms"),
    column("p99 × none", "p99_by_none"),
    column("most behind ms", "behind_ms"),
    column("lost of 1,000", "lost_per_1000"),
];
/// Sockets of the load: with several threads so many that each gets its share.
const SOCKETS: usize = 4;
const SOCKETS_OF_THREADS: usize = 16;
/// Rounds of the comparison with and without viewers, whatever else is said.
const VIEWER_ROUNDS: u16 = 5;
/// Times that the resolver is started on names and log.
const MIB: f64 = 1_048_576.0;

/// Settings of the bench.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Names that are asked for, all of them in the cache.
    #[arg(long, default_value_t = Self::FULL.names)]
    names: u32,
    /// Names on the list of the resolver with everything on.
    #[arg(long, default_value_t = Self::FULL.listed)]
    listed: u32,
    /// Entries in the query log of the resolver with everything on.
    #[arg(long, default_value_t = Self::FULL.logged)]
    logged: usize,
    /// Milliseconds of each measurement.
    #[arg(long, default_value_t = Self::FULL.milliseconds)]
    milliseconds: u64,
    /// Questions a second of the measurement of delay.
    #[arg(long, default_value_t = Self::FULL.rate)]
    rate: u32,
    /// Let servers and load go before other work (needs the right to, and `chrt`): for a machine
    /// that does other things, too.
    #[arg(long)]
    first: bool,
    /// The server's program, for the viewers of its live log.
    #[arg(long, value_name = "FILE")]
    server: Option<PathBuf>,
}

impl Arguments {
    /// For figures.
    const FULL: Self = Self {
        names: 10_000,
        listed: 1_000_000,
        logged: 2_000_000,
        milliseconds: 1_200,
        rate: 10_000,
        first: false,
        server: None,
    };

    /// For a look whether it works.
    pub(crate) fn quick(self) -> Self {
        let (names, listed, logged) = (100, 1_000, 2_000);
        Self { names, listed, logged, milliseconds: 100, rate: 1_000, ..self }
    }

    fn time(&self) -> Duration {
        Duration::from_millis(self.milliseconds)
    }
}

/// What one round gave of one server.
#[derive(Debug, Clone, Copy)]
struct Hits {
    per_second: f64,
    cpu_us: f64,
    /// CPU of an answer by that of the echo in the same round.
    by_echo: f64,
    answering_by_echo: f64,
    lost_per_1000: f64,
}

/// What one round gave of one server at a rate.
#[derive(Debug, Clone, Copy)]
struct Delay {
    p50_ms: f64,
    p99_ms: f64,
    p99_by_echo: f64,
    cpu_us: f64,
    lost_per_1000: f64,
}

/// A server with what its rounds gave.
struct Measured {
    running: Running,
    hits: Vec<Hits>,
    delays: Vec<Delay>,
}

/// Measures.
///
/// # Errors
///
/// A server does not start, or does not answer.
pub(crate) fn measure(arguments: &Arguments, place: &Place) -> anyhow::Result<Report> {
    let mut report = Report::new("dns", place.machine.clone());
    pin(Side::Load)?;
    if arguments.first {
        process::go_first()?;
    }
    let upstream = stub::start()?;
    progress(format_args!("a list of {} names, a log of entries", arguments.listed));
    resolver::prepare(&place.folder, arguments.listed)?;
    dns_log::prepare(&place.folder.join("dns"), arguments.logged)?;
    let folder = place.folder.clone();
    let mut lab = Lab { folder, upstream, n_threads: 1, goes_first: arguments.first };
    let questions = Questions::new(arguments.names, "bench.example");
    note(&mut report, arguments, place);
    let (servers, missing) = start(&lab, &questions)?;
    if !missing.is_empty() {
        report.note(format!("Not installed, hence left out: {}.", missing.join(", ")));
    }
    let servers = rounds(servers, &questions, arguments, place.n_runs)?;
    report_hits(&mut report, &servers)?;
    misses(&mut report, &lab, &servers, arguments)?;
    drop(servers);
    lab.n_threads = 2;
    two_threads(&mut report, &lab, &questions, (arguments, place.n_runs))?;
    lab.n_threads = 1;
    if let Some(server) = &arguments.server {
        let program = Program::start(server, &lab)?;
        load::warm(program.dns, &questions)?;
        watch(&mut report, &program, &questions, arguments)?;
    } else {
        report.note("Without the server's program (`--server`) nobody looked at its live log.");
    }
    Ok(report)
}

fn note(report: &mut Report, arguments: &Arguments, place: &Place) {
    report.note(format!(
        "{} names of type A, all in the cache; 128 questions under way over {SOCKETS} sockets, \
         {} ms; delay from the time at which a question was to be sent, at {} questions a second.",
        arguments.names, arguments.milliseconds, arguments.rate
    ));
    report.note(format!(
        "One server thread on one core, the load on another; all servers stay up, rounds are \
         interleaved, ratios are taken within a round, medians of {} rounds; CPU is the \
         scheduler's account of the whole process.",
        place.n_runs
    ));
    report.note(format!(
        "Everything on: access list, 3 groups of 101 clients, 10,000 local names, 1,000 own rules \
         with patterns and expressions, a list of {} names, cache, query log in SQLite with \
         statistics ({} entries at the start).",
        arguments.listed, arguments.logged
    ));
    report.note(
        "AdGuard Home is not among them: it is built with a Go toolchain and Go's module proxy.",
    );
}

/// Starts every server that is installed, and fills its cache.
fn start(lab: &Lab, questions: &Questions) -> anyhow::Result<(Vec<Measured>, Vec<&'static str>)> {
    let (mut servers, mut missing) = (Vec::new(), Vec::new());
    for contender in Contender::ALL {
        progress(format_args!("starting {}", contender.name()));
        let Some(running) = contender.start(lab)? else {
            missing.push(contender.name());
            continue;
        };
        let warmed = load::warm(running.address, questions);
        warmed.with_context(|| format!("warm {}", contender.name()))?;
        servers.push(Measured { running, hits: Vec::new(), delays: Vec::new() });
    }
    Ok((servers, missing))
}

fn rounds(
    mut servers: Vec<Measured>,
    questions: &Questions,
    arguments: &Arguments,
    n_rounds: u16,
) -> anyhow::Result<Vec<Measured>> {
    for round in 1..=n_rounds {
        progress(format_args!("round {round} of {n_rounds}"));
        let (mut echo_hits, mut echo_delay) = (None, None);
        for server in &mut servers {
            let loaded = (SOCKETS, arguments.time());
            let hits = hits(&server.running, questions, loaded, echo_hits)?;
            echo_hits = echo_hits.or(Some(hits));
            server.hits.push(hits);
        }
        for server in &mut servers {
            let delay = delay(&server.running, questions, arguments, echo_delay)?;
            echo_delay = echo_delay.or(Some(delay));
            server.delays.push(delay);
        }
    }
    Ok(servers)
}

/// Measures one server once; the first of a round is the echo.
fn hits(
    server: &Running,
    questions: &Questions,
    (n_sockets, time): (usize, Duration),
    echo: Option<Hits>,
) -> anyhow::Result<Hits> {
    let before = server.times()?;
    let closed = load::closed(server.address, questions, (n_sockets, time))?;
    let after = server.times()?;
    ensure!(closed.n_answers > 0, "{} does not answer", server.contender.name());
    let n_answers = figure(closed.n_answers);
    let cpu_us = (after.all_s - before.all_s) * 1e6 / n_answers;
    let answering_us = (after.answering_s - before.answering_s) * 1e6 / n_answers;
    let echo_us = echo.map_or(cpu_us, |echo| echo.cpu_us);
    Ok(Hits {
        per_second: n_answers / closed.seconds,
        cpu_us,
        by_echo: cpu_us / echo_us,
        answering_by_echo: answering_us / echo_us,
        lost_per_1000: figure(closed.n_lost) * 1_000.0 / (n_answers + figure(closed.n_lost)),
    })
}

fn delay(
    server: &Running,
    questions: &Questions,
    arguments: &Arguments,
    echo: Option<Delay>,
) -> anyhow::Result<Delay> {
    let before = server.times()?;
    let open = load::open(server.address, questions, (arguments.rate, arguments.time()))?;
    let cpu_s = server.times()?.all_s - before.all_s;
    let p99_ms = open.delay.p99_ms;
    Ok(Delay {
        p50_ms: open.delay.p50_ms,
        p99_ms,
        p99_by_echo: p99_ms / echo.map_or(p99_ms, |echo| echo.p99_ms),
        cpu_us: cpu_s * 1e6 / figure(open.n_asked - open.n_lost),
        lost_per_1000: lost_per_1000(&open),
    })
}

fn lost_per_1000(open: &Open) -> f64 {
    figure(open.n_lost) * 1_000.0 / figure(open.n_asked)
}

fn report_hits(report: &mut Report, servers: &[Measured]) -> anyhow::Result<()> {
    let mut table = Table::new("Answers from the cache, as many as it gives, one thread", HITS);
    let mut delays = Table::new("Answers from the cache at a rate, one thread", DELAYS);
    for Measured { running, hits, delays: at_rate } in servers {
        let is_ours = matches!(running.contender, Contender::Full | Contender::Bare);
        let answering = is_ours.then(|| median_of(hits, |hits| hits.answering_by_echo));
        table.add(vec![
            running.contender.name().into(),
            median_of(hits, |hits| hits.per_second).into(),
            median_of(hits, |hits| hits.cpu_us).into(),
            median_of(hits, |hits| hits.by_echo).into(),
            answering.into(),
            median_of(hits, |hits| hits.lost_per_1000).into(),
            running.first_answer_ms.into(),
            (running.resident_bytes()? / MIB).into(),
        ]);
        delays.add(vec![
            running.contender.name().into(),
            median_of(at_rate, |delay| delay.p50_ms).into(),
            median_of(at_rate, |delay| delay.p99_ms).into(),
            median_of(at_rate, |delay| delay.p99_by_echo).into(),
            median_of(at_rate, |delay| delay.cpu_us).into(),
            median_of(at_rate, |delay| delay.lost_per_1000).into(),
        ]);
    }
    report.table(table);
    report.table(delays);
    let of = |contender| servers.iter().find(|server| server.running.contender == contender);
    let own = of(Contender::Full).context("the resolver was not measured")?;
    let by_echo = median_of(&own.hits, |hits| hits.by_echo);
    report.target(Target::new("CPU of a cached answer, × echo", Bound::AtMost(1.35), by_echo));
    if let Some(unbound) = of(Contender::Unbound) {
        // Both in the same round, so that what else the machine did is in both.
        let ratios: Vec<f64> = unbound.hits.iter().zip(&own.hits).map(by_cpu).collect();
        let ratio = median_of(&ratios, |ratio| *ratio);
        let what = "answers per CPU second, × unbound";
        report.target(Target::new(what, Bound::AtLeast(1.2), ratio));
    }
    let p99 = median_of(&own.delays, |delay| delay.p99_by_echo);
    report.target(Target::new("p99 at the rate, × echo", Bound::AtMost(1.15), p99));
    let first = own.running.first_answer_ms;
    report.target(Target::new("start to the first answer, ms", Bound::AtMost(500.0), first));
    Ok(())
}

/// How many answers of the second the CPU of one of the first is worth.
fn by_cpu((first, second): (&Hits, &Hits)) -> f64 {
    first.cpu_us / second.cpu_us
}

fn misses(
    report: &mut Report,
    lab: &Lab,
    servers: &[Measured],
    arguments: &Arguments,
) -> anyhow::Result<()> {
    const ROUNDS: usize = 3;
    let n = arguments.names.min(1_000);
    let mut alone = Vec::new();
    let mut through: Vec<Vec<(f64, f64)>> = vec![Vec::new(); servers.len()];
    progress(format_args!("misses"));
    for round in 0..ROUNDS {
        let stub_ms = load::misses(lab.upstream, n, "alone")?.p50_ms;
        alone.push(stub_ms);
        for (server, seen) in servers.iter().zip(&mut through) {
            if server.running.contender != Contender::Echo {
                let round = format!("r{round}");
                let p50_ms = load::misses(server.running.address, n, &round)?.p50_ms;
                seen.push((p50_ms, p50_ms - stub_ms));
            }
        }
    }
    let mut table = Table::new("Names that nobody asked for before, one after the other", MISSES);
    let alone_ms = median_of(&alone, |ms| *ms);
    table.add(vec!["the stub alone".into(), alone_ms.into(), None.into()]);
    for (server, seen) in servers.iter().zip(&through).filter(|(_, seen)| !seen.is_empty()) {
        let added_ms = median_of(seen, |(_, added_ms)| *added_ms);
        let p50_ms = median_of(seen, |(p50_ms, _)| *p50_ms);
        table.add(vec![server.running.contender.name().into(), p50_ms.into(), added_ms.into()]);
        if server.running.contender == Contender::Full {
            let what = "added by a miss, p50, ms";
            report.target(Target::new(what, Bound::AtMost(0.15), added_ms));
        }
    }
    report.table(table);
    Ok(())
}

fn two_threads(
    report: &mut Report,
    lab: &Lab,
    questions: &Questions,
    (arguments, n_rounds): (&Arguments, u16),
) -> anyhow::Result<()> {
    let (mut servers, _) = start(lab, questions)?;
    servers.retain(|server| server.running.contender != Contender::Dnsmasq);
    for round in 1..=n_rounds {
        progress(format_args!("two threads, round {round} of {n_rounds}"));
        let mut echo = None;
        for server in &mut servers {
            let loaded = (SOCKETS_OF_THREADS, arguments.time());
            let hits = hits(&server.running, questions, loaded, echo)?;
            echo = echo.or(Some(hits));
            server.hits.push(hits);
        }
    }
    let title = "Answers from the cache, two threads on every core, beside the load";
    let mut table = Table::new(title, THREADS);
    for Measured { running, hits, .. } in &servers {
        table.add(vec![
            running.contender.name().into(),
            median_of(hits, |hits| hits.per_second).into(),
            median_of(hits, |hits| hits.cpu_us).into(),
            median_of(hits, |hits| hits.by_echo).into(),
        ]);
        if running.contender == Contender::Full {
            let by_echo = median_of(hits, |hits| hits.by_echo);
            let what = "the same with two threads, × echo";
            report.target(Target::new(what, Bound::AtMost(1.7), by_echo));
        }
    }
    report.table(table);
    Ok(())
}

fn watch(
    report: &mut Report,
    program: &Program,
    questions: &Questions,
    arguments: &Arguments,
) -> anyhow::Result<()> {
    let mut table = Table::new("The live log, looked at by streams of the server", VIEWERS);
    let mut behind_ms_max = 0.0_f64;
    for (rate, what) in [
        (arguments.rate, "p99 with 4 viewers at the rate, × none"),
        (arguments.rate / 2, "p99 with 4 viewers at half the rate, × none"),
    ] {
        let mut runs = Vec::new();
        for round in 1..=VIEWER_ROUNDS {
            progress(format_args!("viewers at {rate}/s, round {round} of {VIEWER_ROUNDS}"));
            let load = (rate, arguments.time());
            let (none, _) = program.open(questions, load, 0)?;
            let (watched, seen) = program.open(questions, load, N_VIEWERS)?;
            behind_ms_max = behind_ms_max.max(seen.behind_ms_max);
            runs.push((none, watched, seen));
        }
        let none_p99 = median_of(&runs, |(none, ..)| none.delay.p99_ms);
        let watched_p99 = median_of(&runs, |(_, watched, _)| watched.delay.p99_ms);
        let ratio = watched_p99 / none_p99;
        table.add(vec![
            u64::from(rate).into(),
            0_u64.into(),
            median_of(&runs, |(none, ..)| none.delay.p50_ms).into(),
            none_p99.into(),
            None.into(),
            None.into(),
            median_of(&runs, |(none, ..)| lost_per_1000(none)).into(),
        ]);
        table.add(vec![
            u64::from(rate).into(),
            N_VIEWERS.into(),
            median_of(&runs, |(_, watched, _)| watched.delay.p50_ms).into(),
            watched_p99.into(),
            ratio.into(),
            median_of(&runs, |(.., seen)| seen.behind_ms_max).into(),
            median_of(&runs, |(_, watched, _)| lost_per_1000(watched)).into(),
        ]);
        report.target(Target::new(what, Bound::AtMost(1.1), ratio));
    }
    report.table(table);
    let what = "a viewer is behind at most, ms";
    report.target(Target::new(what, Bound::AtMost(250.0), behind_ms_max));
    Ok(())
}
