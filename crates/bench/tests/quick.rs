//! Runs every bench of the log in its smallest size and looks whether each figure is there.

use std::process::Command;

use serde_json::Value;

/// Rows of each table, by bench, without those that need the server's program.
const TABLES: [(&str, usize, usize); 5] =
    [("publish", 8, 1), ("resume", 7, 2), ("replay", 3, 2), ("start", 2, 1), ("size", 5, 3)];
/// The one column that a row may leave empty: a mode is not compared with itself.
const OPTIONAL: &str = "ratio";

#[test]
fn every_bench_of_the_log_tells_all_its_figures() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidings-bench"));
    command.args(["all", "--quick", "--json", "--folder"]).arg(folder.path());

    let output = command.output().unwrap();

    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let benches = json["benches"].as_array().unwrap();
    assert_eq!(benches.len(), TABLES.len());
    for (bench, (name, n_rows, n_targets)) in benches.iter().zip(TABLES) {
        assert_eq!(bench["bench"], name);
        let rows = bench["tables"][0]["rows"].as_array().unwrap();
        assert_eq!(rows.len(), n_rows, "{name}: {rows:#?}");
        for row in rows {
            let members = row.as_object().unwrap();
            // What is no number is written as null.
            let missing = members.iter().find(|(key, value)| value.is_null() && *key != OPTIONAL);
            assert_eq!(missing, None, "{name}: {row}");
        }
        let targets = bench["targets"].as_array().unwrap();
        assert_eq!(targets.len(), n_targets, "{name}");
        assert!(targets.iter().all(|target| target["figure"].is_number()), "{name}: {targets:#?}");
    }
    let left = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 0, "the benches leave files behind");
}
