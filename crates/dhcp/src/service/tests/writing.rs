//! Files that are written in the ways of real servers.

use std::io::Write;
use std::sync::atomic::AtomicBool;
use std::thread;

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn the_first_read_starts_and_later_ones_tell_changes() {
    let mut stand = Stand::new(&lines(1..4), |_| ());
    assert_eq!(stand.dhcp.snapshot().version, 1, "the sources are known");
    stand.started(1).await;
    assert_eq!(stand.dhcp.snapshot().leases.len(), 3);
    assert_eq!(health(&stand.dhcp.snapshot()), [(SourceHealth::Ok, String::new())]);

    let renamed = [lines(1..3), line(3, "renamed"), line(4, "new")].concat();
    fs::write(stand.path("leases"), renamed).expect("written");
    let update = stand.update().await;
    assert_eq!(told(&update), ["~10.0.0.3", "+10.0.0.4"]);
    assert_eq!(update.cause, Cause::Watch);

    // The same content again is no change.
    let version = stand.dhcp.snapshot().version;
    fs::write(stand.path("leases"), fs::read(stand.path("leases")).expect("read")).expect("wrote");
    assert!(stand.quiet().await.is_empty());
    assert_eq!(stand.dhcp.snapshot().version, version);
    stand.stop().await;
}

/// The sequence of dnsmasq's `lease_update_file`: truncate, then pieces, never closed.
#[tokio::test(flavor = "multi_thread")]
async fn a_rewrite_in_place_removes_nothing() {
    let mut stand = Stand::new(&lines(1..4), |_| ());
    stand.started(1).await;
    let content = [line(4, "four"), lines(1..4)].concat();
    let (first, rest) = content.split_at(70);
    let mut file = fs::OpenOptions::new().append(true).open(stand.path("leases")).expect("open");
    let hold = Duration::from_millis(40);
    file.set_len(0).expect("truncated");
    tokio::time::sleep(hold).await;
    file.write_all(first.as_bytes()).expect("written");
    tokio::time::sleep(hold).await;
    file.write_all(rest.as_bytes()).expect("written");
    let updates = stand.quiet().await;
    assert_eq!(updates.iter().flat_map(told).collect::<Vec<_>>(), ["+10.0.0.4"]);
    stand.stop().await;
}

/// Every piece ends where a line ends, so nothing but the stamps tells a half file.
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_leases_rewritten_all_the_time_lose_none() {
    const N_LEASES: usize = 1000;
    let mut stand = Stand::new(&lines(1..N_LEASES + 1), |_| ());
    stand.started(1).await;
    let path = stand.path("leases");
    let is_over = Arc::new(AtomicBool::new(false));
    let writer = thread::spawn({
        let is_over = Arc::clone(&is_over);
        move || {
            let mut file = fs::OpenOptions::new().append(true).open(path).expect("open");
            let mut round = 0_u64;
            while !is_over.load(Ordering::Relaxed) {
                file.set_len(0).expect("truncated");
                for number in 1..=N_LEASES {
                    file.write_all(line(number, "device").as_bytes()).expect("written");
                    if number % 50 == 0 {
                        thread::sleep(Duration::from_millis(1));
                    }
                }
                round += 1;
                // Now and then a pause, so that some reads succeed.
                thread::sleep(Duration::from_millis(if round.is_multiple_of(4) { 180 } else { 5 }));
            }
            round
        }
    });
    let mut updates = Vec::new();
    let end = tokio::time::Instant::now() + Duration::from_secs(3);
    while let Ok(Some(update)) = tokio::time::timeout_at(end, stand.updates.recv()).await {
        updates.push(update);
    }
    is_over.store(true, Ordering::Relaxed);
    let n_rounds = writer.join().expect("the writer ran");
    assert!(n_rounds > 3, "{n_rounds} rounds");
    updates.extend(stand.quiet().await);
    assert_eq!(updates.iter().flat_map(told).collect::<Vec<_>>(), Vec::<String>::new());
    assert_eq!(stand.dhcp.snapshot().leases.len(), N_LEASES);
    stand.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_file_is_read() {
    let mut stand = Stand::new(&lines(1..20), |_| ());
    stand.started(1).await;
    fs::write(stand.path("new"), lines(2..21)).expect("written");
    fs::rename(stand.path("new"), stand.path("leases")).expect("renamed");
    assert_eq!(told(&stand.update().await), ["-10.0.0.1", "+10.0.0.20"]);
    stand.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loss_of_many_is_believed_when_it_stands() {
    let mut stand = Stand::new(&lines(1..4), |_| ());
    stand.started(1).await;
    let written = tokio::time::Instant::now();
    fs::write(stand.path("leases"), lines(1..3)).expect("written");
    assert_eq!(told(&stand.update().await), ["-10.0.0.3"]);
    assert!(written.elapsed() >= Duration::from_millis(400), "{:?}", written.elapsed());
    fs::write(stand.path("leases"), "").expect("written");
    assert_eq!(told(&stand.update().await), ["-10.0.0.1", "-10.0.0.2"]);
    stand.stop().await;
}

/// Written through another name, the file system tells the watched directory nothing.
#[tokio::test(flavor = "multi_thread")]
async fn the_poll_finds_what_no_notice_tells() {
    let mut stand = Stand::new(&lines(1..20), |config| {
        config.poll_interval = Duration::from_millis(200);
    });
    stand.started(1).await;
    let elsewhere = tempfile::tempdir_in(stand.directory.path()).expect("a directory");
    let other_name = elsewhere.path().join("other");
    fs::hard_link(stand.path("leases"), &other_name).expect("linked");
    assert!(stand.quiet().await.is_empty());
    fs::write(&other_name, lines(2..21)).expect("written");
    let update = stand.update().await;
    assert_eq!((update.cause, told(&update).len()), (Cause::File, 2));
    stand.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_symbolic_link_is_watched_at_both_ends() {
    let elsewhere = tempfile::tempdir().expect("a directory");
    let target = elsewhere.path().join("target");
    let mut stand = Stand::new("", |_| ());
    fs::write(&target, lines(1..20)).expect("written");
    stand.started(1).await;
    fs::remove_file(stand.path("leases")).expect("removed");
    #[cfg(unix)]
    std::os::unix::fs::symlink(&target, stand.path("leases")).expect("linked");
    assert_eq!(stand.update().await.changes.len(), 19);
    // The next look has the target's directory watched.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    fs::write(&target, lines(1..21)).expect("written");
    let update = stand.update().await;
    assert_eq!((update.cause, told(&update)), (Cause::Watch, vec!["+10.0.0.20".to_owned()]));
    stand.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_without_line_end_is_believed_when_it_stands() {
    let mut stand = Stand::new(lines(1..3).trim_end(), |_| ());
    stand.started(1).await;
    assert_eq!(stand.dhcp.snapshot().leases.len(), 2);

    // A file that was cut takes nothing away.
    let content = lines(1..3);
    fs::write(stand.path("leases"), &content[..content.len() - 20]).expect("written");
    let update = stand.update().await;
    assert_eq!((update.cause, &update.changes[..]), (Cause::Health, &[][..]));
    let (state, reason) = health(&update.snapshot).remove(0);
    assert_eq!(state, SourceHealth::Stale);
    assert!(reason.starts_with("the last line is cut short"), "{reason}");
    assert_eq!(update.snapshot.leases.len(), 2);
    stand.stop().await;
}
