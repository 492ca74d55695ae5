//! Boots a Tidings server for tests and asserts on its streams.
