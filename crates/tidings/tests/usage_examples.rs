//! Runs the examples of pages for users, each against a server of its own.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

/// Longest time that an example may take.
const EXAMPLE_TIMEOUT: Duration = Duration::from_secs(20);
/// Examples that run at once; most of their time is waiting.
const RUNNERS: usize = 4;
/// The pages, with the fewest examples that each holds; fewer means that the parser lost them.
const PAGES: [(&str, usize); 2] = [("sse_api_usage.md", 20), ("dns-api.md", 6)];

/// Leases that the examples see; they never end.
const LEASES: &str = "\
0 02:00:00:00:00:01 192.0.2.10 printer *
0 02:00:00:00:00:02 192.0.2.11 laptop *
0 02:00:00:00:00:03 192.0.2.12 * *
";

/// A fenced block of the document.
#[derive(Debug, PartialEq, Eq)]
struct Block {
    /// What stands behind the opening fence, `bash run`.
    label: String,
    /// Line of the opening fence, from 1.
    line: usize,
    text: String,
}

/// An example with the lines that its output must hold.
#[derive(Debug)]
struct Example<'a> {
    block: &'a Block,
    expected: Vec<&'a str>,
}

/// Returns the fenced blocks of a Markdown text.
fn blocks(markdown: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut is_open = false;
    for (index, line) in markdown.lines().enumerate() {
        match (line.strip_prefix("```"), is_open) {
            (Some(_), true) => is_open = false,
            (Some(label), false) => {
                is_open = true;
                let label = label.trim().to_owned();
                blocks.push(Block { label, line: index + 1, text: String::new() });
            }
            (None, true) => {
                if let Some(block) = blocks.last_mut() {
                    block.text.push_str(line);
                    block.text.push('\n');
                }
            }
            (None, false) => {}
        }
    }
    blocks
}

/// Returns the blocks that are run; the block after one may say what to expect.
fn examples(blocks: &[Block]) -> Vec<Example<'_>> {
    let following = blocks.iter().skip(1).map(Some).chain([None]);
    let runs = blocks.iter().zip(following).filter(|(block, _)| block.label.ends_with(" run"));
    let with_expected = runs.map(|(block, next)| {
        let next = next.filter(|next| next.label == "text expect");
        let expected = next.map(|next| next.text.lines().collect()).unwrap_or_default();
        Example { block, expected }
    });
    with_expected.collect()
}

/// Returns the expected lines that the output lacks; `…` ends what is compared of a line.
fn missing<'a>(expected: &[&'a str], output: &str) -> Vec<&'a str> {
    let is_missing = |line: &&&str| {
        let wanted = line.strip_suffix('…').unwrap_or(line);
        !output.lines().any(|line| line.contains(wanted))
    };
    expected.iter().filter(is_missing).copied().collect()
}

/// A process that ends with its owner.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // One that has ended already cannot be killed, which is as good.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Starts a server in a folder and returns it with its URL.
fn serve(folder: &Path, config: &str) -> (Running, String) {
    std::fs::write(folder.join("dnsmasq.leases"), LEASES).expect("the folder can be written");
    std::fs::write(folder.join("tidings.toml"), config).expect("the folder can be written");
    let mut server = Command::new(env!("CARGO_BIN_EXE_tidings"))
        .args(["serve", "--listen", "127.0.0.1:0", "--data", "data"])
        .args(["--config", "tidings.toml", "--leases", "dnsmasq.leases"])
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the server starts");
    let output = server.stdout.take().expect("standard output is a pipe");
    let server = Running(server);
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line).expect("the server speaks");
    let url = line.trim().strip_prefix("listening on ").expect("the server says where it listens");
    (server, url.to_owned())
}

/// Returns the program of a language and its arguments before the script.
fn interpreter(label: &str) -> (&'static str, &'static [&'static str]) {
    match label {
        "bash run" => ("bash", &["-euo", "pipefail", "-c"]),
        "python run" => ("python3", &["-c"]),
        "js run" => ("node", &["--input-type=module", "-e"]),
        other => panic!("`{other}`: no such examples are run"),
    }
}

/// Returns whether a program can be started.
fn is_present(program: &str) -> bool {
    let mut command = Command::new(program);
    let command = command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Returns the first program that an example needs and this machine lacks.
fn lacking(example: &Block) -> Option<&'static str> {
    let (program, _) = interpreter(&example.label);
    let mut needed = vec![program];
    if program == "bash" {
        let used = ["curl", "python3"].into_iter().filter(|used| example.text.contains(used));
        needed.extend(used);
    }
    needed.into_iter().find(|program| !is_present(program))
}

/// Reads a pipe to its end on a thread.
fn drain(pipe: Option<impl Read + Send + 'static>) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::sync_channel(1);
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            pipe.read_to_end(&mut bytes).ok();
        }
        // Nobody waits any more for an example that took too long.
        sender.send(String::from_utf8_lossy(&bytes).into_owned()).ok();
    });
    receiver
}

