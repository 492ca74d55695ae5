//! Runs the benches of the resolver in their smallest size and looks whether each figure is there.

use std::process::Command;

use serde_json::Value;
use tidings_testkit::binary::find_tidings;

/// Runs a bench and returns what it prints as JSON.
fn bench(name: &str, more: &[&str]) -> Value {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidings-bench"));
    command.args([name, "--quick", "--json"]).args(more).arg("--folder").arg(folder.path());
    let output = command.output().expect("the bench starts");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {told}");
    let json: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    json.pointer("/benches/0").cloned().expect("a report")
}

/// Whether each target has a figure, and there are so many.
fn has_figures(report: &Value, n_targets: usize) -> bool {
    let targets = report.get("targets").and_then(Value::as_array);
    targets.is_some_and(|targets| {
        let has_figure = |target: &Value| target.get("figure").is_some_and(Value::is_number);
        targets.len() >= n_targets && targets.iter().all(has_figure)
    })
}

#[test]
fn the_bench_of_the_resolver_tells_all_its_figures() {
    let server = find_tidings().expect("the server is built");
    let report = bench("dns", &["--server", server.to_str().unwrap()]);
    // One more where unbound is installed.
    assert!(has_figures(&report, 8), "{report:#}");
    let servers = |table: usize| -> Vec<String> {
        let rows = report["tables"][table]["rows"].as_array().unwrap();
        rows.iter().filter_map(|row| row["server"].as_str().map(str::to_owned)).collect()
    };
    for table in [0, 1, 3] {
        let servers = servers(table);
        for own in ["bare UDP echo", "tidings, everything on", "tidings, cache only"] {
            assert!(servers.iter().any(|name| name == own), "table {table}: {servers:?}");
        }
    }
    assert_eq!(report["tables"][4]["rows"].as_array().unwrap().len(), 4, "viewers");
}

#[test]
fn the_bench_of_the_table_of_names_tells_all_its_figures() {
    let report = bench("dns-filter", &[]);
    assert!(has_figures(&report, 6), "{report:#}");
    assert_eq!(report["tables"][0]["rows"].as_array().unwrap().len(), 2);
}
