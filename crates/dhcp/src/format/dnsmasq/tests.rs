//! Tests of the reader of dnsmasq's lease file.

use proptest::prelude::*;

use super::*;

const AS_OF: EpochSeconds = 1_795_217_100;

/// What a case looks at: address, kind, hardware address, type, name, state.
fn summary(line: &str) -> Result<String, String> {
    let parsed = parse(format!("{line}\n").as_bytes(), AS_OF);
    match (parsed.leases.first(), parsed.problems.first()) {
        (Some(lease), None) => {
            let mac = lease.mac.as_ref().map(|mac| format!("{}/{mac}", mac.hwtype));
            let name = lease.hostname.as_deref().unwrap_or("-");
            let iaid = lease.iaid.map_or(String::new(), |iaid| format!(" iaid {iaid}"));
            Ok(format!(
                "{} {:?} {} {name} {:?} {:?}{iaid}",
                lease.ip,
                lease.kind,
                mac.unwrap_or_default(),
                lease.state,
                lease.expiry
            ))
        }
        (None, Some(problem)) => Err(problem.reason.to_string()),
        (lease, problem) => Ok(format!("{} leases, {problem:?}", usize::from(lease.is_some()))),
    }
}

#[test]
fn lines_are_read() {
    #[rustfmt::skip]
    let cases = [
        ("plain", "1795220514 02:aa:bb:cc:dd:01 10.77.0.11 laptop 01:02:aa:bb:cc:dd:01",
            Ok("10.77.0.11 V4 1/02:aa:bb:cc:dd:01 laptop Active At(1795220514)")),
        ("infinite", "0 02:aa:bb:cc:dd:02 10.77.0.150 printer *",
            Ok("10.77.0.150 V4 1/02:aa:bb:cc:dd:02 printer Active Never")),
        ("no client id", "0 02:aa:bb:cc:dd:02 10.77.0.150 printer",
            Ok("10.77.0.150 V4 1/02:aa:bb:cc:dd:02 printer Active Never")),
        ("past its time", "1795217100 02:aa:bb:cc:dd:02 10.77.0.150 * *",
            Ok("10.77.0.150 V4 1/02:aa:bb:cc:dd:02 - Expired At(1795217100)")),
        ("token ring", "1830000000 06-00:00:5e:00:53:04 10.77.1.4 ring *",
            Ok("10.77.1.4 V4 6/00:00:5e:00:53:04 ring Active At(1830000000)")),
        ("no hardware address", "1830000000 00- 10.77.1.6 none ff:12:34:56:78",
            Ok("10.77.1.6 V4 0/ none Active At(1830000000)")),
        ("upper case and single digits", "1830000000 0:0:5E:AB:CD:8 10.77.1.8 Up *",
            Ok("10.77.1.8 V4 1/00:00:5e:ab:cd:08 Up Active At(1830000000)")),
        ("digits two at a time", "1830000000 00005e005310 10.77.1.9 x *",
            Ok("10.77.1.9 V4 1/00:00:5e:00:53:10 x Active At(1830000000)")),
        ("name of digits", "1830000000 00:00:5e:00:53:0d 10.77.1.13 42 *",
            Ok("10.77.1.13 V4 1/00:00:5e:00:53:0d 42 Active At(1830000000)")),
        ("name duid", "1830000000 00:00:5e:00:53:0d 10.77.1.13 duid *",
            Ok("10.77.1.13 V4 1/00:00:5e:00:53:0d duid Active At(1830000000)")),
        ("length instead of end", "3600 00:00:5e:00:53:51 10.77.5.1 x *",
            Ok("10.77.5.1 V4 1/00:00:5e:00:53:51 x Active Unknown { length_s: Some(3600) }")),
        ("after 2106", "5000000000 00:00:5e:00:53:51 10.77.5.1 x *",
            Ok("10.77.5.1 V4 1/00:00:5e:00:53:51 x Active At(5000000000)")),
        ("carriage return", "0 02:aa:bb:cc:dd:02 10.77.0.150 printer *\r",
            Ok("10.77.0.150 V4 1/02:aa:bb:cc:dd:02 printer Active Never")),
        ("temporary v6", "1795224158 T3150765313 fd77:0::1cb * 00:01:00:01",
            Ok("fd77::1cb Ta  - Active At(1795224158) iaid 3150765313")),
        ("largest IAID", "1830000000 4294967295 fd77::3 * 00:04",
            Ok("fd77::3 Na  - Active At(1830000000) iaid 4294967295")),
        ("IAID too large", "1830000000 4294967296 fd77::3 * 00:04", Err("bad IAID")),
        ("cut short", "1830000000 00:00:5e:00:53:01", Err("address is missing")),
        ("one token", "1830000000", Err("hardware address or IAID is missing")),
        ("no name", "1830000000 00:00:5e:00:53:01 10.77.1.1", Err("host name is missing")),
        ("bad expiry", "tomorrow 00:00:5e:00:53:01 10.77.1.1 x *", Err("bad expiry time")),
        ("negative expiry", "-5 00:00:5e:00:53:01 10.77.1.1 x *", Err("bad expiry time")),
        ("bad address", "0 00:00:5e:00:53:01 10.77.0.777 x *", Err("bad address")),
        ("bad hardware address", "0 00:00:5e:zz:53:01 10.77.0.7 x *", Err("bad hardware address")),
        ("21 octets", "0 000000000000000000000000000000000000000000 10.77.0.7 x *", Err("bad hardware address")),
    ];
    for (name, line, expected) in cases {
        let expected = expected.map(str::to_owned).map_err(str::to_owned);
        assert_eq!(summary(line), expected, "case: {name}");
    }
}

