//! Tests of the reader of dnsmasq's configuration.

use std::collections::BTreeMap;

use super::*;
use crate::pool::{PoolMode, ReservationClient};

/// Files held in memory; a folder is whatever a path stands below.
struct Memory(BTreeMap<PathBuf, Vec<u8>>);

impl Memory {
    fn new(files: &[(&str, &str)]) -> Self {
        Self(files.iter().map(|(path, text)| (path.into(), text.as_bytes().to_vec())).collect())
    }
}

impl Files for Memory {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.0.get(path).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn list(&self, path: &Path) -> io::Result<Option<Vec<PathBuf>>> {
        let below: Vec<PathBuf> =
            self.0.keys().filter(|file| file.parent() == Some(path)).cloned().collect();
        Ok((!below.is_empty()).then_some(below))
    }
}

fn config_of(files: &[(&str, &str)]) -> DnsmasqConfig {
    read(Path::new("/etc/dnsmasq.conf"), "dnsmasq", &Memory::new(files)).unwrap()
}

/// What a case looks at: name, mode, ends, time.
fn range(value: &str) -> Result<String, String> {
    range::parse(value, "dnsmasq").map(|pool| {
        let end = pool.end.map_or("-".to_owned(), |end| end.to_string());
        let time = pool.lease_time_s.map_or("infinite".to_owned(), |seconds| seconds.to_string());
        format!("{} {:?} {} {end} {time}", pool.name, pool.mode, pool.start)
    })
}

#[test]
fn ranges_are_read_in_all_forms() {
    #[rustfmt::skip]
    let cases = [
        ("set:lan,10.77.1.10,10.77.1.250,255.255.255.0,12h", Ok("lan Dynamic 10.77.1.10 10.77.1.250 43200")),
        ("lan,192.168.2.1,192.168.2.9,1h",                   Ok("lan Dynamic 192.168.2.1 192.168.2.9 3600")),
        ("tag:red,set:blue,10.0.0.1,10.0.0.9,1h",            Ok("blue Dynamic 10.0.0.1 10.0.0.9 3600")),
        ("interface:eth0,10.0.0.2,10.0.0.3",                 Ok("default Dynamic 10.0.0.2 10.0.0.3 3600")),
        ("10.9.0.0,static",                                  Ok("default Static 10.9.0.0 - 3600")),
        ("10.77.3.0,static,255.255.255.0",                   Ok("default Static 10.77.3.0 - 3600")),
        ("10.77.5.0,proxy",                                  Ok("default Proxy 10.77.5.0 - 3600")),
        ("set:x,10.0.0.1,10.0.0.9,12h",                      Ok("x Dynamic 10.0.0.1 10.0.0.9 43200")),
        ("10.0.0.1,10.0.0.9,255.255.255.0,10.0.0.255,2D",    Ok("default Dynamic 10.0.0.1 10.0.0.9 172800")),
        ("10.77.4.200,10.77.4.100,infinite",                 Ok("default Dynamic 10.77.4.100 10.77.4.200 infinite")),
        ("10.77.6.10 , 10.77.6.20 , 60",                     Ok("default Dynamic 10.77.6.10 10.77.6.20 120")),
        ("10.0.0.1,10.0.0.9,2w",                             Ok("default Dynamic 10.0.0.1 10.0.0.9 1209600")),
        ("fd77::100,fd77::1ff,64,2h",                        Ok("default Dynamic fd77::100 fd77::1ff 7200")),
        ("fd77:9::,ra-only",                                 Ok("default RaOnly fd77:9:: - 86400")),
        ("::1,::400,constructor:eth0,ra-names,64,1h",        Ok("default Template ::1 ::400 3600")),
        ("fd77::,ra-stateless,ra-names",                     Ok("default RaOnly fd77:: - 86400")),
        ("",                                                 Err("no start address")),
        ("set:x",                                            Err("no start address")),
        ("10.0.0.1",                                         Err("no end address")),
        ("10.0.0.1,fd77::1",                                 Err("`fd77::1` is of another family than the start address")),
        ("10.0.0.1,10.0.0.2,soon",                           Err("`soon` is unknown")),
        ("a,b,10.0.0.1,10.0.0.2",                            Err("`b` is not an address")),
    ];
    for (value, expected) in cases {
        let expected = expected.map(str::to_owned).map_err(str::to_owned);

        assert_eq!(range(value), expected, "case: {value}");
    }
}

/// What a case looks at: clients, addresses, name, time, flags.
fn host(value: &str) -> Result<String, String> {
    host::parse(value, "dnsmasq").map(|held| {
        let clients: Vec<String> = held
            .clients
            .iter()
            .map(|client| match client {
                ReservationClient::Mac { hwtype, octets } => {
                    let octets: Vec<String> = octets
                        .iter()
                        .map(|octet| octet.map_or("*".into(), |octet| format!("{octet:02x}")))
                        .collect();
                    format!("mac {hwtype:?} {}", octets.join(":"))
                }
                ReservationClient::ClientId(id) => format!("id {id:x?}"),
                ReservationClient::ClientIdText(id) => format!("text {id}"),
                ReservationClient::AnyClientId => "any".to_owned(),
            })
            .collect();
        let time = if held.is_infinite { Some(0) } else { held.lease_time_s };
        format!(
            "{} {:?} {} {time:?}{}",
            clients.join("+"),
            held.ips,
            held.hostname.as_deref().unwrap_or("-"),
            if held.is_ignored { " ignored" } else { "" }
        )
    })
}