/// Runs an example; the error says what went wrong.
fn run(example: &Example<'_>, config: &str) -> Result<(), String> {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let (_server, url) = serve(folder.path(), config);
    let (program, arguments) = interpreter(&example.block.label);
    let child = Command::new(program)
        .args(arguments)
        .arg(&example.block.text)
        .current_dir(folder.path())
        .env("TIDINGS_URL", url)
        .env("NO_PROXY", "127.0.0.1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = Running(child.map_err(|error| format!("{program}: {error}"))?);
    let output = drain(child.0.stdout.take());
    let errors = drain(child.0.stderr.take());
    let output = output
        .recv_timeout(EXAMPLE_TIMEOUT)
        .map_err(|_| format!("still running after {} s", EXAMPLE_TIMEOUT.as_secs()))?;
    let status = child.0.wait().map_err(|error| error.to_string())?;
    let lacks = missing(&example.expected, &output);
    if status.success() && lacks.is_empty() {
        return Ok(());
    }
    let errors = errors.recv_timeout(EXAMPLE_TIMEOUT).unwrap_or_default();
    let mut report = format!("{status}\n");
    for line in lacks {
        writeln!(report, "missing: {line}").ok();
    }
    Err(format!("{report}--- output\n{output}--- errors\n{errors}"))
}

#[test]
fn the_examples_of_the_pages_work() {
    for (page, n_min) in PAGES {
        run_page(page, n_min);
    }
}

#[expect(clippy::print_stdout, reason = "a skipped example is told")]
fn run_page(page: &str, n_min: usize) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(page);
    let markdown = std::fs::read_to_string(path).expect("the page is part of the repository");
    let blocks = blocks(&markdown);
    let config: String = blocks
        .iter()
        .filter(|block| block.label == "toml config")
        .map(|block| block.text.as_str())
        .collect();
    let examples = examples(&blocks);
    assert!(examples.len() >= n_min, "{page}: only {} examples found", examples.len());

    let next = AtomicUsize::new(0);
    let failures = parking_lot::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..RUNNERS {
            scope.spawn(|| {
                while let Some(example) = examples.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let line = example.block.line;
                    if let Some(program) = lacking(example.block) {
                        println!("{page} line {line}: skipped, `{program}` is missing");
                        continue;
                    }
                    if let Err(failure) = run(example, &config) {
                        failures.lock().push(format!("{page} line {line}: {failure}"));
                    }
                }
            });
        }
    });
    let failures = failures.into_inner();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

#[test]
fn blocks_and_expectations_are_found() {
    let markdown = "a\n```bash run\necho 1\n```\n\n```text expect\n1\n```\n```js\nx\n```\n";
    let blocks = blocks(markdown);
    let labels: Vec<(&str, usize)> =
        blocks.iter().map(|block| (block.label.as_str(), block.line)).collect();
    assert_eq!(labels, [("bash run", 2), ("text expect", 6), ("js", 9)]);
    let examples = examples(&blocks);
    assert_eq!(examples.len(), 1);
    assert_eq!(examples[0].expected, ["1"]);
}

#[test]
fn expected_lines_are_compared_up_to_the_ellipsis() {
    #[rustfmt::skip]
    let cases: [(&str, &[&str], &str, &[&str]); 4] = [
        ("part of a line",  &["b"],        "abc\n",    &[]),
        ("cut",             &["ab…"],      "abc\n",    &[]),
        ("missing",         &["ab", "x"],  "abc\n",    &["x"]),
        ("not over lines",  &["ab"],       "a\nb\n",   &["ab"]),
    ];
    for (name, expected, output, lacks) in cases {
        assert_eq!(missing(expected, output), lacks, "case: {name}");
    }
}
