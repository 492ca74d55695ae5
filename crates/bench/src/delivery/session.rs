//! Loads one server: subscribers and a publisher in one thread, by a closed or by an open loop.

use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::time::Instant;

use super::mark::{self, Stopwatch};
use super::process;
use super::publisher::{Numbering, Publisher, Template};
use super::server::Server;
use super::subscriber::Window;
use super::swarm::{BATCH, Swarm};
use crate::statistics::{Latencies, Percentiles, figure, rate};

/// Load before what is measured.
const WARM_UP: Duration = Duration::from_millis(400);
/// Time that one warm-up event gets to reach everybody.
const FIRST_EVENT: Duration = Duration::from_millis(300);
/// Events that may be tried until everybody gets one.
const FIRST_EVENTS_MAX: u64 = 100;
/// Longest time that the last events may take.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(15);
/// Requests without an answer above which the open loop leaves some out.
const UNANSWERED_MAX: u64 = 100;
/// Time between two looks at the memory of the kernel.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);
/// Longest time for which the open loop sleeps.
const SLEEP_MAX: Duration = Duration::from_millis(5);
/// Channel of a session whose subscribers all follow the same.
pub(crate) const CHANNEL: &str = "bench/fanout";

/// A server under load.
pub(crate) struct Session<'a> {
    pub server: &'a Server,
    pub swarm: Swarm,
    pub publisher: Publisher,
    pub stopwatch: Stopwatch,
    /// Requests that publish, sent in turn.
    templates: Vec<Template>,
    /// Requests sent.
    n_published: u64,
    /// Most bytes that TCP held in the kernel while events were published at a rate.
    kernel_bytes_max: u64,
    resident_bytes_per_connection: f64,
}

/// What a session counted until some moment.
#[derive(Debug, Clone, Copy)]
struct Snapshot {
    at: Instant,
    n_received: u64,
    n_bytes: u64,
    server_cpu_s: f64,
    own_cpu: Duration,
}

/// What a measured time gave.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outcome {
    pub deliveries_per_s: f64,
    /// Bytes of the streams.
    pub bytes_per_s: f64,
    /// Server's time on a core, in seconds per million deliveries.
    pub cpu_s_per_million: f64,
    /// Share of a core that the server used, and the load.
    pub server_cores: f64,
    pub load_cores: f64,
    /// From publishing to receiving; not numbers in a closed loop.
    pub latency: Percentiles,
    /// Events that did not come, came late or came twice.
    pub n_wrong: u64,
    /// What the server's memory grew by when the streams were opened.
    pub resident_bytes_per_connection: f64,
    /// Most bytes that TCP held in the kernel, of an open loop.
    pub kernel_bytes_max: u64,
}

impl<'a> Session<'a> {
    /// Opens streams of one channel, and sees to it that events reach them.
    ///
    /// # Errors
    ///
    /// A stream does not get ready, or gets no events.
    pub(crate) fn open(
        server: &'a Server,
        n_subscribers: usize,
        payload_bytes: usize,
    ) -> anyhow::Result<Self> {
        let request = server.contender.publish(CHANNEL, &mark::payload(payload_bytes));
        let template = Template::new(request, Numbering::Alike);
        let mut session = Self::without_subscribers(server, vec![template])?;
        let before = server.usage()?.resident_bytes;
        session.swarm.open(n_subscribers, BATCH, |_| server.subscription(CHANNEL, ""))?;
        let grown_bytes = server.usage()?.resident_bytes.saturating_sub(before);
        session.resident_bytes_per_connection = figure(grown_bytes) / figure(n_subscribers);
        session.reach_everybody()?;
        Ok(session)
    }

    /// Connects a publisher alone; `templates` are the requests that it sends in turn.
    ///
    /// # Errors
    ///
    /// Nobody listens.
    pub(crate) fn without_subscribers(
        server: &'a Server,
        templates: Vec<Template>,
    ) -> anyhow::Result<Self> {
        let stopwatch = Stopwatch::start();
        Ok(Self {
            server,
            swarm: Swarm::new(stopwatch)?,
            publisher: Publisher::connect(server.address)?,
            stopwatch,
            templates,
            n_published: 0,
            kernel_bytes_max: 0,
            resident_bytes_per_connection: f64::NAN,
        })
    }

    /// Publishes until everybody has an event: some servers subscribe after they answered.
    ///
    /// # Errors
    ///
    /// Somebody gets none.
    pub(crate) fn reach_everybody(&mut self) -> anyhow::Result<()> {
        for _ in 0..FIRST_EVENTS_MAX {
            self.publish()?;
            self.publish_rest()?;
            self.publisher.wait()?;
            let end = Instant::now() + FIRST_EVENT;
            while Instant::now() < end {
                self.publisher.pump()?;
                self.swarm.wait(SLEEP_MAX)?;
                let n_rounds = self.n_rounds();
                if self.swarm.subscribers.iter().all(|s| s.expected == Some(n_rounds)) {
                    return Ok(());
                }
            }
        }
        anyhow::bail!("{}: not everybody gets events", self.server.contender)
    }

    /// Publishes the next event, or the next array of events.
    ///
    /// # Errors
    ///
    /// As [`Publisher::publish`].
    pub(crate) fn publish(&mut self) -> anyhow::Result<()> {
        let n_rounds = self.n_rounds();
        let index = self.n_published % self.n_templates();
        let template = self.templates.get_mut(usize::try_from(index)?);
        let template = template.context("a session without requests")?;
        self.publisher.publish(template, n_rounds, self.stopwatch)?;
        self.n_published += 1;
        Ok(())
    }

