//! Any bytes are a configuration that can be read, also one that names itself.
#![no_main]

use std::io;
use std::path::{Path, PathBuf};

struct Everywhere<'a>(&'a [u8]);

impl tidings_dhcp::config::Files for Everywhere<'_> {
    fn read(&self, _: &Path) -> io::Result<Vec<u8>> {
        Ok(self.0.to_vec())
    }

    fn list(&self, path: &Path) -> io::Result<Option<Vec<PathBuf>>> {
        Ok(path.ends_with("d").then(|| vec![path.join("a.conf"), path.join("b")]))
    }
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let config = tidings_dhcp::config::read(Path::new("/c"), "dnsmasq", &Everywhere(bytes));
    assert!(config.is_ok());
});
