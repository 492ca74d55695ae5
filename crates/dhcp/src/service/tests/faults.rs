//! Files that are not there, not readable, or not what they should be.

use super::*;
use crate::service::job::{Configured, LeaseError, Places, ReadDone};
use crate::service::source::{Moment, Source};
use crate::watch::read::{FileRead, ReadError};

/// A file system in which reading one file panics.
struct Panicking(&'static str);

impl Reader for Panicking {
    fn read(&self, path: &Path, limit_bytes: u64) -> Result<FileRead, ReadError> {
        assert!(!path.ends_with(self.0), "told to panic");
        FileSystem.read(path, limit_bytes)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vanished_file_keeps_its_leases_and_comes_back() {
    let mut stand = Stand::new(&lines(1..4), |_| ());
    stand.started(1).await;
    fs::remove_file(stand.path("leases")).expect("removed");
    let update = stand.update().await;
    assert_eq!((update.cause, update.has_status_changes), (Cause::Health, true));
    let (state, reason) = health(&update.snapshot).remove(0);
    assert_eq!(state, SourceHealth::Stale);
    assert!(reason.starts_with("there is no such file"), "{reason}");
    assert_eq!(update.snapshot.leases.len(), 3);

    fs::write(stand.path("leases"), lines(1..5)).expect("written");
    let update = stand.update().await;
    assert_eq!(told(&update), ["+10.0.0.4"]);
    assert!(update.has_status_changes);
    assert_eq!(health(&update.snapshot), [(SourceHealth::Ok, String::new())]);
    stand.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_gone_for_a_moment_is_no_fault() {
    let mut stand = Stand::new(&lines(1..4), |_| ());
    stand.started(1).await;
    fs::remove_file(stand.path("leases")).expect("removed");
    tokio::time::sleep(Duration::from_millis(200)).await;
    fs::write(stand.path("leases"), lines(1..4)).expect("written");
    assert!(stand.quiet().await.is_empty());
    stand.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_is_made_anew_is_watched_again() {
    let directory = tempfile::tempdir().expect("a directory");
    let inner = directory.path().join("inner");
    let leases = inner.join("leases");
    fs::create_dir(&inner).expect("made");
    fs::write(&leases, lines(1..20)).expect("written");
    let mut stand = Stand::over(directory, Arc::new(FileSystem), wall_clock(), |config| {
        config.sources[0].leases = Some(leases.clone());
    });
    stand.started(1).await;
    fs::remove_dir_all(&inner).expect("removed");
    assert_eq!(stand.update().await.cause, Cause::Health);
    fs::create_dir(&inner).expect("made");
    fs::write(&leases, lines(1..21)).expect("written");
    assert_eq!(told(&stand.update().await), ["+10.0.0.20"]);
    tokio::time::sleep(Duration::from_millis(1500)).await;
    fs::write(&leases, lines(1..22)).expect("written");
    let update = stand.update().await;
    assert_eq!((update.cause, told(&update)), (Cause::Watch, vec!["+10.0.0.21".to_owned()]));
    stand.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_lease_file_makes_the_source_stale() {
    type Make = fn(&Path);
    #[rustfmt::skip]
    let cases: [(&str, Make, &str); 5] = [
        ("directory", |path| fs::create_dir(path).expect("made"),                          "this is a directory"),
        ("garbage",   |path| fs::write(path, [0xff, 0, 1, 2, 3, 10]).expect("written"),    "this is not a lease file: it holds binary data"),
        ("words",     |path| fs::write(path, "no lease\nat all\n").expect("written"),      "no line of the file is a lease"),
        ("Kea",       |path| fs::write(path, "address,hwaddr\n").expect("written"),        "this is a lease file of Kea"),
        ("200 MB",    |path| fs::File::create(path).and_then(|file| file.set_len(200 << 20)).expect("written"), "the file has 209715200 bytes, more than"),
    ];
    for (name, make, expected) in cases {
        let mut stand = Stand::new(&lines(1..4), |_| ());
        stand.started(1).await;
        fs::remove_file(stand.path("leases")).expect("removed");
        make(&stand.path("leases"));
        let update = stand.update().await;
        assert_eq!(update.cause, Cause::Health, "case: {name}");
        let (state, reason) = health(&update.snapshot).remove(0);
        assert_eq!(state, SourceHealth::Stale, "case: {name}");
        assert!(reason.starts_with(expected), "case: {name}: {reason}");
        assert_eq!(update.snapshot.leases.len(), 3, "case: {name}");

        fs::remove_file(stand.path("leases"))
            .or_else(|_| fs::remove_dir(stand.path("leases")))
            .expect("removed");
        fs::write(stand.path("leases"), lines(1..5)).expect("written");
        assert_eq!(told(&stand.update().await), ["+10.0.0.4"], "case: {name}");
        stand.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_file_is_named_at_the_start_and_read_when_it_comes() {
    let mut stand = Stand::new("", |config| {
        let leases = config.sources[0].leases.as_mut().expect("a lease file");
        leases.set_file_name("later");
    });
    assert_eq!(stand.update().await.cause, Cause::Health);
    assert_eq!(health(&stand.dhcp.snapshot())[0].0, SourceHealth::Stale);
    fs::write(stand.path("later"), lines(1..4)).expect("written");
    let update = stand.update().await;
    assert_eq!((update.cause, update.snapshot.leases.len()), (Cause::Start, 3));
    assert_eq!(update.changes, []);
    stand.stop().await;
}

fn source() -> Source {
    let places = Places {
        id: "dnsmasq".into(),
        leases: Some(PathBuf::from("/leases")),
        dnsmasq_conf: None,
        root_path: PathBuf::from("/"),
        pools: Vec::new(),
        size_max_bytes: 1000,
    };
    Source::new(1, places, "dnsmasq", Duration::from_millis(100))
}

fn at(since_ms: u64) -> Moment {
    Moment { since: Duration::from_millis(since_ms), now: 1_800_000_000 }
}

#[test]
fn a_read_that_does_not_end_makes_the_source_stale() {
    let mut source = source();
    assert!(source.begin_read(at(0)).is_some());
    assert!(!source.check_overdue(at(10_000)));
    assert!(source.check_overdue(at(10_001)));
    assert_eq!(source.status.health, SourceHealth::Stale);
    let reason = source.status.reason.as_deref().unwrap_or_default();
    assert!(reason.starts_with("reading the file does not end"), "{reason}");
}

#[test]
fn a_file_that_is_written_without_a_pause_makes_the_source_stale() {
    let mut source = source();
    let mut since_ms = 0;
    while source.status.health != SourceHealth::Stale {
        assert!(since_ms < 15_000, "stale in time");
        if source.begin_read(at(since_ms)).is_some() {
            let leases = Err(LeaseError::Read(ReadError::Changed));
            let configured = Arc::new(Configured::default());
            source.finish_read(at(since_ms), Ok(ReadDone { configured, leases }));
        }
        since_ms += 10;
    }
    assert!(since_ms > 10_000, "not before {since_ms} ms");
    assert!(source.status.n_read_retries > 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_panics_stops_nobody_else() {
    let directory = tempfile::tempdir().expect("a directory");
    fs::write(directory.path().join("leases"), lines(1..4)).expect("written");
    let reader = Arc::new(Panicking("broken"));
    let mut stand = Stand::over(directory, reader, wall_clock(), |config| {
        let leases = config.sources[0].leases.clone().map(|path| path.with_file_name("broken"));
        let broken = SourceConfig { leases, id: Some("broken".into()), ..<_>::default() };
        config.sources.push(broken);
    });
    let causes = [stand.update().await.cause, stand.update().await.cause];
    assert!(causes.contains(&Cause::Start) && causes.contains(&Cause::Health), "{causes:?}");
    let found = health(&stand.dhcp.snapshot());
    let internal = (SourceHealth::Stale, "internal error".to_owned());
    assert_eq!(found, [(SourceHealth::Ok, String::new()), internal]);

    tokio::time::sleep(Duration::from_millis(50)).await;
    fs::write(stand.path("leases"), lines(1..5)).expect("written");
    assert_eq!(told(&stand.update().await), ["+10.0.0.4"]);
    stand.stop().await;
}