#[test]
fn hosts_are_read_in_all_forms() {
    #[rustfmt::skip]
    let cases = [
        ("02:aa:bb:cc:dd:02,10.77.1.5,printer,infinite",     Ok("mac None 02:aa:bb:cc:dd:02 [10.77.1.5] printer Some(0)")),
        ("00:20:e0:3b:13:*,ignore",                          Ok("mac None 00:20:e0:3b:13:* [] - None ignored")),
        ("id:01:02:03:04,10.77.1.6",                         Ok("id [1, 2, 3, 4] [10.77.1.6] - None")),
        ("id:clienttext,set:red,10.77.1.7,nas,1h",           Ok("text clienttext [10.77.1.7] nas Some(3600)")),
        ("lap,10.77.1.99",                                   Ok(" [10.77.1.99] lap None")),
        ("06-00:20:e0:3b:13:af,10.77.1.8",                   Ok("mac Some(6) 00:20:e0:3b:13:af [10.77.1.8] - None")),
        ("11:22:33:44:55:66,12:34:56:78:90:12,10.77.1.9",    Ok("mac None 11:22:33:44:55:66+mac None 12:34:56:78:90:12 [10.77.1.9] - None")),
        ("id:00:03:00:01,[fd77::56],v6box",                  Ok("id [0, 3, 0, 1] [fd77::56] v6box None")),
        ("set:T,id:*,02:aa:bb:cc:dd:09,10.1.0.9,a.example",  Ok("any+mac None 02:aa:bb:cc:dd:09 [10.1.0.9] a.example None")),
        ("",                                                 Err("neither a client nor a host name")),
        ("10.0.0.1",                                         Err("neither a client nor a host name")),
        ("zz:11,10.0.0.1",                                   Err("`zz:11` is not a hardware address")),
        ("a,b",                                              Err("`b` would be a second host name")),
        ("[fd77::1,x",                                       Err("`[fd77::1` has no closing bracket")),
    ];
    for (value, expected) in cases {
        let expected = expected.map(str::to_owned).map_err(str::to_owned);
        assert_eq!(host(value), expected, "case: {value}");
    }
}

#[test]
fn a_configuration_is_followed_through_its_files() {
    let config = config_of(&[
        (
            "/etc/dnsmasq.conf",
            "# comment\nconf-dir=/etc/d,*.conf\nconf-dir = /etc/e,.bak,.old\n\
             conf-file=/etc/more\ndhcp-hostsfile=/etc/hosts-file\ndhcp-hostsdir=/etc/hosts.d\n\
             dhcp-leasefile=/srv/leases  # trailing\n",
        ),
        ("/etc/d/10.conf", "dhcp-range=set:ten,10.0.0.1,10.0.0.9\n"),
        ("/etc/d/05.conf", "dhcp-range=set:five,10.5.0.1,10.5.0.9\n"),
        ("/etc/d/readme.txt", "dhcp-range=set:no,10.9.0.1,10.9.0.9\n"),
        ("/etc/d/.hidden.conf", "dhcp-range=set:no,10.9.0.1,10.9.0.9\n"),
        ("/etc/d/old.conf~", "dhcp-range=set:no,10.9.0.1,10.9.0.9\n"),
        ("/etc/e/a", "dhcp-host=02:00:00:00:00:01,10.0.0.1\n"),
        ("/etc/e/b.bak", "dhcp-host=02:00:00:00:00:02,10.0.0.2\n"),
        ("/etc/more", "conf-file=/etc/dnsmasq.conf\ndhcp-leasefile=/other\nconf-file=/gone\n"),
        ("/etc/hosts-file", "02:00:00:00:00:03,10.0.0.3\n# no\n\nbad,worse\n"),
        ("/etc/hosts.d/one", "02:00:00:00:00:04,10.0.0.4,four # name\n"),
    ]);
    let names: Vec<&str> = config.pools.iter().map(|pool| pool.name.as_ref()).collect();
    assert_eq!(names, ["five", "ten"], "sorted by file name");
    let ips: Vec<String> = config.reservations.iter().map(|held| held.ips[0].to_string()).collect();
    assert_eq!(ips, ["10.0.0.1", "10.0.0.3", "10.0.0.4"]);
    assert_eq!(config.lease_file, Path::new("/other"), "the first that is read counts");
    let reasons: Vec<&str> =
        config.problems.iter().map(|problem| problem.reason.as_ref()).collect();
    assert_eq!(reasons.len(), 4, "{reasons:?}");
    assert!(config.files.contains(&PathBuf::from("/etc/hosts.d")));
}

#[test]
fn a_lease_file_is_assumed_where_none_is_named() {
    let config = config_of(&[("/etc/dnsmasq.conf", "dhcp-range=10.0.0.1,10.0.0.9\n")]);
    assert_eq!(config.lease_file, Path::new("/var/lib/misc/dnsmasq.leases"));
    assert_eq!(config.pools[0].mode, PoolMode::Dynamic);
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "(dhcp-(range|host)=)?[0-9a-z:.,*\\[\\]=# \n-]{0,120}") {
        let config = config_of(&[("/etc/dnsmasq.conf", &text)]);
        proptest::prop_assert!(config.pools.len() <= text.len());
    }
}
