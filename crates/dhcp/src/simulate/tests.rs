//! Tests of the simulator: its laws over many steps, and the layer against changing sources.

use super::*;
use crate::lease::LeaseKey;

const NOW: EpochSeconds = 1_800_000_000;

fn view(ip: [u8; 4], hostname: &str) -> Arc<LeaseView> {
    let lease = Lease {
        ip: IpAddr::from(ip),
        kind: LeaseKind::V4,
        prefix_len: None,
        mac: Some(HwAddr { hwtype: 1, octets: [0, 0, 0x5e, 0, 0x53, ip[3]].into() }),
        client_id: None,
        duid: None,
        iaid: None,
        hostname: Some(hostname.into()),
        stored_state: "".into(),
        state: LeaseState::Active,
        expiry: Expiry::At(NOW + 1800),
        starts: None,
        last_seen: None,
        subnet_id: None,
        pool_id: None,
        vendor_class: None,
        context: None,
    };
    Arc::new(LeaseView {
        lease,
        source: "dnsmasq".into(),
        is_static: false,
        pool_name: Some("home".into()),
        vendor: Some("Example Large".into()),
        is_simulated: false,
    })
}

fn pool(last: u8) -> Arc<Pool> {
    Arc::new(Pool {
        name: "home".into(),
        source: "dnsmasq".into(),
        mode: PoolMode::Dynamic,
        start: IpAddr::from([10, 0, 0, 10]),
        end: Some(IpAddr::from([10, 0, 0, last])),
        netmask: None,
        prefix_len: None,
        lease_time_s: Some(3600),
        match_tags: Vec::new(),
        set_tag: None,
        interface: None,
        note: None,
    })
}

/// A network with a simulator over it.
struct Stand {
    simulator: Simulator,
    overlay: Overlay,
    sources: Vec<Arc<LeaseView>>,
    pools: Vec<Arc<Pool>>,
    now: EpochSeconds,
}

impl Stand {
    fn new(sources: Vec<Arc<LeaseView>>, pools: Vec<Arc<Pool>>) -> Self {
        let simulator = Simulator::new(42);
        Self { simulator, overlay: Overlay::default(), sources, pools, now: NOW }
    }

    fn shown(&self) -> Vec<Arc<LeaseView>> {
        let mut shown = self.overlay.over("dnsmasq", &self.sources);
        shown.extend(self.overlay.over(SOURCE, &[]));
        shown
    }

    fn step(&mut self) -> Option<(StepKind, Edit)> {
        self.overlay.drop_expired();
        let leases = self.shown();
        let scene = Scene { leases: &leases, pools: &self.pools, reservations: &[], now: self.now };
        let step = self.simulator.step(scene)?;
        self.overlay.apply(step.1.clone(), &self.sources);
        Some(step)
    }
}

fn keys(views: &[Arc<LeaseView>]) -> Vec<LeaseKey> {
    views.iter().map(|view| view.lease.key()).collect()
}

#[test]
fn steps_rotate_and_each_changes_what_is_shown() {
    let sources = (1..=20).map(|last| view([10, 0, 0, last], "device")).collect();
    let mut stand = Stand::new(sources, vec![pool(200)]);
    for index in 0..200 {
        let before = stand.shown();
        let (kind, _) = stand.step().expect("there is something to change");
        assert_eq!(kind, ROTATION[index % 4], "step {index}");
        assert_ne!(before, stand.shown(), "step {index}");
    }
}

#[test]
fn the_same_seed_gives_the_same_steps() {
    let run = || {
        let mut stand = Stand::new(vec![view([10, 0, 0, 1], "device")], vec![pool(200)]);
        (0..50).map(|_| stand.step()).collect::<Vec<_>>()
    };
    assert_eq!(run(), run());
}

