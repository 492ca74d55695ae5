//! Notices that files changed and decides when their content may be believed.
//!
//! A DHCP server that rewrites its lease file in place (dnsmasq, `src/lease.c`,
//! `lease_update_file`) shows every reader an empty or half file for a moment. So a change is
//! noticed fast ([`notice`]: inotify; and always a periodic look at the files' stamps), read late
//! ([`machine`]: after the file has been quiet), read whole or not at all ([`read`]), and doubted
//! when it would remove leases ([`judge`]).

pub(crate) mod judge;
pub(crate) mod machine;
pub(crate) mod notice;
pub(crate) mod read;
