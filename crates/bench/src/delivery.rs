//! Delivery to many subscribers: what it costs beside the plainest server and beside others.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use crate::report::Report;
use crate::{Common, Place};

mod axum_broadcast;
mod bare;
mod channels;
mod contender;
mod fanout;
mod idle;
mod mark;
mod peers;
mod polling;
pub(crate) mod process;
mod publisher;
mod replays;
mod secured;
mod server;
mod session;
mod stalled;
mod storm;
mod subscriber;
mod swarm;

/// The benches of delivery, and the servers that they bring along.
#[derive(Debug, Subcommand)]
pub(crate) enum Task {
    /// Deliveries a second, their cost and their delay, beside one plain `send()` for each.
    Fanout {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        arguments: fanout::Arguments,
    },
    /// Many channels with one subscriber each: cost of a delivery beside one plain `send()`.
    Channels {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        arguments: channels::Arguments,
    },
    /// Subscribers that never read: kernel memory, server memory, delay of the others.
    Stalled {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        arguments: stalled::Arguments,
    },
    /// Many connects at once, and many that come back at once and resume.
    Storm {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        arguments: storm::Arguments,
    },
    /// Deep replays from disk beside live subscribers.
    Replays {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        arguments: replays::Arguments,
    },
    /// Connections that get nothing: memory of each, share of a core of all.
    Idle {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        arguments: idle::Arguments,
    },
    /// The same load for other servers that people can install.
    Peers {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        arguments: peers::Arguments,
    },
    /// The same state read every 2 s by everybody, against events that say it changed.
    Polling {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        arguments: polling::Arguments,
    },
    /// Serves as the usual axum program would, for `peers`.
    AxumBroadcast,
    /// Serves as the reference: one plain `send()` per event and subscriber.
    Bare,
    /// Becomes another program, on the core of the servers.
    #[command(hide = true)]
    Launch {
        #[command(flatten)]
        arguments: server::LaunchArguments,
    },
}

/// What every bench of delivery understands.
#[derive(Debug, Clone, Args)]
pub(crate) struct Load {
    /// The server's program.
    #[arg(long, value_name = "FILE")]
    server: PathBuf,
    /// Seconds of each measurement; by default 2, for some benches more.
    #[arg(long, value_parser = parse_seconds)]
    seconds: Option<f64>,
    /// Bytes of an event's data; by default 200, for stalled subscribers 1,000.
    #[arg(long, value_name = "BYTES", value_parser = parse_payload_bytes)]
    payload: Option<usize>,
    /// Let server and load go before other work on their cores (needs the right to, and `chrt`):
    /// for a machine that does other things, too.
    #[arg(long)]
    first: bool,
}

impl Load {
    /// Makes measurements as short as they can be.
    fn make_quick(&mut self) {
        self.seconds = Some(QUICK_SECONDS);
    }

    /// Returns how long to measure, by default so many seconds.
    fn time(&self, default_s: u64) -> Duration {
        self.seconds.map_or(Duration::from_secs(default_s), Duration::from_secs_f64)
    }

    /// Returns the size of an event's data, in bytes.
    fn payload(&self) -> usize {
        self.payload.unwrap_or(PAYLOAD_BYTES)
    }
}

/// Size of an event's data, unless another is asked for.
const PAYLOAD_BYTES: usize = 200;
/// Seconds of a measurement whose figures mean nothing.
const QUICK_SECONDS: f64 = 0.2;
/// Longest measurement, in seconds.
const SECONDS_MAX: f64 = 600.0;
/// Shortest measurement, in seconds.
const SECONDS_MIN: f64 = 0.1;
/// Largest event's data.
const PAYLOAD_MAX_BYTES: usize = 65_536;

fn parse_seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|s| (SECONDS_MIN..=SECONDS_MAX).contains(s));
    seconds.ok_or_else(|| format!("not a number from {SECONDS_MIN} to {SECONDS_MAX}"))
}

fn parse_payload_bytes(text: &str) -> Result<usize, String> {
    let range = mark::PAYLOAD_MIN_BYTES..=PAYLOAD_MAX_BYTES;
    let size = text.parse().ok().filter(|size| range.contains(size));
    size.ok_or_else(|| format!("not a number from {} to {}", range.start(), range.end()))
}

/// A bench of delivery and its settings.
#[derive(Debug)]
pub(crate) enum Bench {
    Fanout(fanout::Arguments),
    Channels(channels::Arguments),
    Stalled(stalled::Arguments),
    Storm(storm::Arguments),
    Replays(replays::Arguments),
    Idle(idle::Arguments),
    Peers(peers::Arguments),
    Polling(polling::Arguments),
}

impl Task {
    /// Returns the bench that is asked for; `None` when a server was asked for, and has ended.
    ///
    /// # Errors
    ///
    /// The server fails.
    pub(crate) fn prepare(self) -> anyhow::Result<Option<(Common, Bench)>> {
        Ok(Some(match self {
            Self::Fanout { common, arguments } => (common, Bench::Fanout(arguments)),
            Self::Channels { common, arguments } => (common, Bench::Channels(arguments)),
            Self::Stalled { common, arguments } => (common, Bench::Stalled(arguments)),
            Self::Storm { common, arguments } => (common, Bench::Storm(arguments)),
            Self::Replays { common, arguments } => (common, Bench::Replays(arguments)),
            Self::Idle { common, arguments } => (common, Bench::Idle(arguments)),
            Self::Peers { common, arguments } => (common, Bench::Peers(arguments)),
            Self::Polling { common, arguments } => (common, Bench::Polling(arguments)),
            Self::AxumBroadcast => return axum_broadcast::serve().map(|()| None),
            Self::Bare => return bare::serve().map(|()| None),
            Self::Launch { arguments } => return server::launch(&arguments).map(|()| None),
        }))
    }
}

impl Bench {
    /// Makes it as small as it can be.
    pub(crate) fn quick(mut self) -> Self {
        match &mut self {
            Self::Fanout(arguments) => arguments.make_quick(),
            Self::Channels(arguments) => arguments.make_quick(),
            Self::Stalled(arguments) => arguments.make_quick(),
            Self::Storm(arguments) => arguments.make_quick(),
            Self::Replays(arguments) => arguments.make_quick(),
            Self::Idle(arguments) => arguments.make_quick(),
            Self::Peers(arguments) => arguments.make_quick(),
            Self::Polling(arguments) => arguments.make_quick(),
        }
        self
    }

    /// Measures, and returns the name with what it gave.
    pub(crate) fn measure(&self, place: &Place) -> (&'static str, anyhow::Result<Report>) {
        match self {
            Self::Fanout(arguments) => ("fanout", fanout::measure(arguments, place)),
            Self::Channels(arguments) => ("channels", channels::measure(arguments, place)),
            Self::Stalled(arguments) => ("stalled", stalled::measure(arguments, place)),
            Self::Storm(arguments) => ("storm", storm::measure(arguments, place)),
            Self::Replays(arguments) => ("replays", replays::measure(arguments, place)),
            Self::Idle(arguments) => ("idle", idle::measure(arguments, place)),
            Self::Peers(arguments) => ("peers", peers::measure(arguments, place)),
            Self::Polling(arguments) => ("polling", polling::measure(arguments, place)),
        }
    }
}