#[test]
fn static_leases_and_vendors_are_never_touched() {
    let fixed = Arc::new(LeaseView { is_static: true, ..(*view([10, 0, 0, 5], "fixed")).clone() });
    let sources = vec![view([10, 0, 0, 1], "device"), Arc::clone(&fixed)];
    let mut stand = Stand::new(sources, vec![pool(20)]);
    for index in 0..400 {
        stand.step();
        let shown = stand.shown();
        assert!(shown.contains(&fixed), "step {index}");
        assert!(shown.iter().all(|view| view.vendor.is_some()), "step {index}");
        assert!(shown.is_sorted_by_key(|view| view.lease.key()), "step {index}");
        let mut unique = keys(&shown);
        unique.dedup();
        assert_eq!(unique.len(), shown.len(), "step {index}");
    }
}

#[test]
fn a_device_is_added_in_the_range_and_named_in_turn() {
    let mut stand = Stand::new(Vec::new(), vec![pool(12)]);
    let mut n_added = 0;
    for _ in 0..40 {
        let Some((StepKind::Add, Edit::Put(view))) = stand.step() else { continue };
        n_added += 1;
        let expected = format!("test-device-{n_added}");
        assert_eq!(view.lease.hostname.as_deref(), Some(&*expected));
        assert!(view.lease.ip >= pool(12).start && Some(view.lease.ip) <= pool(12).end);
        let mac = view.lease.mac.as_ref().expect("a hardware address");
        assert_eq!(mac.octets.first(), Some(&2));
        let Expiry::At(end) = view.lease.expiry else { panic!("an added lease ends") };
        assert!((NOW + 3600..=NOW + 4 * 3600).contains(&end));
        assert_eq!(view.pool_name.as_deref(), Some("home"));
    }
    assert!(n_added >= 3, "{n_added} devices");
}

#[test]
fn an_empty_network_without_pools_works() {
    let mut stand = Stand::new(Vec::new(), Vec::new());
    for index in 0..100 {
        assert!(stand.step().is_some(), "step {index}");
    }
    assert!(stand.shown().iter().all(|view| &*view.source == SOURCE));
}

#[test]
fn what_a_source_says_newly_wins() {
    let mut stand = Stand::new(
        vec![view([10, 0, 0, 1], "one"), view([10, 0, 0, 2], "two"), view([10, 0, 0, 3], "three")],
        Vec::new(),
    );
    let renamed = |view: &LeaseView, hostname: &str| {
        let hostname = Some(hostname.into());
        let lease = Lease { hostname, ..view.lease.clone() };
        Arc::new(LeaseView { lease, is_simulated: true, ..view.clone() })
    };
    let [one, two, three] = &stand.sources.clone()[..] else { panic!("three leases") };
    stand.overlay.apply(Edit::Put(renamed(one, "simulated-one")), &stand.sources);
    stand.overlay.apply(Edit::Hide(Arc::clone(two)), &stand.sources);
    stand.overlay.apply(Edit::Put(renamed(three, "simulated-three")), &stand.sources);
    stand.overlay.apply(Edit::Put(view([10, 0, 0, 4], "added")), &stand.sources);
    let names = |stand: &Stand| {
        let names = stand.shown().into_iter().map(|view| view.lease.hostname.clone());
        names.map(|name| name.unwrap_or_default().into_string()).collect::<Vec<_>>()
    };
    assert_eq!(names(&stand), ["simulated-one", "simulated-three", "added"]);

    // A source that repeats itself changes nothing, one that says something new wins.
    stand.overlay.reconcile(&stand.sources);
    assert_eq!(names(&stand), ["simulated-one", "simulated-three", "added"]);
    stand.sources = vec![
        view([10, 0, 0, 1], "one, renamed"),
        view([10, 0, 0, 2], "two"),
        view([10, 0, 0, 4], "real"),
    ];
    stand.overlay.reconcile(&stand.sources);
    assert_eq!(names(&stand), ["one, renamed", "real"]);
}

#[test]
fn added_leases_past_their_end_go() {
    let mut stand = Stand::new(Vec::new(), Vec::new());
    stand.step();
    assert_eq!(stand.shown().len(), 1);
    stand.overlay.age(NOW + 5 * 3600);
    assert_eq!(stand.shown()[0].lease.state, LeaseState::Expired);
    stand.overlay.drop_expired();
    assert!(stand.shown().is_empty());
}
