//! Runs the examples of docs/sse_api_usage.md.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use tidings_testkit::binary::find_program;
use tidings_testkit::{Server, ServerOptions};

/// A fenced block of the document.
#[derive(Debug)]
struct Block {
    line: usize,
    language: String,
    text: String,
}

fn blocks(document: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (index, line) in document.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => block.text += &format!("{line}\n"),
            (None, Some(language)) => {
                let (line, text) = (index + 1, String::new());
                open = Some(Block { line, language: language.to_owned(), text });
            }
            (None, None) => {}
        }
    }
    blocks
}

/// Runs an example; `None` where its language is not installed.
fn run(block: &Block, url: &str, folder: &std::path::Path) -> Option<Output> {
    let (program, file) = match block.language.as_str() {
        "bash run" => ("bash", "example.sh"),
        "python run" => ("python3", "example.py"),
        "js run" => ("node", "example.mjs"),
        other => panic!("line {}: no way to run `{other}`", block.line),
    };
    let Some(program) = find_program(program) else {
        println!("skipped: line {}: {program} is not installed", block.line);
        return None;
    };
    let path = folder.join(file);
    let strict = if file.ends_with(".sh") { "set -euo pipefail\n" } else { "" };
    fs::write(&path, format!("{strict}{}", block.text)).unwrap();
    let timeout = find_program("timeout").expect("coreutils are installed");
    let mut command = Command::new(timeout);
    Some(command.arg("20").arg(program).arg(path).env("TIDINGS_URL", url).output().unwrap())
}

#[test]
fn every_example_does_what_the_document_says() {
    if find_program("curl").is_none() {
        println!("skipped: curl is not installed");
        return;
    }
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/sse_api_usage.md");
    let document = fs::read_to_string(path).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let leases = folder.path().join("leases");
    fs::write(&leases, "4000000000 02:00:00:00:00:01 192.0.2.1 printer *\n").unwrap();
    let server = Server::start(ServerOptions {
        arguments: vec!["--leases".into(), leases.into()],
        ..ServerOptions::default()
    });
    let blocks = blocks(&document);
    let mut n_run = 0;
    for (index, block) in blocks.iter().enumerate() {
        if !block.language.ends_with(" run") {
            continue;
        }
        let Some(output) = run(block, &server.url(""), folder.path()) else { continue };
        let shown = String::from_utf8_lossy(&output.stdout);
        let problem = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "line {}: {problem}{shown}", block.line);
        let expected = blocks.get(index + 1).filter(|next| next.language == "text expect");
        let expected = expected.unwrap_or_else(|| panic!("line {}: nothing expected", block.line));
        for line in expected.text.lines() {
            let line_of = block.line;
            assert!(shown.contains(line), "line {line_of}: no `{line}` in\n{shown}{problem}");
        }
        n_run += 1;
    }
    assert!(n_run >= 7, "only {n_run} examples ran");
}