#[test]
fn other_lines_are_no_leases_and_no_problems() {
    let text = b"\n  \n# remark\nduid 00:01:00:01:32:93\nagent-info 10.77.3.1 01:04\n";
    let parsed = parse(text, AS_OF);
    assert_eq!((parsed.leases.len(), parsed.n_problems), (0, 0));
    assert_eq!(parsed.server_duid.as_deref(), Some(&[0, 1, 0, 1, 0x32, 0x93][..]));
}

#[test]
fn a_vendor_class_belongs_to_the_lease_of_its_address() {
    let text = b"0 02:aa:bb:cc:dd:02 10.77.0.15 p *\nvendorclass 10.77.0.15 75:64:68\n";
    let parsed = parse(text, AS_OF);
    assert_eq!(parsed.leases[0].vendor_class.as_deref(), Some("udh"));
}

#[test]
fn the_later_of_two_lines_for_an_address_counts() {
    let text = b"0 02:aa:bb:cc:dd:01 10.77.0.15 old *\n0 02:aa:bb:cc:dd:02 10.77.0.15 new *\n";
    let parsed = parse(text, AS_OF);
    assert_eq!(parsed.leases.len(), 1);
    assert_eq!(parsed.leases[0].hostname.as_deref(), Some("new"));
    assert_eq!(parsed.problems[0].line, 1);
}

#[test]
fn a_last_line_without_end_is_left_out() {
    #[rustfmt::skip]
    let cases = [
        ("whole",         &b"0 02:aa:bb:cc:dd:02 10.0.0.1 a *\n"[..],                          true,  1),
        ("half a line",   &b"0 02:aa:bb:cc:dd:02 10.0.0.1 a *\n0 02:aa:bb"[..],                false, 1),
        ("whole but LF",  &b"0 02:aa:bb:cc:dd:02 10.0.0.1 a *"[..],                            false, 0),
        ("empty",         &b""[..],                                                            true,  0),
    ];
    for (name, bytes, is_complete, n_leases) in cases {
        let parsed = parse(bytes, AS_OF);
        assert_eq!((parsed.is_complete, parsed.leases.len()), (is_complete, n_leases), "{name}");
        assert_eq!(parsed.n_problems, 0, "case: {name}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        let parsed = parse(&bytes, AS_OF);
        prop_assert!(parsed.leases.len() <= bytes.len());
    }

    #[test]
    fn no_tokens_make_the_reader_panic(text in "[0-9a-fT:* .\n-]{0,200}") {
        prop_assert!(parse(text.as_bytes(), AS_OF).leases.len() <= text.len());
    }
}
