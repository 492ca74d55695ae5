//! Finds the programs that tests start: the built `tidings` and tools of the system.

use std::env;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Folders of cargo's target folder that may hold the binary.
const PROFILES: [&str; 3] = ["ci", "debug", "release"];

/// Folders searched behind `PATH`, which on Debian lacks them for users other than root.
const SYSTEM_FOLDERS: [&str; 2] = ["/usr/sbin", "/sbin"];

/// Returns the `tidings` binary to test.
///
/// That is the file named by `TIDINGS_BIN`, or else the newest one of the profiles `ci`, `debug`
/// and `release` in the target folder that this test was built in.
///
/// # Errors
///
/// There is none; the text says where it was looked for and how to build one.
pub fn find_tidings() -> Result<PathBuf, String> {
    if let Some(path) = env::var_os("TIDINGS_BIN").map(PathBuf::from) {
        return if path.is_file() {
            Ok(path)
        } else {
            Err(format!("TIDINGS_BIN names `{}`, which is no file", path.display()))
        };
    }
    // <target>/<profile>/deps/<test>
    let own = env::current_exe().ok();
    let own_target = own.as_deref().and_then(|own| own.ancestors().nth(3)).map(Path::to_owned);
    let targets: Vec<PathBuf> = own_target
        .into_iter()
        .chain(env::var_os("CARGO_TARGET_DIR").map(PathBuf::from))
        .chain([Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target")])
        .collect();
    newest(&targets).ok_or_else(|| {
        let places: Vec<String> =
            targets.iter().map(|target| target.display().to_string()).collect();
        format!(
            "no tidings binary in {}/{{{}}}: run `cargo build -p tidings`, or set TIDINGS_BIN",
            places.join(", "),
            PROFILES.join(",")
        )
    })
}

fn newest(targets: &[PathBuf]) -> Option<PathBuf> {
    let candidates = targets
        .iter()
        .flat_map(|target| PROFILES.map(|profile| target.join(profile).join("tidings")));
    let dated = candidates.filter_map(|path| {
        let metadata = path.metadata().ok().filter(std::fs::Metadata::is_file)?;
        Some((metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH), path))
    });
    dated.max().map(|(_, path)| path)
}

/// Returns the path of a program of the system, `None` if it is not installed.
#[must_use]
pub fn find_program(name: &str) -> Option<PathBuf> {
    let search_path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&search_path)
        .chain(SYSTEM_FOLDERS.map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_newest_binary_of_all_profiles_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let target = |name: &str| folder.path().join(name);
        assert_eq!(newest(&[target("a"), target("b")]), None);
        for (age_s, path) in [(30, "a/debug"), (10, "b/ci"), (20, "a/release")] {
            fs::create_dir_all(target(path)).unwrap();
            let file = File::create(target(path).join("tidings")).unwrap();
            let base = SystemTime::UNIX_EPOCH + Duration::from_hours(1);
            file.set_modified(base - Duration::from_secs(age_s)).unwrap();
        }
        fs::create_dir_all(target("a/ci/tidings")).unwrap();
        let found = newest(&[target("a"), target("b")]);
        assert_eq!(found, Some(target("b/ci/tidings")), "a folder is no binary");
    }

    #[test]
    fn programs_are_found_by_name() {
        assert!(find_program("sh").is_some());
        assert_eq!(find_program("no-such-program-anywhere"), None);
    }
}
