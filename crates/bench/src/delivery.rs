//! Delivery to many subscribers: what it costs beside the plainest server and beside others.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use crate::{Bench, Common};

mod bare;
mod fanout;
mod mark;
mod process;
mod publisher;
mod server;
mod session;
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
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Bytes of an event's data.
    #[arg(long, default_value_t = 200, value_parser = parse_payload_bytes)]
    payload: usize,
}

impl Load {
    fn time(&self) -> Duration {
        Duration::from_secs(self.seconds)
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
