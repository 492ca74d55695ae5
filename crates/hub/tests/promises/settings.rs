//! Small settings of other parts: read at once, kept over every end, never another part's.

use bytes::Bytes;
use tidings_hub::config::HubConfig;
use tidings_hub::settings::{
    SETTING_KEY_MAX_BYTES, SETTING_VALUE_MAX_BYTES, Settings, SettingsError,
};
use tidings_log::disk::Durability;

use super::world::{World, publish, wait};

fn keys(settings: &Settings, start: &str) -> Vec<String> {
    settings.list(start).into_iter().map(|(key, _)| key).collect()
}

#[test]
fn settings_are_kept_over_every_end_whatever_the_durability() {
    for durability in [Durability::Fsync, Durability::Os] {
        let mut world = World::new(HubConfig { durability, ..HubConfig::default() }, 1);
        let running = world.open();
        let dns = running.hub.settings("dns");
        assert_eq!(dns.get("mode"), None);
        wait(dns.put("mode", "block")).unwrap();
        wait(dns.put("list/b", vec![2])).unwrap();
        wait(dns.put("list/a", vec![1])).unwrap();
        wait(dns.delete("mode")).unwrap();
        wait(dns.delete("never there")).unwrap();
        wait(dns.put("empty", "")).unwrap();
        wait(running.hub.settings("tokens").put("list/z", "secret")).unwrap();
        for end in ["kill", "power cut", "stop"] {
            let running = match end {
                "kill" => {
                    world.kill();
                    world.open()
                }
                "power cut" => {
                    world.cut_power(7);
                    world.open()
                }
                _ => {
                    world.kill();
                    world.open().stop();
                    world.open()
                }
            };
            let dns = running.hub.settings("dns");
            assert_eq!(keys(&dns, ""), ["empty", "list/a", "list/b"], "{durability:?}, {end}");
            assert_eq!(keys(&dns, "list/"), ["list/a", "list/b"]);
            assert_eq!(dns.get("list/a"), Some(Bytes::from_static(&[1])));
            assert_eq!(dns.get("empty"), Some(Bytes::new()));
            assert_eq!(keys(&running.hub.settings("tokens"), ""), ["list/z"]);
            assert_eq!(keys(&running.hub.settings("dn"), ""), [""; 0], "a part is no prefix");
            running.stop();
        }
        running.stop();
    }
}

#[test]
fn changes_of_one_call_are_kept_all_or_none() {
    let mut world = World::new(HubConfig::default(), 1);
    let running = world.open();
    let dns = running.hub.settings("dns");
    wait(dns.put("a", "old")).unwrap();
    let put = |key: &str, value: &str| (key.into(), Some(Bytes::from(value.to_owned())));
    wait(dns.change(vec![put("a", "x"), put("b", "y"), ("a".into(), None)])).unwrap();
    assert_eq!(keys(&dns, ""), ["b"], "the last change of a key counts");
    // A full disk refuses them, and works again when there is room.
    world.disk.set_capacity(Some(world.disk.used_bytes()));
    let refused = wait(dns.change(vec![put("c", &"z".repeat(100)), ("b".into(), None)]));
    assert!(matches!(refused, Err(SettingsError::Log(_))), "{refused:?}");
    assert_eq!(keys(&dns, ""), ["b"]);
    world.disk.set_capacity(None);
    wait(dns.put("d", "1")).unwrap();
    // A disk that fails takes nothing more, and what is shown is what is kept.
    world.disk.fail_sync(1);
    let unknown = wait(dns.put("e", "1"));
    assert!(matches!(unknown, Err(SettingsError::Log(_))), "{unknown:?}");
    assert_eq!(keys(&dns, ""), ["b", "d"]);
    wait(running.hub.failed().cancelled());
    running.stop();
    world.kill();
    let running = world.open();
    let found = keys(&running.hub.settings("dns"), "");
    assert!(found == ["b", "d"] || found == ["b", "d", "e"], "{found:?}");
    running.stop();
}

#[test]
fn settings_have_limits() {
    let world = World::new(HubConfig::default(), 1);
    let running = world.open();
    let dns = running.hub.settings("dns");
    let long = "k".repeat(SETTING_KEY_MAX_BYTES + 1);
    let large = vec![0; SETTING_VALUE_MAX_BYTES + 1];
    assert!(matches!(wait(dns.put("", "1")), Err(SettingsError::EmptyKey)));
    for (what, refused) in
        [("key bytes", wait(dns.put(&long, "1"))), ("value bytes", wait(dns.put("k", large)))]
    {
        let error = refused.unwrap_err();
        assert!(matches!(error, SettingsError::TooLarge { what: named, .. } if named == what));
    }
    let mut n_kept = 0;
    let refused = loop {
        let key = format!("{n_kept}");
        match wait(dns.put(&key, vec![1; SETTING_VALUE_MAX_BYTES])) {
            Ok(()) => n_kept += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(n_kept, 15, "16 times 4 MiB and keys are more than 64 MiB");
    assert_eq!(refused.to_string().split(' ').next(), Some("settings"));
    wait(dns.delete("0")).unwrap();
    publish(&running.hub, "a", "1");
    let hub = std::sync::Arc::clone(&running.hub);
    running.stop();
    let refused = wait(hub.settings("dns").put("late", "1"));
    assert!(matches!(refused, Err(SettingsError::ShuttingDown)), "{refused:?}");
}
