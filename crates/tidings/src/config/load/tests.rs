//! Tests of how the layers go together.

use super::*;

fn layers(file: &str, environment: &[(&str, &str)]) -> (Layers, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tidings.toml");
    std::fs::write(&path, file).unwrap();
    let environment =
        environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    (Layers { file: Some(path), environment: environment.collect(), flags: Vec::new() }, folder)
}

fn refusal(file: &str, environment: &[(&str, &str)]) -> String {
    let (layers, _folder) = layers(file, environment);
    format!("{:#}", layers.load().expect_err("these settings are refused"))
}

#[test]
fn flags_win_over_environment_over_file_over_default() {
    let file = "data = \"from-file\"\n[hub]\nconnections_max = 1\nchannels_max = 2\n";
    let environment = [("TIDINGS_HUB_CONNECTIONS_MAX", "3"), ("TIDINGS_DATA", "from-environment")];
    let (mut layers, _folder) = layers(file, &environment);
    layers.flags.push(FlagValue { flag: "--data", key: "data", value: "from-flag".into() });
    let loaded = layers.load().unwrap();
    assert_eq!(loaded.config.data, PathBuf::from("from-flag"));
    assert_eq!(loaded.config.hub.connections_max, 3);
    assert_eq!(loaded.config.hub.channels_max, 2);
    assert_eq!(loaded.config.hub.event_size_max_bytes, 1_048_576);
    assert_eq!(loaded.origins["data"], Origin::Flag("--data"));
    assert_eq!(
        loaded.origins["hub.connections_max"],
        Origin::Environment("TIDINGS_HUB_CONNECTIONS_MAX".to_owned())
    );
    assert!(matches!(loaded.origins["hub.channels_max"], Origin::File(_)));
}

#[test]
fn what_cannot_be_used_is_named() {
    #[rustfmt::skip]
    let cases = [
        ("unknown key",        "[hub]\nconections_max = 1\n", "",  "",  vec!["tidings.toml:2", "conections_max"]),
        ("wrong type",         "[hub]\nconnections_max = \"many\"\n", "", "", vec!["tidings.toml:2"]),
        ("broken file",        "[hub\n", "", "", vec!["tidings.toml:1"]),
        ("rule",               "[hub]\nconnections_max = 0\n", "", "", vec!["hub.connections_max", "at least 1"]),
        ("simulator",          "environment = \"production\"\n[dhcp.simulate]\nenabled = true\n", "", "", vec!["dhcp.simulate.enabled", "production"]),
        ("unknown variable",   "", "TIDINGS_HUB_CONECTIONS_MAX", "1", vec!["TIDINGS_HUB_CONECTIONS_MAX"]),
        ("bad number",         "", "TIDINGS_HUB_CONNECTIONS_MAX", "many", vec!["TIDINGS_HUB_CONNECTIONS_MAX", "hub.connections_max"]),
        ("bad address",        "", "TIDINGS_SERVER_LISTEN", "nowhere", vec!["TIDINGS_SERVER_LISTEN"]),
        ("bad time",           "", "TIDINGS_HUB_KEEP_ALIVE", "soon", vec!["TIDINGS_HUB_KEEP_ALIVE"]),
    ];
    for (name, file, variable, value, expected) in cases {
        let environment: Vec<(&str, &str)> =
            Some((variable, value)).filter(|(name, _)| !name.is_empty()).into_iter().collect();
        let refusal = refusal(file, &environment);
        for part in expected {
            assert!(refusal.contains(part), "case: {name}: `{refusal}` does not say `{part}`");
        }
    }
}

#[test]
fn the_older_names_still_work() {
    let environment = [
        ("DNSMASQ_CONFIG_FILE_PATH", "/etc/dnsmasq.conf"),
        ("ROOT_PATH", "/srv/root"),
        ("HOST", "0.0.0.0"),
        ("PORT", "5000"),
    ];
    let (layers, _folder) = layers("", &environment);
    let config = layers.load().unwrap().config;
    assert_eq!(config.dhcp.sources[0].dnsmasq_conf, Some("/etc/dnsmasq.conf".into()));
    assert_eq!(config.dhcp.root_path, PathBuf::from("/srv/root"));
    assert_eq!(config.server.listen, ["0.0.0.0:5000".parse().unwrap()]);
}

#[test]
fn settings_that_go_together_may_come_from_the_environment() {
    let environment =
        [("TIDINGS_SERVER_TLS_CERTIFICATE", "/c.pem"), ("TIDINGS_SERVER_TLS_KEY", "/k.pem")];
    let (layers, _folder) = layers("", &environment);
    let tls = layers.load().unwrap().config.server.tls.unwrap();
    assert_eq!((tls.certificate, tls.key), ("/c.pem".into(), "/k.pem".into()));
}

#[test]
fn every_key_exists_and_its_default_is_the_default() {
    let mut table = Table::new();
    for key in KEYS.iter().filter(|key| !key.default.is_empty()) {
        let value = key.default.parse::<Value>();
        insert(&mut table, key.path, value.unwrap_or_else(|_| panic!("default of {}", key.path)));
    }
    let config: Config = table.try_into().unwrap();
    assert_eq!(config, Config::default());
}
