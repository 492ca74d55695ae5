//! Delivery to many subscribers: what it costs beside the plainest server and beside others.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use crate::{Bench, Common};

mod bare;
mod channels;
mod fanout;
mod idle;
mod mark;
mod process;
mod publisher;
mod replays;
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
    /// Serves as the reference: one plain `send()` per event and subscriber.
    Bare,
    /// Becomes another program, on the core of the servers.
    #[command(hide = true)]
    Launch {
        #[arg(last = true, required = true)]
        command: Vec<OsString>,
    },
}

/// What every bench of delivery understands.
#[derive(Debug, Clone, Args)]
struct Load {
    /// The server's program.
    #[arg(long, value_name = "FILE")]
    server: PathBuf,
    /// Seconds of each measurement; by default 2, for some benches more.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: Option<u64>,
    /// Bytes of an event's data.
    #[arg(long, default_value_t = 200, value_parser = parse_payload_bytes)]
    payload: usize,
}

impl Load {
    /// Returns how long to measure, by default so many seconds.
    fn time(&self, default_s: u64) -> Duration {
        Duration::from_secs(self.seconds.unwrap_or(default_s))
    }
}

/// Largest event's data.
const PAYLOAD_MAX_BYTES: usize = 65_536;

fn parse_payload_bytes(text: &str) -> Result<usize, String> {
    let range = mark::PAYLOAD_MIN_BYTES..=PAYLOAD_MAX_BYTES;
    let size = text.parse().ok().filter(|size| range.contains(size));
    size.ok_or_else(|| format!("not a number from {} to {}", range.start(), range.end()))
}

impl Task {
    /// Returns the bench that is asked for; `None` when a server was asked for, and has ended.
    ///
    /// # Errors
    ///
    /// The server fails.
    pub(crate) fn prepare(self) -> anyhow::Result<Option<(Common, Bench)>> {
        Ok(match self {
            Self::Fanout { common, arguments } => {
                Some((common, Box::new(move |place| fanout::measure(&arguments, &place))))
            }
            Self::Channels { common, arguments } => {
                Some((common, Box::new(move |place| channels::measure(&arguments, &place))))
            }
            Self::Stalled { common, arguments } => {
                Some((common, Box::new(move |place| stalled::measure(&arguments, &place))))
            }
            Self::Storm { common, arguments } => {
                Some((common, Box::new(move |place| storm::measure(&arguments, &place))))
            }
            Self::Replays { common, arguments } => {
                Some((common, Box::new(move |place| replays::measure(&arguments, &place))))
            }
            Self::Idle { common, arguments } => {
                Some((common, Box::new(move |place| idle::measure(&arguments, &place))))
            }
            Self::Bare => {
                bare::serve()?;
                None
            }
            Self::Launch { command } => {
                server::launch(&command)?;
                None
            }
        })
    }
}
