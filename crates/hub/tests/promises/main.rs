//! The promises of the hub on a simulated disk: what is kept, shown and told.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test ends at the first surprise and says what it met"
)]

mod encoding;
mod gate;
mod in_flight;
mod restarts;
mod settings;
mod wire;
mod world;
