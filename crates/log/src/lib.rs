//! Embedded durable log: bytes in, offsets out; segments, checksums, group commit, recovery.
