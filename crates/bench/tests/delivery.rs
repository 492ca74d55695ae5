//! Checks that the benches of delivery measure: the smallest run of each server, none lost.

use std::process::Command;

use serde_json::Value;
use tidings_testkit::binary::find_tidings;

/// Runs a bench in its smallest size and returns what it prints as JSON.
fn bench(name: &str) -> Value {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = find_tidings().expect("the server is built");
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidings-bench"));
    command.args([name, "--quick", "--json", "--server"]).arg(server);
    let output = command.arg("--folder").arg(folder.path()).output().expect("the bench starts");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {told}");
    let all: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    all.pointer("/benches/0").cloned().expect("a report")
}

fn figure(row: &Value, key: &str) -> f64 {
    row.get(key).and_then(Value::as_f64).unwrap_or(f64::NAN)
}

#[test]
fn fanout_delivers_every_event_once() {
    let report = bench("fanout");
    let tables = report["tables"].as_array().unwrap();
    assert_eq!(tables.len(), 2, "{report:#}");
    for (table, key) in tables.iter().zip(["deliveries_per_s", "latency_ms_p99"]) {
        let rows = table["rows"].as_array().unwrap();
        let servers: Vec<&str> = rows.iter().filter_map(|row| row["server"].as_str()).collect();
        assert_eq!(servers, ["bare", "tidings", "tidings, fsync"], "{table:#}");
        for row in rows {
            assert!(figure(row, key) > 0.0, "{row:#}");
            assert!(figure(row, "n_wrong").abs() < 0.5, "{row:#}");
        }
    }
}

#[test]
fn the_other_benches_lose_nothing() {
    for name in ["channels", "storm", "stalled", "replays", "idle", "polling"] {
        let report = bench(name);
        let rows = report["tables"][0]["rows"].as_array().unwrap();
        assert!(rows.len() > 1, "{report:#}");
        for row in rows {
            let n_wrong = row.get("n_wrong").and_then(Value::as_f64).unwrap_or(0.0);
            assert!(n_wrong.abs() < 0.5, "{name}: {row:#}");
        }
    }
}
