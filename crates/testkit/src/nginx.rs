//! Debian's nginx in front of a server, with a configuration of its own.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::binary::find_program;
use crate::process::{Process, wait_until};

/// Time until it must accept connections.
const START_TIMEOUT: Duration = Duration::from_secs(10);

/// How often a start is tried: another program may take the free port first.
const ATTEMPTS_MAX: u32 = 3;

/// A running nginx, ended and removed with its folder when dropped.
#[derive(Debug)]
pub struct Nginx {
    process: Process,
    address: SocketAddr,
    _folder: TempDir,
}

impl Nginx {
    /// Starts nginx with one `server` block on a free port of the loopback.
    ///
    /// `directives` is what stands in the block behind `listen`, such as a `location`. All files of
    /// nginx lie in a temporary folder.
    ///
    /// # Errors
    ///
    /// It is not installed, or it does not start with these directives; the text says why.
    pub fn start(directives: &str) -> Result<Self, String> {
        let program = find_program("nginx").ok_or("nginx is not installed")?;
        let mut failure = String::new();
        for _ in 0..ATTEMPTS_MAX {
            let folder =
                tempfile::tempdir().map_err(|error| format!("temporary folder: {error}"))?;
            let address = free_address().map_err(|error| format!("free port: {error}"))?;
            let config = folder.path().join("nginx.conf");
            fs::write(&config, configuration(folder.path(), address, directives))
                .map_err(|error| format!("write {}: {error}", config.display()))?;
            let mut process = Process::spawn(
                Command::new(&program)
                    .arg("-p")
                    .arg(folder.path())
                    .arg("-c")
                    .arg(&config)
                    .args(["-e", "stderr"]),
            );
            let is_listening = wait_until(START_TIMEOUT, || {
                if TcpStream::connect(address).is_ok() {
                    return Some(process.is_running());
                }
                if process.is_running() { None } else { Some(false) }
            });
            if is_listening == Some(true) {
                return Ok(Self { process, address, _folder: folder });
            }
            process.wait(Duration::ZERO);
            failure = format!("nginx does not start on {address}\n{}", process.log());
        }
        Err(failure)
    }

    /// Says why nginx cannot be used here; `None` if it can.
    #[must_use]
    pub fn why_unavailable() -> Option<String> {
        match find_program("nginx") {
            Some(_) => None,
            None => Some("nginx is not installed (Debian: nginx-light)".to_owned()),
        }
    }

    /// Returns the address that it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the last lines of its error log.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.log()
    }
}

fn free_address() -> std::io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// Writes a whole configuration whose every path lies in `folder`.
///
/// One process does all, so that there is one to end; proxying is the same with workers.
fn configuration(folder: &Path, address: SocketAddr, directives: &str) -> String {
    let folder = folder.display();
    let user = if rustix::process::geteuid().is_root() { "user root;\n" } else { "" };
    format!(
        "{user}daemon off;\nmaster_process off;\nerror_log stderr info;\npid {folder}/nginx.pid;\n\
         events {{ worker_connections 512; }}\n\
         http {{\n\
           access_log off;\n\
           client_body_temp_path {folder}/body;\n\
           proxy_temp_path {folder}/proxy;\n\
           fastcgi_temp_path {folder}/fastcgi;\n\
           uwsgi_temp_path {folder}/uwsgi;\n\
           scgi_temp_path {folder}/scgi;\n\
           server {{\n\
             listen {address};\n\
             {directives}\n\
           }}\n\
         }}\n"
    )
}
