//! Packs IEEE registry files (CSV) into the vendor table that the crate is shipped with.

use std::path::PathBuf;
use std::process::ExitCode;
use std::{env, fs};

use tidings_dhcp::vendor::{encode, read_csv};

#[expect(clippy::print_stderr, reason = "a command-line tool says what it did")]
fn main() -> ExitCode {
    let mut paths = env::args_os().skip(1).map(PathBuf::from);
    let Some(target) = paths.next() else {
        eprintln!("usage: encode_vendors TARGET REGISTRY.csv...");
        return ExitCode::FAILURE;
    };
    let mut rows = Vec::new();
    for path in paths {
        let read = fs::read(&path).map_err(|error| error.to_string());
        match read.and_then(|bytes| read_csv(&bytes).map_err(|error| error.to_string())) {
            Ok(more) => rows.extend(more),
            Err(error) => {
                eprintln!("{}: {error}", path.display());
                return ExitCode::FAILURE;
            }
        }
    }
    let n_rows = rows.len();
    let packed = encode(rows);
    if let Err(error) = fs::write(&target, &packed) {
        eprintln!("{}: {error}", target.display());
        return ExitCode::FAILURE;
    }
    eprintln!("{n_rows} blocks in {} bytes", packed.len());
    ExitCode::SUCCESS
}
