//! Lists the built dashboard for the binary, or nothing where it was not built.
//!
//! `web/tools/embed.mjs` lays the dashboard out in `dashboard/`: a `manifest.txt` whose first
//! line names the build and whose others are `<path> <hash> <packed|plain>`, and the files.

use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=dashboard");
    let crate_folder = env::var_os("CARGO_MANIFEST_DIR").ok_or("cargo names no folder")?;
    let folder = Path::new(&crate_folder).join("dashboard");
    let manifest = folder.join("manifest.txt");
    let text = if manifest.is_file() {
        listed(&folder, &fs::read_to_string(manifest)?)?
    } else {
        "Dashboard { version: None, assets: &[] }\n".to_owned()
    };
    let out = env::var_os("OUT_DIR").ok_or("cargo names no OUT_DIR")?;
    fs::write(Path::new(&out).join("dashboard.rs"), text)?;
    Ok(())
}

/// Returns the dashboard as an expression of Rust.
fn listed(folder: &Path, manifest: &str) -> Result<String, Box<dyn Error>> {
    let mut lines = manifest.lines();
    let version = lines.next().ok_or("manifest.txt is empty: build the dashboard again")?;
    let mut text = format!("Dashboard {{\n    version: Some({version:?}),\n    assets: &[\n");
    for line in lines {
        let mut words = line.split(' ');
        let (Some(path), Some(hash), Some(kind)) = (words.next(), words.next(), words.next())
        else {
            return Err(format!("manifest.txt: `{line}` is not `path hash kind`").into());
        };
        let include = |ending: &str| {
            let file = folder.join(format!("{path}{ending}"));
            format!("include_bytes!({:?})", file.display().to_string())
        };
        let content = match kind {
            "plain" => format!("tidings_http::dashboard::Content::Plain({})", include("")),
            "packed" => {
                let (gzip, brotli) = (include(".gz"), include(".br"));
                format!(
                    "tidings_http::dashboard::Content::Packed {{ gzip: {gzip}, brotli: {brotli} }}"
                )
            }
            other => return Err(format!("manifest.txt: `{other}` is no kind of file").into()),
        };
        writeln!(
            text,
            "        tidings_http::dashboard::Asset {{ path: {path:?}, hash: {hash:?}, content: {content} }},"
        )?;
    }
    text.push_str("    ],\n}\n");
    Ok(text)
}
