//! The promises of the hub on a simulated disk: what is kept, shown and told.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test ends at the first surprise and says what it met"
)]

mod encoding;
mod follower;
mod gate;
mod in_flight;
mod machine;
mod model;
mod restarts;
mod settings;
mod steps;
mod tally;
mod wire;
mod world;
