//! Runs the bench of the query log in its smallest size and looks whether each figure is there.

use std::process::Command;

use serde_json::Value;

#[test]
fn the_bench_of_the_query_log_tells_all_its_figures() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidings-bench"));
    command.args(["dns-log", "--quick", "--json", "--folder"]).arg(folder.path());

    let output = command.output().unwrap();

    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let bench = &json["benches"][0];
    assert_eq!(bench["bench"], "dns-log");
    assert_eq!(bench["tables"][0]["rows"].as_array().unwrap().len(), 4);
    let targets = bench["targets"].as_array().unwrap();
    assert_eq!(targets.len(), 3);
    assert!(targets.iter().all(|target| target["figure"].is_number()), "{targets:#?}");
    let bytes = targets[0]["figure"].as_f64().unwrap();
    assert!(bytes <= 60.0, "{bytes} bytes an entry");
}