    /// Publishes until every channel has the same number of events.
    fn publish_rest(&mut self) -> anyhow::Result<()> {
        while !self.n_published.is_multiple_of(self.n_templates()) {
            self.publish()?;
        }
        Ok(())
    }

    fn n_templates(&self) -> u64 {
        u64::try_from(self.templates.len()).unwrap_or(u64::MAX).max(1)
    }

    /// Returns how many events every channel has.
    pub(crate) fn n_rounds(&self) -> u64 {
        self.n_published / self.n_templates()
    }

    /// Publishes so that at most `window` events are undelivered, and measures for `time`.
    ///
    /// # Errors
    ///
    /// A stream ends, or a publish is refused.
    pub(crate) fn saturate(&mut self, window: u64, time: Duration) -> anyhow::Result<Outcome> {
        self.swarm.unwatch();
        let n_subscribers = self.swarm.subscribers.len();
        self.swarm.tally.window = Some(Window::new(n_subscribers, self.n_published));
        self.saturate_for(window, WARM_UP)?;
        let before = self.snapshot()?;
        self.saturate_for(window, time)?;
        let after = self.snapshot()?;
        let end = Instant::now() + DRAIN_TIME_MAX;
        while self.n_undelivered() > 0 && Instant::now() < end {
            self.publisher.pump()?;
            self.swarm.sweep(self.n_published)?;
        }
        self.publisher.wait()?;
        Ok(self.outcome(before, after))
    }

    fn n_undelivered(&self) -> u64 {
        let window = self.swarm.tally.window.as_ref();
        self.n_published - window.map_or(0, |window| window.n_delivered)
    }

    fn saturate_for(&mut self, window: u64, time: Duration) -> anyhow::Result<()> {
        let end = Instant::now() + time;
        while Instant::now() < end {
            while self.n_undelivered() < window {
                self.publish()?;
            }
            self.publisher.pump()?;
            self.swarm.sweep(self.n_published)?;
        }
        Ok(())
    }

    /// Publishes so many events a second, whatever comes back, and measures for `time`.
    ///
    /// # Errors
    ///
    /// A stream ends, or a publish is refused.
    pub(crate) fn at_rate(&mut self, per_s: u32, time: Duration) -> anyhow::Result<Outcome> {
        self.at_rate_for(per_s, WARM_UP)?;
        self.swarm.tally.latencies = Some(Latencies::default());
        self.kernel_bytes_max = 0;
        let before = self.snapshot()?;
        self.at_rate_for(per_s, time)?;
        let after = self.snapshot()?;
        self.drain()?;
        Ok(self.outcome(before, after))
    }

    /// Reads until everybody has everything, or for so long that something must be lost.
    ///
    /// # Errors
    ///
    /// A stream ends, or a publish is refused.
    pub(crate) fn drain(&mut self) -> anyhow::Result<()> {
        self.publish_rest()?;
        let end = Instant::now() + DRAIN_TIME_MAX;
        self.publisher.wait()?;
        while self.swarm.n_missing(self.n_rounds()) > 0 && Instant::now() < end {
            self.swarm.wait(SLEEP_MAX)?;
        }
        Ok(())
    }

    fn at_rate_for(&mut self, per_s: u32, time: Duration) -> anyhow::Result<()> {
        ensure!(per_s > 0, "a rate of nothing");
        let begin = Instant::now();
        let (mut n_due, mut look) = (0, Duration::ZERO);
        loop {
            let elapsed = begin.elapsed();
            if elapsed >= look {
                self.kernel_bytes_max = self.kernel_bytes_max.max(process::kernel_tcp_bytes()?);
                look += LOOK_INTERVAL;
            }
            if elapsed >= time {
                return Ok(());
            }
            let mut due = Duration::from_secs(1) * n_due / per_s;
            while due <= elapsed {
                // A server that does not keep up gets less, which the deliveries show.
                if self.publisher.n_unanswered() < UNANSWERED_MAX {
                    self.publish()?;
                }
                n_due += 1;
                due = Duration::from_secs(1) * n_due / per_s;
            }
            self.publisher.pump()?;
            self.swarm.wait(due.saturating_sub(elapsed).min(SLEEP_MAX))?;
        }
    }

    fn snapshot(&self) -> anyhow::Result<Snapshot> {
        Ok(Snapshot {
            at: Instant::now(),
            n_received: self.swarm.tally.n_received,
            n_bytes: self.swarm.tally.n_bytes,
            server_cpu_s: self.server.cpu_s().context("time of the server")?,
            own_cpu: process::own_cpu()?,
        })
    }

    fn outcome(&mut self, before: Snapshot, after: Snapshot) -> Outcome {
        let time = after.at - before.at;
        let n_received = after.n_received - before.n_received;
        let cpu_s = after.server_cpu_s - before.server_cpu_s;
        let tally = &self.swarm.tally;
        let n_wrong = tally.n_lost + tally.n_doubled + self.swarm.n_missing(self.n_rounds());
        let latencies = self.swarm.tally.latencies.take().unwrap_or_default();
        Outcome {
            deliveries_per_s: rate(n_received, time),
            bytes_per_s: rate(after.n_bytes - before.n_bytes, time),
            cpu_s_per_million: cpu_s * 1e6 / figure(n_received),
            server_cores: cpu_s / time.as_secs_f64(),
            load_cores: after.own_cpu.saturating_sub(before.own_cpu).as_secs_f64()
                / time.as_secs_f64(),
            latency: latencies.percentiles(),
            n_wrong,
            resident_bytes_per_connection: self.resident_bytes_per_connection,
            kernel_bytes_max: self.kernel_bytes_max,
        }
    }
}
