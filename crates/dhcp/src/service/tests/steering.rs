//! Calls of the handle, the configuration, the clock and the simulator.

use std::sync::atomic::AtomicUsize;

use super::*;
use crate::watch::read::{FileRead, ReadError};

/// Counts the reads.
#[derive(Default)]
struct Counting(AtomicUsize);

impl Reader for Counting {
    fn read(&self, path: &Path, limit_bytes: u64) -> Result<FileRead, ReadError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        FileSystem.read(path, limit_bytes)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_of_notifies_is_few_reads_and_loses_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    fs::write(directory.path().join("leases"), lines(1..4)).expect("written");
    let reader = Arc::new(Counting::default());
    let mut stand = Stand::over(directory, Arc::<Counting>::clone(&reader), wall_clock(), |_| ());
    stand.started(1).await;
    stand.quiet().await;
    let n_before = reader.0.load(Ordering::Relaxed);
    for _ in 0..499 {
        stand.dhcp.notify();
    }
    fs::write(stand.path("leases"), lines(1..5)).expect("written");
    stand.dhcp.notify();
    let update = stand.update().await;
    // The watch may see the file before the last notify does.
    assert!(matches!(update.cause, Cause::Notify | Cause::Watch), "{:?}", update.cause);
    assert_eq!(told(&update), ["+10.0.0.4"]);
    assert!(stand.quiet().await.is_empty());
    let n_reads = reader.0.load(Ordering::Relaxed) - n_before;
    assert!((1..=5).contains(&n_reads), "{n_reads} reads");
    stand.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notify_without_change_changes_nothing() {
    let mut stand = Stand::new(&lines(1..4), |_| ());
    stand.started(1).await;
    let version = stand.dhcp.snapshot().version;
    stand.dhcp.notify();
    assert!(stand.quiet().await.is_empty());
    assert_eq!(stand.dhcp.snapshot().version, version);
    stand.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_configuration_is_read() {
    let directory = tempfile::tempdir().expect("a directory");
    let conf = directory.path().join("dnsmasq.conf");
    let hosts = directory.path().join("hosts");
    fs::create_dir(&hosts).expect("made");
    fs::write(directory.path().join("leases"), lines(1..4)).expect("written");
    let base = "dhcp-range=set:home,10.0.0.1,10.0.0.99\ndhcp-leasefile=/leases\n\
                dhcp-hostsdir=/hosts\n";
    fs::write(&conf, base).expect("written");
    let root = directory.path().to_owned();
    let mut stand = Stand::over(directory, Arc::new(FileSystem), wall_clock(), |config| {
        config.root_path = root;
        let dnsmasq_conf = Some(PathBuf::from("/dnsmasq.conf"));
        config.sources = vec![SourceConfig { dnsmasq_conf, ..SourceConfig::default() }];
    });
    stand.started(1).await;
    let snapshot = stand.dhcp.snapshot();
    assert_eq!(snapshot.leases.len(), 3);
    assert_eq!(snapshot.leases[0].pool_name.as_deref(), Some("home"));
    assert_eq!(snapshot.usage[0].used, 3);

    let edited = format!("{base}dhcp-range=set:guest,10.0.1.1,10.0.1.9\n");
    fs::write(&conf, edited).expect("written");
    let update = stand.update().await;
    assert_eq!((update.cause, update.has_pool_changes), (Cause::Config, true));
    assert_eq!(update.snapshot.pools.len(), 2);

    // A file that comes into a watched directory.
    fs::write(hosts.join("one"), "02:00:00:00:00:01,10.0.0.1,device\n").expect("written");
    let update = stand.update().await;
    assert_eq!((update.cause, told(&update)), (Cause::Config, vec!["~10.0.0.1".to_owned()]));
    assert!(update.snapshot.leases[0].is_static);

    // A configuration that is gone leaves the last one.
    stand.quiet().await;
    fs::remove_file(&conf).expect("removed");
    stand.quiet().await;
    let snapshot = stand.dhcp.snapshot();
    assert_eq!((snapshot.pools.len(), snapshot.leases.len()), (2, 3));
    assert_eq!(snapshot.sources[0].n_problems, 1);
    stand.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_configuration_brings_and_takes_sources() {
    let mut stand = Stand::new(&lines(1..4), |config| {
        config.sources[0].id = Some("one".into());
    });
    stand.started(1).await;
    fs::write(stand.path("more"), lines(11..13)).expect("written");
    let source = |id: &str, name: &str| SourceConfig {
        id: Some(id.into()),
        leases: Some(stand.path(name)),
        ..SourceConfig::default()
    };
    let both = DhcpConfig {
        sources: vec![source("one", "leases"), source("two", "more")],
        ..config(stand.directory.path())
    };
    let second = DhcpConfig { sources: vec![source("two", "more")], ..both.clone() };
    stand.dhcp.replace_config(both);
    assert_eq!(stand.update().await.cause, Cause::Health);
    let update = stand.update().await;
    assert_eq!((update.cause, update.snapshot.leases.len()), (Cause::Start, 5));
    stand.dhcp.replace_config(second);
    let update = stand.update().await;
    assert_eq!(told(&update), ["-10.0.0.1", "-10.0.0.2", "-10.0.0.3"]);
    assert_eq!(update.cause, Cause::Config);
    stand.stop().await;
}

/// The clock of the test moves with the paused time, so hours pass at once.
#[tokio::test(start_paused = true)]
async fn a_lease_expires_once_by_its_own_end() {
    const START_S: i64 = 1_800_000_000;
    let started = tokio::time::Instant::now();
    let clock: Clock = Arc::new(move || {
        let since_ms = u64::try_from(started.elapsed().as_millis()).expect("a short test");
        u64::try_from(START_S).expect("after 1970") * 1000 + since_ms
    });
    let directory = tempfile::tempdir().expect("a directory");
    let ends = |number: usize, after_s: i64| {
        let end = START_S + after_s;
        line(number, "device").replacen("2000000000", &end.to_string(), 1)
    };
    let infinite = line(3, "device").replacen("2000000000", "0", 1);
    let content = [ends(1, 7200), ends(2, 3600), infinite.clone()].concat();
    fs::write(directory.path().join("leases"), content).expect("written");
    let mut stand = Stand::over(directory, Arc::new(FileSystem), clock, |_| ());
    assert_eq!(stand.updates.recv().await.expect("an update").cause, Cause::Start);

    for (ip, after_s) in [("x10.0.0.2", 3600), ("x10.0.0.1", 7200)] {
        let update = stand.updates.recv().await.expect("an update");
        assert_eq!((update.cause, told(&update)), (Cause::Expiry, vec![ip.to_owned()]));
        assert_eq!(update.snapshot.at, START_S + after_s);
        let view = update.changes[0].lease();
        assert_eq!(view.lease.state, LeaseState::Expired);
        assert!(update.snapshot.leases.contains(view), "an expired lease is still shown");
    }

    // The server takes its lines away later; nobody is told of the same end again.
    fs::write(stand.path("leases"), infinite).expect("written");
    let update = stand.updates.recv().await.expect("an update");
    assert_eq!(told(&update), ["o10.0.0.1", "o10.0.0.2"]);
    stand.stop.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_simulator_refuses_when_off_and_never_shows_old_state() {
    let mut stand = Stand::new(&lines(1..20), |_| ());
    stand.started(1).await;
    assert_eq!(stand.dhcp.simulate().await, Err(SimulateError::Disabled));
    stand.stop().await;

    let mut stand = Stand::new(&lines(1..20), |config| {
        config.simulate.enabled = true;
        config.settle = Duration::from_millis(10);
    });
    stand.started(1).await;
    let mut n_simulated = 0;
    let mut n_written = 0;
    for round in 0..1000 {
        if round % 20 == 0 {
            let content = [lines(1..20), line(300, &format!("name-{round}"))].concat();
            fs::write(stand.path("leases"), content).expect("written");
            n_written += 1;
        } else {
            let step = stand.dhcp.simulate().await.expect("there is something to change");
            assert!(stand.dhcp.snapshot().version >= step.version);
            assert!(!step.changes.is_empty(), "round {round}: {step:?}");
        }
        let update = stand.update().await;
        let newest = stand.dhcp.snapshot();
        for change in &update.changes {
            let place =
                |view: &Arc<crate::network::LeaseView>| (view.source.clone(), view.lease.key());
            let is_shown = newest.leases.iter().any(|view| place(view) == place(change.lease()));
            let is_gone =
                matches!(change, LeaseChange::Removed { .. } | LeaseChange::Forgotten { .. });
            assert!(
                is_shown != is_gone || newest.version > update.snapshot.version,
                "round {round}: {change:?}"
            );
        }
        n_simulated += usize::from(update.cause == Cause::Simulated);
    }
    assert_eq!((n_simulated, n_written), (950, 50));
    stand.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn notifies_and_time_make_simulated_steps() {
    let mut stand = Stand::new("", |config| config.simulate.enabled = true);
    stand.started(1).await;
    for _ in 0..3 {
        stand.dhcp.notify();
    }
    for _ in 0..3 {
        assert_eq!(stand.update().await.cause, Cause::Simulated);
    }
    stand.stop().await;

    let mut stand = Stand::new("", |config| {
        config.simulate.enabled = true;
        config.simulate.interval = Some(Duration::from_millis(20));
    });
    for _ in 0..3 {
        while stand.update().await.cause != Cause::Simulated {}
    }
    stand.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_vendor_file_is_used_and_read_again() {
    let directory = tempfile::tempdir().expect("a directory");
    fs::write(directory.path().join("leases"), lines(1..2)).expect("written");
    let oui_file = directory.path().join("oui.csv");
    fs::write(&oui_file, "MA-L,020000,First\n").expect("written");
    let mut stand = Stand::over(directory, Arc::new(FileSystem), wall_clock(), |config| {
        config.oui_file = Some(oui_file.clone());
        config.poll_interval = Duration::from_millis(100);
    });
    let vendor = |stand: &Stand| {
        let snapshot = stand.dhcp.snapshot();
        snapshot.leases.first().and_then(|view| view.vendor.clone()).unwrap_or_default()
    };
    while &*vendor(&stand) != "First" {
        stand.update().await;
    }
    fs::write(&oui_file, "MA-L,020000,Second holder\n").expect("written");
    while &*vendor(&stand) != "Second holder" {
        stand.update().await;
    }
    stand.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_does_not_read_holds_nothing_up() {
    let stand = Stand::new("", |config| config.simulate.enabled = true);
    for _ in 0..20 {
        stand.dhcp.notify();
    }
    let end = tokio::time::Instant::now() + WAIT;
    while stand.dhcp.snapshot().version < 15 {
        assert!(tokio::time::Instant::now() < end, "the snapshot moves on");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stand.stop().await;
}
