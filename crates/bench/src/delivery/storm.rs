//! Many connects at once, and the same when everybody resumes what he missed.

use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Args;
use tokio::time::Instant;

use super::Load;
use super::contender::Contender;
use super::mark;
use super::publisher::{Numbering, Template};
use super::server::{Lab, Server};
use super::session::{CHANNEL, Session};
use super::subscriber::Subscription;
use super::swarm::Swarm;
use crate::report::{Bound, Column, Report, Table, Target, column};
use crate::statistics::{figure, median_of};
use crate::{Place, progress};

/// Time that the server gets to see that the connections of before are gone.
const PAUSE: Duration = Duration::from_millis(500);

const COLUMNS: &[Column] = &[
    column("server", "server"),
    column("what", "what"),
    column("all live after s", "live_s"),
    column("connects/s", "connects_per_s"),
    column("server CPU µs per connect", "cpu_us_per_connect"),
    column("lost or doubled", "n_wrong"),
];

/// Settings of the bench.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    load: Load,
    /// Connections.
    #[arg(long, default_value_t = 5_000, value_parser = crate::events::parse_count)]
    connections: usize,
    /// Events that each one missed.
    #[arg(long, default_value_t = 100)]
    missed: u64,
}

impl Arguments {
    /// Makes the bench as small as it can be.
    pub(crate) fn make_quick(&mut self) {
        self.load.make_quick();
        (self.connections, self.missed) = (50, 10);
    }
}

/// What one storm gave.
#[derive(Debug, Clone, Copy)]
struct Storm {
    time: Duration,
    cpu_s: f64,
    n_wrong: u64,
}

/// What one server gave.
#[derive(Debug)]
struct Go {
    first: Storm,
    /// The reference resumes nothing.
    resumed: Option<Storm>,
}

/// Measures.
///
/// # Errors
///
/// A stream is refused, ends, or does not get ready.
pub(crate) fn measure(arguments: &Arguments, place: &Place) -> anyhow::Result<Report> {
    let lab = Lab::new(&arguments.load, place)?;
    let (mut bare, mut tidings) = (Vec::new(), Vec::new());
    for run in 1..=place.n_runs {
        for (contender, runs) in [(Contender::Bare, &mut bare), (Contender::Tidings, &mut tidings)]
        {
            progress(format_args!("run {run} of {}, {contender}", place.n_runs));
            let server = lab.start(contender, &[])?;
            runs.push(go(&server, arguments).with_context(|| contender.to_string())?);
        }
    }
    let mut report = Report::new("storm", place.machine.clone());
    report.note(format!(
        "Medians of {} interleaved runs; {} connections at once; server and load have a core each.",
        place.n_runs, arguments.connections
    ));
    report.note(format!(
        "Those that come back missed {} events of {} bytes; a connection is live when it has them \
         all and `ready`, and it is checked to get the next event.",
        arguments.missed,
        arguments.load.payload()
    ));
    let firsts = |runs: &[Go]| runs.iter().map(|go| go.first).collect::<Vec<_>>();
    let resumed: Vec<Storm> = tidings.iter().filter_map(|go| go.resumed).collect();
    let mut table = Table::new("Connects at once", COLUMNS);
    let rows = [
        (Contender::Bare, "connect", firsts(&bare)),
        (Contender::Tidings, "connect", firsts(&tidings)),
        (Contender::Tidings, "come back and resume", resumed.clone()),
    ];
    for (contender, what, storms) in rows {
        let n_connects = figure(arguments.connections);
        table.add(vec![
            contender.to_string().into(),
            what.into(),
            median_of(&storms, |storm| storm.time.as_secs_f64()).into(),
            median_of(&storms, |storm| n_connects / storm.time.as_secs_f64()).into(),
            median_of(&storms, |storm| storm.cpu_s * 1e6 / n_connects).into(),
            figure(storms.iter().map(|storm| storm.n_wrong).sum::<u64>()).into(),
        ]);
    }
    report.table(table);
    let what = "seconds until all that come back are live";
    let live_s = median_of(&resumed, |storm| storm.time.as_secs_f64());
    report.target(Target::new(what, Bound::AtMost(5.0), live_s));
    let n_wrong = resumed.iter().map(|storm| storm.n_wrong).sum::<u64>();
    report.target(Target::new("events lost or doubled", Bound::AtMost(0.0), figure(n_wrong)));
    Ok(report)
}

fn go(server: &Server, arguments: &Arguments) -> anyhow::Result<Go> {
    let request = server.contender.publish(CHANNEL, &mark::payload(arguments.load.payload()));
    let mut template = Template::new(request, Numbering::Alike);
    let mut session = Session::without_subscribers(server, vec![template.clone()])?;
    let first = storm(&mut session, arguments, "", None)?;
    if server.contender == Contender::Bare {
        return Ok(Go { first, resumed: None });
    }
    // Everybody saw the last event; its position is where they resume.
    let answer = session.publisher.ask(&mut template, session.n_rounds(), session.stopwatch)?;
    let position = position(&answer).context("a publish without a position")?;
    let mut session = Session::without_subscribers(server, vec![template])?;
    std::thread::sleep(PAUSE);
    for _ in 0..arguments.missed {
        session.publish()?;
    }
    session.publisher.wait()?;
    let more = format!("&last_event_id={position}");
    let resumed = storm(&mut session, arguments, &more, Some(0))?;
    Ok(Go { first, resumed: Some(resumed) })
}

/// Connects all at once, waits until all are live, and sees whether all get the next event.
fn storm(
    session: &mut Session<'_>,
    arguments: &Arguments,
    more: &str,
    first: Option<u64>,
) -> anyhow::Result<Storm> {
    let server = session.server;
    let cpu_s_before = server.cpu_s()?;
    let begin = Instant::now();
    session.swarm.open(arguments.connections, arguments.connections, |_| Subscription {
        first,
        ..server.subscription(CHANNEL, more)
    })?;
    let time = begin.elapsed();
    let cpu_s = server.cpu_s()? - cpu_s_before;
    let n_replayed = session.swarm.tally.n_received;
    if first.is_some() {
        let n_missed = arguments.missed * u64::try_from(arguments.connections)?;
        ensure!(n_replayed == n_missed, "{n_replayed} of {n_missed} missed events came");
    }
    session.publish()?;
    session.drain()?;
    let missing = session.swarm.n_missing(session.n_rounds());
    let tally = &session.swarm.tally;
    let n_wrong = tally.n_lost + tally.n_doubled + missing;
    session.swarm = Swarm::new(session.stopwatch)?;
    Ok(Storm { time, cpu_s, n_wrong })
}

/// Returns the first position of an answer to a publish.
fn position(answer: &str) -> Option<String> {
    let answer: serde_json::Value = serde_json::from_str(answer).ok()?;
    Some(answer.get("positions")?.get(0)?.as_str()?.to_owned())
}
