//! Provides the programs that the end-to-end tests start.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::step;

/// A program, the Debian package that has it, and what is tested with it.
struct Need {
    program: &'static str,
    package: &'static str,
    tests: &'static str,
}

const NEEDS: [Need; 15] = [
    Need { program: "dnsmasq", package: "dnsmasq-base", tests: "leases of a real dnsmasq" },
    Need { program: "busybox", package: "busybox", tests: "leases of a real dnsmasq" },
    Need { program: "udhcpc", package: "udhcpc", tests: "leases of a real dnsmasq" },
    Need { program: "ip", package: "iproute2", tests: "leases of a real dnsmasq" },
    Need { program: "nginx", package: "nginx-light", tests: "streams behind nginx" },
    Need { program: "chromium", package: "chromium", tests: "the dashboard in a browser" },
    Need { program: "curl", package: "curl", tests: "examples of the documentation" },
    Need { program: "python3", package: "python3", tests: "examples of the documentation" },
    Need { program: "dig", package: "bind9-dnsutils", tests: "the resolver beside other tools" },
    Need { program: "delv", package: "bind9-dnsutils", tests: "the resolver beside other tools" },
    Need { program: "dnssec-keygen", package: "bind9-utils", tests: "signed zones" },
    Need { program: "dnssec-signzone", package: "bind9-utils", tests: "signed zones" },
    Need { program: "kdig", package: "knot-dnsutils", tests: "the resolver beside other tools" },
    Need { program: "nsd", package: "nsd", tests: "signed zones" },
    Need { program: "unbound", package: "unbound", tests: "signed zones" },
];

/// Installs the missing programs where that is possible; says which tests will be skipped where
/// it is not.
pub(crate) fn provide() {
    let folders = search_path();
    if missing(&folders).is_empty() {
        return;
    }
    if is_root() && find("apt-get", &folders).is_some() {
        install(&missing(&folders));
    }
    let missing = missing(&folders);
    if missing.is_empty() {
        return;
    }
    step::announce("Some programs are missing, so these tests will be skipped:");
    for need in &missing {
        eprintln!("    {:<8} {}", need.program, need.tests);
    }
    eprintln!("On Debian or Ubuntu this installs them:");
    eprintln!("    sudo apt-get install --no-install-recommends {}", packages(&missing).join(" "));
}

/// Installs packages; a failure is only told, for the tests can do without.
fn install(needs: &[&Need]) {
    let apt = || {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive");
        command
    };
    let names = packages(needs);
    let purpose = format!("Installing what the end-to-end tests start: {}", names.join(" "));
    let mut install = apt();
    install.args(["install", "--yes", "--no-install-recommends"]).args(&names);
    let outcome = step::run("Reading the package lists", apt().arg("update"))
        .and_then(|()| step::run(&purpose, &mut install));
    if let Err(error) = outcome {
        eprintln!("could not install: {error:#}");
    }
}

fn missing(folders: &[PathBuf]) -> Vec<&'static Need> {
    NEEDS.iter().filter(|need| find(need.program, folders).is_none()).collect()
}

fn packages(needs: &[&Need]) -> Vec<&'static str> {
    needs.iter().map(|need| need.package).collect()
}

fn find(program: &str, folders: &[PathBuf]) -> Option<PathBuf> {
    folders.iter().map(|folder| folder.join(program)).find(|path| path.is_file())
}

/// Returns the folders of the search path, and those of servers, which a user's path may lack.
fn search_path() -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let servers = ["/usr/sbin", "/sbin", "/usr/local/sbin"].map(|path| Path::new(path).to_owned());
    env::split_paths(&path).chain(servers).collect()
}

fn is_root() -> bool {
    step::output_of(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}
