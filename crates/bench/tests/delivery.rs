//! Checks that the benches of delivery measure: the smallest run of each server, none lost.

use std::process::Command;

use serde_json::Value;
use tidings_testkit::binary::find_tidings;

/// Runs a bench in a temporary folder and returns what it prints as JSON.
fn bench(arguments: &[&str]) -> Value {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = find_tidings().expect("the server is built");
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidings-bench"));
    command.args(arguments).arg("--server").arg(server).arg("--folder").arg(folder.path());
    let output = command.args(["--runs", "1", "--json"]).output().expect("the bench starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn figure(row: &Value, key: &str) -> f64 {
    row[key].as_f64().unwrap_or(f64::NAN)
}

#[test]
fn fanout_delivers_every_event_once() {
    let report = bench(&[
        "fanout",
        "--seconds",
        "0.2",
        "--subscribers",
        "20",
        "--window",
        "4",
        "--rate",
        "100",
    ]);
    let tables = report["tables"].as_array().unwrap();
    assert_eq!(tables.len(), 2, "{report:#}");
    let deliveries = ["deliveries_per_s", "latency_ms_p99"];
    for (table, key) in tables.iter().zip(deliveries) {
        let rows = table["rows"].as_array().unwrap();
        let servers: Vec<&str> = rows.iter().filter_map(|row| row["server"].as_str()).collect();
        assert_eq!(servers, ["bare", "tidings", "tidings, fsync"], "{table:#}");
        for row in rows {
            assert!(figure(row, key) > 0.0, "{row:#}");
            assert!(figure(row, "n_wrong").abs() < 0.5, "{row:#}");
        }
    }
    let targets = report["targets"].as_array().unwrap();
    let lost = targets.iter().find(|target| target["what"] == "events lost or doubled").unwrap();
    assert_eq!(lost["is_met"], true, "{report:#}");
}
